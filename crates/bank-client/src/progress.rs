//! What an operation has done so far, for those who show it while it waits.

use crate::failure::{Failure, Place};

/// The attempts of the operation that runs, or of the last one that ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Branch of the latest attempt. `None` before the first one.
    pub asking: Option<Place>,
    /// The latest failure of each branch that failed, in the order of their first failures.
    pub failures: Vec<Failure>,
}

impl Progress {
    pub(crate) fn failed(&mut self, failure: Failure) {
        let same = |known: &&mut Failure| known.place() == failure.place();
        match self.failures.iter_mut().find(same) {
            Some(known) => *known = failure,
            None => self.failures.push(failure),
        }
    }

    /// The latest failure of a branch.
    pub fn failure_of(&self, branch: u32) -> Option<&Failure> {
        let of = |failure: &&Failure| failure.place().and_then(|at| at.branch) == Some(branch);
        self.failures.iter().find(of)
    }

    /// The failure that says most: one with the words of a branch, or else the first one.
    pub(crate) fn worth_telling(&self) -> Option<&Failure> {
        let told = |failure: &&Failure| failure.branch_message().is_some() || failure.is_behind();
        self.failures.iter().find(told).or(self.failures.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_branch_keeps_its_latest_failure_and_words_come_before_silence() {
        let at = |branch: u32| Place {
            branch: Some(branch),
            address: format!("h:{branch}").parse().expect("an address"),
        };
        let mut progress = Progress::default();
        assert_eq!(progress.worth_telling(), None);
        progress.failed(Failure::TimedOut { at: at(3) });
        progress.failed(Failure::Silent { at: at(1) });
        progress.failed(Failure::Silent { at: at(3) });
        assert_eq!(
            progress.failures,
            [Failure::Silent { at: at(3) }, Failure::Silent { at: at(1) }]
        );
        assert_eq!(progress.worth_telling(), progress.failure_of(3));
        let behind = Failure::Behind {
            at: at(1),
            position: 1,
            needed: 2,
        };
        progress.failed(behind.clone());
        assert_eq!(progress.worth_telling(), Some(&behind));
        assert_eq!(progress.failure_of(2), None);
    }
}
