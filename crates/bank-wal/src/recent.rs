//! The newest entries in memory, bounded by bytes. They always include the entries that are not yet synced.

use std::collections::VecDeque;

use bytes::Bytes;

/// Consecutive entries up to the last one of the log.
#[derive(Debug)]
pub(crate) struct RecentEntries {
    /// The index after the last entry.
    end: u64,
    items: VecDeque<Item>,
    bytes: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Item {
    /// The number of the operation that appended the entry. It distinguishes the entry from one that it replaced at the
    /// same index.
    operation: u64,
    payload: Bytes,
}

impl RecentEntries {
    pub(crate) fn new(bytes_max: usize) -> Self {
        RecentEntries {
            end: 0,
            items: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Adds the new last entry of the log.
    pub(crate) fn push(&mut self, index: u64, operation: u64, payload: Bytes) {
        if index != self.end {
            self.clear();
        }
        self.bytes += payload.len();
        self.items.push_back(Item { operation, payload });
        self.end = index + 1;
    }

    pub(crate) fn get(&self, index: u64) -> Option<&Bytes> {
        self.item(index).map(|item| &item.payload)
    }

    /// Whether the entry at `index` is the one that `operation` appended.
    pub(crate) fn is_from(&self, index: u64, operation: u64) -> bool {
        self.item(index).is_some_and(|item| item.operation == operation)
    }

    /// Keeps only the entries from `first` to before `end`.
    pub(crate) fn keep(&mut self, first: u64, end: u64) {
        while self.end > end
            && let Some(item) = self.items.pop_back()
        {
            self.bytes -= item.payload.len();
            self.end -= 1;
        }
        while self.first() < first && self.pop_front() {}
    }

    /// Records that every operation up to `operation` is synced, and drops the oldest synced entries beyond the bound.
    pub(crate) fn synced(&mut self, operation: u64) {
        while self.bytes > self.bytes_max && self.items.front().is_some_and(|item| item.operation <= operation) {
            self.pop_front();
        }
    }

    fn first(&self) -> u64 {
        self.end - self.items.len() as u64
    }

    fn item(&self, index: u64) -> Option<&Item> {
        let at = index.checked_sub(self.first())?;
        self.items.get(usize::try_from(at).ok()?)
    }

    fn pop_front(&mut self) -> bool {
        let Some(item) = self.items.pop_front() else {
            return false;
        };
        self.bytes -= item.payload.len();
        true
    }

    fn clear(&mut self) {
        self.items.clear();
        self.bytes = 0;
    }
}
