//! A judge's word: the guarantee, how many cases bore on it, and in words what was wrong.

/// Whether a guarantee held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// At least one case was judged, and none failed.
    Pass,
    /// Something was wrong.
    Fail,
    /// Nothing bore on the guarantee.
    Unknown,
}

impl Outcome {
    /// `pass`, `fail` or `unknown`.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Unknown => "unknown",
        }
    }
}

/// What one judge found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What was judged, such as `read-your-writes`.
    pub guarantee: &'static str,
    /// What a case is, in the plural, such as `reads`.
    pub unit: &'static str,
    /// How many cases were judged.
    pub judged: usize,
    /// One sentence for each failure, in the order of the input.
    pub failures: Vec<String>,
}

impl Verdict {
    /// A verdict with nothing judged yet.
    pub(crate) fn new(guarantee: &'static str, unit: &'static str) -> Self {
        Verdict {
            guarantee,
            unit,
            judged: 0,
            failures: Vec::new(),
        }
    }

    /// Counts a case, and keeps its failure where it has one.
    pub(crate) fn count(&mut self, failure: Option<String>) {
        self.judged += 1;
        self.failures.extend(failure);
    }

    /// Pass, fail or unknown.
    pub fn outcome(&self) -> Outcome {
        if !self.failures.is_empty() {
            Outcome::Fail
        } else if self.judged == 0 {
            Outcome::Unknown
        } else {
            Outcome::Pass
        }
    }
}

/// Fail where any failed; else pass where any passed; else unknown.
pub fn overall<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Outcome {
    let mut all = Outcome::Unknown;
    for verdict in verdicts {
        match verdict.outcome() {
            Outcome::Fail => return Outcome::Fail,
            Outcome::Pass => all = Outcome::Pass,
            Outcome::Unknown => {}
        }
    }
    all
}
