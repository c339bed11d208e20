//! Whether the disk has room for what the branch may have promised. Checked before a write is proposed and before a leader's
//! entries are taken, so that neither the journal nor the books run out of room in the middle.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bank_wal::Wal;

use super::free::free_bytes;

/// No write is proposed with less room than this, in bytes. What is under way then still fits: two batches of 1024 commands
/// in the journal (under 1 MiB) and in the books (about 1 MiB, and up to 3 pages of 4 KiB for each command in the
/// write-ahead log if ids and accounts are spread over a large file: 24 MiB, of which the log mostly has 16 already).
pub(crate) const RESERVE_BYTES: u64 = 16 << 20;

/// Writes are taken again with this much more room, in bytes: a disk at the border does not change its mind at every write.
const RELIEF_BYTES: u64 = 1 << 20;

/// A follower takes no entries with less room than this, in bytes: what it has taken still has to be applied.
const FLOOR_BYTES: u64 = 6 << 20;

/// The room on the disk of a data directory. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    wal: Arc<Wal>,
    directory: PathBuf,
    low: Arc<AtomicBool>,
}

impl Space {
    pub(crate) fn new(wal: Arc<Wal>, directory: PathBuf) -> Self {
        Self {
            wal,
            directory,
            low: Arc::default(),
        }
    }

    /// There is no room for further writes of journal or books.
    pub(crate) fn is_low(&self) -> bool {
        let was_low = self.low.load(Ordering::Relaxed);
        let needed = RESERVE_BYTES + if was_low { RELIEF_BYTES } else { 0 };
        let low = self.wal.is_space_low() || is_below(&self.directory, needed);
        if self.low.swap(low, Ordering::Relaxed) != low {
            let directory = self.directory.display();
            if low {
                tracing::warn!(%directory, "the disk is nearly full: this branch proposes no writes until there is room");
            } else {
                tracing::info!(%directory, "the disk has room again");
            }
        }
        low
    }

    /// There is no room to take what a leader sends.
    pub(crate) fn is_exhausted(&self) -> bool {
        is_below(&self.directory, FLOOR_BYTES)
    }
}

/// Whether the file system that holds a path has less room than this for its user. Where that cannot be found out, it
/// has.
pub(crate) fn is_below(path: &Path, bytes: u64) -> bool {
    free_bytes(path).is_ok_and(|free| free < bytes)
}
