//! Decisions that are in memory and not yet in the file.

use std::collections::HashMap;

use bank_ledger::{Entry, Ledger, Position, REFUSALS_REMEMBERED_MAX, Remembered, RequestId};

use super::applied_state::AppliedState;

/// Bytes that one decision takes beside its own value: its place in the index by id, and unused capacity.
const INDEX_BYTES: usize = 64;

/// A refusal as it is remembered.
#[derive(Debug)]
pub(super) struct NumberedRefusal {
    /// Refusals are numbered from 1, without gaps.
    pub(super) number: i64,
    pub(super) id: RequestId,
    pub(super) refused: Remembered,
}

/// The number of the newest refusal that is forgotten. Every branch forgets a refusal at the same command.
pub(super) fn forgotten_up_to(newest_refusal: i64) -> i64 {
    newest_refusal - REFUSALS_REMEMBERED_MAX as i64
}

/// Decisions in the order of their positions.
#[derive(Debug, Default)]
pub(super) struct Unstored {
    entries: Vec<Entry>,
    refusals: Vec<NumberedRefusal>,
    by_id: HashMap<RequestId, Place>,
    bytes: usize,
}

/// Where a decision is.
#[derive(Debug, Clone, Copy)]
enum Place {
    Entry(usize),
    Refusal(usize),
}

impl Unstored {
    pub(super) fn push_entry(&mut self, entry: Entry) {
        self.by_id
            .insert(entry.command.request_id, Place::Entry(self.entries.len()));
        let (first, second) = entry.command.action.accounts();
        let names = first.as_str().len() + second.map_or(0, |second| second.as_str().len());
        self.bytes += size_of::<Entry>() + names + INDEX_BYTES;
        self.entries.push(entry);
    }

    pub(super) fn push_refusal(&mut self, refusal: NumberedRefusal) {
        self.by_id.insert(refusal.id, Place::Refusal(self.refusals.len()));
        // A refusal has the names of its action, and once more that of the account that refused.
        self.bytes += size_of::<NumberedRefusal>() + 2 * INDEX_BYTES;
        self.refusals.push(refusal);
    }

    /// The decisions that left an entry.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries after a position.
    pub(super) fn entries_after(&self, position: Position) -> &[Entry] {
        let from = self.entries.partition_point(|entry| entry.position <= position);
        self.entries.get(from..).unwrap_or_default()
    }

    pub(super) fn refusals(&self) -> &[NumberedRefusal] {
        &self.refusals
    }

    /// The entry at a position.
    pub(super) fn entry(&self, position: Position) -> Option<&Entry> {
        self.entries_after(position.checked_sub(1)?)
            .first()
            .filter(|entry| entry.position == position)
    }

    /// The decision on an id.
    pub(super) fn decision(&self, id: &RequestId) -> Option<Remembered> {
        match *self.by_id.get(id)? {
            Place::Entry(at) => self.entries.get(at).map(Entry::remembered),
            Place::Refusal(at) => self.refusals.get(at).map(|refusal| refusal.refused.clone()),
        }
    }

    /// The bytes that the decisions take in memory, as an estimate.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Decisions that are being written to the file, with the state after them.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) decisions: Unstored,
    pub(super) ledger: Ledger,
    pub(super) applied_state: AppliedState,
    /// The number of the newest refusal.
    pub(super) newest_refusal: i64,
}
