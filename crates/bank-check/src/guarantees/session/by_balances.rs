//! A second judge, that trusts no position at all. Where the deposits to an account are distinct powers of two, and
//! nothing is taken from it, a balance names exactly which of them a read saw; read-your-writes and monotonic reads follow
//! from the balances alone.

use super::{monotonic_reads, read_your_writes};
use crate::analysis::describe::{asked, bare, did, next_or_later};
use crate::analysis::index::{Run, Session};
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Action, Operation, Outcome};
use crate::verdict::Verdict;
use std::collections::HashMap;

/// The accounts whose balances can be read so.
type Accounts<'a> = HashMap<&'a str, Powers<'a>>;

/// What is known of one account.
struct Powers<'a> {
    /// What it opened with; `None`: not known.
    opening: Option<i64>,
    /// Every deposit that may have been applied, by its amount.
    deposits: HashMap<i64, &'a Operation>,
    /// Something else moves it.
    is_spoiled: bool,
}

/// Read-your-writes and monotonic reads, by balances. Judged: as by positions.
pub(crate) fn judge(run: &Run<'_>) -> [Verdict; 2] {
    let accounts = accounts(run);
    let mut own = VerdictBuilder::new(
        "read-your-writes-by-balances",
        "reads at another branch than the write",
        run.options,
    );
    let mut seen = VerdictBuilder::new(
        "monotonic-reads-by-balances",
        "reads at another branch than the one before",
        run.options,
    );
    if accounts.is_empty() {
        let note = "no account has an opening balance that is known and distinct powers of two for deposits only";
        own.note(note);
        seen.note(note);
    }
    for session in &run.sessions {
        judge_session(session, &accounts, &mut own, &mut seen);
    }
    [own.done(), seen.done()]
}

fn accounts<'a>(run: &Run<'a>) -> Accounts<'a> {
    let mut accounts = Accounts::new();
    if let Some(opening) = opening(run) {
        powers(&mut accounts, "main").opening = Some(opening);
    }
    for write in run.writes.iter().filter(|write| !write.is_not_applied()) {
        let first = write.first;
        match &first.action {
            Action::Query { .. } => {}
            Action::Deposit { account, amount } => powers(&mut accounts, account).deposit(*amount, first),
            Action::Withdraw { account, .. } => powers(&mut accounts, account).is_spoiled = true,
            Action::Transfer { account, to, .. } => {
                powers(&mut accounts, account).is_spoiled = true;
                powers(&mut accounts, to).is_spoiled = true;
            }
            Action::Open { account, amount } => powers(&mut accounts, account).open(*amount),
        }
    }
    accounts.retain(|_, powers| powers.opening.is_some() && !powers.is_spoiled && !powers.deposits.is_empty());
    accounts
}

/// What `main` opened with: as it was asked for, or as the journal's first command says. Of a bank that was there before
/// the run, that says nothing.
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

fn powers<'m, 'a>(accounts: &'m mut Accounts<'a>, account: &'a str) -> &'m mut Powers<'a> {
    accounts.entry(account).or_insert_with(|| Powers {
        opening: None,
        deposits: HashMap::new(),
        is_spoiled: false,
    })
}

impl<'a> Powers<'a> {
    fn deposit(&mut self, amount: i64, operation: &'a Operation) {
        let is_new = self.deposits.insert(amount, operation).is_none();
        self.is_spoiled |= !is_new || amount < 1 || !amount.cast_unsigned().is_power_of_two();
    }

    /// An account that is asked for when it is there already stays as it is.
    fn open(&mut self, amount: i64) {
        self.opening = self.opening.or(Some(amount));
    }

    /// Which deposits a balance holds, one bit for each; `None` where it is no sum of deposits.
    fn held(&self, balance: i64) -> Option<i64> {
        let held = balance.checked_sub(self.opening?).filter(|held| *held >= 0)?;
        let all = self.deposits.keys().fold(0, |all, amount| all | amount);
        (held & !all == 0).then_some(held)
    }
}

/// What a session knows of one account.
#[derive(Default)]
struct Known<'a> {
    /// Its own accepted deposits, one bit for each; the last; how many reads came after that.
    own: i64,
    last: Option<&'a Operation>,
    reads_since: usize,
    /// What its reads saw, one bit for each; and the last of them.
    seen: i64,
    read: Option<&'a Operation>,
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
        let Some(powers) = accounts.get(account) else { continue };
        match (&operation.action, operation.outcome, operation.balance) {
            (Action::Deposit { amount, .. }, Outcome::Accepted, _) => {
                let known = known.entry(account).or_default();
                known.own |= amount;
                known.last = Some(operation);
                known.reads_since = 0;
            }
            (Action::Query { .. }, Outcome::Answered, Some(balance)) => {
                let known = known.entry(account).or_default();
                judge_read(operation, balance, powers, known, own, seen);
            }
            _ => {}
        }
    }
}

fn judge_read<'a>(
    read: &'a Operation,
    balance: i64,
    powers: &Powers<'_>,
    known: &mut Known<'a>,
    own: &mut VerdictBuilder,
    seen: &mut VerdictBuilder,
) {
    let Some(held) = powers.held(balance) else {
        let case = Case::at(read.completed_us, vec![read], Vec::new(), Vec::new());
        own.fail(case, || {
            let customer = read.customer;
            format!(
                "customer {customer}'s {} answered {balance}, which no deposits that were asked for add up to",
                asked(read)
            )
        });
        return;
    };
    if let Some(last) = known.last {
        judge_own(read, balance, known.own & !held, (last, known.reads_since), powers, own);
    }
    if let Some(before) = known.read {
        judge_seen(read, balance, known.seen & !held, before, powers, seen);
    }
    known.reads_since += 1;
    known.seen |= held;
    known.read = Some(read);
}

fn judge_own(
    read: &Operation,
    balance: i64,
    missed: i64,
    (last, reads_since): (&Operation, usize),
    powers: &Powers<'_>,
    findings: &mut VerdictBuilder,
) {
    let promised = read_your_writes::is_promised(read, last);
    let Some(missed) = powers.largest(missed) else {
        findings.pass_or_stayed(read.answering() == last.answering(), promised);
        return;
    };
    // Of a write that was tried again the first try is known here; the session's last one says more.
    let missed = if missed.request_id == last.request_id {
        last
    } else {
        missed
    };
    findings.fail(case(read, missed, promised), || {
        let next = next_or_later(reads_since);
        let read = asked(read);
        format!("{}; its {next} {read} answered {balance}, without it", did(missed))
    });
}

fn judge_seen(
    read: &Operation,
    balance: i64,
    missed: i64,
    before: &Operation,
    powers: &Powers<'_>,
    findings: &mut VerdictBuilder,
) {
    let promised = monotonic_reads::is_promised(read);
    let Some(missed) = powers.largest(missed) else {
        findings.pass_or_stayed(read.answering() == before.answering(), promised);
        return;
    };
    findings.fail(case(read, before, promised), || {
        let (customer, deposit) = (before.customer, bare(&missed.action));
        format!(
            "customer {customer}'s reads up to its {} had seen customer {}'s {deposit}; its later {} answered {balance}, without it",
            asked(before),
            missed.customer,
            asked(read)
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

impl<'a> Powers<'a> {
    /// The largest deposit of a set.
    fn largest(&self, set: i64) -> Option<&'a Operation> {
        let bit = set.cast_unsigned().checked_ilog2()?;
        self.deposits.get(&(1 << bit)).copied()
    }
}
