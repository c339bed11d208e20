//! The output file: made from what customers were told, in the order of the input, in one of three forms; and read
//! back for the judge.

mod file;
mod read;

pub use file::{OutputFile, OutputFileError};
pub use read::{OutputError, load};

use crate::input::{Action, Event, Script};
use crate::run::customers::Visited;
use bank_types::{CallOutcome, OperationRecord};
use serde::Serialize;
use std::collections::HashMap;

/// The forms that people expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// One entry for each event: the report's.
    #[default]
    Events,
    /// One entry for each customer, holding all its events: the predecessor's.
    Customers,
    /// For each customer the balance of its last query: 2021-22's.
    Balances,
}

/// A customer with what it received.
#[derive(Serialize)]
struct Entry {
    id: u64,
    recv: Vec<Received>,
}

/// One event with its answer: a query has a balance, a write a result.
#[derive(Serialize)]
struct Received {
    interface: &'static str,
    branch: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
}

/// A customer's last balance.
#[derive(Serialize)]
struct LastBalance {
    id: u64,
    balance: i64,
}

/// The output's text. Events that their customer did not get to are left out.
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
    // Numbers and plain texts can always be written.
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

/// Entries by customer, in the order in which the customers first came.
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
    /// Makes the customer's entry, where there is none yet.
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
