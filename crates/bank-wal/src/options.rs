//! What a caller can choose about a journal, with the reason for each default.

use crate::error::OpenError;

/// Offsets inside a segment are kept in 32 bits (see `index.rs`); a segment may outgrow its size by one batch.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;
const RESERVE_BYTES_MAX: u32 = 64 << 20;
/// A batch and a single append are bounded by this, so that a segment stays below 4 GiB.
const QUEUE_BYTES_MAX: usize = 1 << 30;
const PAGE: u32 = 4096;

/// The choices of [`Wal::open`](crate::Wal::open).
#[derive(Clone, Debug)]
pub struct Options {
    /// A new segment starts once the current one is this long, bytes (4 KiB to 1 GiB). Default 16 MiB: recovery holds one
    /// segment in memory, a purge frees space in these steps, and a rotation (some milliseconds) is rare.
    pub segment_bytes: u64,
    /// File space is reserved ahead in steps of this, bytes: a multiple of 4096 up to 64 MiB, or 0 for none. Default
    /// 1 MiB: an fdatasync that need not grow the file took a third less time, and fifty idle branches still
    /// fit into 50 MiB. Only Linux reserves; elsewhere, and on file systems that cannot, the file grows as it is written.
    pub reserve_bytes: u32,
    /// At most about this much is written by one write and fdatasync, bytes. Default 4 MiB: bounds the
    /// buffer and how long the first caller of a batch waits for the last one's bytes.
    pub batch_bytes: usize,
    /// What may wait to be written and synced, bytes, before callers block. At most 1 GiB. Default 64 MiB.
    pub queue_bytes: usize,
    /// The newest entries kept in memory for [`Wal::read`](crate::Wal::read), bytes of payload. Default 4 MiB. What is not
    /// yet synced stays in memory beyond this; `queue_bytes` bounds that.
    pub cache_bytes: usize,
    /// Refuse a directory that holds no journal instead of creating one: for a caller who knows that there was one.
    pub must_exist: bool,
    /// Accept a directory that was copied here (another inode or birth time than recorded). By default it is refused,
    /// because an old copy has forgotten what was acknowledged after it was made.
    pub accept_copy: bool,
    /// Makes writes and syncs fail on demand.
    #[cfg(test)]
    pub(crate) faults: std::sync::Arc<crate::segment::Faults>,
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
            #[cfg(test)]
            faults: std::sync::Arc::default(),
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
