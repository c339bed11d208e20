//! Collects what one judge finds, and keeps the smallest witnesses only: a run that fails a million times has a few.

use crate::history::Operation;
use crate::options::Options;
use crate::verdict::{Verdict, Witness};

/// A verdict in the making.
pub(crate) struct VerdictBuilder {
    verdict: Verdict,
    kept: Vec<(Rank, Witness)>,
    kept_max: usize,
    /// No witness of this rank or a later one can be among the smallest any more.
    too_late: Option<Rank>,
    promised_passed: bool,
}

/// Smaller is better: not promised (`false` first), operations, when.
type Rank = (bool, usize, u64);

/// A failed case.
pub(crate) struct Case<'a> {
    /// When it failed: a time or a position, the same within one judge.
    pub(crate) at: u64,
    /// It had been promised.
    pub(crate) promised: bool,
    /// What it speaks of.
    pub(crate) operations: Vec<&'a Operation>,
    /// What it speaks of.
    pub(crate) positions: Vec<u64>,
    /// What it speaks of.
    pub(crate) journals: Vec<u32>,
}

impl<'a> Case<'a> {
    /// Something that is promised to everyone.
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
    pub(crate) fn new(guarantee: &'static str, unit: &'static str, options: &Options) -> Self {
        VerdictBuilder {
            verdict: Verdict::new(guarantee, unit),
            kept: Vec::new(),
            kept_max: options.witnesses_max.max(1),
            too_late: None,
            promised_passed: false,
        }
    }

    /// A case held that is promised to everyone.
    pub(crate) fn pass(&mut self) {
        self.pass_promised(true);
    }

    /// A case held.
    pub(crate) fn pass_promised(&mut self, promised: bool) {
        self.verdict.judged += 1;
        self.promised_passed |= promised;
    }

    /// Many cases held that are promised to everyone.
    pub(crate) fn pass_all(&mut self, cases: usize) {
        self.verdict.judged += cases;
        self.promised_passed |= cases > 0;
    }

    /// A case held, or it was one that could hardly fail where it `stayed` at one branch.
    pub(crate) fn pass_or_stayed(&mut self, stayed: bool, promised: bool) {
        if stayed {
            self.verdict.same_branch += 1;
        } else {
            self.pass_promised(promised);
        }
    }

    /// A case failed. `sentence` says how, without the end that names what was broken.
    pub(crate) fn fail(&mut self, case: Case<'_>, sentence: impl FnOnce() -> String) {
        self.verdict.judged += 1;
        self.verdict.failed += 1;
        let rank = (!case.promised, case.operations.len(), case.at);
        if self.too_late.is_some_and(|too_late| rank >= too_late) {
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
            self.keep_smallest();
        }
    }

    /// Says on what the verdict rests.
    pub(crate) fn note(&mut self, note: &'static str) {
        self.verdict.note = Some(note);
    }

    /// The verdict.
    pub(crate) fn done(mut self) -> Verdict {
        self.keep_smallest();
        self.verdict.promised = match self.kept.first() {
            Some((_, witness)) => witness.promised,
            None => self.promised_passed || self.verdict.judged == 0,
        };
        let sentences = self.kept.iter().map(|(_, witness)| witness.sentence.clone());
        self.verdict.failures = sentences.collect();
        self.verdict.witnesses = self.kept.into_iter().map(|(_, witness)| witness).collect();
        self.verdict
    }

    fn keep_smallest(&mut self) {
        self.kept.sort_by_key(|(rank, _)| *rank);
        self.kept.truncate(self.kept_max);
        if self.kept.len() == self.kept_max {
            self.too_late = self.kept.last().map(|(rank, _)| *rank);
        }
    }
}
