//! Tests torn tails: a write that was never acknowledged is dropped however it is torn, and nothing else is dropped.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;

use bank_wal::Options;
use bytes::Bytes;
use support::{
    Content, Sync, copy, entries, killed, killed_after, open, open_copy, segment_files, small, temp_in_memory,
};

/// The log after its last acknowledged batch, and its newest segment with one further batch that was not acknowledged.
struct Torn {
    before: tempfile::TempDir,
    expected: Content,
    synced: Vec<u8>,
    written: Vec<u8>,
}

impl Torn {
    fn new() -> Torn {
        let dir = temp_in_memory();
        let wal = open(&dir, small());
        wal.sync_append(entries(0..5));
        wal.sync_state(1, b"vote");
        let expected = Content::of(&wal);
        let before = killed(&wal, dir.path());
        let after = killed_after(&wal, dir.path(), entries(5..8));
        let newest = segment_files(after.path()).pop().unwrap();
        let synced = fs::read(segment_files(before.path()).pop().unwrap()).unwrap();
        Torn {
            before,
            expected,
            synced,
            written: fs::read(newest).unwrap(),
        }
    }

    /// The range of bytes of the unacknowledged batch.
    fn batch(&self) -> std::ops::Range<usize> {
        let start = (0..self.synced.len())
            .find(|&at| self.synced[at] != self.written[at])
            .unwrap()
            & !7;
        start..self.written.iter().rposition(|&byte| byte != 0).unwrap() + 1
    }

    /// Opens the log with `bytes` as its newest segment. Every acknowledged entry must be there, and further entries
    /// only whole. Then appends and opens the log again. No part of the torn batch may come back.
    fn check(&self, bytes: &[u8]) {
        let dir = copy(self.before.path());
        fs::write(segment_files(dir.path()).pop().unwrap(), bytes).unwrap();
        let wal = open_copy(dir.path()).unwrap();
        let mut found = Content::of(&wal);
        let kept = found.entries.len() as u64;
        assert!((5..=8).contains(&kept));
        assert_eq!(found.entries, entries(0..kept));
        wal.sync_append(vec![(kept, Bytes::from_static(b"x"))]);
        found.entries.push((kept, Bytes::from_static(b"x")));
        let killed = killed(&wal, dir.path());
        drop(wal);
        for dir in [dir, killed] {
            let wal = open_copy(dir.path()).unwrap();
            assert_eq!(wal.recovered().dropped_bytes, 0);
            assert_eq!(Content::of(&wal).entries, found.entries);
            assert_eq!(Content::of(&wal).states, self.expected.states);
        }
    }
}

#[test]
fn a_batch_that_was_cut_anywhere_is_dropped_from_there() {
    let torn = Torn::new();
    for cut in torn.batch() {
        let mut bytes = torn.written.clone();
        bytes[cut..].fill(0);
        torn.check(&bytes);
    }
}

#[test]
fn a_batch_with_a_hole_or_garbage_anywhere_is_dropped_from_there() {
    let torn = Torn::new();
    for at in torn.batch().step_by(8) {
        for fill in [0, 0xA5] {
            let mut bytes = torn.written.clone();
            bytes[at..at + 8].fill(fill);
            torn.check(&bytes);
        }
    }
}

#[test]
fn a_rotation_that_did_not_finish_is_undone() {
    let dir = temp_in_memory();
    let wal = open(&dir, small());
    wal.sync_append(entries(0..3));
    let before = killed(&wal, dir.path());
    wal.sync_append(vec![(3, Bytes::from(vec![3; 4096]))]);
    wal.close().unwrap();
    let files = segment_files(dir.path());
    assert_eq!(files.len(), 2);
    // The older anchor does not name the new segment. In one case the segment's header is incomplete.
    let next = before.path().join(files[1].file_name().unwrap());
    for bytes in [fs::read(&files[1]).unwrap(), vec![0; 4096], b"PBK".to_vec()] {
        let dir = copy(before.path());
        fs::write(dir.path().join(next.file_name().unwrap()), bytes).unwrap();
        let wal = open_copy(dir.path()).unwrap();
        assert_eq!(Content::of(&wal).entries, entries(0..3));
        assert_eq!(segment_files(dir.path()).len(), 1);
    }
}

#[test]
fn a_segment_that_was_being_prepared_is_removed_and_overwrites_nothing() {
    let dir = temp_in_memory();
    let wal = open(&dir, Options::default());
    let entry = |index: u64| (index, Bytes::from(vec![index as u8 | 1; 30_000]));
    let mut killed_while_prepared = 0;
    for index in 0..200 {
        wal.sync_append(vec![entry(index)]);
        if index % 10 != 0 {
            continue;
        }
        // The first segment is more than half full at this entry, and not full.
        while index == 20 && segment_files(dir.path()).len() < 2 {
            std::thread::yield_now();
        }
        let killed = killed(&wal, dir.path());
        let newest = segment_files(killed.path()).pop().unwrap();
        let prepared = fs::read(&newest).unwrap().iter().all(|&byte| byte == 0);
        killed_while_prepared += u32::from(prepared);
        let found = open_copy(killed.path()).unwrap();
        assert_eq!(
            found.read(0..u64::MAX, usize::MAX).unwrap(),
            (0..=index).map(entry).collect::<Vec<_>>()
        );
        assert_eq!(newest.exists(), !prepared);
    }
    assert!(killed_while_prepared > 0);
    wal.close().unwrap();
    let files = segment_files(dir.path());
    assert!(files.len() > 2, "{files:?}");
    let written: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(written < 201 * 30_100, "zeros are given back: {written}");
    assert_eq!(
        open(&dir, Options::default())
            .read(0..u64::MAX, usize::MAX)
            .unwrap()
            .len(),
        200
    );
}

#[test]
fn a_creation_that_did_not_finish_is_done_again() {
    let dir = temp_in_memory();
    drop(open(&dir, small()));
    for length in [0, 10, 64] {
        let again = copy(dir.path());
        fs::rename(again.path().join("ANCHOR"), again.path().join("ANCHOR.new")).unwrap();
        let first = segment_files(again.path()).pop().unwrap();
        let bytes = fs::read(&first).unwrap();
        fs::write(&first, &bytes[..length]).unwrap();
        let wal = open_copy(again.path()).unwrap();
        assert!(wal.recovered().created);
        wal.sync_append(entries(0..2));
    }
}

#[test]
fn what_a_purge_did_not_get_to_delete_is_deleted_at_the_next_open() {
    let dir = temp_in_memory();
    let wal = open(&dir, small());
    for index in 0..4 {
        wal.sync_append(vec![(index, Bytes::from(vec![1; 4096]))]);
    }
    let before = killed(&wal, dir.path());
    wal.sync_purge(3, b"note");
    wal.close().unwrap();
    let expected = Content::of(&wal);
    let oldest = segment_files(before.path()).remove(0);
    fs::copy(&oldest, dir.path().join(oldest.file_name().unwrap())).unwrap();
    let wal = open(&dir, small());
    assert_eq!(Content::of(&wal), expected);
    assert!(!dir.path().join(oldest.file_name().unwrap()).exists());
}
