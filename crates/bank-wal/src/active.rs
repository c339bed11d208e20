//! The active segment, which is being written, and its reserved space.

use std::io;
use std::sync::Arc;

use crate::anchor::SyncedMark;
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::segment::SegmentFile;

/// The newest segment, ready to be written at `tail`.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    pub(crate) file: Arc<SegmentFile>,
    pub(crate) sequence: u32,
    /// The offset of the next record, in bytes.
    pub(crate) tail: u64,
    /// The chain at `tail`.
    pub(crate) chain: u32,
    /// The end of the space that is filled or reserved, in bytes from the start of the file.
    pub(crate) reserved: u64,
    /// The step of a reservation, in bytes. 0: no space is reserved.
    pub(crate) reserve_step: u32,
}

impl ActiveSegment {
    pub(crate) fn mark(&self) -> SyncedMark {
        SyncedMark {
            sequence: self.sequence,
            offset: self.tail,
            chain: self.chain,
        }
    }

    /// Writes a header and `records` into a file of `filled` zeros, and syncs it.
    pub(crate) fn start(
        file: Arc<SegmentFile>,
        filled: u64,
        header: &SegmentHeader,
        records: &[u8],
        chain: u32,
    ) -> io::Result<ActiveSegment> {
        let tail = SEGMENT_HEADER_BYTES + records.len() as u64;
        let reserved = reserve_for(&file, filled, tail, header.reserve_step)?;
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(records);
        file.write(&bytes, 0)?;
        file.sync()?;
        Ok(ActiveSegment {
            file,
            sequence: header.sequence,
            tail,
            chain,
            reserved,
            reserve_step: header.reserve_step,
        })
    }
}

/// Reserves space for `needed` bytes in `file`, of which `reserved` bytes are reserved already. Returns the new end of
/// the reserved space.
pub(crate) fn reserve_for(file: &SegmentFile, reserved: u64, needed: u64, step: u32) -> io::Result<u64> {
    if step == 0 || needed <= reserved {
        return Ok(reserved);
    }
    let target = needed.next_multiple_of(u64::from(step));
    match file.reserve(reserved, target)? {
        true => Ok(target),
        false => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the file system stopped reserving space",
        )),
    }
}
