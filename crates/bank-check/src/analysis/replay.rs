//! Replays a journal with the checker's own rules. The replay knows every balance at every position and lists each
//! mismatch with the journal. It follows the journal's decisions, so one wrong decision is one mismatch.

use crate::history::{Action, Applied, Outcome, RefusalReason};
use std::collections::HashMap;

/// A replayed journal.
pub(crate) struct Replay<'a> {
    accounts: HashMap<&'a str, usize>,
    /// Balances of each account by position. They have 128 bits, so no content of a journal can overflow them.
    timelines: Vec<Vec<(u64, i128)>>,
    /// Mismatches between journal and replay, in the order of the journal.
    pub(crate) mismatches: Vec<Mismatch<'a>>,
}

/// One mismatch between a journal and its replay.
pub(crate) struct Mismatch<'a> {
    pub(crate) entry: &'a Applied,
    pub(crate) kind: MismatchKind,
}

/// Kinds of mismatches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MismatchKind {
    /// The journal accepted a command that takes more than the account holds.
    Overdraft {
        /// Balance of the account before the command.
        held: i128,
    },
    /// The journal accepted a command that must be refused for this reason.
    Accepted(RefusalReason),
    /// The journal refused a command that must be accepted, or gave a wrong reason.
    Refused {
        /// Correct reason. `None` if the command must be accepted.
        expected: Option<RefusalReason>,
        /// Balance of the account. `None` if it did not exist.
        held: Option<i128>,
    },
    /// The journal has another balance than the replay.
    Balance {
        /// Balance by the replay.
        expected: i128,
        /// Balance in the journal.
        found: i128,
    },
}

impl<'a> Replay<'a> {
    /// Replays commands, sorted by position.
    pub(crate) fn of(entries: &[&'a Applied]) -> Self {
        let mut replay = Replay {
            accounts: HashMap::new(),
            timelines: Vec::new(),
            mismatches: Vec::new(),
        };
        for entry in entries {
            replay.apply(entry);
        }
        replay
    }

    /// Balance of an account at a position. `None` if the account did not exist there.
    pub(crate) fn balance(&self, account: &str, position: u64) -> Option<i128> {
        let timeline = &self.timelines[*self.accounts.get(account)?];
        let after = timeline.partition_point(|(at, _)| *at <= position);
        timeline[..after].last().map(|(_, balance)| *balance)
    }

    fn current(&self, account: &str) -> Option<i128> {
        let timeline = &self.timelines[*self.accounts.get(account)?];
        timeline.last().map(|(_, balance)| *balance)
    }

    fn set(&mut self, account: &'a str, position: u64, balance: i128) {
        let timelines = &mut self.timelines;
        let at = *self.accounts.entry(account).or_insert_with(|| {
            timelines.push(Vec::new());
            timelines.len() - 1
        });
        timelines[at].push((position, balance));
    }

    fn apply(&mut self, entry: &'a Applied) {
        let due = refusal_due(&entry.action, |account| self.current(account));
        match entry.outcome {
            Outcome::Refused(reason) => self.refuse(entry, reason, due),
            _ => self.accept(entry, due),
        }
    }

    fn refuse(&mut self, entry: &'a Applied, reason: RefusalReason, due: Option<RefusalReason>) {
        let held = self.current(entry.action.account());
        if due != Some(reason) {
            self.mismatch(entry, MismatchKind::Refused { expected: due, held });
        }
        let possible = refused_balances(&entry.action, reason, |account| self.current(account));
        if !possible.contains(&i128::from(entry.balance)) {
            self.wrong_balance(entry, possible[0], entry.balance);
        }
    }

    fn accept(&mut self, entry: &'a Applied, due: Option<RefusalReason>) {
        let position = entry.position;
        let held = self.current(entry.action.account()).unwrap_or(0);
        match due {
            Some(RefusalReason::InsufficientFunds) => self.mismatch(entry, MismatchKind::Overdraft { held }),
            Some(refusal) => self.mismatch(entry, MismatchKind::Accepted(refusal)),
            None => {}
        }
        let account = entry.action.account();
        let balance = match &entry.action {
            Action::Query { .. } => held,
            Action::Deposit { amount, .. } => held + i128::from(*amount),
            Action::Withdraw { amount, .. } | Action::Transfer { amount, .. } => held - i128::from(*amount),
            Action::Open { amount, .. } => i128::from(*amount),
        };
        self.set(account, position, balance);
        if let Action::Transfer { to, amount, .. } = &entry.action {
            let paid = self.current(to).unwrap_or(0) + i128::from(*amount);
            self.set(to, position, paid);
            match entry.to_balance {
                Some(found) if i128::from(found) != paid => self.wrong_balance(entry, paid, found),
                _ => {}
            }
        }
        if i128::from(entry.balance) != balance {
            self.wrong_balance(entry, balance, entry.balance);
        }
    }

    fn mismatch(&mut self, entry: &'a Applied, kind: MismatchKind) {
        self.mismatches.push(Mismatch { entry, kind });
    }

    fn wrong_balance(&mut self, entry: &'a Applied, expected: i128, found: i64) {
        let found = i128::from(found);
        self.mismatch(entry, MismatchKind::Balance { expected, found });
    }
}

/// Reason for which a bank must refuse an action, given the balances. `None` if it must accept.
fn refusal_due(action: &Action, held: impl Fn(&str) -> Option<i128>) -> Option<RefusalReason> {
    let exceeds_largest = |balance: i128, amount: i64| balance + i128::from(amount) > i128::from(i64::MAX);
    match action {
        Action::Query { .. } => None,
        Action::Open { account, amount } => match held(account) {
            Some(_) => Some(RefusalReason::AccountExists),
            None => (*amount < 0).then_some(RefusalReason::InsufficientFunds),
        },
        Action::Deposit { account, amount } => match held(account) {
            None => Some(RefusalReason::NoSuchAccount),
            Some(balance) => exceeds_largest(balance, *amount).then_some(RefusalReason::Overflow),
        },
        Action::Withdraw { account, amount } => match held(account) {
            None => Some(RefusalReason::NoSuchAccount),
            Some(balance) => (balance < i128::from(*amount)).then_some(RefusalReason::InsufficientFunds),
        },
        Action::Transfer { account, to, amount } => {
            let Some(payer) = held(account) else {
                return Some(RefusalReason::NoSuchAccount);
            };
            if account == to {
                return Some(RefusalReason::SameAccount);
            }
            let Some(payee) = held(to) else {
                return Some(RefusalReason::NoSuchAccount);
            };
            if payer < i128::from(*amount) {
                return Some(RefusalReason::InsufficientFunds);
            }
            exceeds_largest(payee, *amount).then_some(RefusalReason::Overflow)
        }
    }
}

/// Balances that a refusal may report: of the action's account, or of the account that caused the refusal. An account
/// that does not exist reports 0.
pub(crate) fn refused_balances(
    action: &Action,
    reason: RefusalReason,
    held: impl Fn(&str) -> Option<i128>,
) -> [i128; 2] {
    let own = held(action.account()).unwrap_or(0);
    let other = match (reason, action) {
        (RefusalReason::Overflow, Action::Transfer { to, .. }) => held(to).unwrap_or(0),
        (RefusalReason::NoSuchAccount, _) => 0,
        _ => own,
    };
    [own, other]
}
