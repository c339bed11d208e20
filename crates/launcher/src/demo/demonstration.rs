//! A lesson that was played, and what is left of it.

use super::lesson::Lesson;
use super::play::Performance;
use std::path::PathBuf;
use std::time::Duration;

/// A lesson, played as often as was asked.
#[derive(Debug)]
pub struct Demonstration {
    /// Which.
    pub lesson: &'static Lesson,
    /// How often it was played.
    pub runs: u32,
    /// How often the weak setting broke, with the right witness.
    pub broken: u32,
    /// How often the strong one held.
    pub held: u32,
    /// The last run, or the first that did not go as it had to.
    pub shown: Performance,
    /// What is left of it, if anything is.
    pub kept: Option<Kept>,
    /// How long each run took, on average.
    pub run_time: Duration,
}

/// Where to look at a run, and judge it again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Kept {
    /// Holds a run folder for each act.
    pub dir: PathBuf,
    /// Both acts on one page.
    pub report: PathBuf,
}

impl Demonstration {
    /// Every run went as it had to.
    pub fn is_convincing(&self) -> bool {
        self.broken == self.runs && self.held == self.runs
    }
}
