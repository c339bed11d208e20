//! Customers one after the other: replays the input and knows each balance and each result exactly. After a write
//! whose result nobody knows, the balances with and without it are both right, for good: it may land late.

use super::sums::Sums;
use super::{Answer, named_for, reads_verdict, whose, writes_verdict};
use crate::script::{Action, Step};
use crate::verdict::Verdict;

/// The verdicts on reads and on writes.
pub(super) fn judge(opening_balance: i64, steps: &[Step<'_>], answers: &[Answer]) -> Vec<Verdict> {
    let (mut reads, mut writes) = (reads_verdict(), writes_verdict());
    let mut books = Books::open(opening_balance);
    for (at, (step, &answer)) in steps.iter().zip(answers).enumerate() {
        match (step.event.action, answer) {
            (Action::Query, Answer::Balance(balance)) => reads.count(books.read(steps, at, balance)),
            (Action::Query, _) => {}
            (_, Answer::Success | Answer::Fail) => writes.count(books.write(steps, at, answer == Answer::Success)),
            (_, Answer::NotSaid) => books.assume(step, at),
            (_, Answer::Unknown | Answer::Balance(_)) => books.unsure = books.unsure.maybe(step.event.action.change()),
        }
    }
    vec![reads, writes]
}

/// The balance as it must be.
struct Books {
    /// With every write that is known to count.
    balance: i128,
    /// What the writes of unknown result add.
    unsure: Sums,
    /// The balance after each write that counts, and the write's place; the opening balance first, with none.
    past: Vec<(i128, Option<usize>)>,
}

impl Books {
    fn open(opening_balance: i64) -> Self {
        let balance = i128::from(opening_balance);
        Books {
            balance,
            unsure: Sums::zero(),
            past: vec![(balance, None)],
        }
    }

    fn least(&self) -> i128 {
        self.balance + self.unsure.low()
    }

    fn most(&self) -> i128 {
        self.balance + self.unsure.high()
    }

    fn apply(&mut self, step: &Step<'_>, at: usize) {
        self.balance += step.event.action.change();
        self.past.push((self.balance, Some(at)));
    }

    /// Whether the write may be accepted, and whether it may be refused.
    fn may(&self, action: Action) -> (bool, bool) {
        match action {
            Action::Query => (true, false),
            Action::Deposit(amount) => {
                let room = i128::from(i64::MAX) - i128::from(amount);
                (self.least() <= room, self.most() > room)
            }
            Action::Withdraw(amount) => (self.most() >= i128::from(amount), self.least() < i128::from(amount)),
        }
    }

    /// A write whose result the output has no place for: it had the only result it could have.
    fn assume(&mut self, step: &Step<'_>, at: usize) {
        match self.may(step.event.action) {
            (true, false) => self.apply(step, at),
            (false, _) => {}
            (true, true) => self.unsure = self.unsure.maybe(step.event.action.change()),
        }
    }

    fn write(&mut self, steps: &[Step<'_>], at: usize, accepted: bool) -> Option<String> {
        let step = &steps[at];
        let (may_accept, may_refuse) = self.may(step.event.action);
        let held = self.balance;
        match accepted {
            true if may_accept => self.apply(step, at),
            false if may_refuse => {}
            // Whether it counts is now anyone's guess; later events are judged with both.
            _ => self.unsure = self.unsure.maybe(step.event.action.change()),
        }
        match (accepted, step.event.action) {
            (true, _) if may_accept => None,
            (false, _) if may_refuse => None,
            (true, Action::Withdraw(amount)) => Some(format!(
                "{} succeeded; it had to be refused: the balance was {held}, less than {amount}",
                whose(step)
            )),
            (true, _) => Some(format!(
                "{} succeeded; it had to be refused: {held} and it pass {}",
                whose(step),
                i64::MAX
            )),
            (false, _) => Some(format!(
                "{} was refused; it had to succeed: the balance was {held}",
                whose(step)
            )),
        }
    }

    fn read(&self, steps: &[Step<'_>], at: usize, answered: i64) -> Option<String> {
        let answered = i128::from(answered);
        if self.unsure.contains(answered - self.balance) {
            return None;
        }
        let reader = &steps[at];
        let fault = format!("{} answered {answered}; it had to", whose(reader));
        let Some(missed) = self.missed(steps, reader, answered) else {
            let why = match self.past.last().and_then(|(_, write)| *write) {
                Some(last) => format!("be {}, as {} left it", self.balance, named_for(reader, &steps[last])),
                None => format!("be {}, as the bank opened", self.balance),
            };
            return Some(format!("{fault} {why}, and the account never held that before"));
        };
        let breach = match missed.customer == reader.customer {
            true => "read-your-writes broken",
            false => "not what the customers' order gives",
        };
        Some(format!(
            "{fault} be {}, and to include {}: {breach}",
            self.balance,
            named_for(reader, missed)
        ))
    }

    /// The write that an old balance lacks: after the latest time that the account held it, the reader's own next
    /// write, else anyone's.
    fn missed<'a, 's>(&self, steps: &'a [Step<'s>], reader: &Step<'_>, answered: i128) -> Option<&'a Step<'s>> {
        let held = self.past.iter().rposition(|(balance, _)| *balance == answered)?;
        let mut after = self.past[held + 1..]
            .iter()
            .filter_map(|(_, write)| write.map(|at| &steps[at]));
        let first = after.clone().next()?;
        Some(after.find(|write| write.customer == reader.customer).unwrap_or(first))
    }
}
