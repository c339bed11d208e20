//! Customers all at once: a balance must be the opening one, with all of its customer's earlier writes, and of each
//! other customer's writes those up to some point. Any such points are allowed, so no correct run ever fails.

use super::sums::Sums;
use super::{Answer, named_for, reads_verdict, whose, writes_verdict};
use crate::script::{Action, Step};
use crate::verdict::Verdict;
use std::collections::BTreeMap;

/// The verdicts on reads and on writes.
pub(super) fn judge(opening_balance: i64, steps: &[Step<'_>], answers: &[Answer]) -> Vec<Verdict> {
    let (mut reads, mut writes) = (reads_verdict(), writes_verdict());
    let opening = i128::from(opening_balance);
    let effects = effects(opening, steps, answers);
    let mut customers: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        customers.entry(step.customer).or_default().push(at);
    }
    let own: Vec<&Vec<usize>> = customers.values().collect();
    let mut failures = [Vec::new(), Vec::new()];
    for (own, others) in own.iter().zip(others(&own, &effects)) {
        let mut counter = Counter {
            opening,
            others,
            past: vec![(Sums::zero(), None)],
        };
        for &at in own.iter() {
            let step = &steps[at];
            match (step.event.action, answers[at]) {
                (Action::Query, Answer::Balance(balance)) => {
                    reads.judged += 1;
                    failures[0].extend(counter.read(steps, step, balance).map(|words| (at, words)));
                }
                (_, Answer::Success | Answer::Fail) if step.event.action.is_write() => {
                    writes.judged += 1;
                    let accepted = answers[at] == Answer::Success;
                    failures[1].extend(counter.write(step, accepted).map(|words| (at, words)));
                }
                _ => {}
            }
            counter.apply(at, effects[at]);
        }
    }
    let [read_failures, write_failures] = failures.map(|mut list| {
        list.sort();
        list.into_iter().map(|(_, words)| words)
    });
    reads.failures.extend(read_failures);
    writes.failures.extend(write_failures);
    writes.failures.extend(overdrawn(opening, &effects));
    vec![reads, writes]
}

/// What an event does to the balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// It changes the balance by this much.
    Sure(i128),
    /// It may, or may not.
    Unsure(i128),
}

fn effects(opening: i128, steps: &[Step<'_>], answers: &[Answer]) -> Vec<Effect> {
    let deposits: i128 = steps.iter().map(|step| step.event.action.change().max(0)).sum();
    let fits = opening + deposits <= i128::from(i64::MAX);
    let effect = |(step, answer): (&Step<'_>, &Answer)| match (step.event.action, *answer) {
        (Action::Query, _) | (_, Answer::Fail) => Effect::None,
        (action, Answer::Success) => Effect::Sure(action.change()),
        (Action::Deposit(amount), Answer::NotSaid) if fits => Effect::Sure(i128::from(amount)),
        (action, _) => Effect::Unsure(action.change()),
    };
    steps.iter().zip(answers).map(effect).collect()
}

fn with(sums: &Sums, effect: Effect) -> Sums {
    match effect {
        Effect::None => sums.clone(),
        Effect::Sure(change) => sums.shifted(change),
        Effect::Unsure(change) => sums.maybe(change),
    }
}

/// For each customer, what all the others may have added so far.
fn others(customers: &[&Vec<usize>], effects: &[Effect]) -> Vec<Sums> {
    let up_to_any_point = |events: &&Vec<usize>| {
        let mut now = Sums::zero();
        let mut ever = Sums::zero();
        for &at in events.iter().filter(|&&at| effects[at] != Effect::None) {
            now = with(&now, effects[at]);
            ever = ever.or(&now);
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

/// Money that was never there was paid out, in whatever order the writes came.
fn overdrawn(opening: i128, effects: &[Effect]) -> Option<String> {
    let most = effects.iter().fold(opening, |sum, effect| match *effect {
        Effect::None => sum,
        Effect::Sure(change) => sum + change,
        Effect::Unsure(change) => sum + change.max(0),
    });
    (most < 0).then(|| format!("all that succeeded leaves the account at {most}: a withdrawal had to be refused"))
}

/// One customer's view as it goes through its events.
struct Counter {
    opening: i128,
    others: Sums,
    /// What its own writes add: before the first, then after each, with the write's place.
    past: Vec<(Sums, Option<usize>)>,
}

impl Counter {
    fn apply(&mut self, at: usize, effect: Effect) {
        if effect != Effect::None {
            let next = with(&self.own(), effect);
            self.past.push((next, Some(at)));
        }
    }

    fn own(&self) -> Sums {
        self.past.last().map_or_else(Sums::zero, |(sums, _)| sums.clone())
    }

    fn least(&self) -> i128 {
        (self.opening + self.own().low() + self.others.low()).max(0)
    }

    fn most(&self) -> i128 {
        (self.opening + self.own().high() + self.others.high()).min(i128::from(i64::MAX))
    }

    fn explains(&self, own: &Sums, balance: i128) -> bool {
        balance >= 0 && own.plus_contains(&self.others, balance - self.opening)
    }

    fn write(&self, step: &Step<'_>, accepted: bool) -> Option<String> {
        let (least, most) = (self.least(), self.most());
        match (step.event.action, accepted) {
            (Action::Withdraw(amount), true) if most < i128::from(amount) => Some(format!(
                "{} succeeded; it had to be refused: the balance was at most {most}",
                whose(step)
            )),
            (Action::Withdraw(amount), false) if least >= i128::from(amount) => Some(format!(
                "{} was refused; it had to succeed: the balance was at least {least}",
                whose(step)
            )),
            (Action::Deposit(amount), true) if least + i128::from(amount) > i128::from(i64::MAX) => Some(format!(
                "{} succeeded; it had to be refused: the balance was at least {least}",
                whose(step)
            )),
            (Action::Deposit(amount), false) if most + i128::from(amount) <= i128::from(i64::MAX) => Some(format!(
                "{} was refused; it had to succeed: the balance was at most {most}",
                whose(step)
            )),
            _ => None,
        }
    }

    fn read(&self, steps: &[Step<'_>], reader: &Step<'_>, answered: i64) -> Option<String> {
        let answered = i128::from(answered);
        if self.explains(&self.own(), answered) {
            return None;
        }
        let fault = format!("{} answered {answered}; it had to", whose(reader));
        // Without this write of its own, and those after it, the balance would be explained.
        let known = (0..self.past.len() - 1)
            .rev()
            .find(|&known| self.explains(&self.past[known].0, answered));
        let missed = known.and_then(|known| self.past[known + 1].1).map(|at| &steps[at]);
        Some(match missed {
            Some(write) => format!("{fault} include {}: read-your-writes broken", named_for(reader, write)),
            None => format!(
                "{fault} be between {} and {}, and no order of the customers' writes gives it",
                self.least(),
                self.most()
            ),
        })
    }
}
