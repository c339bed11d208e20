//! Tests of the writer with a failing disk and with a full queue.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;

use super::Span;
use crate::{Options, Wal};

const STAMP: [u8; 16] = [7; 16];

fn small() -> Options {
    Options {
        segment_bytes: 4096,
        reserve_bytes: 4096,
        cache_bytes: 0,
        ..Options::default()
    }
}

fn append(wal: &Wal, index: u64, len: usize) -> io::Result<Receiver<io::Result<()>>> {
    let (done, outcome) = channel();
    wal.append(vec![(index, Bytes::from(vec![1; len]))], move |result| {
        done.send(result).unwrap()
    })?;
    Ok(outcome)
}

fn sync_append(wal: &Wal, index: u64, len: usize) -> io::Result<()> {
    append(wal, index, len)?.recv().unwrap()
}

/// Holds the writer, so that further changes wait in the queue. Sending a message on the returned channel releases it.
fn hold(wal: &Wal) -> Sender<()> {
    let (holding, held) = channel();
    let (release, released) = channel();
    let done = move |_| {
        holding.send(()).unwrap();
        released.recv().unwrap();
    };
    wal.append(Vec::new(), done).unwrap();
    held.recv().unwrap();
    release
}

/// Asserts that a stopped log refuses every change with the same reason, and that reads continue.
fn assert_stopped(wal: &Wal, kind: io::ErrorKind, what: &str) {
    let next = wal.bounds().next_index.unwrap();
    let errors = [
        sync_append(wal, next, 1).unwrap_err(),
        wal.put_state(0, Bytes::new(), |_| panic!("called")).unwrap_err(),
        wal.put_state_lazily(0, Bytes::new()).unwrap_err(),
        wal.truncate_after(None, |_| panic!("called")).unwrap_err(),
        wal.purge_to(next, Bytes::new(), |_| panic!("called")).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
    assert!(wal.failure().unwrap().contains(what));
    assert_eq!(wal.read(0..1, 10).unwrap().len(), 1);
    assert!(wal.close().is_err());
}

fn reopened_entries(dir: &Path) -> usize {
    Wal::open(dir, STAMP, small())
        .unwrap()
        .read(0..u64::MAX, usize::MAX)
        .unwrap()
        .len()
}

#[test]
fn a_failed_fsync_is_final_and_never_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let options = small();
    let faults = options.faults.clone();
    let wal = Wal::open(dir.path(), STAMP, options).unwrap();
    sync_append(&wal, 0, 1).unwrap();
    faults.syncs.store(0, SeqCst);
    let error = sync_append(&wal, 1, 1).unwrap_err();
    assert!(error.to_string().contains("injected: input/output error"), "{error}");
    faults.syncs.store(-1, SeqCst);
    assert_stopped(&wal, io::ErrorKind::Other, "injected: input/output error");
    // Entry 0 must be there. Entry 1 was written but not acknowledged, so it may be there or not.
    assert!((1..=2).contains(&reopened_entries(dir.path())));
}

#[test]
fn a_failed_write_reaches_all_that_wait_and_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let options = small();
    let faults = options.faults.clone();
    let wal = Wal::open(dir.path(), STAMP, options).unwrap();
    sync_append(&wal, 0, 1).unwrap();
    let release = hold(&wal);
    let waiting: Vec<_> = (1..4).map(|index| append(&wal, index, 1).unwrap()).collect();
    faults.writes.store(0, SeqCst);
    release.send(()).unwrap();
    for outcome in waiting {
        assert_eq!(outcome.recv().unwrap().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
    assert_stopped(&wal, io::ErrorKind::StorageFull, "injected: no space left");
    assert_eq!(reopened_entries(dir.path()), 1);
}

#[test]
fn a_full_disk_is_noticed_ahead_and_stops_only_the_write_that_does_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 1 << 20,
        ..small()
    };
    let faults = options.faults.clone();
    let wal = Wal::open(dir.path(), STAMP, options).unwrap();
    faults.reserves.store(0, SeqCst);
    sync_append(&wal, 0, 3000).unwrap();
    sync_append(&wal, 1, 10).unwrap();
    assert!(wal.is_space_low());
    assert_eq!(wal.failure(), None);
    faults.reserves.store(-1, SeqCst);
    sync_append(&wal, 2, 10).unwrap();
    sync_append(&wal, 3, 10).unwrap();
    assert!(!wal.is_space_low());
    faults.reserves.store(0, SeqCst);
    assert_eq!(
        sync_append(&wal, 4, 9000).unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert_stopped(&wal, io::ErrorKind::StorageFull, "no space left");
    assert_eq!(reopened_entries(dir.path()), 4);
}

#[test]
fn a_disk_without_room_for_the_next_segment_is_noticed_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let options = small();
    let faults = options.faults.clone();
    let wal = Wal::open(dir.path(), STAMP, options).unwrap();
    let mut indexes = 0..;
    let mut append_until = |low: bool| {
        indexes.by_ref().take(2000).any(|index| {
            sync_append(&wal, index, 1).unwrap();
            wal.is_space_low() == low
        })
    };
    faults.fills.store(0, SeqCst);
    assert!(append_until(true), "the segment cannot be filled");
    faults.fills.store(-1, SeqCst);
    assert!(append_until(false), "it is tried again");
}

#[test]
fn a_rotation_that_fails_stops_the_journal_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let wal = Wal::open(dir.path(), STAMP, small()).unwrap();
    let in_the_way = dir.path().join("0000000002.segment");
    std::fs::create_dir(&in_the_way).unwrap();
    sync_append(&wal, 0, 5000).unwrap();
    let outcome = append(&wal, 1, 1).map(|outcome| outcome.recv().unwrap());
    assert!(matches!(outcome, Err(_) | Ok(Err(_))));
    assert!(wal.close().is_err());
    std::fs::remove_dir(in_the_way).unwrap();
    assert_eq!(reopened_entries(dir.path()), 1);
}

#[test]
fn a_full_queue_blocks_its_callers_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let wal = Wal::open(
        dir.path(),
        STAMP,
        Options {
            queue_bytes: 300,
            ..small()
        },
    )
    .unwrap();
    let release = hold(&wal);
    let first = append(&wal, 0, 200).unwrap();
    let error = append(&wal, 1, 400).map(drop).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "it never fits");
    std::thread::scope(|scope| {
        let second = scope.spawn(|| sync_append(&wal, 1, 200));
        assert_eq!(wal.bounds().next_index, Some(1), "the second one is not in");
        release.send(()).unwrap();
        first.recv().unwrap().unwrap();
        second.join().unwrap().unwrap();
    });
    assert_eq!(wal.bounds().next_index, Some(2));
}

#[test]
fn an_acknowledgement_that_panics_stops_the_journal_instead_of_hanging_it() {
    let dir = tempfile::tempdir().unwrap();
    let wal = Wal::open(dir.path(), STAMP, small()).unwrap();
    sync_append(&wal, 0, 1).unwrap();
    let (panicking, running) = channel();
    let done = move |_| {
        panicking.send(()).unwrap();
        panic!("planted");
    };
    wal.append(Vec::new(), done).unwrap();
    running.recv().unwrap();
    assert_stopped(&wal, io::ErrorKind::Other, "panicked");
}

#[test]
fn the_last_reference_may_be_dropped_by_an_acknowledgement() {
    let dir = tempfile::tempdir().unwrap();
    let wal = std::sync::Arc::new(Wal::open(dir.path(), STAMP, small()).unwrap());
    let (release, released) = channel::<()>();
    let (dropped, gone) = channel();
    let last = wal.clone();
    let done = move |_| {
        released.recv().unwrap();
        drop(last);
        dropped.send(()).unwrap();
    };
    wal.append(vec![(0, Bytes::new())], done).unwrap();
    drop(wal);
    release.send(()).unwrap();
    gone.recv().unwrap();
}

#[test]
fn files_are_deleted_only_for_a_purge_that_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        batch_bytes: 1,
        ..small()
    };
    let faults = options.faults.clone();
    let wal = Wal::open(dir.path(), STAMP, options).unwrap();
    for index in 0..5 {
        sync_append(&wal, index, 4096).unwrap();
    }
    // Both purges wait. The first reaches the disk, and the second does not.
    let release = hold(&wal);
    let (done, outcome) = channel();
    wal.purge_to(0, Bytes::new(), move |result| done.send(result).unwrap())
        .unwrap();
    wal.purge_to(3, Bytes::new(), |_| {}).unwrap();
    faults.writes.store(1, SeqCst);
    release.send(()).unwrap();
    outcome.recv().unwrap().unwrap();
    assert!(wal.close().is_err());
    assert_eq!(reopened_entries(dir.path()), 4);
}

#[test]
fn a_disk_that_is_full_while_the_next_segment_is_filled_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = small();
    let faults = options.faults.clone();
    faults.fills.store(0, SeqCst);
    let wal = Wal::open(dir.path(), STAMP, options).unwrap();
    for index in 0..20 {
        sync_append(&wal, index, 1000).unwrap();
    }
    wal.close().unwrap();
    assert_eq!(reopened_entries(dir.path()), 20);
}

#[test]
fn a_segment_that_cannot_be_created_ahead_is_created_when_it_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let wal = Wal::open(dir.path(), STAMP, small()).unwrap();
    let in_the_way = dir.path().join("0000000002.segment");
    std::fs::create_dir(&in_the_way).unwrap();
    sync_append(&wal, 0, 3000).unwrap();
    sync_append(&wal, 1, 10).unwrap();
    assert_eq!(wal.failure(), None);
    std::fs::remove_dir(in_the_way).unwrap();
    sync_append(&wal, 2, 2000).unwrap();
    sync_append(&wal, 3, 10).unwrap();
    wal.close().unwrap();
    assert_eq!(reopened_entries(dir.path()), 4);
}

#[test]
fn the_next_segment_is_asked_for_at_half_and_full_at_the_end() {
    let first = Span::first(64, 16 << 20);
    let all = first.next(16 << 20).full;
    assert_eq!(first.ahead(first.full / 2, all), None);
    assert_eq!(first.ahead(first.full, all), Some(all));
    let mut span = first;
    for _ in 0..10 {
        let next = span.next(16 << 20);
        assert!(next.full <= 2 * (span.full - span.start));
        span = next;
    }
    assert_eq!(span.full, 16 << 20);
    // A recovered segment may be full already.
    assert!(Span::first(20 << 20, 16 << 20).ahead(20 << 20, all).is_some());
    assert!(Span::first(20 << 20, 16 << 20).next(16 << 20).full > 0);
}
