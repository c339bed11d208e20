//! The anchor: a small file that records which segments must exist, and how far the newest one was synced.
//!
//! Records alone cannot show that a later file is gone, or that a file returned to older content. The anchor can. It is
//! rewritten and synced when a log is created, opened, rotated, purged and closed. It has two slots that are written in
//! turn, so a crash during a write leaves the older slot intact. A third place, the *hint*, records after every
//! fdatasync how far the newest segment is synced. The hint itself is not synced. It survives the end of the process
//! but perhaps not a power cut, and it never names more than was synced.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use crc32c::{crc32c, crc32c_append};

use crate::error::{OpenError, explain};
use crate::format::{FORMAT_VERSION, u32_at, u64_at};
use crate::segment::sync_directory;

const ANCHOR_FILE: &str = "ANCHOR";
const TEMPORARY_FILE: &str = "ANCHOR.new";
const MAGIC: [u8; 8] = *b"PBKANCH\n";
/// The distance between slots, in bytes. Slots are in different disk blocks, so a write of one never touches the other.
const SLOT_STRIDE: u64 = 4096;
const SLOT_BYTES: usize = 96;
const HINT_OFFSET: u64 = 2 * SLOT_STRIDE;
const HINT_BYTES: usize = 24;

/// A place in a segment up to which everything is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyncedMark {
    /// The segment's number.
    pub(crate) sequence: u32,
    /// The offset in the segment, in bytes.
    pub(crate) offset: u64,
    /// The chain at the offset.
    pub(crate) chain: u32,
}

/// The content of an anchor slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnchorState {
    /// The oldest segment that is needed. Earlier segments may be deleted.
    pub(crate) first: u32,
    /// The newest segment, and how far it was synced when the anchor was written.
    pub(crate) synced: SyncedMark,
    /// Whether the log was closed cleanly. `synced` is then its end.
    pub(crate) clean: bool,
}

/// The open anchor file. Threads can share it.
#[derive(Debug)]
pub(crate) struct Anchor {
    file: File,
    path: PathBuf,
    stamp: [u8; 16],
    /// The state that was stored last, with its generation. The lock is held while a state is stored.
    stored: Mutex<(u64, AnchorState)>,
    hint: Option<SyncedMark>,
    copied: bool,
}

impl Anchor {
    /// The anchor's path in `dir`.
    pub(crate) fn path_in(dir: &Path) -> PathBuf {
        dir.join(ANCHOR_FILE)
    }

    /// Creates an anchor atomically.
    pub(crate) fn create(dir: &Path, stamp: [u8; 16], state: AnchorState) -> io::Result<Anchor> {
        let (path, temporary) = (Self::path_in(dir), dir.join(TEMPORARY_FILE));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)
            .map_err(|e| explain(&e, "creating", &temporary))?;
        let blank = vec![0; (HINT_OFFSET + SLOT_STRIDE) as usize];
        file.write_all_at(&blank, 0)
            .map_err(|e| explain(&e, "writing", &temporary))?;
        let anchor = Anchor {
            file,
            path,
            stamp,
            stored: Mutex::new((0, state)),
            hint: None,
            copied: false,
        };
        anchor.store(state)?;
        std::fs::rename(&temporary, &anchor.path).map_err(|e| explain(&e, "renaming", &temporary))?;
        sync_directory(dir)?;
        Ok(anchor)
    }

    /// Reads the anchor in `dir`. `None`: there is no anchor.
    pub(crate) fn load(dir: &Path, stamp: [u8; 16]) -> Result<Option<Anchor>, OpenError> {
        let path = Self::path_in(dir);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(OpenError::io("opening", &path))?,
        };
        let mut best: Option<Slot> = None;
        let mut fault = None;
        for number in 0..2 {
            match Slot::decode(&read_padded::<SLOT_BYTES>(&file, number * SLOT_STRIDE, &path)?) {
                Ok(slot) if best.as_ref().is_none_or(|other| other.generation < slot.generation) => best = Some(slot),
                Ok(_) => {}
                Err(found) => fault = fault.max(Some((found.unwrap_or(0), number * SLOT_STRIDE))),
            }
        }
        let Some(slot) = best else {
            return Err(match fault {
                Some((version, _)) if version != 0 => OpenError::OtherFormat {
                    path,
                    found: version,
                    supported: FORMAT_VERSION,
                },
                _ => OpenError::damaged(&path, 0, "neither of the anchor's two slots is intact"),
            });
        };
        if slot.stamp != stamp {
            return Err(OpenError::OtherOwner {
                path,
                found: slot.stamp,
                expected: stamp,
            });
        }
        let hint = decode_hint(&read_padded::<HINT_BYTES>(&file, HINT_OFFSET, &path)?, &stamp);
        if let Some(hint) = hint
            && hint.sequence > slot.state.synced.sequence
        {
            return Err(OpenError::damaged(&path, 0, "its newest slot is damaged or an old one"));
        }
        let identity = Identity::of(&file).map_err(OpenError::io("stat", &path))?;
        let copied = !slot.identity.may_be(identity);
        Ok(Some(Anchor {
            file,
            path,
            stamp,
            stored: Mutex::new((slot.generation, slot.state)),
            hint,
            copied,
        }))
    }

    /// The state that was stored last.
    pub(crate) fn state(&self) -> AnchorState {
        self.stored().1
    }

    fn stored(&self) -> std::sync::MutexGuard<'_, (u64, AnchorState)> {
        // Nothing panics under the lock, and the value changes only after it was written.
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hint that [`Anchor::load`] found.
    pub(crate) fn found_hint(&self) -> Option<SyncedMark> {
        self.hint
    }

    /// Whether [`Anchor::load`] found that the file is a copy of the file that was written.
    pub(crate) fn is_copied(&self) -> bool {
        self.copied
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the state, durably.
    pub(crate) fn store(&self, state: AnchorState) -> io::Result<()> {
        self.update(|stored| *stored = state)
    }

    /// Changes a part of the state, durably. Concurrent changes of other parts are kept.
    pub(crate) fn update(&self, change: impl FnOnce(&mut AnchorState)) -> io::Result<()> {
        let identity = Identity::of(&self.file)?;
        let mut stored = self.stored();
        let (generation, mut state) = *stored;
        change(&mut state);
        let slot = Slot {
            stamp: self.stamp,
            generation: generation + 1,
            state,
            identity,
        };
        self.file
            .write_all_at(&slot.encode(), slot.generation % 2 * SLOT_STRIDE)
            .and_then(|()| self.file.sync_data())
            .map_err(|e| explain(&e, "updating", &self.path))?;
        *stored = (slot.generation, state);
        Ok(())
    }

    /// Writes how far the newest segment is synced, without a sync. Does not wait for a state that is being stored.
    pub(crate) fn hint(&self, mark: SyncedMark) -> io::Result<()> {
        self.file
            .write_all_at(&encode_hint(mark, &self.stamp), HINT_OFFSET)
            .map_err(|e| explain(&e, "updating", &self.path))
    }
}

/// Distinguishes a file from its copies. A value is 0 if the file system does not report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Identity {
    inode: u64,
    born_ns: u64,
}

impl Identity {
    fn of(file: &File) -> io::Result<Identity> {
        let metadata = file.metadata()?;
        let born = metadata
            .created()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Ok(Identity {
            inode: metadata.ino(),
            born_ns: born.map_or(0, |at| at.as_nanos() as u64),
        })
    }

    /// Whether both may be the same file. Without a birth time that is always possible, because some file systems
    /// assign new inode numbers at each mount.
    fn may_be(self, other: Identity) -> bool {
        self.born_ns == 0 || other.born_ns == 0 || self == other
    }
}

#[derive(Debug)]
struct Slot {
    stamp: [u8; 16],
    generation: u64,
    state: AnchorState,
    identity: Identity,
}

impl Slot {
    fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut raw = [0u8; SLOT_BYTES];
        raw[..8].copy_from_slice(&MAGIC);
        raw[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        raw[12..16].copy_from_slice(&u32::from(self.state.clean).to_le_bytes());
        raw[16..32].copy_from_slice(&self.stamp);
        raw[32..40].copy_from_slice(&self.generation.to_le_bytes());
        raw[40..44].copy_from_slice(&self.state.first.to_le_bytes());
        raw[44..48].copy_from_slice(&self.state.synced.sequence.to_le_bytes());
        raw[48..56].copy_from_slice(&self.state.synced.offset.to_le_bytes());
        raw[56..60].copy_from_slice(&self.state.synced.chain.to_le_bytes());
        raw[64..72].copy_from_slice(&self.identity.inode.to_le_bytes());
        raw[72..80].copy_from_slice(&self.identity.born_ns.to_le_bytes());
        let crc = crc32c(&raw[..92]);
        raw[92..].copy_from_slice(&crc.to_le_bytes());
        raw
    }

    /// Decodes a slot. The error is the format version if the slot has another version, and `None` if it is damaged.
    fn decode(raw: &[u8; SLOT_BYTES]) -> Result<Slot, Option<u32>> {
        if raw[..8] != MAGIC {
            return Err(None);
        }
        let version = u32_at(raw, 8);
        if version != FORMAT_VERSION {
            return Err(Some(version));
        }
        if u32_at(raw, 92) != crc32c(&raw[..92]) {
            return Err(None);
        }
        let mut stamp = [0u8; 16];
        stamp.copy_from_slice(&raw[16..32]);
        Ok(Slot {
            stamp,
            generation: u64_at(raw, 32),
            state: AnchorState {
                first: u32_at(raw, 40),
                synced: SyncedMark {
                    sequence: u32_at(raw, 44),
                    offset: u64_at(raw, 48),
                    chain: u32_at(raw, 56),
                },
                clean: u32_at(raw, 12) == 1,
            },
            identity: Identity {
                inode: u64_at(raw, 64),
                born_ns: u64_at(raw, 72),
            },
        })
    }
}

fn encode_hint(mark: SyncedMark, stamp: &[u8; 16]) -> [u8; HINT_BYTES] {
    let mut raw = [0u8; HINT_BYTES];
    raw[..4].copy_from_slice(&mark.sequence.to_le_bytes());
    raw[4..12].copy_from_slice(&mark.offset.to_le_bytes());
    raw[12..16].copy_from_slice(&mark.chain.to_le_bytes());
    let crc = crc32c_append(crc32c(stamp), &raw[..20]);
    raw[20..].copy_from_slice(&crc.to_le_bytes());
    raw
}

/// Decodes a hint. A damaged hint is ignored, because the slots are valid without it.
fn decode_hint(raw: &[u8; HINT_BYTES], stamp: &[u8; 16]) -> Option<SyncedMark> {
    let intact = u32_at(raw, 20) == crc32c_append(crc32c(stamp), &raw[..20]);
    intact.then(|| SyncedMark {
        sequence: u32_at(raw, 0),
        offset: u64_at(raw, 4),
        chain: u32_at(raw, 12),
    })
}

/// Reads `N` bytes at `offset`. Bytes after the end of the file are zeros.
fn read_padded<const N: usize>(file: &File, offset: u64, path: &Path) -> Result<[u8; N], OpenError> {
    let mut raw = [0; N];
    let mut filled = 0;
    while filled < N {
        match file.read_at(&mut raw[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(OpenError::io("reading", path)(e)),
        }
    }
    Ok(raw)
}
