//! Whether the disk has room for further writes. It is checked before a write is proposed and before a leader's entries
//! are accepted, so that an acknowledged write never lacks room in the write-ahead log or in the ledger database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bank_wal::Wal;

use super::free::free_bytes;
use crate::clock::monotonic_us;

/// The least free space at which writes are proposed, in bytes. Writes that are under way must still fit. These are two
/// batches of 1024 commands. They take less than 1 MiB in the write-ahead log and about 1 MiB in the ledger database.
/// SQLite's own log takes up to 3 pages of 4 KiB for each command if ids and accounts are spread over a large file,
/// which is 24 MiB. In most cases it already has 16 MiB of them.
pub(crate) const RESERVE_BYTES: u64 = 16 << 20;

/// The additional free space at which writes are proposed again, in bytes. It keeps the state from changing at every
/// write.
const RELIEF_BYTES: u64 = 1 << 20;

/// The least free space at which a follower accepts entries, in bytes. Accepted entries must still be applied.
const FLOOR_BYTES: u64 = 6 << 20;

/// The free space at which the disk is not asked again for [`ASK_AGAIN_US`], in bytes. A disk that is written at 10
/// GB/s loses less than half of this in that time, and the rest is more than any bound above.
const PLENTY_BYTES: u64 = 256 << 20;
/// How long an answer of plenty holds, in microseconds. The question costs a system call, and each append asks it.
const ASK_AGAIN_US: u64 = 10_000;

/// The free space of the disk of a data directory. Clones share the state.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    wal: Arc<Wal>,
    directory: PathBuf,
    low: Arc<AtomicBool>,
    /// Until when the disk is known to have plenty of space, in microseconds of the host's monotonic clock.
    plenty_until_us: Arc<AtomicU64>,
}

impl Space {
    pub(crate) fn new(wal: Arc<Wal>, directory: PathBuf) -> Self {
        Self {
            wal,
            directory,
            low: Arc::default(),
            plenty_until_us: Arc::default(),
        }
    }

    /// Whether there is no room for further writes to the write-ahead log or the ledger database.
    pub(crate) fn is_low(&self) -> bool {
        let was_low = self.low.load(Ordering::Relaxed);
        let needed = RESERVE_BYTES + if was_low { RELIEF_BYTES } else { 0 };
        let low = self.wal.is_space_low() || self.is_below(needed);
        if self.low.swap(low, Ordering::Relaxed) != low {
            let directory = self.directory.display();
            if low {
                tracing::warn!(
                    %directory,
                    "the disk is nearly full: this branch proposes no writes until there is room"
                );
            } else {
                tracing::info!(%directory, "the disk has room again");
            }
        }
        low
    }

    /// Whether there is no room for entries of a leader.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.is_below(FLOOR_BYTES)
    }

    /// Whether the disk has less free space than this. `false` if the free space is not known.
    fn is_below(&self, bytes: u64) -> bool {
        let now_us = monotonic_us();
        if now_us < self.plenty_until_us.load(Ordering::Relaxed) {
            return false;
        }
        let Ok(free) = free_bytes(&self.directory) else {
            return false;
        };
        if free >= PLENTY_BYTES {
            self.plenty_until_us.store(now_us + ASK_AGAIN_US, Ordering::Relaxed);
        }
        free < bytes
    }
}

/// Whether the file system of `path` has less free space than this. `false` if the free space is not known.
pub(crate) fn is_below(path: &Path, bytes: u64) -> bool {
    free_bytes(path).is_ok_and(|free| free < bytes)
}
