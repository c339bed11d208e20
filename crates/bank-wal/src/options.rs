//! The options of a log, with the reason for each default.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::error::OpenError;

/// The largest segment size, in bytes. Offsets inside a segment have 32 bits (see `index.rs`), and a segment may be
/// longer than its size by one batch.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;
const RESERVE_BYTES_MAX: u32 = 64 << 20;
/// The largest queue, in bytes. The queue bounds each batch and each append, so a segment stays below 4 GiB.
const QUEUE_BYTES_MAX: usize = 1 << 30;
const PAGE: u32 = 4096;

/// The options of [`Wal::open`](crate::Wal::open).
#[derive(Clone, Debug)]
pub struct Options {
    /// The largest length at which a segment is full and the next one starts, in bytes (4 KiB to 1 GiB). The default is
    /// 16 MiB: recovery holds one segment in memory, a purge frees space in whole segments, and a rotation, which costs
    /// two syncs, stays rare. After a creation or an open the segments begin with 1 MiB and double.
    pub segment_bytes: u64,
    /// File space is reserved ahead in steps of this many bytes, a multiple of 4096 up to 64 MiB. The default is 1 MiB:
    /// an fdatasync that need not grow the file took a third less time, and fifty idle logs fit into 50 MiB. Only Linux
    /// reserves. On other systems, and on file systems that cannot reserve, the file grows as it is written.
    ///
    /// From the second segment on, space is filled with zeros instead, ahead of the records. 0 reserves and fills
    /// nothing.
    pub reserve_bytes: u32,
    /// The approximate limit for one batch, which is one write and one fdatasync, in bytes. The default is 4 MiB. It
    /// bounds the buffer, and how long the first caller of a batch waits for the bytes of the last one.
    pub batch_bytes: usize,
    /// The number of bytes that may wait to be written and synced before callers block. At most 1 GiB. The default is
    /// 64 MiB.
    pub queue_bytes: usize,
    /// The payload bytes of the newest entries that stay in memory for [`Wal::read`](crate::Wal::read). The default is
    /// 4 MiB. Entries that are not yet synced stay in memory in addition, bounded by `queue_bytes`.
    pub cache_bytes: usize,
    /// Refuse a directory without a log instead of creating one. A caller that has used the log before sets this.
    pub must_exist: bool,
    /// Accept a directory that is a copy. A copy has another inode or birth time than the anchor records. By default a
    /// copy is refused, because an old copy lacks the records that were acknowledged after it was made.
    pub accept_copy: bool,
    /// Counts the fdatasyncs of the log's segments. The anchor's, a few for each segment, are not in it. Logs that are
    /// opened with clones of the same options share the count.
    pub syncs: Arc<AtomicU64>,
    /// Makes writes, syncs and reservations fail on demand.
    #[cfg(test)]
    pub(crate) faults: Arc<crate::faults::Faults>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            segment_bytes: 16 << 20,
            reserve_bytes: 1 << 20,
            batch_bytes: 4 << 20,
            queue_bytes: 64 << 20,
            cache_bytes: 4 << 20,
            must_exist: false,
            accept_copy: false,
            syncs: Arc::default(),
            #[cfg(test)]
            faults: Arc::default(),
        }
    }
}

impl Options {
    pub(crate) fn validate(&self) -> Result<(), OpenError> {
        let refuse = |what: &str| Err(OpenError::Options(what.to_owned()));
        if !(u64::from(PAGE)..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return refuse("segment_bytes must be between 4 KiB and 1 GiB");
        }
        if !self.reserve_bytes.is_multiple_of(PAGE) || self.reserve_bytes > RESERVE_BYTES_MAX {
            return refuse("reserve_bytes must be a multiple of 4096, at most 64 MiB");
        }
        if self.batch_bytes == 0 || self.queue_bytes == 0 || self.queue_bytes > QUEUE_BYTES_MAX {
            return refuse("batch_bytes and queue_bytes must be above 0, and queue_bytes at most 1 GiB");
        }
        Ok(())
    }
}
