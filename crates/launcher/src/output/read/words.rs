//! Results, requests and numbers, as programs write them.

use super::unusual::Unusual;
use crate::input::json::{Node, Value, shown};
use crate::input::written;
use bank_check::output::Answer;
use std::str::FromStr;

/// Words for a request, the usual one first.
const INTERFACES: [(&str, &[&str]); 3] = [
    ("query", &["query"]),
    ("deposit", &["deposit"]),
    ("withdraw", &["withdraw", "withdrawal"]),
];

/// Words for a result, the usual one first.
const RESULTS: [(&str, Answer, &[&str]); 3] = [
    (
        "success",
        Answer::Success,
        &[
            "success",
            "successful",
            "succeeded",
            "ok",
            "okay",
            "true",
            "done",
            "accepted",
        ],
    ),
    (
        "fail",
        Answer::Fail,
        &[
            "fail",
            "failed",
            "failure",
            "false",
            "error",
            "refused",
            "rejected",
            "denied",
            "declined",
            "insufficient funds",
            "insufficient balance",
        ],
    ),
    ("unknown", Answer::Unknown, &["unknown"]),
];

/// The request that a word names. `None` if the word has no reading.
pub(super) fn interface(node: &Node<'_>, unusual: &mut Unusual) -> Option<&'static str> {
    let Value::String(text) = &node.value else { return None };
    let plain = plain(text);
    let (usual, _) = INTERFACES.iter().find(|(_, words)| words.contains(&plain.as_str()))?;
    saw_word(&shown(text), text, usual, unusual);
    Some(usual)
}

/// The result that a word, `true` or `false` means. `None` if it has no reading.
pub(super) fn result(node: &Node<'_>, unusual: &mut Unusual) -> Option<Answer> {
    let text = match &node.value {
        Value::String(text) => text.clone(),
        Value::Bool(word) => word.to_string(),
        _ => return None,
    };
    let plain = plain(&text);
    let (usual, answer, _) = RESULTS.iter().find(|(.., words)| words.contains(&plain.as_str()))?;
    saw_word(&written(node), &text, usual, unusual);
    Some(*answer)
}

/// A whole number. `None` if the value has no reading as one.
pub(super) fn number<T: FromStr>(node: &Node<'_>, unusual: &mut Unusual) -> Option<T> {
    let (text, quoted) = match &node.value {
        Value::Number(digits) => (*digits, false),
        Value::String(text) => (text.trim(), true),
        _ => return None,
    };
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    let number = whole.parse().ok()?;
    if quoted {
        unusual.saw("a number in quotes as a number");
    }
    if whole.len() < text.len() {
        unusual.saw("a number with the fraction .0 as a whole number");
    }
    Some(number)
}

/// A word without what people write differently: capitals, underscores and spaces around it.
fn plain(text: &str) -> String {
    text.trim().to_lowercase().replace(['_', '-'], " ")
}

fn saw_word(written: &str, text: &str, usual: &str, unusual: &mut Unusual) {
    if text != usual {
        unusual.saw(&format!("{written} as {usual}"));
    }
}
