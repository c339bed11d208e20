//! Reads the records of one segment in order, and finds where the valid records end.
//!
//! The functions are pure. Recovery decides, with the help of [`synced_beyond`], whether the end is a torn tail or
//! damage.

use crate::format::{Kind, NO_INDEX, RECORD_HEADER_BYTES, RecordHeader};

/// One record that borrows from the segment's bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    Batch { synced: u64 },
    Entry { index: u64, payload: &'a [u8] },
    State { slot: u8, value: &'a [u8] },
    Truncate { after: Option<u64> },
    Purge { index: u64, note: &'a [u8] },
}

/// Reads records one by one, and verifies every checksum and the chain.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    key: u32,
    offset: u64,
    chain: u32,
}

impl<'a> Scanner<'a> {
    /// `bytes` is the whole segment. The scanner starts at `offset`, where the chain is `chain`.
    pub(crate) fn new(bytes: &'a [u8], key: u32, offset: u64, chain: u32) -> Self {
        Scanner {
            bytes,
            key,
            offset,
            chain,
        }
    }

    /// The offset of the next record, or of the end of the valid records.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The chain at [`Scanner::offset`].
    pub(crate) fn chain(&self) -> u32 {
        self.chain
    }

    /// Reads the next record. `None`: the file ends, or zeros follow. An error leaves the scanner before the bad
    /// record.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record<'a>>, &'static str> {
        let rest = usize::try_from(self.offset)
            .ok()
            .and_then(|at| self.bytes.get(at..))
            .unwrap_or(&[]);
        let head = &rest[..rest.len().min(RECORD_HEADER_BYTES)];
        if head.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let header = RecordHeader::decode(head, self.key, self.offset)?;
        let record = self.interpret(&header, &rest[RECORD_HEADER_BYTES..])?;
        self.chain = crc32c::crc32c_append(self.chain, head);
        self.offset += header.record_bytes() as u64;
        Ok(Some(record))
    }

    fn interpret(&self, header: &RecordHeader, body: &'a [u8]) -> Result<Record<'a>, &'static str> {
        if header.kind == Kind::Batch {
            if header.check != self.chain {
                return Err("a batch does not continue what stands before it (an old page, or a lost write)");
            }
            if header.len != 0 || header.index > self.offset {
                return Err("a batch marker holds an impossible value");
            }
            return Ok(Record::Batch { synced: header.index });
        }
        let payload = header.payload(body)?;
        Ok(match header.kind {
            Kind::Entry => Record::Entry {
                index: header.index,
                payload,
            },
            Kind::State => Record::State {
                slot: header.slot,
                value: payload,
            },
            Kind::Truncate => Record::Truncate {
                after: (header.index != NO_INDEX).then_some(header.index),
            },
            Kind::Purge | Kind::Batch => Record::Purge {
                index: header.index,
                note: payload,
            },
        })
    }
}

/// The highest synced offset in the batch markers at or after `from`. `None`: there is no marker.
///
/// Every multiple of 8 is checked, so the markers after a damaged record are found too.
pub(crate) fn synced_beyond(bytes: &[u8], key: u32, from: u64) -> Option<u64> {
    let from = usize::try_from(from.next_multiple_of(8)).unwrap_or(usize::MAX);
    let mut best = None;
    let mut at = from;
    while let Some(raw) = bytes.get(at..at.saturating_add(RECORD_HEADER_BYTES)) {
        if raw[8] == Kind::Batch as u8
            && let Ok(header) = RecordHeader::decode(raw, key, at as u64)
            && header.kind == Kind::Batch
        {
            best = best.max(Some(header.index));
        }
        at += 8;
    }
    best
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
