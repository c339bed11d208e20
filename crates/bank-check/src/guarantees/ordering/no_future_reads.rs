//! No reads from the future: a read, at any level, shows only writes that a customer had begun before the read was
//! done.
//!
//! A position shows the writes up to it. Without journals, the position of a write is known only from its reply. Then
//! the balance of a read is compared with the balances that the writes which were begun by then can give.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::sums::Sums;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Action, Operation, Outcome};
use crate::verdict::{Unit, Verdict};
use bank_types::MAIN;
use std::collections::{BTreeSet, HashMap};

/// A write that may have been applied.
struct Begun<'a> {
    operation: &'a Operation,
    /// Time before which the write cannot have been applied.
    begun_us: u64,
    /// Position of the write. `None` if neither a journal nor a reply has it.
    position: Option<u64>,
}

/// Judges each answered read that has a position or a balance.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("no-future-reads", Unit::READS, run.options);
    let mut writes = writes(run);
    writes.sort_by_key(|write| write.begun_us);
    let positions = Positions::of(run, &writes);
    let mut balances = Balances::at_the_opening(run);
    let mut reads: Vec<&Operation> = run.history.operations.iter().filter(|read| is_answered(read)).collect();
    reads.sort_by_key(|read| read.completed_us);
    let mut begun = writes.iter().peekable();
    for read in reads {
        while let Some(write) = begun.next_if(|write| write.begun_us <= read.completed_us) {
            balances.add(write.operation);
        }
        match (positions.judge(read), balances.judge(read)) {
            (Some(Err(future)), _) | (_, Some(Err(future))) => fail(read, &future, &mut verdict),
            (None, None) => {}
            _ => verdict.pass(),
        }
    }
    verdict.build()
}

fn is_answered(operation: &Operation) -> bool {
    operation.is_read() && operation.outcome == Outcome::Answered
}

/// Every write that may have been applied, with or without a request id.
fn writes<'a>(run: &Run<'a>) -> Vec<Begun<'a>> {
    let with_id = run.writes.iter().filter(|write| !write.is_not_applied()).map(|write| {
        let by_reply = || write.decided.and_then(|decided| decided.position);
        Begun {
            operation: write.named_operation(),
            begun_us: begun_us(write.first),
            position: run.position_of(write).or_else(by_reply),
        }
    });
    let without_id = run.history.operations.iter().filter(|operation| {
        !operation.is_read() && operation.request_id.is_none() && operation.outcome != Outcome::NotApplied
    });
    let without_id = without_id.map(|operation| Begun {
        operation,
        begun_us: begun_us(operation),
        position: operation.position.filter(|_| operation.is_decided()),
    });
    with_id.chain(without_id).collect()
}

/// Begin of a write. A request that was sent once and got a repeated decision was sent before, at a time that the
/// history does not have.
fn begun_us(first: &Operation) -> u64 {
    if first.repeated && first.attempts <= 1 {
        0
    } else {
        first.invoked_us
    }
}

/// What a read shows although nobody had begun it.
#[derive(Clone, Copy)]
enum Future<'a> {
    /// A write that was begun later.
    Write(Placed<'a>),
    /// No write that was begun by then can have come at the read's position or before it.
    Position(u64),
    /// No writes that were begun by then give the balance.
    Balance(i64),
}

/// A write with its position.
#[derive(Clone, Copy)]
struct Placed<'a> {
    operation: &'a Operation,
    position: u64,
    begun_us: u64,
}

/// The begins of the writes, by position.
struct Positions<'a> {
    /// For each position of a write, the write up to there that was begun last.
    last_begun: Vec<(u64, Placed<'a>)>,
    /// First position that a command of this run can have. `None` if journals have all commands.
    first_open: Option<u64>,
    /// Begin of the first write whose position is not known.
    unplaced_us: Option<u64>,
}

impl<'a> Positions<'a> {
    /// Takes writes that are sorted by their begin.
    fn of(run: &Run<'_>, writes: &[Begun<'a>]) -> Self {
        let placed = writes.iter().filter_map(|write| {
            Some(Placed {
                operation: write.operation,
                position: write.position?,
                begun_us: write.begun_us,
            })
        });
        let mut placed: Vec<Placed<'a>> = placed.collect();
        placed.sort_by_key(|write| write.position);
        let mut last: Option<Placed<'a>> = None;
        let last_begun = placed.into_iter().map(|write| {
            let later = last.filter(|last| last.begun_us >= write.begun_us).unwrap_or(write);
            last = Some(later);
            (write.position, later)
        });
        let last_begun = last_begun.collect();
        Positions {
            last_begun,
            first_open: run.journals.reference().is_none().then_some(run.options.before + 1),
            unplaced_us: writes
                .iter()
                .find(|write| write.position.is_none())
                .map(|write| write.begun_us),
        }
    }

    /// Judges a read by its position. `None` if it has none.
    fn judge(&self, read: &Operation) -> Option<Result<(), Future<'a>>> {
        let position = read.position?;
        let shown = self.last_begun.partition_point(|(at, _)| *at <= position);
        if let Some((_, last)) = self.last_begun[..shown].last() {
            return Some(if last.begun_us > read.completed_us {
                Err(Future::Write(*last))
            } else {
                Ok(())
            });
        }
        let can_be_unplaced = self.unplaced_us.is_some_and(|begun_us| begun_us <= read.completed_us);
        let needs_a_write = self.first_open.is_some_and(|first| position >= first);
        Some(if needs_a_write && !can_be_unplaced {
            Err(Future::Position(position))
        } else {
            Ok(())
        })
    }
}

/// The balances that each account can have by the writes that were begun so far.
struct Balances<'a> {
    accounts: HashMap<&'a str, Account>,
    /// False if the journals show each balance, or if the bank is older than the run.
    is_judged: bool,
}

/// An account by the writes that were begun so far. Each of them may be applied at any later time: a deposit that was
/// begun before somebody began to open the account may come after the opening.
struct Account {
    /// The possible opening balances. Empty if nobody has begun to open the account, or if the balance is not known.
    openings: BTreeSet<i128>,
    /// The possible sums of all changes.
    changes: Sums,
}

impl Account {
    fn unopened() -> Self {
        Account {
            openings: BTreeSet::new(),
            changes: Sums::zero(),
        }
    }
}

impl<'a> Balances<'a> {
    fn at_the_opening(run: &Run<'a>) -> Self {
        let main = Account {
            openings: run.options.opening.map(i128::from).into_iter().collect(),
            ..Account::unopened()
        };
        Balances {
            accounts: HashMap::from([(MAIN, main)]),
            is_judged: run.journals.reference().is_none() && run.options.before <= 1,
        }
    }

    /// Adds a write that was begun.
    fn add(&mut self, write: &'a Operation) {
        if !self.is_judged || matches!(write.outcome, Outcome::Refused(_)) {
            return;
        }
        match &write.action {
            Action::Query { .. } => {}
            Action::Open { account, amount } => {
                // The bank opens `main` when it is founded.
                if account != MAIN {
                    self.account(account).openings.insert((*amount).into());
                }
            }
            Action::Deposit { account, amount } => self.change(account, (*amount).into()),
            Action::Withdraw { account, amount } => self.change(account, -i128::from(*amount)),
            Action::Transfer { account, to, amount } => {
                self.change(account, -i128::from(*amount));
                self.change(to, (*amount).into());
            }
        }
    }

    fn account(&mut self, name: &'a str) -> &mut Account {
        self.accounts.entry(name).or_insert_with(Account::unopened)
    }

    fn change(&mut self, name: &'a str, change: i128) {
        let account = self.account(name);
        account.changes = account.changes.with_uncertain(change);
    }

    /// Judges a read by its balance. `None` if it has none, or if the opening balance of the account is not known.
    fn judge(&self, read: &Operation) -> Option<Result<(), Future<'static>>> {
        let balance = read.balance.filter(|_| self.is_judged)?;
        let account = self.accounts.get(read.action.account())?;
        if account.openings.is_empty() {
            return None;
        }
        let given = |opening: &i128| account.changes.contains(i128::from(balance) - opening);
        Some(match account.openings.iter().any(given) {
            true => Ok(()),
            false => Err(Future::Balance(balance)),
        })
    }
}

fn fail(read: &Operation, future: &Future<'_>, verdict: &mut VerdictBuilder) {
    let (mut operations, mut positions) = (vec![read], Vec::from_iter(read.position));
    if let Future::Write(write) = future {
        operations.push(write.operation);
        positions.push(write.position);
    }
    let case = Case::at(read.completed_us, operations, positions, Vec::new());
    verdict.fail(case, || {
        let read_was = format!("{} was done at {} µs", describe::customer_request(read), read.completed_us);
        match *future {
            Future::Write(write) => format!(
                "{read_was} and answered from position {}; {}, at position {}, was begun after that, at {} µs",
                read.position.unwrap_or(write.position),
                describe::customer_request(write.operation),
                write.position,
                write.begun_us,
            ),
            Future::Position(position) => format!(
                "{read_was} and answered from position {position}; no customer had begun a write by then that can have \
                 this position or an earlier one"
            ),
            Future::Balance(balance) => format!(
                "{read_was} and answered {balance}; the writes that customers had begun by then cannot give this balance"
            ),
        }
    });
}
