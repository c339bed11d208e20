//! What a dead branch costs a write: nothing if the write waits for a quorum, its whole deadline if it waits for all.

use super::act::{Act, ActContext, took_us};
use super::error::DemoError;
use super::lesson::{DEAD_BRANCH_INPUT, HELD, Lesson, Setting, writes};
use bank_check::history::{Operation, Outcome};
use bank_client::Propagation;
use std::path::Path;
use std::time::Duration;

/// Deadline of the write to all: long for a write, short for a person who watches.
const DEADLINE_MS: u64 = 1000;
/// A branch answers at most this long before the deadline, so that the answer arrives in time.
const MARGIN_US: u64 = 100_000;

/// Two acts with a dead branch, each with one write.
#[derive(Debug)]
pub struct DeadBranch {
    quorum: Act,
    all: Act,
}

impl DeadBranch {
    pub(super) async fn play(context: &ActContext, lesson: &Lesson, dir: &Path) -> Result<Self, DemoError> {
        let deposit = async |name: &str, setting| {
            let dir = dir.join(name);
            context.play(lesson, DEAD_BRANCH_INPUT, setting, &dir).await
        };
        Ok(DeadBranch {
            quorum: deposit("quorum", writes(Propagation::Quorum)).await?,
            all: deposit(
                "all",
                Setting {
                    timeout: Duration::from_millis(DEADLINE_MS),
                    ..writes(Propagation::All)
                },
            )
            .await?,
        })
    }

    /// The write to a quorum and the write to all, in this order.
    pub fn writes(&self) -> Option<[&Operation; 2]> {
        Some([
            self.quorum.history.operations.first()?,
            self.all.history.operations.first()?,
        ])
    }

    /// The write to a quorum did not notice the dead branch. The write to all came back at its deadline, done, and
    /// named the branch.
    ///
    /// # Errors
    /// What was seen instead.
    pub fn shown(&self) -> Result<(), String> {
        self.quorum.kept_its_promises()?;
        self.all.kept_its_promises()?;
        let [quorum, all] = self.writes().ok_or("no write was made while a branch was dead")?;
        let told = |operation: &Operation| {
            let missing = operation.missing_branches.clone();
            (operation.outcome, missing, operation.error.clone())
        };
        let times_us = [quorum, all].map(took_us);
        let (quorum, all) = (told(quorum), told(all));
        if quorum != (Outcome::Accepted, vec![], None) || times_us[0] >= times_us[1] {
            return Err(format!(
                "with branch {HELD} dead, a write to a quorum came back with {quorum:?}"
            ));
        }
        if all != (Outcome::Accepted, vec![HELD], None) || times_us[1] < Self::deadline_us() - MARGIN_US {
            return Err(format!(
                "with branch {HELD} dead, a write to all came back with {all:?}"
            ));
        }
        Ok(())
    }

    /// Deadline of the write to all, in microseconds.
    pub fn deadline_us() -> u64 {
        DEADLINE_MS * 1000
    }
}
