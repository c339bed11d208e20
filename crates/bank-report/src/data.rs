//! A run as the JSON that the page's script draws. Operations are rows without field names, because ten thousand
//! operations would repeat the names ten thousand times. Times are microseconds from the begin of the first operation.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bank_check::history::{Applied, Fault, FaultKind, Journal, Operation, Outcome};
use bank_check::verdict;
use serde::{Serialize, Serializer};

use crate::describe;
use crate::layout::{self, Layout};
use crate::leaders;
use crate::read_requirement::{self, ReadRequirement};
use crate::report::Run;

/// Largest number of operations in view that are drawn one by one. More are drawn as counts.
pub const SINGLE_MAX: usize = 500;

/// Largest integer that a JavaScript number holds exactly.
const EXACT_MAX: i128 = (1 << 53) - 1;

/// A run as the script reads it.
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
    journals: Vec<BranchJournal>,
    leaders: Vec<Led>,
    faults: Vec<Band>,
    witnesses: Vec<Witness<'a>>,
}

const COLUMNS: &[&str] = &[
    "customer", "session", "sequence", "event", "kind", "account", "to", "amount", "branch", "served", "level", "id",
    "begin", "took", "outcome", "balance", "position", "waited", "attempts", "repeated", "missing", "error",
    "ownWrite", "ownRead", "newest",
];

/// An operation. [`COLUMNS`] names the fields.
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

/// A command of the journal, the same at every branch. [`COMMAND_COLUMNS`] names the fields. The last field is the
/// index of the operation that made the command.
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

/// The times at which the commands reached one branch.
#[derive(Serialize)]
struct BranchJournal {
    branch: u32,
    position: u64,
    /// Time for each command. `null` if the branch does not have the command or its time is not known.
    at: Vec<Option<i64>>,
}

/// A leader. Commands after the position `after` are its own, up to the next leader's.
#[derive(Serialize)]
struct Led {
    term: u64,
    branch: Option<u32>,
    after: u64,
    /// `null` if it led before the clock of the run began.
    from: Option<i64>,
}

#[derive(Serialize)]
struct Band {
    branches: Vec<u32>,
    words: String,
    /// Short text for a narrow band.
    word: &'static str,
    from: i64,
    until: Option<i64>,
    /// The branches have no process during the fault.
    dead: bool,
}

#[derive(Serialize)]
struct Witness<'a> {
    name: &'a str,
    sentence: &'a str,
    promised: bool,
    operations: Vec<usize>,
}

/// A number that JavaScript reads without loss: large numbers become text.
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

/// True if the picture starts with counts instead of single operations.
pub(crate) fn aggregates(run: &Run) -> bool {
    run.history.operations.len() > SINGLE_MAX
}

/// Customers and branches of the run, each sorted.
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

/// Time of the run's clock at which the page's time begins.
pub(crate) fn origin_us(run: &Run) -> u64 {
    let begun = run.history.operations.iter().map(|operation| operation.invoked_us);
    begun.min().unwrap_or(0)
}

/// Indexes in [`Run::ordered`] of the operations that a witness names. Operations that the history does not have are
/// left out.
pub(crate) fn witness_operations(operations: &[&Operation], named: &[(String, u64)]) -> Vec<usize> {
    let find = |(session, sequence): &(String, u64)| {
        let found = |operation: &&Operation| operation.session == *session && operation.sequence == *sequence;
        operations.iter().position(found)
    };
    named.iter().filter_map(find).collect()
}

/// All data of a run for the script. `operations` is [`Run::ordered`].
pub(crate) fn of<'a>(run: &'a Run, operations: &[&'a Operation]) -> Data<'a> {
    let (customers, branches) = lanes(run);
    let origin_us = origin_us(run);
    let sessions: Vec<&str> = operations
        .iter()
        .map(|operation| operation.session.as_str())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let requirements = read_requirement::of(operations);
    let rows = operations.iter().zip(&requirements).map(|(operation, requirement)| {
        let customer = customers.binary_search(&operation.customer).unwrap_or(0);
        let session = sessions.binary_search(&operation.session.as_str()).unwrap_or(0);
        row(operation, requirement, (customer, session), origin_us)
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
        journals: journals(run, &by_position, origin_us),
        leaders: led(run, origin_us),
        faults: bands(run, &branches, origin_us),
        witnesses: witnesses(run, operations),
        customers: customers.iter().map(|&customer| Exact(customer.into())).collect(),
        branches,
        sessions,
    }
}

fn row<'a>(
    operation: &'a Operation,
    requirement: &ReadRequirement,
    (customer, session): (usize, usize),
    origin_us: u64,
) -> Row<'a> {
    let action = &operation.action;
    Row(
        customer,
        session,
        Exact(operation.sequence.into()),
        operation.event.map(|event| Exact(event.into())),
        action.kind(),
        action.account(),
        action.to(),
        action.amount().map(|amount| Exact(amount.into())),
        operation.branch,
        operation.served_by,
        describe::level_or_propagation(operation),
        operation.request_id.as_deref(),
        since(operation.invoked_us, origin_us),
        operation.completed_us.saturating_sub(operation.invoked_us),
        describe::outcome(operation.outcome),
        operation.balance.map(|balance| Exact(balance.into())),
        operation.position,
        operation.wait_us(),
        operation.attempts,
        operation.repeated,
        &operation.missing_branches,
        operation.error.as_deref(),
        requirement.own_write,
        requirement.own_read,
        requirement.newest,
    )
}

/// Each command once, from the first journal that has it.
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
        if let (Some(id), false) = (&operation.request_id, operation.is_read()) {
            by_id.entry(id).or_insert(index);
        }
    }
    let command = |(&position, applied): (&u64, &&'a Applied)| {
        let action = &applied.action;
        Command(
            position,
            action.kind(),
            action.account(),
            action.to(),
            action.amount().map(|amount| Exact(amount.into())),
            applied.outcome == Outcome::Accepted,
            by_id.get(applied.request_id.as_str()).copied(),
        )
    };
    by_position.iter().map(command).collect()
}

fn journals(run: &Run, by_position: &BTreeMap<u64, &Applied>, origin_us: u64) -> Vec<BranchJournal> {
    let times = |journal: &Journal| {
        let times: HashMap<u64, u64> = journal
            .applied
            .iter()
            .filter_map(|applied| Some((applied.position, applied.applied_us?)))
            .collect();
        let at = by_position
            .keys()
            .map(|position| Some(since(*times.get(position)?, origin_us)));
        BranchJournal {
            branch: journal.branch,
            position: journal.position,
            at: at.collect(),
        }
    };
    run.history.journals.iter().map(times).collect()
}

fn led(run: &Run, origin_us: u64) -> Vec<Led> {
    let leaders = leaders::of(run).into_iter();
    leaders
        .map(|leader| Led {
            term: leader.term,
            branch: leader.branch,
            after: leader.after_position,
            from: leader.from_us.map(|from_us| since(from_us, origin_us)),
        })
        .collect()
}

fn bands(run: &Run, branches: &[u32], origin_us: u64) -> Vec<Band> {
    let band = |fault: &Fault| {
        let affected = describe::affected_branches(&fault.kind);
        Band {
            branches: if affected.is_empty() {
                branches.to_vec()
            } else {
                affected
            },
            words: describe::fault(fault),
            word: describe::fault_short(&fault.kind),
            from: since(fault.from_us, origin_us),
            until: fault.until_us.map(|until_us| since(until_us, origin_us)),
            dead: matches!(fault.kind, FaultKind::Kill { .. }),
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

/// Time since the origin; negative before it.
fn since(us: u64, origin_us: u64) -> i64 {
    let difference = i128::from(us) - i128::from(origin_us);
    i64::try_from(difference.clamp(-EXACT_MAX, EXACT_MAX)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::tests::operation;

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
