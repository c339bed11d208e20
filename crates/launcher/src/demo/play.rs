//! Plays a lesson: its input once under the weak setting and once under the strong one, on a fresh bank each time, under
//! the same script for the network. Nothing in it is left to luck: the held branch cannot know what it has not been
//! sent, and is sent it only once the one that waits for it is seen to wait.

use super::dead_branch::DeadBranch;
use super::lesson::{BRANCHES, Lesson, OPENING, Setting, Step};
use super::stage::{Stage, Visitor};
use bank_check::history::{Fault, History, Operation};
use bank_check::verdict::Outcome;
use bank_check::{Options, Verdict, judge};
use bank_cluster::{ClusterError, Programs};
use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::time::SystemTime;

/// The weak act's folder, in the run's.
pub(super) const WEAK: &str = "weak";
/// The strong one's.
pub(super) const STRONG: &str = "strong";

/// A lesson, played once.
#[derive(Debug)]
pub struct Performance {
    /// Where it should break.
    pub weak: Act,
    /// Where it should hold.
    pub strong: Act,
    /// Of a lesson that has one.
    pub dead_branch: Option<DeadBranch>,
}

/// The input, played once.
#[derive(Debug)]
pub struct Act {
    /// When it began.
    pub started: SystemTime,
    /// What was promised.
    pub setting: Setting,
    /// What was done, what befell the bank, and what each branch applied.
    pub history: History,
    /// Why a branch's journal is not in the history, for each that is not.
    pub missing: Vec<String>,
    /// The version that a branch gives as its own.
    pub version: Option<String>,
    /// What the judge makes of that.
    pub verdicts: Vec<Verdict>,
    /// Of a strong act: what was seen of the wait.
    pub wait: Option<Wait>,
}

/// Proof that something waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Wait {
    /// Which event.
    pub event: i64,
    /// The same branch answered another read from this position, and the event had no answer yet.
    pub meanwhile_position: u64,
    /// From the question to the answer, in microseconds.
    pub took_us: u64,
    /// From the network's release to the answer, in microseconds: what of it was not the network's own.
    pub after_release_us: u64,
}

/// Plays a lesson once.
///
/// # Errors
/// The branches do not do what they have to.
pub async fn play(lesson: &Lesson, programs: &Programs, dir: &Path) -> Result<Performance, ClusterError> {
    let weak = act(lesson, lesson.weak, programs, &dir.join(WEAK)).await?;
    let strong = act(lesson, lesson.strong, programs, &dir.join(STRONG)).await?;
    let dead_branch = match lesson.dead_branch {
        true => Some(DeadBranch::play(programs, &dir.join("dead-branch")).await?),
        false => None,
    };
    Ok(Performance {
        weak,
        strong,
        dead_branch,
    })
}

async fn act(lesson: &Lesson, setting: Setting, programs: &Programs, dir: &Path) -> Result<Act, ClusterError> {
    let started = SystemTime::now();
    let stage = Stage::set(programs, dir).await?;
    let mut fault = stage.hold();
    let mut visitors: BTreeMap<u64, Visitor> = BTreeMap::new();
    let mut operations: Vec<Operation> = Vec::new();
    let mut wait = None;
    for (step, event) in lesson.steps.iter().zip(1..) {
        let visitor = visitors.entry(step.customer).or_default();
        let asked = (event, step, setting);
        let operation = if step.waits && setting == lesson.strong {
            let (operation, seen) = awaited(&stage, visitor, asked, &mut fault, newest(&operations)).await;
            wait = seen;
            operation
        } else {
            stage.perform(visitor, event, step, setting).await
        };
        operations.push(operation);
    }
    if fault.until_us.is_none() {
        stage.release(&mut fault);
    }
    let collected = stage.journals(newest(&operations)).await;
    stage.clear().await?;
    let history = History {
        operations,
        faults: vec![fault],
        journals: collected.journals,
        branches: BRANCHES.to_vec(),
    };
    let options = Options {
        opening: Some(OPENING),
        every_read: lesson.every_read,
        ..Options::default()
    };
    Ok(Act {
        started,
        setting,
        verdicts: judge(&history, &options),
        history,
        missing: collected.missing,
        version: collected.version,
        wait,
    })
}

/// Asks, and lets the network go on once it is known that the one who asked waits; without that knowledge there is no
/// [`Wait`].
async fn awaited(
    stage: &Stage,
    visitor: &mut Visitor,
    (event, step, setting): (i64, &Step, Setting),
    fault: &mut Fault,
    position: u64,
) -> (Operation, Option<Wait>) {
    let mut performed = pin!(stage.perform(visitor, event, step, setting));
    // In this order: what waits is sent first.
    let meanwhile = tokio::select! {
        biased;
        operation = &mut performed => return (operation, None),
        meanwhile = stage.meanwhile(step, position) => meanwhile,
    };
    stage.release(fault);
    let operation = performed.await;
    let wait = meanwhile.map(|meanwhile_position| Wait {
        event,
        meanwhile_position,
        took_us: operation.completed_us.saturating_sub(operation.invoked_us),
        after_release_us: operation
            .completed_us
            .saturating_sub(fault.until_us.unwrap_or_default()),
    });
    (operation, wait)
}

/// The newest position that anyone was told of; a fresh bank is at 1.
fn newest(operations: &[Operation]) -> u64 {
    let told = operations.iter().filter_map(|operation| operation.position);
    told.max().unwrap_or(1)
}

impl Act {
    /// The verdict that the lesson is about.
    pub fn verdict(&self, lesson: &Lesson) -> Option<&Verdict> {
        self.verdicts
            .iter()
            .find(|verdict| verdict.guarantee == lesson.guarantee)
    }

    /// Events without an answer and journals that could not be read, in words.
    pub(super) fn went_wrong(&self) -> impl Iterator<Item = &String> {
        let operations = self.history.operations.iter();
        let errors = operations.filter_map(|operation| operation.error.as_ref());
        errors.chain(&self.missing)
    }

    /// Nothing went wrong apart from what a judge finds.
    fn error(&self) -> Result<(), String> {
        self.went_wrong().next().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// No verdict fails where something had been promised.
    fn no_promise_broken(&self) -> Result<(), String> {
        let broken = self.verdicts.iter().find(|verdict| verdict.breaks_promise());
        broken.map_or(Ok(()), |verdict| {
            Err(format!("a promise was broken: {}", verdict.failures.join("; ")))
        })
    }
}

impl Performance {
    /// The weak run broke, with the one witness that it had to leave and no other, and broke nothing that was promised.
    ///
    /// # Errors
    /// What was seen instead.
    pub fn broke(&self, lesson: &Lesson) -> Result<(), String> {
        self.weak.error()?;
        self.weak.no_promise_broken()?;
        let verdict = self.weak.verdict(lesson).ok_or("there is no such verdict")?;
        let expected = (lesson.witness)(&self.weak.history.operations);
        match verdict.failures.as_slice() {
            [witness] if *witness == expected => Ok(()),
            [] => Err(format!("{} did not break", lesson.guarantee)),
            witnesses => Err(format!("expected {expected:?}, found {witnesses:?}")),
        }
    }

    /// The strong run held, by waiting, and nothing at all was wrong with it.
    ///
    /// # Errors
    /// What was seen instead.
    pub fn held(&self, lesson: &Lesson) -> Result<(), String> {
        self.strong.error()?;
        self.strong.no_promise_broken()?;
        let verdict = self.strong.verdict(lesson).ok_or("there is no such verdict")?;
        match (verdict.outcome(), self.strong.wait) {
            (Outcome::Pass, Some(_)) => {}
            (Outcome::Pass, None) => return Err("nothing was seen to wait".to_owned()),
            (Outcome::Unknown, _) => return Err("there was nothing to judge".to_owned()),
            (Outcome::Fail, _) => return Err(verdict.failures.join("; ")),
        }
        self.dead_branch.as_ref().map_or(Ok(()), DeadBranch::shown)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lesson::Name;
    use super::*;
    use bank_check::history::{Action, Level, Outcome as Came, Propagation};

    fn operation(sequence: u64, branch: u32, level: Level, position: u64) -> Operation {
        let account = "main".to_owned();
        let is_read = sequence > 1;
        Operation {
            customer: 1,
            session: "customer 1".to_owned(),
            sequence,
            event: i64::try_from(sequence).ok(),
            action: if is_read {
                Action::Query { account }
            } else {
                Action::Deposit { account, amount: 10 }
            },
            branch,
            served_by: Some(branch),
            level,
            propagation: Propagation::Quorum,
            request_id: (!is_read).then(|| "0198".to_owned()),
            invoked_us: sequence * 10,
            completed_us: sequence * 10 + 1,
            outcome: if is_read { Came::Answered } else { Came::Accepted },
            balance: Some(if position == 1 { 100 } else { 110 }),
            position: Some(position),
            waited_us: 0,
            attempts: 1,
            repeated: false,
            missing_branches: Vec::new(),
            error: None,
        }
    }

    /// A deposit at branch 1, at position 2, and a query at branch 3, answered from this position.
    fn act(setting: Setting, level: Level, position: u64, wait: Option<Wait>) -> Act {
        let history = History {
            operations: vec![operation(1, 1, level, 2), operation(2, 3, level, position)],
            branches: BRANCHES.to_vec(),
            ..History::default()
        };
        let options = Options {
            opening: Some(OPENING),
            ..Options::default()
        };
        Act {
            started: SystemTime::UNIX_EPOCH,
            setting,
            verdicts: judge(&history, &options),
            history,
            missing: Vec::new(),
            version: None,
            wait,
        }
    }

    #[test]
    fn only_the_right_witness_and_a_wait_that_was_seen_convince() {
        let lesson = Name::ReadYourWrites.lesson();
        let wait = Some(Wait {
            event: 2,
            meanwhile_position: 1,
            took_us: 9,
            after_release_us: 3,
        });
        //   weak read from, strong read from, wait, what went wrong in each
        let table = [
            (1, 2, wait, "", ""),
            (2, 2, wait, "did not break", ""),
            (0, 2, wait, "a promise was broken: customer 1's query", ""),
            (1, 1, wait, "", "a promise was broken: customer 1 deposited 10"),
            (1, 2, None, "", "nothing was seen to wait"),
        ];
        for (weak, strong, wait, not_broken, not_held) in table {
            let performance = Performance {
                weak: act(lesson.weak, Level::Eventual, weak, None),
                strong: act(lesson.strong, Level::Session, strong, wait),
                dead_branch: None,
            };
            for (seen, wrong) in [
                (performance.broke(lesson), not_broken),
                (performance.held(lesson), not_held),
            ] {
                let instead = seen.err().unwrap_or_default();
                assert!(
                    instead.contains(wrong) && instead.is_empty() == wrong.is_empty(),
                    "{wrong:?}: {instead}"
                );
            }
        }
    }
}
