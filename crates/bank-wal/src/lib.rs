//! A write-ahead log of numbered entries: append, sync, read back, truncate, purge.
//!
//! A log is one ordered stream of changes in checksummed segment files. The changes are entries, values of state slots,
//! truncations and purges. A change is acknowledged only after its fdatasync. A later open returns everything that was
//! acknowledged, or refuses and names the wrong byte and file. Only a torn tail, which was never synced, is dropped.
//!
//! The crate knows nothing of Raft, accounts, gRPC or async runtimes. It runs on Unix only.
//!
//! # Example
//! ```
//! use std::sync::mpsc;
//!
//! use bank_wal::{Options, Wal};
//! use bytes::Bytes;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! // The stamp identifies the owner. A log with another stamp is refused.
//! let stamp = *b"the owner's name";
//! let wal = Wal::open(dir.path(), stamp, Options::default())?;
//!
//! // Append two entries, and wait until they are synced.
//! let (done, synced) = mpsc::channel();
//! let entries = vec![(1, Bytes::from("first")), (2, Bytes::from("second"))];
//! wal.append(entries, move |outcome| {
//!     let _ = done.send(outcome);
//! })?;
//! synced.recv()??;
//!
//! // Read them back, with at most 1 MiB of payload.
//! let read = wal.read(1..3, 1 << 20)?;
//! assert_eq!(read, [(1, Bytes::from("first")), (2, Bytes::from("second"))]);
//!
//! // Drop every entry after the first. Readers see this at once.
//! let (done, synced) = mpsc::channel();
//! wal.truncate_after(Some(1), move |outcome| {
//!     let _ = done.send(outcome);
//! })?;
//! synced.recv()??;
//! assert_eq!(wal.bounds().last_index, Some(1));
//!
//! // A clean close. The next open finds the same log.
//! wal.close()?;
//! let wal = Wal::open(dir.path(), stamp, Options::default())?;
//! assert_eq!(wal.bounds().next_index, Some(2));
//! # Ok(())
//! # }
//! ```
//!
//! # Modules in reading order
//! - `format`: the bytes of a segment; `scan`: reads the records of a segment; both are pure
//! - `anchor`: the small file that records which segments must exist and how far they were synced
//! - `segment`, `active`, `lock`: a segment file; the segment that is being written; the lock on the directory
//! - `index`, `recent`: the places of the entries; the newest entries in memory
//! - `recovery`, `creation`: open an existing log (`repair` makes the changes); create a new one; both return a
//!   `recovered_log`
//! - `shared`: the state that callers and the writer share, with the bounded queue
//! - `upkeep`: the thread that prepares the next segment and deletes old ones
//! - `writer`: the thread that writes, syncs, acknowledges and rotates
//! - `wal`: the public type; `check`: the check of a log without opening it
//!
//! # What is detected
//! A changed byte, a cut file or a missing file is refused if it lies before the last place that is known to be synced.
//! That place is the newest of three: the anchor (written at create, open, rotation, purge and clean close), the
//! anchor's hint (written after each fdatasync, not synced itself), and the batch markers in the segment. So every
//! acknowledged byte is covered after a clean close and after a killed process.
//!
//! The anchor also shows a missing or older newest segment. Its inode and birth time show a copy of the whole
//! directory.
//!
//! # What is not detected
//! - After a power cut that also lost the hint, damage to the very last batch looks like a write that never finished.
//! - An old snapshot of the file system, or old contents that were written consistently into the same files, look like
//!   a valid log.
//! - A directory whose files are all gone looks new, unless [`Options::must_exist`] is set.
#![cfg_attr(not(test), warn(clippy::expect_used))]

mod active;
mod anchor;
mod check;
mod creation;
mod error;
#[cfg(test)]
mod faults;
mod format;
mod index;
mod lock;
mod options;
mod recent;
mod recovered_log;
mod recovery;
mod repair;
mod scan;
mod segment;
mod shared;
mod upkeep;
mod wal;
mod writer;

pub use check::{Checked, check};
pub use error::OpenError;
pub use options::Options;
pub use wal::{Bounds, Recovered, Wal};
