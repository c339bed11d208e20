//! The events of a replay: a JSON array, or one JSON object per line. All events are checked before anything is sent,
//! and each error names its line.

use bank_types::{AccountName, Amount, EventId, Interface, Level, RequestId, Write};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::input::{self, shown};

/// An example of an event, for error messages.
const EXAMPLE: &str = r#"{"interface":"deposit","branch":1,"money":400}"#;

/// One event: one operation of the customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Id of the event, if it has one.
    pub id: Option<EventId>,
    /// Branch to ask.
    pub branch: u32,
    /// Consistency level, if the event names one.
    pub level: Option<Level>,
    /// The operation.
    pub task: EventTask,
}

/// The operation of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTask {
    /// Reads the balance of an account.
    Query {
        /// Account name.
        account: AccountName,
    },
    /// Pays money in or takes money out.
    Write {
        /// Kind of the operation, as in the event.
        interface: Interface,
        /// The write.
        write: Write,
        /// Request id, if the event gives one.
        request_id: Option<RequestId>,
    },
}

/// Values for events that leave them out, and the branches that events may name.
#[derive(Debug, Clone, Copy)]
pub struct Defaults<'a> {
    /// Account.
    pub account: &'a AccountName,
    /// Branch, if there is a default.
    pub branch: Option<u32>,
    /// Branches of the bank.
    pub known: &'a [u32],
}

/// Events that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EventsError {
    /// One line is wrong.
    #[error("line {line}: {what}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The input as a whole cannot be used.
    #[error("{0}")]
    Whole(String),
}

/// An event as it stands in the input. The values are checked one by one, so that an error can name the field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    id: Option<Value>,
    interface: Value,
    branch: Option<Value>,
    money: Option<Value>,
    account: Option<Value>,
    level: Option<Value>,
    request_id: Option<Value>,
}

/// Reads and checks every event of the input.
///
/// # Errors
/// Names the first line that is wrong.
pub fn parse(content: &[u8], defaults: Defaults<'_>) -> Result<Vec<Event>, EventsError> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let text = std::str::from_utf8(content).map_err(|error| {
        let line = 1 + newlines(&content[..error.valid_up_to()]);
        EventsError::Line {
            line,
            what: "it is not UTF-8".to_owned(),
        }
    })?;
    let one = |line, text: &str| -> Result<Event, EventsError> {
        if !text.trim_start().starts_with('{') {
            let what = format!(
                "{} is no event; give a JSON array of events, or one event per line, such as {EXAMPLE}",
                shown(text.trim())
            );
            return Err(EventsError::Line { line, what });
        }
        let raw = serde_json::from_str(text).map_err(|error| by_json(line, &error))?;
        event(raw, defaults).map_err(|what| EventsError::Line { line, what })
    };
    if !text.trim_start().starts_with('[') {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        return lines.map(|(i, line)| one(i + 1, line)).collect();
    }
    let raws: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| by_json(1, &error))?;
    let (mut line, mut counted) = (1, 0);
    let located = raws.into_iter().map(|raw| {
        // Each raw value is a part of the text.
        let begins = raw.get().as_ptr().addr() - text.as_ptr().addr();
        line += newlines(&text.as_bytes()[counted..begins]);
        counted = begins;
        one(line, raw.get())
    });
    located.collect()
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// A JSON error of a text that begins at `line`.
fn by_json(line: usize, error: &serde_json::Error) -> EventsError {
    let text = error.to_string();
    let what = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    EventsError::Line {
        line: line + error.line().saturating_sub(1),
        what: what.to_owned(),
    }
}

fn event(raw: RawEvent, defaults: Defaults<'_>) -> Result<Event, String> {
    let RawEvent {
        id,
        interface,
        branch,
        money,
        account,
        level,
        request_id,
    } = raw;
    let id = id.map(|id| {
        EventId::deserialize(&id).map_err(|_| format!("id: {} is neither a whole number nor a text", json(&id)))
    });
    let id = id.transpose()?;
    let account = account.as_ref().map_or(Ok(defaults.account.clone()), |account| {
        let account = text("account", account)?;
        input::account(account).map_err(|error| format!("account: {error}"))
    })?;
    let request_id = request_id.as_ref().map(|id| {
        let id = text("request_id", id)?;
        input::request_id(id).map_err(|error| format!("request_id: {error}"))
    });
    let request_id = request_id.transpose()?;
    let level = level
        .as_ref()
        .map(|level| text("level", level)?.parse().map_err(|error| format!("level: {error}")));
    let task = match text("interface", &interface)? {
        // Some inputs have money in their queries. It is ignored.
        "query" if request_id.is_some() => return Err("request_id: a query has none".to_owned()),
        "query" => EventTask::Query { account },
        "deposit" => {
            let write = Write::Deposit {
                account,
                amount: amount(money)?,
            };
            EventTask::Write {
                interface: Interface::Deposit,
                write,
                request_id,
            }
        }
        "withdraw" => {
            let write = Write::Withdraw {
                account,
                amount: amount(money)?,
            };
            EventTask::Write {
                interface: Interface::Withdraw,
                write,
                request_id,
            }
        }
        other => {
            return Err(format!(
                "interface: {} is none of deposit, withdraw, query",
                shown(other)
            ));
        }
    };
    Ok(Event {
        id,
        branch: self::branch(branch, defaults)?,
        level: level.transpose()?,
        task,
    })
}

fn branch(branch: Option<Value>, defaults: Defaults<'_>) -> Result<u32, String> {
    let Some(value) = branch else {
        return defaults
            .branch
            .ok_or_else(|| "branch: it is missing, and --branch gives none".to_owned());
    };
    let branch = value
        .as_u64()
        .and_then(|branch| u32::try_from(branch).ok())
        .filter(|branch| *branch > 0);
    let branch = branch.ok_or_else(|| format!("branch: {} is not a branch number", json(&value)))?;
    if !defaults.known.contains(&branch) {
        let known = defaults.known.to_vec();
        return Err(format!("branch: {}", bank_client::UnknownBranch { branch, known }));
    }
    Ok(branch)
}

/// The amount in the field `money`.
pub(crate) fn amount(money: Option<Value>) -> Result<Amount, String> {
    let money = money.ok_or("money: it is missing")?;
    input::amount(&money.to_string()).map_err(|error| format!("money: {error}"))
}

/// The text in a field.
pub(crate) fn text<'a>(field: &str, value: &'a Value) -> Result<&'a str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("{field}: {} is not a text", json(value)))
}

fn json(value: &Value) -> String {
    const SHOWN_MAX: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn parsed(text: impl AsRef<[u8]>) -> Result<Vec<Event>, String> {
        let defaults = Defaults {
            account: &AccountName::main(),
            branch: None,
            known: &[1, 2, 345],
        };
        parse(text.as_ref(), defaults).map_err(|error| error.to_string())
    }

    #[test]
    fn an_array_and_lines_say_the_same() {
        let deposit = r#"{"id":1,"interface":"deposit","branch":1,"money":400}"#;
        let query = r#"{"id":"q","interface":"query","branch":345,"money":0,"level":"strong","account":"rent"}"#;
        let id = RequestId::from(Uuid::now_v7());
        let withdraw = format!(r#"{{"interface":"withdraw","branch":2,"money":1,"request_id":"{id}"}}"#);
        let array = parsed(format!("\u{feff} [{deposit},\r\n{query},{withdraw}]\n")).expect("an array");
        let lines = parsed(format!("\u{feff}{deposit}\r\n\n{query}\n{withdraw}")).expect("lines");
        assert_eq!(array, lines);
        let query = Event {
            id: Some(EventId::Text("q".into())),
            branch: 345,
            level: Some(Level::Strong),
            task: EventTask::Query {
                account: AccountName::new("rent").expect("a name"),
            },
        };
        assert_eq!(array[1], query);
        let write = Write::Withdraw {
            account: AccountName::main(),
            amount: Amount::new(1).expect("an amount"),
        };
        assert_eq!(
            array[2].task,
            EventTask::Write {
                interface: Interface::Withdraw,
                write,
                request_id: Some(id)
            }
        );
        assert_eq!(parsed(""), Ok(vec![]));
        assert_eq!(parsed("[]"), Ok(vec![]));
    }

    #[test]
    fn each_error_names_its_line_and_its_field() {
        let good = r#"{"interface":"query","branch":1}"#;
        let digits = "9".repeat(400);
        let money = |money: &str| format!(r#"{{"interface":"deposit","branch":1,"money":{money}}}"#);
        let nested = format!(
            r#"{{"interface":"query","branch":1,"id":{}{}}}"#,
            "[".repeat(200),
            "]".repeat(200)
        );
        let table = [
            ("{", "EOF"),
            ("prose", "is no event; give a JSON array"),
            (r#"{"interface":"query","branch":1} x"#, "trailing characters"),
            (r#"{"interface":"query","branch":1,}"#, "trailing comma"),
            (r#"{"interface":"query","branch":1,"dest":2}"#, "unknown field `dest`"),
            (r#"{"customer-requests":[]}"#, "unknown field `customer-requests`"),
            (
                r#"{"interface":"query","branch":1,"branch":2}"#,
                "duplicate field `branch`",
            ),
            (r#"{"branch":1}"#, "missing field `interface`"),
            (r#"{"interface":"steal","branch":1}"#, "interface: \"steal\" is none of"),
            (r#"{"interface":1,"branch":1}"#, "interface: 1 is not a text"),
            (r#"{"interface":"query"}"#, "branch: it is missing"),
            (
                r#"{"interface":"query","branch":3}"#,
                "branch: the bank has no branch 3; it has 1, 2, 345",
            ),
            (
                r#"{"interface":"query","branch":"1"}"#,
                "branch: \"1\" is not a branch number",
            ),
            (
                r#"{"interface":"query","branch":1,"level":"weak"}"#,
                "level: \"weak\" is none of",
            ),
            (
                r#"{"interface":"query","branch":1,"account":"a b"}"#,
                "account: \"a b\" is not an account name",
            ),
            (r#"{"interface":"query","branch":1,"id":1.5}"#, "id: 1.5 is neither"),
            (r#"{"interface":"deposit","branch":1}"#, "money: it is missing"),
            (
                r#"{"interface":"deposit","branch":1,"money":1,"request_id":"x"}"#,
                "request_id: \"x\" is not a request id",
            ),
            (&nested, "recursion limit"),
        ];
        for (bad, expected) in table {
            for text in [format!("{good}\n{bad}\n"), format!("[{good},\n{bad}\n]")] {
                let error = parsed(&text).expect_err(&text);
                // Within an array, a broken value may only be found at what follows it.
                let line_ok = error.starts_with("line 2: ") || (text.starts_with('[') && error.starts_with("line 3: "));
                assert!(line_ok, "{text}: {error}");
                assert!(error.contains(expected) || text.starts_with('['), "{text}: {error}");
            }
        }
        let amounts = [
            "0",
            "-1",
            "-0",
            "1.0",
            "1e3",
            "NaN",
            "Infinity",
            "\"5\"",
            "+5",
            "1_000",
            "9223372036854775808",
        ];
        for bad in amounts.iter().copied().chain([digits.as_str(), "null", "[]"]) {
            let error = parsed(format!("[{good},\n{}]", money(bad))).expect_err(bad);
            assert!(error.starts_with("line 2: ") && error.len() < 300, "{bad}: {error}");
        }
        assert_eq!(parsed(b"\n\xff").expect_err("not UTF-8"), "line 2: it is not UTF-8");
    }
}
