//! What a dead branch costs a write: nothing where it waits for a quorum, its whole deadline where it waits for all. The
//! branch is killed, and so is its host, as far as the others can tell: nothing answers there, not even with a refusal.

use super::lesson::{Ask, HELD, Setting, Step};
use super::stage::{Stage, TIMEOUT, Visitor};
use bank_check::history::{Operation, Outcome};
use bank_client::{Level, Propagation};
use bank_cluster::{ClusterError, Programs};
use std::path::Path;
use std::time::Duration;

/// The deadline of the write to all: long for a write, short for whoever watches.
const DEADLINE: Duration = Duration::from_secs(1);
/// A branch answers so much before the deadline at the earliest, so that the answer arrives in time.
const MARGIN: Duration = Duration::from_millis(100);

/// Two writes with a branch dead.
#[derive(Debug)]
pub struct DeadBranch {
    /// To a quorum.
    pub quorum: Operation,
    /// To all.
    pub all: Operation,
}

impl DeadBranch {
    pub(super) async fn play(programs: &Programs, dir: &Path) -> Result<Self, ClusterError> {
        let stage = Stage::set(programs, dir).await?;
        stage.hold();
        stage.kill().await?;
        let mut visitor = Visitor::default();
        let mut deposit = async |propagation, deadline| {
            let step = Step {
                customer: 1,
                branch: 1,
                ask: Ask::Deposit(10),
                waits: false,
            };
            let setting = Setting {
                level: Level::Eventual,
                propagation,
            };
            stage.perform_within(deadline, &mut visitor, &step, setting).await
        };
        let quorum = deposit(Propagation::Quorum, TIMEOUT).await?;
        let all = deposit(Propagation::All, DEADLINE).await?;
        // One branch is dead, as it had to be: that is no news. The others end with the stage.
        let _ = stage.clear().await;
        Ok(DeadBranch { quorum, all })
    }

    /// The one did not notice; the other came back at its deadline, done, and named the branch.
    ///
    /// # Errors
    /// What was seen instead.
    pub fn shown(&self) -> Result<(), String> {
        let told = |operation: &Operation| {
            let missing = operation.missing_branches.clone();
            (operation.outcome, missing, operation.error.clone())
        };
        let (quorum, all) = (told(&self.quorum), told(&self.all));
        if quorum != (Outcome::Accepted, vec![], None) || took(&self.quorum) >= took(&self.all) {
            return Err(format!(
                "with branch {HELD} dead, a write to a quorum came back with {quorum:?}"
            ));
        }
        if all != (Outcome::Accepted, vec![HELD], None) || took(&self.all) < DEADLINE.saturating_sub(MARGIN) {
            return Err(format!(
                "with branch {HELD} dead, a write to all came back with {all:?}"
            ));
        }
        Ok(())
    }

    /// The deadline of the write to all.
    pub fn deadline() -> Duration {
        DEADLINE
    }
}

/// How long it took.
pub(super) fn took(operation: &Operation) -> Duration {
    Duration::from_micros(operation.completed_us.saturating_sub(operation.invoked_us))
}
