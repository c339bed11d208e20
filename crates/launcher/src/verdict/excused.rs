//! Finds the events that have no answer because of a fault of the input. They are excused: a branch that is cut off,
//! paused or killed need not answer, but it must never answer wrongly.

use crate::input::Script;
use crate::terminal::format::count;
use bank_check::history::{Fault, History, Operation, Outcome};
use std::collections::{BTreeSet, HashMap};

/// Number of events that get a note of their own.
const NOTES_MAX: usize = 10;

/// The events without an answer that are excused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excused {
    /// Indexes of the events in [`Script::steps`].
    pub places: BTreeSet<usize>,
    /// One note for each of the first events, and one with the number of the others.
    pub notes: Vec<String>,
}

impl Excused {
    /// Finds the excused events of a history: those during which a fault was on, and those that their customer did not
    /// send after such an event.
    pub fn by_faults(script: &Script, history: &History) -> Self {
        let mut excused = Excused::default();
        if history.faults.is_empty() {
            return excused;
        }
        let operations = history.operations.iter();
        let operations: HashMap<_, _> = operations.map(|one| ((one.customer, one.sequence), one)).collect();
        // For each customer, whether its last event was excused.
        let mut last_excused: HashMap<u64, bool> = HashMap::new();
        for (place, step) in script.steps().iter().enumerate() {
            let Some(operation) = operations.get(&(step.customer, step.ordinal as u64)) else {
                continue;
            };
            let excuse = last_excused.entry(step.customer).or_default();
            let never_sent = operation.attempts == 0;
            *excuse = is_without_answer(operation)
                && match never_sent {
                    true => *excuse,
                    false => history.faults.iter().any(|fault| was_on(fault, operation)),
                };
            if !*excuse {
                continue;
            }
            excused.places.insert(place);
            if excused.places.len() <= NOTES_MAX {
                let why = operation.error.as_deref().unwrap_or("no more is known");
                excused.notes.push(format!(
                    "a fault was on, and customer {}'s {step} was not answered: {why}",
                    step.customer
                ));
            }
        }
        if let Some(more) = excused.places.len().checked_sub(NOTES_MAX).filter(|more| *more > 0) {
            let events = count(more, "more event was", "more events were");
            excused.notes.push(format!("a fault was on, and {events} not answered"));
        }
        excused
    }
}

fn is_without_answer(operation: &Operation) -> bool {
    matches!(
        operation.outcome,
        Outcome::NotApplied | Outcome::Unknown | Outcome::Failed
    )
}

fn was_on(fault: &Fault, operation: &Operation) -> bool {
    fault.from_us <= operation.completed_us && fault.until_us.is_none_or(|until| until >= operation.invoked_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use crate::run::customers::Visited;
    use crate::run::history::{Terms, operations};
    use bank_check::history::FaultKind;
    use bank_types::{Level, OperationRecord, Propagation};
    use std::path::Path;

    /// Two customers with four events each.
    fn script() -> Script {
        let query = r#"{"interface":"query","branch":1}"#;
        let events = [query, r#"{"interface":"deposit","money":1,"branch":1}"#, query, query].join(",");
        let customer = |id| format!(r#"{{"id":{id},"type":"customer","events":[{events}]}}"#);
        let text = format!(
            r#"[{{"id":1,"type":"branch","balance":0}},{},{}]"#,
            customer(1),
            customer(2)
        );
        Input::parse(Path::new("in.json"), &text).expect("an input").script
    }

    /// The record of an event that took from 10 times its number to 5 later.
    fn record(seq: usize, outcome: &str, attempts: u32) -> OperationRecord {
        let (invoked, completed) = (10 * (seq + 1), 10 * (seq + 1) + 5);
        let line = format!(
            r#"{{"seq":{seq},"interface":"query","branch":1,"account":"main","outcome":"{outcome}","attempts":{attempts},"level":"session","waited_us":0,
                "invoked_us":{invoked},"completed_us":{completed},"error":"too late"}}"#
        );
        serde_json::from_str(&line).expect("a record")
    }

    /// Which of one customer's four events are excused, if faults were on at these times.
    fn excused(events: [(&str, u32); 4], faults: &[(u64, Option<u64>)]) -> Vec<usize> {
        let visited = |events: [(&str, u32); 4]| Visited {
            records: (0..)
                .zip(events)
                .map(|(seq, (outcome, attempts))| record(seq, outcome, attempts))
                .collect(),
            failure: None,
            cut_off: None,
        };
        let fault = |&(from_us, until_us): &(u64, Option<u64>)| Fault {
            kind: FaultKind::Pause { branch: 1 },
            from_us,
            until_us,
        };
        let terms = Terms {
            level: Level::Session,
            propagation: Propagation::Quorum,
            origin_us: 0,
        };
        let script = script();
        let history = History {
            operations: operations(&script, &[visited([("answered", 1); 4]), visited(events)], terms),
            faults: faults.iter().map(fault).collect(),
            ..History::default()
        };
        let excused = Excused::by_faults(&script, &history);
        assert_eq!(excused.places.len(), excused.notes.len());
        excused.places.into_iter().map(|place| place - 4).collect()
    }

    #[test]
    fn only_events_during_a_fault_are_excused() {
        let failed = ("failed", 1);
        let answered = ("answered", 1);
        let never_sent = ("not-applied", 0);
        let table = [
            // There was no fault.
            ([failed; 4], vec![], vec![]),
            // Before, in, around, and after events 2 and 3 (20 to 25 and 30 to 35).
            ([failed; 4], vec![(16, Some(19))], vec![]),
            ([failed; 4], vec![(16, Some(20))], vec![1]),
            ([failed; 4], vec![(22, Some(23))], vec![1]),
            ([failed; 4], vec![(25, Some(30))], vec![1, 2]),
            ([failed; 4], vec![(26, Some(29)), (36, Some(39))], vec![]),
            ([failed; 4], vec![(36, None)], vec![3]),
            // An event with an answer needs no excuse.
            ([answered; 4], vec![(0, None)], vec![]),
            (
                [answered, ("unknown", 3), answered, failed],
                vec![(0, Some(25))],
                vec![1],
            ),
            // An event that was not sent is excused if the event before it is.
            (
                [answered, ("unknown", 3), never_sent, never_sent],
                vec![(20, Some(22))],
                vec![1, 2, 3],
            ),
            (
                [answered, ("unknown", 3), never_sent, never_sent],
                vec![(31, None)],
                vec![],
            ),
            ([never_sent, failed, answered, never_sent], vec![(0, None)], vec![1]),
        ];
        for (events, faults, expected) in table {
            assert_eq!(excused(events, &faults), expected, "{events:?} {faults:?}");
        }
    }
}
