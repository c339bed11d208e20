//! Judges customers that ran at the same time. A balance must be the opening balance, plus all earlier writes of the
//! reading customer, plus each other customer's writes up to some point. Every choice of these points is allowed, so a
//! correct run never fails.

use super::reported::Answer;
use crate::analysis::sums::Sums;
use crate::script::{Action, Step};
use crate::verdict::Verdict;
use std::collections::BTreeMap;

/// Counts every read in `reads` and every write in `writes`.
pub(super) fn judge(
    opening_balance: i64,
    steps: &[Step<'_>],
    answers: &[Answer],
    reads: &mut Verdict,
    writes: &mut Verdict,
) {
    let opening = i128::from(opening_balance);
    let effects = effects(opening, steps, answers);
    let mut customers: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        customers.entry(step.customer).or_default().push(at);
    }
    let customers: Vec<Vec<usize>> = customers.into_values().collect();
    // Failures with the index of their step: verdicts list them in the order of the input.
    let mut read_failures = Vec::new();
    let mut write_failures = Vec::new();
    for (own, others) in customers.iter().zip(others(&customers, &effects)) {
        let mut view = CustomerView {
            opening,
            others,
            past: vec![(Sums::zero(), None)],
        };
        for &at in own {
            let step = &steps[at];
            match (step.event.action, answers[at]) {
                (Action::Query, Answer::Balance(balance)) => {
                    reads.judged += 1;
                    read_failures.extend(view.read(steps, step, balance).map(|failure| (at, failure)));
                }
                (_, Answer::Success | Answer::Fail) if step.event.action.is_write() => {
                    writes.judged += 1;
                    let accepted = answers[at] == Answer::Success;
                    write_failures.extend(view.write(step, accepted).map(|failure| (at, failure)));
                }
                _ => {}
            }
            view.apply(at, effects[at]);
        }
    }
    reads.failed += read_failures.len();
    writes.failed += write_failures.len();
    reads.failures.extend(in_order(read_failures));
    writes.failures.extend(in_order(write_failures));
    if let Some(failure) = overdrawn(opening, &effects) {
        writes.count(Some(failure));
    }
}

fn in_order(mut failures: Vec<(usize, String)>) -> impl Iterator<Item = String> {
    failures.sort();
    failures.into_iter().map(|(_, failure)| failure)
}

/// Effect of an event on the balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// The event certainly changed the balance by this amount.
    Certain(i128),
    /// The event may have changed the balance by this amount.
    Uncertain(i128),
}

fn effects(opening: i128, steps: &[Step<'_>], answers: &[Answer]) -> Vec<Effect> {
    let deposits: i128 = steps.iter().map(|step| step.event.action.change().max(0)).sum();
    // A deposit can only be refused if the balance may exceed the largest amount.
    let fits = opening + deposits <= i128::from(i64::MAX);
    let effect = |(step, answer): (&Step<'_>, &Answer)| match (step.event.action, *answer) {
        (Action::Query, _) | (_, Answer::Fail) => Effect::None,
        (action, Answer::Success) => Effect::Certain(action.change()),
        (Action::Deposit(amount), Answer::NotSaid) if fits => Effect::Certain(i128::from(amount)),
        (action, _) => Effect::Uncertain(action.change()),
    };
    steps.iter().zip(answers).map(effect).collect()
}

fn add_effect(sums: &Sums, effect: Effect) -> Sums {
    match effect {
        Effect::None => sums.clone(),
        Effect::Certain(change) => sums.shifted(change),
        Effect::Uncertain(change) => sums.with_uncertain(change),
    }
}

/// For each customer, the possible sums of all other customers' writes at any time.
fn others(customers: &[Vec<usize>], effects: &[Effect]) -> Vec<Sums> {
    let up_to_any_point = |events: &Vec<usize>| {
        let mut now = Sums::zero();
        let mut ever = Sums::zero();
        for &at in events.iter().filter(|&&at| effects[at] != Effect::None) {
            now = add_effect(&now, effects[at]);
            ever = ever.union(&now);
        }
        ever
    };
    let each: Vec<Sums> = customers.iter().map(up_to_any_point).collect();
    let mut after = vec![Sums::zero()];
    for sums in each.iter().skip(1).rev() {
        let next = after.last().map(|last| last.plus(sums));
        after.extend(next);
    }
    let mut before = Sums::zero();
    let mut all = Vec::new();
    for (sums, after) in each.iter().zip(after.iter().rev()) {
        all.push(before.plus(after));
        before = before.plus(sums);
    }
    all
}

/// A failure if the accepted writes take more than the account ever had, in any order.
fn overdrawn(opening: i128, effects: &[Effect]) -> Option<String> {
    let most = effects.iter().fold(opening, |sum, effect| match *effect {
        Effect::None => sum,
        Effect::Certain(change) => sum + change,
        Effect::Uncertain(change) => sum + change.max(0),
    });
    (most < 0).then(|| format!("the accepted writes leave the account at {most}: a withdrawal had to be refused"))
}

/// What one customer may see, event by event.
struct CustomerView {
    opening: i128,
    /// Possible sums of the other customers' writes.
    others: Sums,
    /// Possible sums of the customer's own writes: before the first, then after each write, with the index of that
    /// write.
    past: Vec<(Sums, Option<usize>)>,
}

impl CustomerView {
    fn apply(&mut self, at: usize, effect: Effect) {
        if effect != Effect::None {
            let next = add_effect(&self.own(), effect);
            self.past.push((next, Some(at)));
        }
    }

    fn own(&self) -> Sums {
        self.past.last().map_or_else(Sums::zero, |(sums, _)| sums.clone())
    }

    fn lowest(&self) -> i128 {
        (self.opening + self.own().low() + self.others.low()).max(0)
    }

    fn highest(&self) -> i128 {
        (self.opening + self.own().high() + self.others.high()).min(i128::from(i64::MAX))
    }

    fn explains(&self, own: &Sums, balance: i128) -> bool {
        balance >= 0 && own.plus_contains(&self.others, balance - self.opening)
    }

    fn write(&self, step: &Step<'_>, accepted: bool) -> Option<String> {
        let (lowest, highest) = (self.lowest(), self.highest());
        match (step.event.action, accepted) {
            (Action::Withdraw(amount), true) if highest < i128::from(amount) => Some(format!(
                "{} succeeded; it had to be refused: the balance was at most {highest}",
                step.with_customer()
            )),
            (Action::Withdraw(amount), false) if lowest >= i128::from(amount) => Some(format!(
                "{} was refused; it had to succeed: the balance was at least {lowest}",
                step.with_customer()
            )),
            (Action::Deposit(amount), true) if lowest + i128::from(amount) > i128::from(i64::MAX) => Some(format!(
                "{} succeeded; it had to be refused: the balance was at least {lowest}",
                step.with_customer()
            )),
            (Action::Deposit(amount), false) if highest + i128::from(amount) <= i128::from(i64::MAX) => Some(format!(
                "{} was refused; it had to succeed: the balance was at most {highest}",
                step.with_customer()
            )),
            _ => None,
        }
    }

    fn read(&self, steps: &[Step<'_>], reader: &Step<'_>, answered: i64) -> Option<String> {
        let answered = i128::from(answered);
        if self.explains(&self.own(), answered) {
            return None;
        }
        let failure = format!("{} answered {answered}; it had to", reader.with_customer());
        // The answer is possible without this write of the customer's own and those after it.
        let known = (0..self.past.len() - 1)
            .rev()
            .find(|&known| self.explains(&self.past[known].0, answered));
        let missed = known.and_then(|known| self.past[known + 1].1).map(|at| &steps[at]);
        Some(match missed {
            Some(write) => format!("{failure} include {}: read-your-writes broken", write.named_for(reader)),
            None => format!(
                "{failure} be between {} and {}, and no order of the customers' writes gives it",
                self.lowest(),
                self.highest()
            ),
        })
    }
}
