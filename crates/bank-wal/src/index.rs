//! The index of the live entries and of their places in the files. It takes twelve bytes per entry and holds no
//! payloads.
//!
//! Recovery replays records into an index, and the open log applies the callers' changes to one. Both use the same
//! type, so the rules for valid changes exist only once.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

/// The place of an entry's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The number of the segment. 0: the entry is not yet on disk.
    pub(crate) sequence: u32,
    /// The offset of the record in the segment, in bytes.
    pub(crate) offset: u32,
    /// The length of the payload, in bytes.
    pub(crate) len: u32,
}

impl Place {
    /// The place of an entry that is not yet on disk.
    pub(crate) fn pending(len: usize) -> Place {
        Place {
            sequence: 0,
            offset: 0,
            len: len as u32,
        }
    }

    pub(crate) fn is_pending(self) -> bool {
        self.sequence == 0
    }
}

/// The index of the live entries, which are consecutive, and of the purged index before them.
///
/// Invariant in an open log: after a purge, the entries start right after the purged index. During recovery they may
/// start later, until the record of the purge has been replayed.
#[derive(Debug, Default)]
pub(crate) struct EntryIndex {
    /// The index of the first place. `None`: the first entry may have any index.
    base: Option<u64>,
    places: VecDeque<Place>,
    purged: Option<(u64, Bytes)>,
}

impl EntryIndex {
    /// An index without entries. The next entry must have the index `next` (`None`: any index).
    pub(crate) fn starting_at(next: Option<u64>) -> EntryIndex {
        EntryIndex {
            base: next,
            ..EntryIndex::default()
        }
    }

    pub(crate) fn purged(&self) -> Option<&(u64, Bytes)> {
        self.purged.as_ref()
    }

    /// The indexes of the live entries.
    pub(crate) fn range(&self) -> Range<u64> {
        let base = self.base.unwrap_or(0);
        base..base + self.places.len() as u64
    }

    /// The index that the next entry must have. `None`: any index.
    pub(crate) fn next(&self) -> Option<u64> {
        self.base.map(|base| base + self.places.len() as u64)
    }

    pub(crate) fn place(&self, index: u64) -> Option<Place> {
        let at = index.checked_sub(self.base?)?;
        self.places.get(usize::try_from(at).ok()?).copied()
    }

    /// Sets the place of an entry that was pending.
    pub(crate) fn set_place(&mut self, index: u64, place: Place) {
        let at = self
            .base
            .and_then(|base| usize::try_from(index.checked_sub(base)?).ok());
        if let Some(slot) = at.and_then(|at| self.places.get_mut(at)) {
            *slot = place;
        }
    }

    /// Adds an entry at the end.
    pub(crate) fn append(&mut self, index: u64, place: Place) -> Result<(), String> {
        self.check_append(index)?;
        self.base.get_or_insert(index);
        self.places.push_back(place);
        Ok(())
    }

    /// Checks that an entry with this index may come next.
    pub(crate) fn check_append(&self, index: u64) -> Result<(), String> {
        match self.next() {
            _ if index == u64::MAX => Err(format!("entry {index}: the index is too large")),
            Some(next) if next != index => Err(format!("entry {index} does not follow: the next index is {next}")),
            _ => Ok(()),
        }
    }

    /// Drops the entries after `after` (`None`: all of them).
    pub(crate) fn truncate(&mut self, after: Option<u64>) -> Result<(), String> {
        let purged = self.purged.as_ref().map(|(index, _)| *index);
        let Some(after) = after else {
            self.places.clear();
            self.base = purged.map(|index| index + 1);
            return Ok(());
        };
        if purged.is_some_and(|purged| after < purged) || after == u64::MAX {
            return Err(format!(
                "cannot drop the entries after {after}: purged up to {purged:?}"
            ));
        }
        match self.base {
            None => {}
            Some(base) if after < base => {
                self.places.clear();
                self.base = Some(after + 1);
            }
            Some(base) => self
                .places
                .truncate(usize::try_from(after + 1 - base).unwrap_or(usize::MAX)),
        }
        Ok(())
    }

    /// Drops the entries up to and including `index`, and stores `note` with the index.
    pub(crate) fn purge(&mut self, index: u64, note: Bytes) -> Result<(), String> {
        let purged = self.purged.as_ref().map(|(index, _)| *index);
        if purged.is_some_and(|purged| index < purged) || index == u64::MAX {
            return Err(format!("cannot purge up to {index}: purged up to {purged:?} already"));
        }
        let first_kept = index + 1;
        match self.base {
            Some(base) if first_kept <= base => {}
            Some(base) if first_kept < base + self.places.len() as u64 => {
                self.places.drain(..(first_kept - base) as usize);
                self.base = Some(first_kept);
            }
            _ => {
                self.places.clear();
                self.base = Some(first_kept);
            }
        }
        self.purged = Some((index, note));
        Ok(())
    }

    /// Checks that a purge up to `index` leaves no gap before the first entry.
    pub(crate) fn check_purge(&self, index: u64) -> Result<(), String> {
        match self.base {
            Some(base) if index.saturating_add(1) < base && self.purged.is_none() => {
                Err(format!("cannot purge up to {index}: the first entry is {base}"))
            }
            _ => Ok(()),
        }
    }

    /// The entries after the purged index that are in no segment, if there are any.
    pub(crate) fn gap(&self) -> Option<Range<u64>> {
        let first_kept = self.purged.as_ref()?.0 + 1;
        self.base
            .filter(|&base| base != first_kept)
            .map(|base| first_kept..base)
    }
}
