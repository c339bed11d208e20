//! Read-your-writes and monotonic reads judged by balances alone, without any position.
//!
//! This works for an account whose deposits are distinct powers of two and from which nothing is taken. Each bit of a
//! balance then shows whether a read saw one deposit.

use super::{monotonic_reads, read_your_writes};
use crate::analysis::describe;
use crate::analysis::index::{Run, Session};
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Action, Operation, Outcome};
use crate::verdict::{Unit, Verdict};
use std::collections::HashMap;

/// Accounts whose balances show the deposits.
type Accounts<'a> = HashMap<&'a str, Deposits<'a>>;

/// The deposits to one account.
struct Deposits<'a> {
    /// Opening balance. `None` if it is not known.
    opening: Option<i64>,
    /// Deposits that may have been applied, by amount.
    by_amount: HashMap<i64, &'a Operation>,
    /// The balance does not show the deposits: other writes change it, or amounts are not distinct powers of two.
    is_unreadable: bool,
}

/// Judges the same reads as `read-your-writes` and `monotonic-reads`.
pub(crate) fn judge(run: &Run<'_>) -> [Verdict; 2] {
    let accounts = accounts(run);
    let mut own = VerdictBuilder::new("read-your-writes-by-balances", Unit::READS, run.options);
    let mut seen = VerdictBuilder::new("monotonic-reads-by-balances", Unit::READS, run.options);
    if accounts.is_empty() {
        let note = "balances do not tell the deposits apart";
        own.note(note);
        seen.note(note);
    }
    for session in &run.sessions {
        for read in session
            .steps
            .iter()
            .map(|step| step.operation)
            .filter(|one| one.is_read())
        {
            own.asked(read_your_writes::is_asked(read));
            seen.asked(monotonic_reads::is_promised(read));
        }
        judge_session(session, &accounts, &mut own, &mut seen);
    }
    [own.build(), seen.build()]
}

fn accounts<'a>(run: &Run<'a>) -> Accounts<'a> {
    let mut accounts = Accounts::new();
    if let Some(opening) = opening(run) {
        deposits_to(&mut accounts, "main").opening = Some(opening);
    }
    for write in run.writes.iter().filter(|write| !write.is_not_applied()) {
        let first = write.first;
        match &first.action {
            Action::Query { .. } => {}
            Action::Deposit { account, amount } => deposits_to(&mut accounts, account).add(*amount, first),
            Action::Withdraw { account, .. } => deposits_to(&mut accounts, account).is_unreadable = true,
            Action::Transfer { account, to, .. } => {
                deposits_to(&mut accounts, account).is_unreadable = true;
                deposits_to(&mut accounts, to).is_unreadable = true;
            }
            Action::Open { account, amount } => deposits_to(&mut accounts, account).open(*amount),
        }
    }
    accounts
        .retain(|_, deposits| deposits.opening.is_some() && !deposits.is_unreadable && !deposits.by_amount.is_empty());
    accounts
}

/// Opening balance of `main`, as asked for or by the first command of the journal. `None` for a bank that is older than
/// the run.
fn opening(run: &Run<'_>) -> Option<i64> {
    if run.options.before > 1 {
        return None;
    }
    let founded = || match &run.journals.reference()?.entries.first()?.action {
        Action::Open { account, amount } if account == "main" => Some(*amount),
        _ => None,
    };
    run.options.opening.or_else(founded)
}

fn deposits_to<'m, 'a>(accounts: &'m mut Accounts<'a>, account: &'a str) -> &'m mut Deposits<'a> {
    accounts.entry(account).or_insert_with(|| Deposits {
        opening: None,
        by_amount: HashMap::new(),
        is_unreadable: false,
    })
}

impl<'a> Deposits<'a> {
    fn add(&mut self, amount: i64, operation: &'a Operation) {
        let is_new = self.by_amount.insert(amount, operation).is_none();
        self.is_unreadable |= !is_new || amount < 1 || !amount.cast_unsigned().is_power_of_two();
    }

    /// Opening an account that exists changes nothing.
    fn open(&mut self, amount: i64) {
        self.opening = self.opening.or(Some(amount));
    }

    /// Deposits in a balance, one bit each. `None` if the balance is not a sum of deposits.
    fn in_balance(&self, balance: i64) -> Option<i64> {
        let held = balance.checked_sub(self.opening?).filter(|held| *held >= 0)?;
        let all = self.by_amount.keys().fold(0, |all, amount| all | amount);
        (held & !all == 0).then_some(held)
    }

    /// The largest deposit in a set of bits.
    fn largest(&self, set: i64) -> Option<&'a Operation> {
        let bit = set.cast_unsigned().checked_ilog2()?;
        self.by_amount.get(&(1 << bit)).copied()
    }
}

/// What a session knows about one account. Deposits are one bit each.
#[derive(Default)]
struct Known<'a> {
    /// Accepted deposits of the session.
    own: i64,
    last_write: Option<&'a Operation>,
    reads_since: usize,
    /// Deposits that the reads of the session saw.
    seen: i64,
    last_read: Option<&'a Operation>,
}

fn judge_session<'a>(
    session: &Session<'a>,
    accounts: &Accounts<'_>,
    own: &mut VerdictBuilder,
    seen: &mut VerdictBuilder,
) {
    let mut known: HashMap<&str, Known<'a>> = HashMap::new();
    for step in &session.steps {
        let operation = step.operation;
        let account = operation.action.account();
        let Some(deposits) = accounts.get(account) else {
            continue;
        };
        match (&operation.action, operation.outcome, operation.balance) {
            (Action::Deposit { amount, .. }, Outcome::Accepted, _) => {
                let known = known.entry(account).or_default();
                known.own |= amount;
                known.last_write = Some(operation);
                known.reads_since = 0;
            }
            (Action::Query { .. }, Outcome::Answered, Some(balance)) => {
                let known = known.entry(account).or_default();
                judge_read(operation, balance, deposits, known, own, seen);
            }
            _ => {}
        }
    }
}

fn judge_read<'a>(
    read: &'a Operation,
    balance: i64,
    deposits: &Deposits<'_>,
    known: &mut Known<'a>,
    own: &mut VerdictBuilder,
    seen: &mut VerdictBuilder,
) {
    let Some(held) = deposits.in_balance(balance) else {
        let case = Case::at(read.completed_us, vec![read], Vec::new(), Vec::new());
        own.fail(case, || {
            let read = describe::customer_request(read);
            format!("{read} answered {balance}, which is no sum of the deposits that customers asked for")
        });
        return;
    };
    if let Some(last) = known.last_write {
        judge_own(
            read,
            balance,
            known.own & !held,
            (last, known.reads_since),
            deposits,
            own,
        );
    }
    if let Some(before) = known.last_read {
        judge_seen(read, balance, known.seen & !held, before, deposits, seen);
    }
    known.reads_since += 1;
    known.seen |= held;
    known.last_read = Some(read);
}

fn judge_own(
    read: &Operation,
    balance: i64,
    missed: i64,
    (last, reads_since): (&Operation, usize),
    deposits: &Deposits<'_>,
    verdict: &mut VerdictBuilder,
) {
    let promised = read_your_writes::is_promised(read, last);
    let Some(missed) = deposits.largest(missed) else {
        verdict.pass_across_branches(read.answering() == last.answering(), promised);
        return;
    };
    // For a repeated write, the session's last attempt is named instead of the first.
    let missed = if missed.request_id == last.request_id {
        last
    } else {
        missed
    };
    verdict.fail(case(read, missed, promised), || {
        let next = describe::next_or_later(reads_since);
        let read = describe::request(read);
        format!(
            "{}; its {next} {read} answered {balance}, without it",
            describe::result(missed)
        )
    });
}

fn judge_seen(
    read: &Operation,
    balance: i64,
    missed: i64,
    before: &Operation,
    deposits: &Deposits<'_>,
    verdict: &mut VerdictBuilder,
) {
    let promised = monotonic_reads::is_promised(read);
    let Some(missed) = deposits.largest(missed) else {
        verdict.pass_across_branches(read.answering() == before.answering(), promised);
        return;
    };
    verdict.fail(case(read, before, promised), || {
        let (customer, deposit) = (before.customer, describe::action_name(&missed.action));
        format!(
            "customer {customer}'s reads up to its {} had seen customer {}'s {deposit}; its later {} answered {balance}, without it",
            describe::request(before),
            missed.customer,
            describe::request(read)
        )
    });
}

fn case<'a>(read: &'a Operation, before: &'a Operation, promised: bool) -> Case<'a> {
    Case {
        at: read.completed_us,
        promised,
        operations: vec![before, read],
        positions: Vec::new(),
        journals: Vec::new(),
    }
}
