//! The result of `launcher demo`.

use super::lesson::Lesson;
use super::play::Performance;
use std::path::PathBuf;

/// A lesson that was played as often as was asked.
#[derive(Debug)]
pub struct Demonstration {
    /// The lesson.
    pub lesson: &'static Lesson,
    /// Number of times that the lesson was played.
    pub runs: u32,
    /// Number of times that the weak setting broke with the expected witness.
    pub broken: u32,
    /// Number of times that the strong setting held.
    pub held: u32,
    /// The first performance that did not go as expected. If all did, the last one.
    pub shown: Performance,
    /// The files of that performance. `None` if no files are kept.
    pub kept: Option<Kept>,
    /// Average duration of a performance, in microseconds.
    pub run_time_us: u64,
}

/// The files that are kept of a performance.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Kept {
    /// The folder with a run folder for each act.
    pub dir: PathBuf,
    /// The page that shows both acts.
    pub report: PathBuf,
}

impl Demonstration {
    /// True if every performance went as expected.
    pub fn is_convincing(&self) -> bool {
        self.broken == self.runs && self.held == self.runs
    }
}
