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

/// What a guarantee is about. Tables of verdicts have one part for each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The answers in an output file.
    Output,
    /// What one customer sees.
    Session,
    /// In which order operations take effect.
    Ordering,
    /// Money, decisions and requests.
    Integrity,
}

impl Group {
    /// True if the group is about the books: [`Group::Ordering`] and [`Group::Integrity`].
    pub fn is_books(self) -> bool {
        matches!(self, Group::Ordering | Group::Integrity)
    }
}

/// Noun for the cases of a verdict, in both numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The noun for one case, such as `read`.
    pub one: &'static str,
    /// The noun for any other number of cases, such as `reads`.
    pub many: &'static str,
}

impl Unit {
    /// Events of an input.
    pub const EVENTS: Unit = Unit::new("event", "events");
    /// Reads of customers.
    pub const READS: Unit = Unit::new("read", "reads");
    /// Writes of customers.
    pub const WRITES: Unit = Unit::new("write", "writes");
    /// Entries of journals.
    pub const ENTRIES: Unit = Unit::new("entry", "entries");

    /// A noun in both numbers.
    pub const fn new(one: &'static str, many: &'static str) -> Self {
        Unit { one, many }
    }

    /// The noun that fits a number.
    pub fn of(self, number: usize) -> &'static str {
        if number == 1 { self.one } else { self.many }
    }
}

/// The verdict on one guarantee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Name of the guarantee, such as `read-your-writes`.
    pub guarantee: &'static str,
    /// What the guarantee is about.
    pub group: Group,
    /// Noun for the cases.
    pub unit: Unit,
    /// Number of cases that were judged.
    pub judged: usize,
    /// Number of cases that held at the branch that was asked for the earlier operation, too. They could hardly fail,
    /// so they do not count as `judged`, and a run with only such cases is `unknown`. Such a case counts as `judged` if
    /// it fails: a branch may apply a write after it has acknowledged it.
    pub same_branch: usize,
    /// Number of cases that failed. It may exceed the number of witnesses: see [`crate::Options::witnesses_max`].
    pub failed: usize,
    /// Number of failed cases in which a branch's journal or digest is missing. Nothing in the run contradicts the
    /// guarantee then.
    pub missing: usize,
    /// One sentence per failure. [`crate::output`] gives all, in the order of the input. [`crate::judge`] gives the
    /// sentences of `witnesses`.
    pub failures: Vec<String>,
    /// Witnesses that were kept, best first: broken promises before others, few operations before many, early before
    /// late. Only [`crate::judge`] gives them.
    pub witnesses: Vec<Witness>,
    /// Whether the level of the operations promised the guarantee. For a failure: at least one failed case was
    /// promised; `false` if, for example, every such read was `eventual`. For a pass: at least one case was promised.
    /// Without a case: at least one operation of the run had a level that promises the guarantee.
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
    /// Whether the level of the operations promised the guarantee that was broken.
    pub promised: bool,
}

impl Verdict {
    /// A verdict without any case, in [`Group::Output`].
    pub fn new(guarantee: &'static str, unit: Unit) -> Self {
        Verdict {
            guarantee,
            group: Group::Output,
            unit,
            judged: 0,
            same_branch: 0,
            failed: 0,
            missing: 0,
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

    /// Why no case was judged. `None` if one was.
    pub fn why_unknown(&self) -> Option<&'static str> {
        if self.outcome() != Outcome::Unknown {
            return None;
        }
        Some(match (self.note, self.same_branch) {
            (Some(note), _) => note,
            (None, 0) => "the run has no such case",
            (None, _) => "all cases were at one branch, where they can hardly fail",
        })
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
