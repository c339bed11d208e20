//! A run as the JSON that the page's script draws from. Rows instead of objects, since ten thousand operations would
//! repeat their field names ten thousand times; times are microseconds from the first operation's beginning.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bank_check::history::{Action, Applied, Operation, Outcome};
use bank_check::verdict;
use serde::{Serialize, Serializer};

use crate::layout::{self, Layout};
use crate::needs::{self, Need};
use crate::report::Run;
use crate::words;

/// As many operations are drawn one by one; where more are in view, they are drawn as counts.
pub const SINGLE_MAX: usize = 500;

/// Beyond this, a JavaScript number is no longer exact.
const EXACT_MAX: i128 = (1 << 53) - 1;

/// A run.
#[derive(Serialize)]
pub(crate) struct Data<'a> {
    name: &'a str,
    single_max: usize,
    layout: Layout,
    customers: Vec<Exact>,
    branches: Vec<u32>,
    sessions: Vec<&'a str>,
    columns: &'static [&'static str],
    operations: Vec<Row<'a>>,
    command_columns: &'static [&'static str],
    commands: Vec<Command<'a>>,
    journals: Vec<Reached>,
    faults: Vec<Band>,
    witnesses: Vec<Witness<'a>>,
}

const COLUMNS: &[&str] = &[
    "customer", "session", "sequence", "event", "kind", "account", "to", "amount", "branch", "served", "level", "id",
    "begin", "took", "outcome", "balance", "position", "waited", "attempts", "repeated", "missing", "error",
    "ownWrite", "ownRead", "newest",
];

/// An operation; the fields are named in [`COLUMNS`].
#[derive(Serialize)]
struct Row<'a>(
    usize,
    usize,
    Exact,
    Option<Exact>,
    &'static str,
    &'a str,
    Option<&'a str>,
    Option<Exact>,
    u32,
    Option<u32>,
    &'static str,
    Option<&'a str>,
    i64,
    u64,
    &'static str,
    Option<Exact>,
    Option<u64>,
    u64,
    u32,
    bool,
    &'a [u32],
    Option<&'a str>,
    Option<usize>,
    Option<usize>,
    Option<usize>,
);

const COMMAND_COLUMNS: &[&str] = &["position", "kind", "account", "to", "amount", "accepted", "op"];

/// A command of the journal, the same at every branch; the fields are named in [`COMMAND_COLUMNS`]. The last is the
/// operation that wrote it.
#[derive(Serialize)]
struct Command<'a>(
    u64,
    &'static str,
    &'a str,
    Option<&'a str>,
    Option<Exact>,
    bool,
    Option<usize>,
);

/// When each command reached a branch.
#[derive(Serialize)]
struct Reached {
    branch: u32,
    position: u64,
    /// For each command; `null`: not there, or nobody knows when.
    at: Vec<Option<i64>>,
}

#[derive(Serialize)]
struct Band {
    branches: Vec<u32>,
    words: String,
    /// Where there is no room for the others.
    word: &'static str,
    from: i64,
    until: Option<i64>,
}

#[derive(Serialize)]
struct Witness<'a> {
    name: &'a str,
    sentence: &'a str,
    promised: bool,
    operations: Vec<usize>,
}

/// A number that JavaScript reads exactly: as text where it would not be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Exact(i128);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.0) {
            Ok(number) if self.0.abs() <= EXACT_MAX => serializer.serialize_i64(number),
            _ => serializer.collect_str(&self.0),
        }
    }
}

/// Whether the whole run is drawn as counts at first.
pub(crate) fn aggregates(run: &Run) -> bool {
    run.history.operations.len() > SINGLE_MAX
}

/// The run's customers and branches, each sorted.
pub(crate) fn lanes(run: &Run) -> (Vec<u64>, Vec<u32>) {
    let history = &run.history;
    let customers: BTreeSet<u64> = history.operations.iter().map(|operation| operation.customer).collect();
    let mut branches: BTreeSet<u32> = history.branches.iter().copied().collect();
    branches.extend(history.journals.iter().map(|journal| journal.branch));
    for operation in &history.operations {
        branches.insert(operation.branch);
        branches.extend(operation.served_by);
    }
    (customers.into_iter().collect(), branches.into_iter().collect())
}

/// When the page's time begins, by the run's clock.
pub(crate) fn origin_us(run: &Run) -> u64 {
    let begun = run.history.operations.iter().map(|operation| operation.invoked_us);
    begun.min().unwrap_or(0)
}

/// Where each witness's operations are in [`Run::ordered`]; those that are not in the history are left out.
pub(crate) fn witness_operations(operations: &[&Operation], named: &[(String, u64)]) -> Vec<usize> {
    let find = |(session, sequence): &(String, u64)| {
        let found = |operation: &&Operation| operation.session == *session && operation.sequence == *sequence;
        operations.iter().position(found)
    };
    named.iter().filter_map(find).collect()
}

/// All that the script needs.
pub(crate) fn of<'a>(run: &'a Run, operations: &[&'a Operation]) -> Data<'a> {
    let (customers, branches) = lanes(run);
    let origin_us = origin_us(run);
    let sessions: Vec<&str> = operations
        .iter()
        .map(|operation| operation.session.as_str())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let needs = needs::of(operations);
    let rows = operations.iter().zip(&needs).map(|(operation, need)| {
        let customer = customers.binary_search(&operation.customer).unwrap_or(0);
        let session = sessions.binary_search(&operation.session.as_str()).unwrap_or(0);
        row(operation, need, (customer, session), origin_us)
    });
    let by_position = commands_by_position(run);
    Data {
        name: &run.name,
        single_max: SINGLE_MAX,
        layout: layout::of(customers.len(), branches.len()),
        columns: COLUMNS,
        operations: rows.collect(),
        command_columns: COMMAND_COLUMNS,
        commands: commands(&by_position, operations),
        journals: reached(run, &by_position, origin_us),
        faults: bands(run, &branches, origin_us),
        witnesses: witnesses(run, operations),
        customers: customers.iter().map(|&customer| Exact(customer.into())).collect(),
        branches,
        sessions,
    }
}

fn row<'a>(operation: &'a Operation, need: &Need, (customer, session): (usize, usize), origin_us: u64) -> Row<'a> {
    let (account, to, amount) = words::parts(&operation.action);
    Row(
        customer,
        session,
        Exact(operation.sequence.into()),
        operation.event.map(|event| Exact(event.into())),
        words::kind(&operation.action),
        account,
        to,
        amount.map(|amount| Exact(amount.into())),
        operation.branch,
        operation.served_by,
        words::asked_for(operation),
        operation.request_id.as_deref(),
        since(operation.invoked_us, origin_us),
        operation.completed_us.saturating_sub(operation.invoked_us),
        words::outcome(operation.outcome),
        operation.balance.map(|balance| Exact(balance.into())),
        operation.position,
        operation.wait_us(),
        operation.attempts,
        operation.repeated,
        &operation.missing_branches,
        operation.error.as_deref(),
        need.own_write,
        need.own_read,
        need.newest,
    )
}

/// Each command once, as the first journal has it that has it.
fn commands_by_position(run: &Run) -> BTreeMap<u64, &Applied> {
    let mut commands = BTreeMap::new();
    for applied in run.history.journals.iter().flat_map(|journal| &journal.applied) {
        commands.entry(applied.position).or_insert(applied);
    }
    commands
}

fn commands<'a>(by_position: &BTreeMap<u64, &'a Applied>, operations: &[&Operation]) -> Vec<Command<'a>> {
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    for (index, operation) in operations.iter().enumerate() {
        if let (Some(id), false) = (&operation.request_id, matches!(operation.action, Action::Query { .. })) {
            by_id.entry(id).or_insert(index);
        }
    }
    let command = |(&position, applied): (&u64, &&'a Applied)| {
        let (account, to, amount) = words::parts(&applied.action);
        Command(
            position,
            words::kind(&applied.action),
            account,
            to,
            amount.map(|amount| Exact(amount.into())),
            applied.outcome == Outcome::Accepted,
            by_id.get(applied.request_id.as_str()).copied(),
        )
    };
    by_position.iter().map(command).collect()
}

fn reached(run: &Run, by_position: &BTreeMap<u64, &Applied>, origin_us: u64) -> Vec<Reached> {
    let reached = |journal: &bank_check::history::Journal| {
        let times: HashMap<u64, u64> = journal
            .applied
            .iter()
            .filter_map(|applied| Some((applied.position, applied.applied_us?)))
            .collect();
        let at = by_position
            .keys()
            .map(|position| Some(since(*times.get(position)?, origin_us)));
        Reached {
            branch: journal.branch,
            position: journal.position,
            at: at.collect(),
        }
    };
    run.history.journals.iter().map(reached).collect()
}

fn bands(run: &Run, branches: &[u32], origin_us: u64) -> Vec<Band> {
    let band = |fault: &bank_check::history::Fault| {
        let touched = words::touched(&fault.kind);
        Band {
            branches: if touched.is_empty() { branches.to_vec() } else { touched },
            words: words::fault(fault),
            word: words::fault_word(&fault.kind),
            from: since(fault.from_us, origin_us),
            until: fault.until_us.map(|until_us| since(until_us, origin_us)),
        }
    };
    run.history.faults.iter().map(band).collect()
}

fn witnesses<'a>(run: &'a Run, operations: &[&Operation]) -> Vec<Witness<'a>> {
    let failed = run
        .verdicts
        .iter()
        .filter(|verdict| verdict.outcome() == verdict::Outcome::Fail);
    failed
        .filter_map(|verdict| {
            let witness = verdict.witnesses.first()?;
            Some(Witness {
                name: verdict.guarantee,
                sentence: &witness.sentence,
                promised: verdict.promised,
                operations: witness_operations(operations, &witness.operations),
            })
        })
        .collect()
}

/// From the origin; before it: negative.
fn since(us: u64, origin_us: u64) -> i64 {
    let difference = i128::from(us) - i128::from(origin_us);
    i64::try_from(difference.clamp(-EXACT_MAX, EXACT_MAX)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::tests::operation;

    fn run(operations: usize) -> Run {
        let mut run = Run::default();
        run.history.operations = (0..operations as u64)
            .map(|sequence| operation("s", sequence))
            .collect();
        run
    }

    #[test]
    fn above_the_limit_a_run_is_drawn_as_counts() {
        assert!(!aggregates(&run(SINGLE_MAX)));
        assert!(aggregates(&run(SINGLE_MAX + 1)));
    }

    #[test]
    fn numbers_stay_exact() {
        let json = serde_json::to_string(&[Exact(7), Exact(i64::MAX.into()), Exact(-EXACT_MAX)]).ok();
        assert_eq!(json.as_deref(), Some(r#"[7,"9223372036854775807",-9007199254740991]"#));
    }

    #[test]
    fn each_field_of_a_row_has_a_name() {
        let run = run(3);
        let json = serde_json::to_value(of(&run, &run.ordered())).unwrap_or_default();
        let row = |index: usize| json["operations"][index].as_array().map(Vec::len);
        assert_eq!(row(0), Some(COLUMNS.len()));
        assert_eq!(json["columns"].as_array().map(Vec::len), Some(COLUMNS.len()));
    }

    #[test]
    fn a_witness_names_operations_by_session_and_sequence() {
        let run = run(3);
        let named = [("s".to_owned(), 2), ("s".to_owned(), 9), ("s".to_owned(), 0)];
        assert_eq!(witness_operations(&run.ordered(), &named), [2, 0]);
    }
}
