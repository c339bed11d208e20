//! The branches' journals: one of them as the reference, and how each other differs from it.

use crate::analysis::request_id::RequestId;
use crate::history::{Applied, History, Journal};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Every journal that could be had.
pub(crate) struct Journals<'a> {
    /// In the order of the history.
    pub(crate) copies: Vec<Copy<'a>>,
    reference: Option<usize>,
    /// Branches of the bank whose journal is not here.
    pub(crate) missing: Vec<u32>,
}

/// One branch's journal.
pub(crate) struct Copy<'a> {
    pub(crate) journal: &'a Journal,
    /// Its commands by position, also where the branch gave them in another order.
    pub(crate) entries: Vec<&'a Applied>,
    /// Where it first differs from the reference, as an index into `entries`.
    pub(crate) differs_at: Option<usize>,
    positions: OnceLock<HashMap<RequestId<'a>, u64>>,
}

impl<'a> Journals<'a> {
    pub(crate) fn new(history: &'a History) -> Self {
        let mut copies: Vec<Copy<'a>> = history.journals.iter().map(Copy::new).collect();
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

    /// The journal that the others are compared with; `None` where there is none.
    pub(crate) fn reference(&self) -> Option<&Copy<'a>> {
        self.reference.map(|at| &self.copies[at])
    }

    /// The reference, and each that differs from it: what has to be judged by itself.
    pub(crate) fn distinct(&self) -> impl Iterator<Item = &Copy<'a>> {
        let differing = self.copies.iter().filter(|copy| copy.differs_at.is_some());
        self.reference().into_iter().chain(differing)
    }

    /// Whether the journals that are here must hold whatever was decided at a position: a missing one may have gone
    /// further than they.
    pub(crate) fn must_know(&self, position: u64) -> bool {
        let last = self.reference().map_or(0, |copy| copy.journal.position);
        self.missing.is_empty() || position <= last
    }
}

impl<'a> Copy<'a> {
    fn new(journal: &'a Journal) -> Self {
        let mut entries: Vec<&Applied> = journal.applied.iter().collect();
        entries.sort_by_key(|entry| entry.position);
        Copy {
            journal,
            entries,
            differs_at: None,
            positions: OnceLock::new(),
        }
    }

    /// Where an id was first applied.
    pub(crate) fn position_of(&self, id: RequestId<'_>) -> Option<u64> {
        self.positions().get(&id).copied()
    }

    /// The command at a position.
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

/// The longest journal with which most of the others agree; so one branch that went astray is judged by the rest.
fn choose(copies: &[Copy<'_>]) -> Option<usize> {
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

/// Where `copy` first differs from what the reference has up to the position that `copy` has come to.
fn difference(reference: &Copy<'_>, copy: &Copy<'_>) -> Option<usize> {
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

/// All but when it was applied has to be the same at every branch.
fn same_entry(a: &Applied, b: &Applied) -> bool {
    (a.position, a.outcome, a.balance, a.to_balance) == (b.position, b.outcome, b.balance, b.to_balance)
        && a.action == b.action
        && (a.request_id == b.request_id || RequestId::of(&a.request_id) == RequestId::of(&b.request_id))
}
