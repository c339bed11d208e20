//! Functions that the tests share: small logs, and calls that wait for their acknowledgement.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use bank_wal::{Bounds, OpenError, Options, Wal};
use bytes::Bytes;
use tempfile::TempDir;

pub const STAMP: [u8; 16] = *b"bank-and-replica";

/// A temporary directory in memory, if the system has one. For tests that open a log a thousand times.
pub fn temp_in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| temp())
}

pub fn temp() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Options with small segments, so that a few records fill several, and a tiny cache, so that most reads come from
/// files.
pub fn small() -> Options {
    Options {
        segment_bytes: 4096,
        reserve_bytes: 4096,
        cache_bytes: 200,
        ..Options::default()
    }
}

pub fn open(dir: &TempDir, options: Options) -> Wal {
    Wal::open(dir.path(), STAMP, options).unwrap()
}

/// Opens a copy of a log.
pub fn open_copy(dir: &Path) -> Result<Wal, OpenError> {
    Wal::open(
        dir,
        STAMP,
        Options {
            accept_copy: true,
            ..small()
        },
    )
}

pub fn entries(range: Range<u64>) -> Vec<(u64, Bytes)> {
    range
        .map(|index| (index, Bytes::from(format!("entry {index}"))))
        .collect()
}

pub fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = dir.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
    files.sort();
    files
}

/// Copies a directory to which no record is being written. If a file is deleted meanwhile, begins again.
pub fn copy(from: &Path) -> TempDir {
    loop {
        let to = temp_in_memory();
        let copied = from.read_dir().unwrap().try_for_each(|entry| {
            let path = entry?.path();
            fs::copy(&path, to.path().join(path.file_name().unwrap())).map(drop)
        });
        match copied {
            Ok(()) => return to,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}"),
        }
    }
}

/// Copies the files that a kill of the process would leave right after these entries were synced. The writer thread
/// makes the copy, so it writes nothing meanwhile.
pub fn killed_after(wal: &Wal, dir: &Path, entries: Vec<(u64, Bytes)>) -> TempDir {
    let (done, copied) = mpsc::channel();
    let dir = dir.to_owned();
    let acknowledge = move |outcome: std::io::Result<()>| done.send(outcome.map(|()| copy(&dir))).unwrap();
    wal.append(entries, acknowledge).unwrap();
    copied.recv().unwrap().unwrap()
}

/// Copies the files that a kill of the process would leave now.
pub fn killed(wal: &Wal, dir: &Path) -> TempDir {
    killed_after(wal, dir, Vec::new())
}

/// The whole content of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub entries: Vec<(u64, Bytes)>,
    pub bounds: Bounds,
    pub states: BTreeMap<u8, Bytes>,
}

impl Content {
    pub fn of(wal: &Wal) -> Content {
        Content {
            entries: wal.read(0..u64::MAX, usize::MAX).unwrap(),
            bounds: wal.bounds(),
            states: (0..=u8::MAX)
                .filter_map(|slot| Some((slot, wal.state(slot)?)))
                .collect(),
        }
    }
}

pub trait Sync {
    fn sync_append(&self, entries: Vec<(u64, Bytes)>);
    fn sync_state(&self, slot: u8, value: &'static [u8]);
    fn sync_truncate(&self, after: Option<u64>);
    fn sync_purge(&self, index: u64, note: &'static [u8]);
}

impl Sync for Wal {
    fn sync_append(&self, entries: Vec<(u64, Bytes)>) {
        let (done, result) = mpsc::channel();
        self.append(entries, move |r| done.send(r).unwrap()).unwrap();
        result.recv().unwrap().unwrap();
    }

    fn sync_state(&self, slot: u8, value: &'static [u8]) {
        let (done, result) = mpsc::channel();
        self.put_state(slot, Bytes::from_static(value), move |r| done.send(r).unwrap())
            .unwrap();
        result.recv().unwrap().unwrap();
    }

    fn sync_truncate(&self, after: Option<u64>) {
        let (done, result) = mpsc::channel();
        self.truncate_after(after, move |r| done.send(r).unwrap()).unwrap();
        result.recv().unwrap().unwrap();
    }

    fn sync_purge(&self, index: u64, note: &'static [u8]) {
        let (done, result) = mpsc::channel();
        self.purge_to(index, Bytes::from_static(note), move |r| done.send(r).unwrap())
            .unwrap();
        result.recv().unwrap().unwrap();
    }
}
