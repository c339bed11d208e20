//! The output file. It holds the answers of a run in the order of the input, in one of three formats. It is read back
//! to be judged.

mod file;
mod read;

pub use file::{OutputFile, OutputFileError, is_stdout};
pub use read::{Loaded, OutputError, load, load_for, without_input};

use crate::input::{Action, Event, Script, Visit};
use crate::run::customers::Visited;
use bank_types::{CallOutcome, OperationRecord};
use serde::Serialize;
use std::collections::HashMap;

/// The format of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// One entry for each event. The course report uses this format.
    #[default]
    Events,
    /// One entry for each time that the input lists a customer, with its events. The predecessor uses this format.
    Customers,
    /// For each customer, the balance of its last query. The course of 2021-22 uses this format.
    Balances,
}

/// A customer with answers that it received.
#[derive(Serialize)]
struct Entry {
    id: u64,
    recv: Vec<Received>,
}

/// One event with its answer: the balance of a query, or the result of a write.
#[derive(Serialize)]
struct Received {
    interface: &'static str,
    branch: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
}

/// A customer with the balance of its last query.
#[derive(Serialize)]
struct LastBalance {
    id: u64,
    balance: i64,
}

/// The text of an output. It leaves out events that their customer did not reach.
pub fn render(format: Format, script: &Script, visited: &[Visited]) -> String {
    let received = script
        .visits
        .iter()
        .zip(visited)
        .flat_map(|(visit, visited)| answers(visit, visited).map(|received| (visit.customer, received)));
    let text = match format {
        Format::Events => {
            let entries: Vec<Entry> = received
                .map(|(id, received)| Entry {
                    id,
                    recv: vec![received],
                })
                .collect();
            serde_json::to_string_pretty(&entries)
        }
        Format::Customers => {
            let entries: Vec<Entry> = script
                .visits
                .iter()
                .zip(visited)
                .map(|(visit, visited)| Entry {
                    id: visit.customer,
                    recv: answers(visit, visited).collect(),
                })
                .collect();
            serde_json::to_string_pretty(&entries)
        }
        Format::Balances => {
            let mut entries: Vec<LastBalance> = Vec::new();
            let mut places = HashMap::new();
            for (id, balance) in received.filter_map(|(id, received)| Some((id, received.balance?))) {
                let place = *places.entry(id).or_insert_with(|| {
                    entries.push(LastBalance { id, balance });
                    entries.len() - 1
                });
                entries[place].balance = balance;
            }
            serde_json::to_string_pretty(&entries)
        }
    };
    // Serializing numbers and strings does not fail.
    text.unwrap_or_default()
}

/// The events of a visit that its customer reached, with their answers.
fn answers(visit: &Visit, visited: &Visited) -> impl Iterator<Item = Received> {
    let reached = visit.events.iter().zip(&visited.records);
    reached.map(|(event, record)| received(event, record))
}

fn received(event: &Event, record: &OperationRecord) -> Received {
    let (balance, result) = match (event.action, record.outcome) {
        (Action::Query, CallOutcome::Answered) => (record.balance, None),
        (_, CallOutcome::Accepted) => (None, Some("success")),
        (_, CallOutcome::Unknown) => (None, Some("unknown")),
        _ => (None, Some("fail")),
    };
    Received {
        interface: event.action.interface(),
        branch: event.branch,
        balance,
        result,
    }
}

#[cfg(test)]
mod tests;
