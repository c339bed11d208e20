//! Input of the judge beside the history of a run.

/// Facts about a run that its history does not hold, and settings of the judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Position of the last command that the bank applied before the run. Commands up to it were not asked for in the
    /// run. 1 for a bank that was founded for the run: its opening command.
    pub before: u64,
    /// Opening balance that was asked for account `main`, in minor units. `None` if it is not known.
    pub opening: Option<i64>,
    /// Judge every read for linearizability, not only reads at level `strong`. A weaker read that fails breaks no
    /// promise.
    pub every_read: bool,
    /// Number of witnesses that a verdict keeps, at least 1.
    pub witnesses_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            before: 1,
            opening: None,
            every_read: false,
            witnesses_max: 16,
        }
    }
}
