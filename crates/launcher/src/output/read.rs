//! Reads an output to be judged, in the formats of this program and of other solutions. Unknown fields are ignored:
//! they cannot hide an error.

use crate::input::json::{self, Node, Value};
use crate::input::{FileError, InputError, Wrong, read_text};
use bank_check::output::{Answer, Output, Reported};
use std::path::Path;
use thiserror::Error;

/// Why an output cannot be read.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The text is no output. The error names file, line and column.
    #[error("{0}")]
    Content(InputError),
}

/// Reads an output file in any of its formats.
///
/// # Errors
/// The file cannot be read, or is no output.
pub fn load(path: &Path) -> Result<Output, OutputError> {
    let text = read_text(path)?;
    parse(&text).map_err(|wrong| OutputError::Content(wrong.in_file(path, &text)))
}

type Parsed<T> = Result<T, Wrong>;

fn wrong(at: usize, what: impl Into<String>) -> Wrong {
    Wrong {
        at,
        whose: String::new(),
        what: what.into(),
    }
}

/// Parses the text of an output.
pub(super) fn parse(text: &str) -> Parsed<Output> {
    let root = json::read(text).map_err(|error| wrong(error.at, error.what))?;
    let Value::Array(entries) = &root.value else {
        return Err(wrong(
            root.at,
            format!("an output is an array [ ]; this is {}", root.value.kind()),
        ));
    };
    let balances_only = entries
        .first()
        .is_some_and(|first| get(first, "recv").is_none() && get(first, "balance").is_some());
    if balances_only {
        let balances = entries
            .iter()
            .map(|entry| Ok((id(entry)?, number(need(entry, "balance")?)?)));
        return Ok(Output::Balances(balances.collect::<Parsed<_>>()?));
    }
    let mut reported = Vec::new();
    for entry in entries {
        let customer = id(entry)?;
        let recv = need(entry, "recv")?;
        let Value::Array(received) = &recv.value else {
            return Err(wrong(recv.at, "\"recv\" has to be an array [ ]"));
        };
        for node in received {
            reported.push(event(customer, node)?);
        }
    }
    Ok(Output::Events(reported))
}

fn event(customer: u64, node: &Node<'_>) -> Parsed<Reported> {
    let interface = need(node, "interface")?;
    let Value::String(interface) = &interface.value else {
        return Err(wrong(
            interface.at,
            "\"interface\" has to be \"query\", \"deposit\" or \"withdraw\"",
        ));
    };
    let branch = get(node, "branch")
        .or(get(node, "dest"))
        .map(number::<u32>)
        .transpose()?;
    // The predecessor writes the balance of a query as "money".
    let balance = get(node, "balance")
        .or(get(node, "money"))
        .filter(|_| interface == "query");
    let answer = match (balance, get(node, "result").map(|result| &result.value)) {
        (Some(balance), _) => Answer::Balance(number(balance)?),
        (None, Some(Value::String(result))) if result == "success" => Answer::Success,
        (None, Some(Value::String(result))) if result.starts_with("fail") && interface != "query" => Answer::Fail,
        _ => Answer::Unknown,
    };
    Ok(Reported {
        customer,
        interface: interface.clone(),
        branch,
        answer,
    })
}

fn get<'n, 'a>(node: &'n Node<'a>, key: &str) -> Option<&'n Node<'a>> {
    match &node.value {
        Value::Object(members) => members
            .iter()
            .find(|member| member.key == key)
            .map(|member| &member.value),
        _ => None,
    }
}

fn need<'n, 'a>(node: &'n Node<'a>, key: &str) -> Parsed<&'n Node<'a>> {
    get(node, key).ok_or_else(|| {
        wrong(
            node.at,
            format!("{} without \"{key}\" is no part of an output", node.value.kind()),
        )
    })
}

fn id(entry: &Node<'_>) -> Parsed<u64> {
    number(need(entry, "id")?)
}

fn number<T: std::str::FromStr>(node: &Node<'_>) -> Parsed<T> {
    let number = match node.value {
        Value::Number(digits) => digits.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| wrong(node.at, "a whole number has to be here"))
}
