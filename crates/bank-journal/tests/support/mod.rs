//! What the tests share: a small journal, and calls that wait for their acknowledgement.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use bank_journal::{Journal, OpenError, Options};
use bytes::Bytes;
use tempfile::TempDir;

pub const STAMP: [u8; 16] = *b"bank-and-replica";

pub fn temp() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Small segments, so that a few records fill several; a tiny cache, so that most reads come from files.
pub fn small() -> Options {
    Options {
        segment_bytes: 4096,
        reserve_bytes: 4096,
        cache_bytes: 200,
        ..Options::default()
    }
}

pub fn open(dir: &TempDir, options: Options) -> Journal {
    Journal::open(dir.path(), STAMP, options).unwrap()
}

/// Opens a copy of a journal.
pub fn open_copy(dir: &Path) -> Result<Journal, OpenError> {
    Journal::open(
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

pub fn segment_files(dir: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = dir
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
    files.sort();
    files
}

/// What a crash of the process leaves: the files as they are right now, in another directory.
pub fn copy(from: &Path) -> TempDir {
    let to = temp();
    for entry in from.read_dir().unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

pub trait Sync {
    fn sync_append(&self, entries: Vec<(u64, Bytes)>);
    fn sync_state(&self, slot: u8, value: &'static [u8]);
    fn sync_truncate(&self, after: Option<u64>);
    fn sync_purge(&self, index: u64, note: &'static [u8]);
}

impl Sync for Journal {
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
