//! Turns the records of the customers into the operations of a history. Times count from the start of the run.

use crate::input::{Action, Event, Script};
use crate::run::customers::{CutOff, Visited};
use bank_check::history::{self, Operation};
use bank_types::{Level, MAIN, Propagation};
use std::collections::HashMap;

/// Settings that all operations of a run share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Consistency level of reads.
    pub level: Level,
    /// Branches that a write waits for.
    pub propagation: Propagation,
    /// Start of the run, in microseconds of the host's monotonic clock.
    pub origin_us: u64,
}

/// Lists the operations that were begun, in the order of the input. All visits of a customer are one session. The
/// number of an operation in its session also counts events that were not begun.
pub fn operations(script: &Script, visited: &[Visited], terms: Terms) -> Vec<Operation> {
    let mut sequences: HashMap<u64, u64> = HashMap::new();
    let mut operations = Vec::new();
    for (visit, visited) in script.visits.iter().zip(visited) {
        let next = sequences.entry(visit.customer).or_insert(1);
        let begun = (*next..).zip(&visit.events);
        let mut begun = begun.map(|(sequence, event)| terms.begun(visit.customer, sequence, event));
        for record in &visited.records {
            operations.extend(begun.next().map(|begun| begun.with_record(record, terms.origin_us)));
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
    /// An operation without a reply.
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
        let session = format!("customer-{customer}");
        Operation {
            event: event.id.and_then(|id| i64::try_from(id).ok()),
            ..Operation::unsent(
                (customer, session, sequence),
                action,
                event.branch,
                (self.level, self.propagation),
            )
        }
    }

    /// Completes an operation whose customer died.
    fn cut_off(&self, begun: Operation, cut_off: &CutOff, error: Option<String>) -> Operation {
        Operation {
            request_id: cut_off.request_id.clone(),
            invoked_us: self.since(cut_off.invoked_us),
            completed_us: self.since(cut_off.completed_us),
            error,
            ..begun
        }
    }

    /// Converts a time of the monotonic clock to a time of the run.
    fn since(&self, us: u64) -> u64 {
        us.saturating_sub(self.origin_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use bank_types::OperationRecord;
    use std::path::Path;

    const INPUT: &str = r#"[{"id":1,"type":"branch","balance":5},
        {"id":7,"type":"customer","events":[{"id":4,"interface":"query","branch":1}]},
        {"id":7,"type":"customer","events":[{"interface":"withdraw","money":9,"branch":1},{"interface":"deposit","money":4,"branch":1},
            {"interface":"query","branch":1}]},
        {"id":7,"type":"customer","events":[{"interface":"query","branch":1}]}]"#;

    fn records(lines: &str) -> Vec<OperationRecord> {
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
                r#"{"seq":0,"interface":"query","branch":1,"account":"main","outcome":"answered","balance":5,"position":1,"served_by":1,"level":"strong","waited_us":3,"attempts":1,"invoked_us":1010,"completed_us":1020}"#,
                None,
            ),
            told(
                r#"{"seq":0,"interface":"query","branch":1,"account":"main","outcome":"refused","reason":"insufficient_funds","balance":5,"position":2,"level":"session","propagation":"all","waited_us":0,"attempts":1,"invoked_us":1030,"completed_us":1040}"#,
                Some(cut_off),
            ),
            told(
                r#"{"seq":0,"interface":"query","branch":1,"account":"main","outcome":"answered","balance":5,"position":2,"level":"session","waited_us":0,"attempts":1,"invoked_us":1060,"completed_us":1070}"#,
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
        let refused = history::Outcome::Refused(history::RefusalReason::InsufficientFunds);
        assert_eq!(
            seen,
            [
                (1, Some(4), history::Outcome::Answered, 10, 20),
                (2, None, refused, 30, 40),
                (3, None, history::Outcome::Unknown, 40, 50),
                // The fourth event was not begun.
                (5, None, history::Outcome::Answered, 60, 70),
            ]
        );
        assert_eq!(operations[0].level, history::Level::Strong);
        assert_eq!(operations[1].propagation, history::Propagation::All);
        assert_eq!(operations[2].request_id.as_deref(), Some("id"));
        assert!(operations.iter().all(|one| one.session == "customer-7"));
    }
}
