//! Judges customers that ran one after the other. It replays the input, so it knows each balance and each result
//! exactly. After a write with an unknown result, the balances with and without that write stay possible until the end,
//! because the write may still be applied later.

use super::reported::Answer;
use crate::analysis::sums::Sums;
use crate::script::{Action, Step};
use crate::verdict::Verdict;

/// Counts every read in `reads` and every write in `writes`.
pub(super) fn judge(
    opening_balance: i64,
    steps: &[Step<'_>],
    answers: &[Answer],
    reads: &mut Verdict,
    writes: &mut Verdict,
) {
    let mut account = Account::open(opening_balance);
    for (at, (step, &answer)) in steps.iter().zip(answers).enumerate() {
        match (step.event.action, answer) {
            (Action::Query, Answer::Balance(balance)) => reads.count(account.read(steps, at, balance)),
            (Action::Query, _) => {}
            (_, Answer::Success | Answer::Fail) => writes.count(account.write(steps, at, answer == Answer::Success)),
            (_, Answer::NotSaid) => account.assume(step, at),
            (_, Answer::Unknown | Answer::Missing | Answer::Balance(_)) => account.add_uncertain(step.event.action),
        }
    }
}

/// The account as the replay knows it.
struct Account {
    /// Balance with every write that was certainly applied.
    balance: i128,
    /// Possible sums of the writes with an unknown result.
    uncertain: Sums,
    /// Balance after each write that was certainly applied, with the index of the write. The first entry is the opening
    /// balance, without a write.
    past: Vec<(i128, Option<usize>)>,
}

impl Account {
    fn open(opening_balance: i64) -> Self {
        let balance = i128::from(opening_balance);
        Account {
            balance,
            uncertain: Sums::zero(),
            past: vec![(balance, None)],
        }
    }

    fn lowest(&self) -> i128 {
        self.balance + self.uncertain.low()
    }

    fn highest(&self) -> i128 {
        self.balance + self.uncertain.high()
    }

    fn apply(&mut self, step: &Step<'_>, at: usize) {
        self.balance += step.event.action.change();
        self.past.push((self.balance, Some(at)));
    }

    fn add_uncertain(&mut self, action: Action) {
        self.uncertain = self.uncertain.with_uncertain(action.change());
    }

    /// Whether the bank may accept the write, and whether it may refuse it.
    fn may(&self, action: Action) -> (bool, bool) {
        match action {
            Action::Query => (true, false),
            Action::Deposit(amount) => {
                let room = i128::from(i64::MAX) - i128::from(amount);
                (self.lowest() <= room, self.highest() > room)
            }
            Action::Withdraw(amount) => (self.highest() >= i128::from(amount), self.lowest() < i128::from(amount)),
        }
    }

    /// Takes a write whose result the output does not show. If only one result is possible, the write had that result.
    fn assume(&mut self, step: &Step<'_>, at: usize) {
        match self.may(step.event.action) {
            (true, false) => self.apply(step, at),
            (false, _) => {}
            (true, true) => self.add_uncertain(step.event.action),
        }
    }

    fn write(&mut self, steps: &[Step<'_>], at: usize, accepted: bool) -> Option<String> {
        let step = &steps[at];
        let (may_accept, may_refuse) = self.may(step.event.action);
        let held = self.balance;
        match accepted {
            true if may_accept => self.apply(step, at),
            false if may_refuse => {}
            // The result is wrong, so it does not say whether the write was applied. Later events are judged with both.
            _ => self.add_uncertain(step.event.action),
        }
        let name = step.with_customer();
        match (accepted, step.event.action) {
            (true, _) if may_accept => None,
            (false, _) if may_refuse => None,
            (true, Action::Withdraw(amount)) => Some(format!(
                "{name} succeeded; it had to be refused: the balance was {held}, less than {amount}"
            )),
            (true, _) => Some(format!(
                "{name} succeeded; it had to be refused: the balance was {held}, and the sum exceeds {}",
                i64::MAX
            )),
            (false, _) => Some(format!("{name} was refused; it had to succeed: the balance was {held}")),
        }
    }

    fn read(&self, steps: &[Step<'_>], at: usize, answered: i64) -> Option<String> {
        let answered = i128::from(answered);
        if self.uncertain.contains(answered - self.balance) {
            return None;
        }
        let reader = &steps[at];
        let failure = format!(
            "{} answered {answered}; it had to be {}",
            reader.with_customer(),
            self.balance
        );
        let Some(missed) = self.missed(steps, reader, answered) else {
            let reason = match self.past.last().and_then(|(_, write)| *write) {
                Some(last) => format!("the balance after {}", steps[last].named_for(reader)),
                None => "the opening balance".to_owned(),
            };
            return Some(format!("{failure}, {reason}; the account never held {answered} before"));
        };
        let broken = match missed.customer == reader.customer {
            true => "read-your-writes broken",
            false => "the order of the input broken",
        };
        Some(format!(
            "{failure}, and to include {}: {broken}",
            missed.named_for(reader)
        ))
    }

    /// The write that an old balance does not include. It comes after the last time that the account held that balance.
    /// A write of the reader's own is preferred to another customer's.
    fn missed<'a, 's>(&self, steps: &'a [Step<'s>], reader: &Step<'_>, answered: i128) -> Option<&'a Step<'s>> {
        let held = self.past.iter().rposition(|(balance, _)| *balance == answered)?;
        let mut after = self.past[held + 1..]
            .iter()
            .filter_map(|(_, write)| write.map(|at| &steps[at]));
        let first = after.clone().next()?;
        Some(after.find(|write| write.customer == reader.customer).unwrap_or(first))
    }
}
