//! A judge's word: the guarantee, how many cases bore on it, and in words what was wrong.

use serde::Serialize;

/// Whether a guarantee held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
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
    /// Cases that were judged and held, but at the very branch that they depended on, where they hardly could fail: they
    /// are not in `judged`, and a run that has only such is `unknown`.
    pub same_branch: usize,
    /// How many cases failed. [`crate::judge`] keeps the witnesses of the first few only.
    pub failed: usize,
    /// One sentence for each failure, in the order of the input; of [`crate::judge`], the sentences of the `witnesses`.
    pub failures: Vec<String>,
    /// The smallest first: broken promises before others, few operations before many, early before late. Only
    /// [`crate::judge`] gives them.
    pub witnesses: Vec<Witness>,
    /// Of a failure: a promise was broken; `false`: no failed case was asked for, as where a read was `eventual`. Of a pass:
    /// some case was asked for.
    pub promised: bool,
    /// On what the verdict rests where that is less than usual, or why nothing was judged.
    pub note: Option<&'static str>,
}

/// The smallest proof that a guarantee was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// What happened, in words.
    pub sentence: String,
    /// The operations that it speaks of, as session and sequence, in the order of the sentence.
    pub operations: Vec<(String, u64)>,
    /// The positions that it speaks of.
    pub positions: Vec<u64>,
    /// The branches whose journals it speaks of.
    pub journals: Vec<u32>,
    /// What was broken had been promised.
    pub promised: bool,
}

impl Verdict {
    /// A verdict with nothing judged yet.
    pub(crate) fn new(guarantee: &'static str, unit: &'static str) -> Self {
        Verdict {
            guarantee,
            unit,
            judged: 0,
            same_branch: 0,
            failed: 0,
            failures: Vec::new(),
            witnesses: Vec::new(),
            promised: true,
            note: None,
        }
    }

    /// Counts a case, and keeps its failure where it has one.
    pub(crate) fn count(&mut self, failure: Option<String>) {
        self.judged += 1;
        self.failed += usize::from(failure.is_some());
        self.failures.extend(failure);
    }

    /// Pass, fail or unknown.
    pub fn outcome(&self) -> Outcome {
        if self.failed > 0 || !self.failures.is_empty() {
            Outcome::Fail
        } else if self.judged == 0 {
            Outcome::Unknown
        } else {
            Outcome::Pass
        }
    }

    /// It failed, and what failed had been promised.
    pub fn breaks_promise(&self) -> bool {
        self.outcome() == Outcome::Fail && self.promised
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
