//! The output file. It holds the answers of a run in the order of the input, in one of three formats. It is read back
//! to be judged.

mod file;
mod read;

pub use file::{OutputFile, OutputFileError};
pub use read::{OutputError, load};

use crate::input::{Action, Event, Script};
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
    /// One entry for each customer, with all its events. The predecessor uses this format.
    Customers,
    /// For each customer, the balance of its last query. The course of 2021-22 uses this format.
    Balances,
}

/// A customer with the answers that it received.
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
    let received = script.visits.iter().zip(visited).flat_map(|(visit, visited)| {
        visit
            .events
            .iter()
            .zip(&visited.records)
            .map(|(event, record)| (visit.customer, received(event, record)))
    });
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
            let mut entries = Keyed::default();
            script.visits.iter().for_each(|visit| {
                entries.of(visit.customer, || Entry {
                    id: visit.customer,
                    recv: vec![],
                })
            });
            received.for_each(|(id, received)| entries.with(id, |entry| entry.recv.push(received)));
            serde_json::to_string_pretty(&entries.in_order)
        }
        Format::Balances => {
            let mut entries = Keyed::default();
            for (id, balance) in received.filter_map(|(id, received)| Some((id, received.balance?))) {
                entries.of(id, || LastBalance { id, balance });
                entries.with(id, |entry| entry.balance = balance);
            }
            serde_json::to_string_pretty(&entries.in_order)
        }
    };
    // Serializing numbers and strings does not fail.
    text.unwrap_or_default()
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

/// One entry for each customer, in the order in which the customers first came.
struct Keyed<T> {
    in_order: Vec<T>,
    places: HashMap<u64, usize>,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Keyed {
            in_order: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T> Keyed<T> {
    /// Adds an entry for a customer that has none.
    fn of(&mut self, customer: u64, new: impl FnOnce() -> T) {
        self.places.entry(customer).or_insert_with(|| {
            self.in_order.push(new());
            self.in_order.len() - 1
        });
    }

    fn with(&mut self, customer: u64, change: impl FnOnce(&mut T)) {
        if let Some(&place) = self.places.get(&customer) {
            change(&mut self.in_order[place]);
        }
    }
}

#[cfg(test)]
mod tests;
