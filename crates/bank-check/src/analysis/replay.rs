//! The checker's own bookkeeping: replays a journal, knows every balance at every position, and notes where the journal
//! says or decided otherwise. It follows what the journal decided, so that one wrong decision is found once.

use crate::history::{Action, Applied, Outcome, Refusal};
use std::collections::HashMap;

/// A journal, replayed.
pub(crate) struct Replay<'a> {
    accounts: HashMap<&'a str, usize>,
    /// For each account its balances, by position. Wider than 64 bits, so that nothing that a journal says overflows.
    timelines: Vec<Vec<(u64, i128)>>,
    /// Where the journal is wrong, in order.
    pub(crate) slips: Vec<Slip<'a>>,
}

/// Where a journal is wrong.
pub(crate) struct Slip<'a> {
    pub(crate) entry: &'a Applied,
    pub(crate) kind: SlipKind,
}

/// How a journal is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlipKind {
    /// It took more than was there.
    Overdraft {
        /// What was there.
        held: i128,
    },
    /// It accepted what it had to refuse.
    Accepted(Refusal),
    /// It refused what it had to accept, or for a reason that was not so.
    Refused {
        /// What the reason should have been; `None`: it had to accept.
        instead: Option<Refusal>,
        /// What its account held; `None`: there was none.
        held: Option<i128>,
    },
    /// It gives another balance than the replay.
    Balance {
        /// By the replay.
        expected: i128,
        /// By the journal.
        said: i128,
    },
}

impl<'a> Replay<'a> {
    /// Replays commands, which are in the order of their positions.
    pub(crate) fn of(entries: &[&'a Applied]) -> Self {
        let mut replay = Replay {
            accounts: HashMap::new(),
            timelines: Vec::new(),
            slips: Vec::new(),
        };
        for entry in entries {
            replay.apply(entry);
        }
        replay
    }

    /// What an account held at a position; `None`: there was no such account.
    pub(crate) fn balance(&self, account: &str, position: u64) -> Option<i128> {
        let timeline = &self.timelines[*self.accounts.get(account)?];
        let after = timeline.partition_point(|(at, _)| *at <= position);
        timeline[..after].last().map(|(_, balance)| *balance)
    }

    fn now(&self, account: &str) -> Option<i128> {
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
        let due = refusal_due(&entry.action, |account| self.now(account));
        match entry.outcome {
            Outcome::Refused(said) => self.refuse(entry, said, due),
            _ => self.accept(entry, due),
        }
    }

    fn refuse(&mut self, entry: &'a Applied, said: Refusal, due: Option<Refusal>) {
        let held = self.now(entry.action.account());
        if due != Some(said) {
            self.slip(entry, SlipKind::Refused { instead: due, held });
        }
        let spoken_of = refused_balances(&entry.action, said, |account| self.now(account));
        if !spoken_of.contains(&i128::from(entry.balance)) {
            self.slip_balance(entry, spoken_of[0], entry.balance);
        }
    }

    fn accept(&mut self, entry: &'a Applied, due: Option<Refusal>) {
        let position = entry.position;
        let held = self.now(entry.action.account()).unwrap_or(0);
        match due {
            Some(Refusal::InsufficientFunds) => self.slip(entry, SlipKind::Overdraft { held }),
            Some(refusal) => self.slip(entry, SlipKind::Accepted(refusal)),
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
            let paid = self.now(to).unwrap_or(0) + i128::from(*amount);
            self.set(to, position, paid);
            match entry.to_balance {
                Some(said) if i128::from(said) != paid => self.slip_balance(entry, paid, said),
                _ => {}
            }
        }
        if i128::from(entry.balance) != balance {
            self.slip_balance(entry, balance, entry.balance);
        }
    }

    fn slip(&mut self, entry: &'a Applied, kind: SlipKind) {
        self.slips.push(Slip { entry, kind });
    }

    fn slip_balance(&mut self, entry: &'a Applied, expected: i128, said: i64) {
        let said = i128::from(said);
        self.slip(entry, SlipKind::Balance { expected, said });
    }
}

/// Why a bank has to refuse, given what accounts hold; `None`: it has to accept.
fn refusal_due(action: &Action, held: impl Fn(&str) -> Option<i128>) -> Option<Refusal> {
    let grows_past = |balance: i128, amount: i64| balance + i128::from(amount) > i128::from(i64::MAX);
    match action {
        Action::Query { .. } => None,
        Action::Open { account, amount } => match held(account) {
            Some(_) => Some(Refusal::AccountExists),
            None => (*amount < 0).then_some(Refusal::InsufficientFunds),
        },
        Action::Deposit { account, amount } => match held(account) {
            None => Some(Refusal::NoSuchAccount),
            Some(balance) => grows_past(balance, *amount).then_some(Refusal::Overflow),
        },
        Action::Withdraw { account, amount } => match held(account) {
            None => Some(Refusal::NoSuchAccount),
            Some(balance) => (balance < i128::from(*amount)).then_some(Refusal::InsufficientFunds),
        },
        Action::Transfer { account, to, amount } => {
            let Some(payer) = held(account) else {
                return Some(Refusal::NoSuchAccount);
            };
            if account == to {
                return Some(Refusal::SameAccount);
            }
            let Some(payee) = held(to) else {
                return Some(Refusal::NoSuchAccount);
            };
            if payer < i128::from(*amount) {
                return Some(Refusal::InsufficientFunds);
            }
            grows_past(payee, *amount).then_some(Refusal::Overflow)
        }
    }
}

/// The balances that a refusal may speak of: of its account, or of the one that it refused for; 0 of one that is not.
pub(crate) fn refused_balances(action: &Action, said: Refusal, held: impl Fn(&str) -> Option<i128>) -> [i128; 2] {
    let own = held(action.account()).unwrap_or(0);
    let other = match (said, action) {
        (Refusal::Overflow, Action::Transfer { to, .. }) => held(to).unwrap_or(0),
        (Refusal::NoSuchAccount, _) => 0,
        _ => own,
    };
    [own, other]
}
