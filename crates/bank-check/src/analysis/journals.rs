//! The branches' journals. One is the reference; the others are compared with it.

use crate::analysis::request_id::RequestId;
use crate::history::{Applied, History, Journal};
use std::collections::HashMap;
use std::sync::OnceLock;

/// All journals of a run.
pub(crate) struct Journals<'a> {
    /// Journals in the order of the history.
    pub(crate) copies: Vec<JournalCopy<'a>>,
    reference: Option<usize>,
    /// Branches of the bank that gave no journal.
    pub(crate) missing: Vec<u32>,
}

/// The journal of one branch.
pub(crate) struct JournalCopy<'a> {
    pub(crate) journal: &'a Journal,
    /// Commands sorted by position, whatever order the branch gave them in.
    pub(crate) entries: Vec<&'a Applied>,
    /// Index in `entries` of the first difference from the reference journal. `None` if there is no difference.
    pub(crate) differs_at: Option<usize>,
    positions: OnceLock<HashMap<RequestId<'a>, u64>>,
}

impl<'a> Journals<'a> {
    pub(crate) fn new(history: &'a History) -> Self {
        let mut copies: Vec<JournalCopy<'a>> = history.journals.iter().map(JournalCopy::new).collect();
        let reference = choose(&copies);
        if let Some(reference) = reference {
            let differences: Vec<_> = copies.iter().map(|copy| difference(&copies[reference], copy)).collect();
            for (copy, differs_at) in copies.iter_mut().zip(differences) {
                copy.differs_at = differs_at;
            }
        }
        let has = |branch: &u32| copies.iter().any(|copy| copy.journal.branch == *branch);
        let missing = history.branches.iter().copied().filter(|branch| !has(branch)).collect();
        Journals {
            copies,
            reference,
            missing,
        }
    }

    /// The journal that the others are compared with. `None` without journals.
    pub(crate) fn reference(&self) -> Option<&JournalCopy<'a>> {
        self.reference.map(|at| &self.copies[at])
    }

    /// The reference journal and each journal that differs from it. Equal journals need not be judged twice.
    pub(crate) fn distinct(&self) -> impl Iterator<Item = &JournalCopy<'a>> {
        let differing = self.copies.iter().filter(|copy| copy.differs_at.is_some());
        self.reference().into_iter().chain(differing)
    }

    /// True if a command at this position must be in the reference journal. False if the position is past its end and a
    /// missing journal may reach further.
    pub(crate) fn must_know(&self, position: u64) -> bool {
        let last = self.reference().map_or(0, |copy| copy.journal.position);
        self.missing.is_empty() || position <= last
    }
}

impl<'a> JournalCopy<'a> {
    fn new(journal: &'a Journal) -> Self {
        let mut entries: Vec<&Applied> = journal.applied.iter().collect();
        entries.sort_by_key(|entry| entry.position);
        JournalCopy {
            journal,
            entries,
            differs_at: None,
            positions: OnceLock::new(),
        }
    }

    /// First position of a request id.
    pub(crate) fn position_of(&self, id: RequestId<'_>) -> Option<u64> {
        self.positions().get(&id).copied()
    }

    /// Command at a position.
    pub(crate) fn at(&self, position: u64) -> Option<&'a Applied> {
        let at = self.entries.binary_search_by_key(&position, |entry| entry.position);
        at.ok().map(|at| self.entries[at])
    }

    fn positions(&self) -> &HashMap<RequestId<'a>, u64> {
        self.positions.get_or_init(|| {
            let mut positions = HashMap::with_capacity(self.entries.len());
            for entry in &self.entries {
                positions
                    .entry(RequestId::of(&entry.request_id))
                    .or_insert(entry.position);
            }
            positions
        })
    }
}

/// Chooses the reference: the longest journal that most of the journals agree with. So one wrong branch is judged by
/// the others.
fn choose(copies: &[JournalCopy<'_>]) -> Option<usize> {
    let mut candidates: Vec<usize> = (0..copies.len()).collect();
    candidates.sort_by_key(|at| std::cmp::Reverse(copies[*at].journal.position));
    let mut best: Option<(usize, usize)> = None;
    for at in candidates {
        let agreeing = copies
            .iter()
            .filter(|copy| difference(&copies[at], copy).is_none())
            .count();
        if 2 * agreeing > copies.len() {
            return Some(at);
        }
        if best.is_none_or(|(_, most)| agreeing > most) {
            best = Some((at, agreeing));
        }
    }
    best.map(|(at, _)| at)
}

/// Index of the first entry of `copy` that differs from the reference, up to the last position of `copy`.
fn difference(reference: &JournalCopy<'_>, copy: &JournalCopy<'_>) -> Option<usize> {
    if std::ptr::eq(reference.journal, copy.journal) {
        return None;
    }
    let due = reference
        .entries
        .partition_point(|entry| entry.position <= copy.journal.position);
    let expected = &reference.entries[..due];
    let same = |(a, b): (&&Applied, &&Applied)| same_entry(a, b);
    let agreed = expected
        .iter()
        .zip(&copy.entries)
        .take_while(|pair| same(*pair))
        .count();
    (agreed < expected.len() || agreed < copy.entries.len()).then_some(agreed)
}

/// Compares all fields that must be equal at every branch: everything but the time of application.
fn same_entry(a: &Applied, b: &Applied) -> bool {
    (a.position, a.outcome, a.balance, a.to_balance) == (b.position, b.outcome, b.balance, b.to_balance)
        && a.action == b.action
        && (a.request_id == b.request_id || RequestId::of(&a.request_id) == RequestId::of(&b.request_id))
}
