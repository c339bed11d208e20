//! The segment that is being written, and the space reserved for it.

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
    /// Where the next record goes, bytes; everything before it is on disk.
    pub(crate) tail: u64,
    /// The chain at `tail`.
    pub(crate) chain: u32,
    /// Space reserved so far, bytes from the start of the file.
    pub(crate) reserved: u64,
    /// Unit of the reservation, bytes; 0: nothing is reserved.
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

    /// Fills a new file, durably, with a header and `records`; its name is not yet durable.
    pub(crate) fn start(
        file: SegmentFile,
        header: &SegmentHeader,
        records: &[u8],
        chain: u32,
    ) -> io::Result<ActiveSegment> {
        let tail = SEGMENT_HEADER_BYTES + records.len() as u64;
        let reserved = reserve_for(&file, 0, tail, header.reserve_step)?;
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(records);
        file.write(&bytes, 0)?;
        file.sync()?;
        Ok(ActiveSegment {
            file: Arc::new(file),
            sequence: header.sequence,
            tail,
            chain,
            reserved,
            reserve_step: header.reserve_step,
        })
    }
}

/// Makes sure that `file`, `reserved` bytes long so far, has space for `needed` bytes; returns the new length.
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
