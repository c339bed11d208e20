//! Builds one verdict of a recorded run. It counts every case and keeps only the best witnesses, so a run that fails a
//! million times needs little memory.

use crate::history::Operation;
use crate::options::Options;
use crate::verdict::{Unit, Verdict, Witness};

/// A verdict in progress.
pub(crate) struct VerdictBuilder {
    verdict: Verdict,
    kept: Vec<(Rank, Witness)>,
    kept_max: usize,
    /// A witness of this rank or worse is not kept: enough better ones are.
    worst_kept: Option<Rank>,
    promise_held: bool,
    /// Whether an operation asked for the guarantee by its level. `None` if the level of no operation matters.
    asked: Option<bool>,
}

/// Rank of a witness. A lower rank is better. The fields are: whether the case was not promised, the number of
/// operations, and the time or position of the failure.
type Rank = (bool, usize, u64);

/// A failed case.
pub(crate) struct Case<'a> {
    /// Time or position of the failure. A judge uses either times or positions, for all its cases.
    pub(crate) at: u64,
    /// Whether the level of the operations promised the guarantee.
    pub(crate) promised: bool,
    /// Operations in the sentence.
    pub(crate) operations: Vec<&'a Operation>,
    /// Positions in the sentence.
    pub(crate) positions: Vec<u64>,
    /// Branches whose journals are in the sentence.
    pub(crate) journals: Vec<u32>,
}

impl<'a> Case<'a> {
    /// A failed case of a guarantee that every customer is promised.
    pub(crate) fn at(at: u64, operations: Vec<&'a Operation>, positions: Vec<u64>, journals: Vec<u32>) -> Self {
        Case {
            at,
            promised: true,
            operations,
            positions,
            journals,
        }
    }
}

impl VerdictBuilder {
    pub(crate) fn new(guarantee: &'static str, unit: Unit, options: &Options) -> Self {
        VerdictBuilder {
            verdict: Verdict::new(guarantee, unit),
            kept: Vec::new(),
            kept_max: options.witnesses_max.max(1),
            worst_kept: None,
            promise_held: false,
            asked: None,
        }
    }

    /// Notes the level of an operation: whether it promises the guarantee. It matters if no case is judged.
    pub(crate) fn asked(&mut self, promised: bool) {
        self.asked = Some(promised || self.asked == Some(true));
    }

    /// Counts a case that held and that every customer is promised.
    pub(crate) fn pass(&mut self) {
        self.pass_promised(true);
    }

    /// Counts a case that held.
    pub(crate) fn pass_promised(&mut self, promised: bool) {
        self.verdict.judged += 1;
        self.promise_held |= promised;
    }

    /// Counts several cases that held and that every customer is promised.
    pub(crate) fn pass_all(&mut self, cases: usize) {
        self.verdict.judged += cases;
        self.promise_held |= cases > 0;
    }

    /// Counts a case that held. A case at one branch only (`same_branch`) could hardly fail and is counted apart.
    pub(crate) fn pass_across_branches(&mut self, same_branch: bool, promised: bool) {
        if same_branch {
            self.verdict.same_branch += 1;
        } else {
            self.pass_promised(promised);
        }
    }

    /// Counts a case that failed. `sentence` says what happened; the name of the guarantee is appended to it.
    pub(crate) fn fail(&mut self, case: Case<'_>, sentence: impl FnOnce() -> String) {
        self.verdict.judged += 1;
        self.verdict.failed += 1;
        let rank = (!case.promised, case.operations.len(), case.at);
        if self.worst_kept.is_some_and(|worst| rank >= worst) {
            return;
        }
        let named = |operation: &&Operation| (operation.session.clone(), operation.sequence);
        let witness = Witness {
            sentence: format!("{}: {} broken", sentence(), self.verdict.guarantee),
            operations: case.operations.iter().map(named).collect(),
            positions: case.positions,
            journals: case.journals,
            promised: case.promised,
        };
        self.kept.push((rank, witness));
        if self.kept.len() >= 2 * self.kept_max {
            self.drop_worst();
        }
    }

    /// Counts a failed case in which a branch's journal or digest is missing.
    pub(crate) fn fail_missing(&mut self, branch: u32, sentence: impl FnOnce() -> String) {
        self.verdict.missing += 1;
        self.fail(Case::at(0, Vec::new(), Vec::new(), vec![branch]), sentence);
    }

    /// Sets the verdict's note.
    pub(crate) fn note(&mut self, note: &'static str) {
        self.verdict.note = Some(note);
    }

    pub(crate) fn build(mut self) -> Verdict {
        self.drop_worst();
        self.verdict.promised = match self.kept.first() {
            Some((_, witness)) => witness.promised,
            None if self.verdict.judged == 0 => self.asked.unwrap_or(true),
            None => self.promise_held,
        };
        let sentences = self.kept.iter().map(|(_, witness)| witness.sentence.clone());
        self.verdict.failures = sentences.collect();
        self.verdict.witnesses = self.kept.into_iter().map(|(_, witness)| witness).collect();
        self.verdict
    }

    fn drop_worst(&mut self) {
        self.kept.sort_by_key(|(rank, _)| *rank);
        self.kept.truncate(self.kept_max);
        if self.kept.len() == self.kept_max {
            self.worst_kept = self.kept.last().map(|(rank, _)| *rank);
        }
    }
}
