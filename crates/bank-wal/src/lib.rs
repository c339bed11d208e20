//! The write-ahead log of one replica: bytes, files, fsync, recovery.
//!
//! One ordered stream of numbered entries, state slots, truncations and purges, in checksummed segment files. A change
//! is acknowledged after its fdatasync, never before. On the next open, everything acknowledged is there, or the open
//! refuses and says which byte of which file is wrong; only a tail that was never synced is dropped.
//! It knows nothing of Raft, accounts, gRPC or async runtimes. Unix only.
//!
//! In reading order:
//! - `format`: the bytes of a segment, pure; `scan`: reading them in order, pure
//! - `anchor`: the small file that knows which segments there must be, and how far they were synced
//! - `segment`, `active`, `lock`: a segment file; the one that is written; the exclusive hold on the directory
//! - `index`, `recent`: which entries there are and where; the newest ones in memory
//! - `recovery`, `creation`: from a directory to a journal, or to a reason why not; a new one
//! - `shared`: what callers and the writer share, and the bounded queue between them
//! - `writer`: the one thread that writes, syncs, acknowledges, rotates and deletes
//! - `wal`: what callers see
//!
//! # What is found, and what cannot be
//! - A changed byte, a cut file, a missing file, anywhere before the last place that is known to be synced: refused. That place is
//!   the newest of: the anchor (written at create, open, rotation, purge, clean close), the anchor's hint (after every
//!   fdatasync, itself unsynced), and the batch markers in the segment. So after a clean close, or after the process was
//!   killed, every acknowledged byte is covered. After a power cut that also lost the hint, the very last batch is not: damage
//!   to it cannot be told from a write that never finished.
//! - A deleted or older newest segment is found by the anchor, likewise. A copy of the whole directory is found by the
//!   anchor's inode and birth time; an old file-system snapshot, or old contents written into the very same files, all of them
//!   consistently, cannot be found from inside the directory.
//! - A directory in which every file is gone looks new, unless [`Options::must_exist`] says otherwise.
#![cfg_attr(not(test), warn(clippy::expect_used))]

mod active;
mod anchor;
mod creation;
mod error;
mod format;
mod index;
mod lock;
mod options;
mod recent;
mod recovery;
mod scan;
mod segment;
mod shared;
mod wal;
mod writer;

pub use error::OpenError;
pub use options::Options;
pub use wal::{Bounds, Recovered, Wal};
