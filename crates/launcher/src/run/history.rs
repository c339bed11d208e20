//! What customers did and were told, as the history of a run has it: each event that was begun, with its times from the
//! run's origin.

use crate::input::{Action, Event, Script};
use crate::run::customers::{CutOff, Outcome, Record, Visited};
use bank_check::history::{self, Operation};
use bank_client::{Level, Propagation};
use std::collections::HashMap;

/// The one account of an input.
const MAIN: &str = "main";

/// What all operations of a run have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What reads promise.
    pub level: Level,
    /// What writes wait for.
    pub propagation: Propagation,
    /// Times count from here, in microseconds of the host's monotonic clock.
    pub origin_us: u64,
}

/// Every operation that was begun, in the order of the input. A customer has one session over all its visits, and an
/// operation's number in it counts the events that were not begun too.
pub fn operations(script: &Script, visited: &[Visited], terms: Terms) -> Vec<Operation> {
    let mut sequences: HashMap<u64, u64> = HashMap::new();
    let mut operations = Vec::new();
    for (visit, visited) in script.visits.iter().zip(visited) {
        let next = sequences.entry(visit.customer).or_insert(1);
        let begun = (*next..).zip(&visit.events);
        let mut begun = begun.map(|(sequence, event)| terms.begun(visit.customer, sequence, event));
        for record in &visited.records {
            operations.extend(begun.next().map(|begun| terms.told(begun, record)));
        }
        if let Some(cut_off) = &visited.cut_off {
            let failure = visited.failure.clone();
            operations.extend(begun.next().map(|begun| terms.cut_off(begun, cut_off, failure)));
        }
        *next += visit.events.len() as u64;
    }
    operations
}

impl Terms {
    /// As it was asked; nothing has come of it yet.
    fn begun(&self, customer: u64, sequence: u64, event: &Event) -> Operation {
        let account = || MAIN.to_owned();
        let action = match event.action {
            Action::Query => history::Action::Query { account: account() },
            Action::Deposit(amount) => history::Action::Deposit {
                account: account(),
                amount,
            },
            Action::Withdraw(amount) => history::Action::Withdraw {
                account: account(),
                amount,
            },
        };
        Operation {
            customer,
            session: format!("customer-{customer}"),
            sequence,
            event: event.id.and_then(|id| i64::try_from(id).ok()),
            action,
            branch: event.branch,
            served_by: None,
            level: level(self.level),
            propagation: propagation(self.propagation),
            request_id: None,
            invoked_us: 0,
            completed_us: 0,
            outcome: if event.action.is_write() {
                history::Outcome::Unknown
            } else {
                history::Outcome::Failed
            },
            balance: None,
            position: None,
            waited_us: 0,
            attempts: 0,
            repeated: false,
            missing_branches: Vec::new(),
            error: None,
        }
    }

    fn told(&self, begun: Operation, record: &Record) -> Operation {
        Operation {
            served_by: record.served_by,
            level: record.level,
            propagation: record.propagation.unwrap_or(begun.propagation),
            request_id: record.request_id.clone(),
            invoked_us: self.since(record.invoked_us),
            completed_us: self.since(record.completed_us),
            outcome: outcome(record),
            balance: record.balance,
            position: record.position,
            waited_us: record.waited_us,
            attempts: record.attempts,
            repeated: record.repeated,
            missing_branches: record.missing_branches.clone(),
            error: record.error.clone(),
            ..begun
        }
    }

    fn cut_off(&self, begun: Operation, cut_off: &CutOff, error: Option<String>) -> Operation {
        Operation {
            request_id: cut_off.request_id.clone(),
            invoked_us: self.since(cut_off.invoked_us),
            completed_us: self.since(cut_off.completed_us),
            error,
            ..begun
        }
    }

    fn since(&self, us: u64) -> u64 {
        us.saturating_sub(self.origin_us)
    }
}

fn outcome(record: &Record) -> history::Outcome {
    match (record.outcome, record.reason) {
        (Outcome::Answered, _) => history::Outcome::Answered,
        (Outcome::Accepted, _) => history::Outcome::Accepted,
        (Outcome::Refused, Some(reason)) => history::Outcome::Refused(reason),
        (Outcome::NotApplied, _) => history::Outcome::NotApplied,
        // A reason that is not known here cannot be judged.
        (Outcome::Unknown, _) | (Outcome::Refused, None) => history::Outcome::Unknown,
        (Outcome::Failed, _) => history::Outcome::Failed,
    }
}

/// A level as the history has it.
pub(crate) fn level(level: Level) -> history::Level {
    match level {
        Level::Eventual => history::Level::Eventual,
        Level::ReadYourWrites => history::Level::ReadYourWrites,
        Level::MonotonicReads => history::Level::MonotonicReads,
        Level::Session => history::Level::Session,
        Level::Strong => history::Level::Strong,
    }
}

/// A propagation as the history has it.
pub(crate) fn propagation(propagation: Propagation) -> history::Propagation {
    match propagation {
        Propagation::Quorum => history::Propagation::Quorum,
        Propagation::All => history::Propagation::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use std::path::Path;

    const INPUT: &str = r#"[{"id":1,"type":"branch","balance":5},
        {"id":7,"type":"customer","events":[{"id":4,"interface":"query","branch":1}]},
        {"id":7,"type":"customer","events":[{"interface":"withdraw","money":9,"branch":1},{"interface":"deposit","money":4,"branch":1},
            {"interface":"query","branch":1}]},
        {"id":7,"type":"customer","events":[{"interface":"query","branch":1}]}]"#;

    fn records(lines: &str) -> Vec<Record> {
        let line = |line| serde_json::from_str(line).expect("a record");
        lines.lines().map(line).collect()
    }

    #[test]
    fn sessions_go_on_and_a_cut_off_write_is_unknown() {
        let script = Input::parse(Path::new("in.json"), INPUT).expect("an input").script;
        let told = |lines, cut_off| Visited {
            records: records(lines),
            failure: None,
            cut_off,
        };
        let cut_off = CutOff {
            request_id: Some("id".to_owned()),
            invoked_us: 1040,
            completed_us: 1050,
        };
        let visited = [
            told(
                r#"{"seq":0,"outcome":"answered","balance":5,"position":1,"served_by":1,"level":"strong","waited_us":3,"attempts":1,"invoked_us":1010,"completed_us":1020}"#,
                None,
            ),
            told(
                r#"{"seq":0,"outcome":"refused","reason":"insufficient_funds","balance":5,"position":2,"level":"session","propagation":"all","waited_us":0,"attempts":1,"invoked_us":1030,"completed_us":1040}"#,
                Some(cut_off),
            ),
            told(
                r#"{"seq":0,"outcome":"answered","balance":5,"position":2,"level":"session","waited_us":0,"attempts":1,"invoked_us":1060,"completed_us":1070}"#,
                None,
            ),
        ];
        let terms = Terms {
            level: Level::Session,
            propagation: Propagation::Quorum,
            origin_us: 1000,
        };
        let operations = operations(&script, &visited, terms);
        let seen: Vec<_> = operations
            .iter()
            .map(|one| (one.sequence, one.event, one.outcome, one.invoked_us, one.completed_us))
            .collect();
        let refused = history::Outcome::Refused(history::Refusal::InsufficientFunds);
        assert_eq!(
            seen,
            [
                (1, Some(4), history::Outcome::Answered, 10, 20),
                (2, None, refused, 30, 40),
                (3, None, history::Outcome::Unknown, 40, 50),
                // The fourth was not begun.
                (5, None, history::Outcome::Answered, 60, 70),
            ]
        );
        assert_eq!(operations[0].level, history::Level::Strong);
        assert_eq!(operations[1].propagation, history::Propagation::All);
        assert_eq!(operations[2].request_id.as_deref(), Some("id"));
        assert!(operations.iter().all(|one| one.session == "customer-7"));
    }
}
