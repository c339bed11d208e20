//! A verdict on one guarantee: how many cases were judged, and a witness for each failure that is kept.

use serde::Serialize;

/// Whether a guarantee held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// At least one case was judged, and none failed.
    Pass,
    /// At least one case failed.
    Fail,
    /// No case was judged: the run did not exercise the guarantee.
    Unknown,
}

impl Outcome {
    /// Name of the outcome: `pass`, `fail` or `unknown`.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Unknown => "unknown",
        }
    }
}

/// The verdict on one guarantee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Name of the guarantee, such as `read-your-writes`.
    pub guarantee: &'static str,
    /// Noun for the cases, in the plural, such as `reads`.
    pub unit: &'static str,
    /// Number of cases that were judged.
    pub judged: usize,
    /// Number of cases that held at the same branch that they depend on, where they could hardly fail. They do not
    /// count as `judged`, so a run with only such cases is `unknown`.
    pub same_branch: usize,
    /// Number of cases that failed. It may exceed the number of witnesses: see [`crate::Options::witnesses_max`].
    pub failed: usize,
    /// One sentence per failure. [`crate::output`] gives all, in the order of the input. [`crate::judge`] gives the
    /// sentences of `witnesses`.
    pub failures: Vec<String>,
    /// Witnesses that were kept, best first: broken promises before others, few operations before many, early before
    /// late. Only [`crate::judge`] gives them.
    pub witnesses: Vec<Witness>,
    /// Whether the customers asked for the guarantee. For a failure: at least one failed case was promised; `false` if,
    /// for example, every such read was `eventual`. For a pass: at least one case was promised.
    pub promised: bool,
    /// Why nothing was judged, or what the verdict is based on if some evidence is missing.
    pub note: Option<&'static str>,
}

/// A witness: the few operations that prove that a guarantee was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// One sentence that says what happened.
    pub sentence: String,
    /// Operations in the sentence, as session and sequence, in the order of the sentence.
    pub operations: Vec<(String, u64)>,
    /// Positions in the sentence.
    pub positions: Vec<u64>,
    /// Branches whose journals are in the sentence.
    pub journals: Vec<u32>,
    /// Whether the customer asked for the guarantee that was broken.
    pub promised: bool,
}

impl Verdict {
    /// A verdict without any case.
    pub fn new(guarantee: &'static str, unit: &'static str) -> Self {
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

    /// Counts a case that was judged. `failure` says what was wrong with it; `None` if it held.
    pub(crate) fn count(&mut self, failure: Option<String>) {
        self.judged += 1;
        self.failed += usize::from(failure.is_some());
        self.failures.extend(failure);
    }

    /// Outcome of all cases together.
    pub fn outcome(&self) -> Outcome {
        if self.failed > 0 || !self.failures.is_empty() {
            Outcome::Fail
        } else if self.judged == 0 {
            Outcome::Unknown
        } else {
            Outcome::Pass
        }
    }

    /// True if the verdict is a failure and a promised case failed.
    pub fn breaks_promise(&self) -> bool {
        self.outcome() == Outcome::Fail && self.promised
    }
}

/// Outcome of several verdicts: fail if any failed, else pass if any passed, else unknown.
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
