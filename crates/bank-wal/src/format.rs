//! The byte format of a segment: its header and its records.
//!
//! The functions are pure and touch no file. Decoders never panic on any input.
//!
//! ```text
//! segment  = header (64 bytes) record* zeros
//! record   = header (24 bytes) payload, padded with zeros to a multiple of 8
//! header   = crc:4 len:4 kind:1 slot:1 zero:2 check:4 index:8      (little endian)
//! ```
//! The checksum of a record header is seeded with the owner's stamp, the segment's number and the record's offset. So a
//! record is valid only in its own place, and bytes that were moved or come from another segment or another owner fail.
//! `check` is the checksum of the payload with its padding. A batch marker has no payload. Its `check` is the *chain*,
//! the running checksum of every record header before it. The chain detects a page that returned to older but
//! well-formed content.

use crc32c::{crc32c, crc32c_append};

/// The format version that this crate reads and writes.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// The size of a segment header, in bytes. The first record starts at this offset.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 64;
/// The size of a record header, in bytes.
pub(crate) const RECORD_HEADER_BYTES: usize = 24;
/// The largest payload of one record, in bytes. A larger length field is damage.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 64 << 20;
/// The stored value for "no index yet". No entry may have this index.
pub(crate) const NO_INDEX: u64 = u64::MAX;

const MAGIC: [u8; 8] = *b"PBKJRNL\n";

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A batch marker, the first record of a batch. `index` is the offset in this segment up to which it was known to
    /// be synced.
    Batch = 1,
    /// An entry of the log.
    Entry = 2,
    /// A new value of state slot `slot`.
    State = 3,
    /// A truncation: every entry after `index` is dropped (`NO_INDEX`: every entry).
    Truncate = 4,
    /// A purge: every entry up to and including `index` is dropped. The payload is the caller's note.
    Purge = 5,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            1 => Kind::Batch,
            2 => Kind::Entry,
            3 => Kind::State,
            4 => Kind::Truncate,
            5 => Kind::Purge,
            _ => return None,
        })
    }
}

/// A decoded record header. Its own checksum has been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) kind: Kind,
    pub(crate) slot: u8,
    /// The length of the payload without padding, in bytes.
    pub(crate) len: u32,
    pub(crate) check: u32,
    pub(crate) index: u64,
}

impl RecordHeader {
    /// Decodes the header that starts `bytes`, as the record at `offset` of the segment with `key`.
    pub(crate) fn decode(bytes: &[u8], key: u32, offset: u64) -> Result<RecordHeader, &'static str> {
        let Some(raw) = bytes.first_chunk::<RECORD_HEADER_BYTES>() else {
            return Err("a record header is cut short");
        };
        if u32_at(raw, 0) != header_crc(raw, key, offset) {
            return Err("a record header has a bad checksum");
        }
        let kind = Kind::from_byte(raw[8]).ok_or("a record has an unknown kind")?;
        let len = u32_at(raw, 4);
        if len as usize > PAYLOAD_BYTES_MAX || raw[10] != 0 || raw[11] != 0 {
            return Err("a record header holds an impossible value");
        }
        Ok(RecordHeader {
            kind,
            slot: raw[9],
            len,
            check: u32_at(raw, 12),
            index: u64_at(raw, 16),
        })
    }

    /// The space that the whole record takes in the file, in bytes.
    pub(crate) fn record_bytes(&self) -> usize {
        record_bytes(self.len as usize)
    }

    /// The payload at the start of `body`, which is the bytes after the header, if it is complete and intact.
    pub(crate) fn payload<'a>(&self, body: &'a [u8]) -> Result<&'a [u8], &'static str> {
        let padded = padded(self.len as usize);
        let Some(all) = body.get(..padded) else {
            return Err("a record runs past the end of its file");
        };
        if crc32c(all) != self.check {
            return Err("a record's payload has a bad checksum");
        }
        Ok(&all[..self.len as usize])
    }
}

/// Encodes consecutive records for the segment from offset `start` on.
pub(crate) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    key: u32,
    start: u64,
    chain: u32,
}

impl<'a> Encoder<'a> {
    /// `out` must be empty. `chain` is the chain at `start`.
    pub(crate) fn new(out: &'a mut Vec<u8>, key: u32, start: u64, chain: u32) -> Self {
        debug_assert!(out.is_empty());
        Encoder { out, key, start, chain }
    }

    /// The offset of the next record in the segment.
    pub(crate) fn offset(&self) -> u64 {
        self.start + self.out.len() as u64
    }

    /// The chain after the last record.
    pub(crate) fn chain(&self) -> u32 {
        self.chain
    }

    /// Adds a batch marker. `synced` is the offset up to which this segment is known to be synced.
    pub(crate) fn batch(&mut self, synced: u64) {
        let chain = self.chain;
        self.header(Kind::Batch, 0, synced, 0, chain);
    }

    /// Adds a record and returns its offset in the segment. `payload` is at most `PAYLOAD_BYTES_MAX` long.
    pub(crate) fn record(&mut self, kind: Kind, slot: u8, index: u64, payload: &[u8]) -> u64 {
        debug_assert!(payload.len() <= PAYLOAD_BYTES_MAX);
        let offset = self.offset();
        let padding = &[0u8; 8][..padded(payload.len()) - payload.len()];
        let check = crc32c_append(crc32c(payload), padding);
        self.header(kind, slot, index, payload.len() as u32, check);
        self.out.extend_from_slice(payload);
        self.out.extend_from_slice(padding);
        offset
    }

    fn header(&mut self, kind: Kind, slot: u8, index: u64, len: u32, check: u32) {
        let mut raw = [0u8; RECORD_HEADER_BYTES];
        raw[4..8].copy_from_slice(&len.to_le_bytes());
        raw[8] = kind as u8;
        raw[9] = slot;
        raw[12..16].copy_from_slice(&check.to_le_bytes());
        raw[16..24].copy_from_slice(&index.to_le_bytes());
        let crc = header_crc(&raw, self.key, self.offset());
        raw[..4].copy_from_slice(&crc.to_le_bytes());
        self.chain = crc32c_append(self.chain, &raw);
        self.out.extend_from_slice(&raw);
    }
}

/// The header of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The stamp of the log's owner.
    pub(crate) stamp: [u8; 16],
    /// The segment's number. The first segment of a log is 1.
    pub(crate) sequence: u32,
    /// The index that the next appended entry must have. `NO_INDEX`: any index is allowed.
    pub(crate) next_index: u64,
    /// The offset at which the records of the previous segment end, in bytes. 0 in the first segment.
    pub(crate) previous_len: u64,
    /// The chain at the end of the previous segment's records.
    pub(crate) previous_chain: u32,
    /// Space for this file is reserved in steps of this many bytes. 0: no space is reserved.
    pub(crate) reserve_step: u32,
}

/// Why a segment header is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// The header has another format version.
    Version(u32),
    /// The bytes are no header, or a damaged one.
    Bad(&'static str),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES as usize] {
        let mut raw = [0u8; SEGMENT_HEADER_BYTES as usize];
        raw[..8].copy_from_slice(&MAGIC);
        raw[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        raw[12..16].copy_from_slice(&self.reserve_step.to_le_bytes());
        raw[16..32].copy_from_slice(&self.stamp);
        raw[32..36].copy_from_slice(&self.sequence.to_le_bytes());
        raw[36..44].copy_from_slice(&self.next_index.to_le_bytes());
        raw[44..52].copy_from_slice(&self.previous_len.to_le_bytes());
        raw[52..56].copy_from_slice(&self.previous_chain.to_le_bytes());
        let crc = crc32c(&raw[..60]);
        raw[60..].copy_from_slice(&crc.to_le_bytes());
        raw
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<SegmentHeader, HeaderFault> {
        let Some(raw) = bytes.first_chunk::<{ SEGMENT_HEADER_BYTES as usize }>() else {
            return Err(HeaderFault::Bad("the segment header is cut short"));
        };
        if raw[..8] != MAGIC {
            return Err(HeaderFault::Bad("the file does not start as a journal segment does"));
        }
        let version = u32_at(raw, 8);
        if version != FORMAT_VERSION {
            return Err(HeaderFault::Version(version));
        }
        if u32_at(raw, 60) != crc32c(&raw[..60]) {
            return Err(HeaderFault::Bad("the segment header has a bad checksum"));
        }
        let mut stamp = [0u8; 16];
        stamp.copy_from_slice(&raw[16..32]);
        Ok(SegmentHeader {
            stamp,
            sequence: u32_at(raw, 32),
            next_index: u64_at(raw, 36),
            previous_len: u64_at(raw, 44),
            previous_chain: u32_at(raw, 52),
            reserve_step: u32_at(raw, 12),
        })
    }

    /// The chain before the first record. It binds the records to this header.
    pub(crate) fn chain(&self) -> u32 {
        crc32c(&self.encode())
    }
}

/// The seed of every record checksum in segment `sequence` of the log with `stamp`.
pub(crate) fn segment_key(stamp: &[u8; 16], sequence: u32) -> u32 {
    crc32c_append(crc32c(stamp), &sequence.to_le_bytes())
}

/// The size of a record with a payload of `len` bytes, in bytes.
pub(crate) fn record_bytes(len: usize) -> usize {
    RECORD_HEADER_BYTES + padded(len)
}

fn padded(len: usize) -> usize {
    len.next_multiple_of(8)
}

fn header_crc(raw: &[u8; RECORD_HEADER_BYTES], key: u32, offset: u64) -> u32 {
    crc32c_append(crc32c_append(key, &offset.to_le_bytes()), &raw[4..])
}

/// The little-endian number at an offset. Callers pass arrays of a fixed size that hold the number.
pub(crate) fn u32_at(raw: &[u8], at: usize) -> u32 {
    let mut bytes = [0u8; 4];
    bytes.copy_from_slice(&raw[at..at + 4]);
    u32::from_le_bytes(bytes)
}

/// The little-endian number at an offset. Callers pass arrays of a fixed size that hold the number.
pub(crate) fn u64_at(raw: &[u8], at: usize) -> u64 {
    let mut bytes = [0u8; 8];
    bytes.copy_from_slice(&raw[at..at + 8]);
    u64::from_le_bytes(bytes)
}
