//! Plays a lesson: its input once under the weak setting and once under the strong one, on a fresh bank each time.
//! Nothing is left to chance: the held branch cannot know what it has not been sent, and the network lets go only after
//! the request that waits was seen to wait.

use super::act::{Act, ActContext};
use super::dead_branch::DeadBranch;
use super::error::DemoError;
use super::lesson::Lesson;
use bank_check::verdict::Outcome;
use std::path::Path;

/// The folder of the weak act.
pub(super) const WEAK: &str = "weak";
/// The folder of the strong act.
pub(super) const STRONG: &str = "strong";
/// The folder of the acts with a dead branch.
const DEAD_BRANCH: &str = "dead-branch";

/// A lesson that was played once.
#[derive(Debug)]
pub struct Performance {
    /// The act in which the guarantee should break.
    pub weak: Act,
    /// The act in which the guarantee should hold.
    pub strong: Act,
    /// The acts with a dead branch, if the lesson has them.
    pub dead_branch: Option<DeadBranch>,
}

impl Performance {
    /// Plays a lesson once. Each act has a folder in `dir`.
    ///
    /// # Errors
    /// An act did not come to its end, or cannot be recorded.
    pub(super) async fn play(context: &ActContext, lesson: &Lesson, dir: &Path) -> Result<Self, DemoError> {
        let act = async |setting, name| context.play(lesson, lesson.input, setting, &dir.join(name)).await;
        Ok(Performance {
            weak: act(lesson.weak, WEAK).await?,
            strong: act(lesson.strong, STRONG).await?,
            dead_branch: match lesson.dead_branch {
                true => Some(DeadBranch::play(context, lesson, &dir.join(DEAD_BRANCH)).await?),
                false => None,
            },
        })
    }

    /// The weak run broke the guarantee with the expected witness and no other, and broke nothing that was promised.
    ///
    /// # Errors
    /// What was seen instead.
    pub fn broke(&self, lesson: &Lesson) -> Result<(), String> {
        self.weak.kept_its_promises()?;
        let verdict = self.weak.verdict(lesson).ok_or("there is no such verdict")?;
        let expected = (lesson.witness)(&self.weak.history.operations);
        match verdict.failures.as_slice() {
            [witness] if *witness == expected => Ok(()),
            [] => Err(format!("{} did not break", lesson.guarantee)),
            witnesses => Err(format!("expected {expected:?}, found {witnesses:?}")),
        }
    }

    /// The strong run kept the guarantee because a request waited, and nothing went wrong in it.
    ///
    /// # Errors
    /// What was seen instead.
    pub fn held(&self, lesson: &Lesson) -> Result<(), String> {
        self.strong.kept_its_promises()?;
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
    use super::super::act::Wait;
    use super::super::lesson::{Name, Setting};
    use super::*;
    use crate::run::meta::{Meta, Platform};
    use bank_check::history::{Action, History, Level, Operation, Outcome as Came, Propagation};
    use bank_check::{Options, judge};

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
            branches: vec![1, 2, 3],
            ..History::default()
        };
        let options = Options {
            opening: Some(100),
            ..Options::default()
        };
        Act {
            setting,
            meta: Meta {
                input: String::new(),
                started: String::new(),
                flags: Vec::new(),
                level: setting.level,
                propagation: setting.propagation,
                concurrent: false,
                opening_balance: 100,
                every_read: false,
                branches: history.branches.clone(),
                journals: Vec::new(),
                faults: Vec::new(),
                versions: Default::default(),
                platform: Platform::this(),
            },
            verdicts: judge(&history, &options),
            history,
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
