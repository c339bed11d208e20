//! Tests that acknowledged entries, truncations and purges are there after a reopen.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

use bytes::Bytes;
use support::{Content, STAMP, Sync, copy, entries, killed, open, open_copy, small, temp};

/// A delay that no test waits for.
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn appended_entries_are_read_back_before_and_after_a_reopen() {
    let dir = temp();
    let wal = open(&dir, small());
    assert!(wal.recovered().created);
    wal.sync_append(entries(0..10));
    assert_eq!(wal.read(0..100, usize::MAX).unwrap(), entries(0..10));
    drop(wal);
    let wal = open(&dir, small());
    assert!(!wal.recovered().created);
    assert_eq!(wal.read(3..5, usize::MAX).unwrap(), entries(3..5));
    assert_eq!(wal.read(0..100, usize::MAX).unwrap(), entries(0..10));
    assert_eq!(wal.bounds().next_index, Some(10));
    wal.sync_append(entries(10..12));
    wal.close().unwrap();
    assert_eq!(open(&dir, small()).read(0..100, usize::MAX).unwrap(), entries(0..12));
}

#[test]
fn truncations_purges_and_states_survive() {
    let dir = temp();
    let wal = open(&dir, small());
    wal.sync_append(entries(1..20));
    wal.sync_truncate(Some(14));
    wal.sync_append(vec![(15, Bytes::from_static(b"again"))]);
    wal.sync_purge(4, b"four");
    wal.sync_state(1, b"vote");
    wal.sync_state(1, b"newer vote");
    wal.put_state_lazily(2, Bytes::from_static(b"committed")).unwrap();
    wal.put_state_lazily(4, Bytes::from_static(b"older")).unwrap();
    wal.sync_state(4, b"newer");
    let before = wal.bounds();
    drop(wal);
    let wal = open(&dir, small());
    assert_eq!(wal.bounds(), before);
    assert_eq!(before.purged, Some((4, Bytes::from_static(b"four"))));
    assert_eq!((before.first_index, before.last_index), (Some(5), Some(15)));
    assert_eq!(wal.state(1).unwrap(), "newer vote");
    assert_eq!(wal.state(2).unwrap(), "committed");
    assert_eq!(wal.state(3), None);
    assert_eq!(wal.state(4).unwrap(), "newer");
    let read = wal.read(0..100, usize::MAX).unwrap();
    assert_eq!(read[..10], entries(5..15));
    assert_eq!(read[10], (15, Bytes::from_static(b"again")));
}

#[test]
fn a_purge_beyond_the_end_moves_the_start() {
    let dir = temp();
    let wal = open(&dir, small());
    wal.sync_append(entries(0..3));
    wal.sync_purge(100, b"snapshot");
    assert_eq!(wal.bounds().next_index, Some(101));
    wal.sync_append(entries(101..103));
    drop(wal);
    assert_eq!(open(&dir, small()).read(0..200, usize::MAX).unwrap(), entries(101..103));
}

#[test]
fn calls_that_make_no_sense_are_refused_and_change_nothing() {
    let dir = temp();
    let wal = open(&dir, small());
    wal.sync_append(entries(5..8));
    let before = wal.bounds();
    assert!(wal.append(entries(9..10), |_| panic!("called")).is_err());
    assert!(wal.append(entries(7..8), |_| panic!("called")).is_err());
    let gap = [entries(8..9), entries(10..11)].concat();
    assert!(wal.append(gap, |_| panic!("called")).is_err());
    assert!(
        wal.append(vec![(u64::MAX, Bytes::new())], |_| panic!("called"))
            .is_err()
    );
    assert!(
        wal.purge_to(2, Bytes::new(), |_| panic!("called")).is_err(),
        "a gap before the first entry"
    );
    assert_eq!(wal.bounds(), before);
    wal.sync_purge(6, b"");
    assert!(wal.purge_to(5, Bytes::new(), |_| panic!("called")).is_err());
    assert!(wal.truncate_after(Some(5), |_| panic!("called")).is_err());
    assert!(wal.put_state(0, vec![0; 100_000].into(), |_| panic!("called")).is_err());
    assert_eq!(wal.failure(), None);
    wal.sync_append(entries(8..9));
}

#[test]
fn reads_are_bounded_by_bytes_but_never_empty_handed() {
    let dir = temp();
    let mut wal = open(&dir, small());
    let big = |index| (index, Bytes::from(vec![index as u8; 100]));
    wal.sync_append((0..10).map(big).collect());
    for _ in 0..2 {
        assert_eq!(wal.read(2..9, 250).unwrap(), vec![big(2), big(3)]);
        assert_eq!(wal.read(2..9, 0).unwrap(), vec![big(2)]);
        assert_eq!(wal.read(10..20, 1000).unwrap(), vec![]);
        drop(wal);
        wal = open(&dir, small());
    }
}

#[test]
fn segments_rotate_and_purged_ones_are_deleted() {
    let dir = temp();
    let wal = open(&dir, small());
    for index in 0..200 {
        wal.sync_append(vec![(index, Bytes::from(vec![index as u8; 300]))]);
    }
    let segments = support::segment_files(dir.path());
    assert!(segments.len() > 5, "{segments:?}");
    wal.sync_state(7, b"kept");
    wal.sync_purge(180, b"note");
    wal.sync_append(vec![(200, Bytes::new())]);
    wal.close().unwrap();
    assert!(support::segment_files(dir.path()).len() < 4);
    let wal = open(&dir, small());
    assert_eq!(wal.bounds().first_index, Some(181));
    assert_eq!(wal.state(7).unwrap(), "kept");
    assert_eq!(wal.read(181..201, usize::MAX).unwrap().len(), 20);
}

#[test]
fn a_second_open_is_refused_and_names_the_process() {
    let dir = temp();
    let wal = open(&dir, small());
    let error = bank_wal::Wal::open(dir.path(), STAMP, small()).unwrap_err();
    assert!(
        error.to_string().contains(&format!("process {}", std::process::id())),
        "{error}"
    );
    drop(wal);
    open(&dir, small());
}

#[test]
fn segments_that_hold_only_truncated_entries_stay_until_something_is_purged() {
    let dir = temp();
    let wal = open(&dir, small());
    wal.sync_append(vec![(0, Bytes::from(vec![0; 4096])), (1, Bytes::new())]);
    wal.sync_truncate(None);
    wal.close().unwrap();
    for reopened in 0..3 {
        let wal = open(&dir, small());
        wal.sync_append(entries(reopened..reopened + 1));
        wal.close().unwrap();
        assert_eq!(support::segment_files(dir.path()).len(), 2);
    }
    let wal = open(&dir, small());
    wal.sync_purge(0, b"note");
    wal.close().unwrap();
    assert_eq!(support::segment_files(dir.path()).len(), 1);
    assert_eq!(open(&dir, small()).read(0..9, usize::MAX).unwrap(), entries(1..3));
}

#[test]
fn a_delayed_append_that_was_acknowledged_is_never_lost() {
    // Each kind of change ends the delay. A kill right after the acknowledgement leaves the entry in the files.
    let ends: [fn(&bank_wal::Wal); 4] = [
        |wal| wal.sync_append(entries(1..2)),
        |wal| wal.sync_state(1, b"vote"),
        |wal| wal.sync_truncate(Some(0)),
        |wal| wal.sync_purge(0, b"note"),
    ];
    for end in ends {
        let dir = temp();
        let wal = open(&dir, small());
        let path = dir.path().to_owned();
        let (done, copied) = channel();
        wal.append_within(entries(0..1), LONG, move |outcome| {
            done.send(outcome.map(|()| copy(&path))).unwrap();
        })
        .unwrap();
        assert_eq!(
            wal.read(0..9, usize::MAX).unwrap(),
            entries(0..1),
            "it can be read at once"
        );
        assert_eq!(killed_without_sync(&dir), 0);
        assert_eq!(copied.try_recv().unwrap_err(), TryRecvError::Empty);
        end(&wal);
        let killed = copied.recv().unwrap().unwrap();
        let found = open_copy(killed.path()).unwrap();
        assert!(found.bounds().next_index >= Some(1), "{:?}", found.bounds());
        assert_eq!(found.recovered().dropped_bytes, 0);
    }
}

/// The number of entries that a kill of the process would leave now, without a sync before it.
fn killed_without_sync(dir: &tempfile::TempDir) -> usize {
    let copied = copy(dir.path());
    open_copy(copied.path()).unwrap().read(0..9, usize::MAX).unwrap().len()
}

#[test]
fn delayed_appends_are_written_in_order_once_enough_of_them_wait() {
    let dir = temp();
    let wal = open(&dir, small());
    let (done, outcomes) = channel();
    for index in 0..16 {
        let done = done.clone();
        wal.append_within(entries(index..index + 1), LONG, move |outcome| {
            outcome.unwrap();
            done.send(index).unwrap();
        })
        .unwrap();
    }
    let order: Vec<u64> = outcomes.iter().take(16).collect();
    assert_eq!(order, (0..16).collect::<Vec<_>>());
    let left = killed(&wal, dir.path());
    assert_eq!(Content::of(&open_copy(left.path()).unwrap()).entries, entries(0..16));
}

#[test]
fn a_delayed_append_is_written_after_its_delay_or_at_the_close() {
    let dir = temp();
    let wal = open(&dir, small());
    let (done, outcome) = channel();
    let delay = Duration::from_millis(1);
    wal.append_within(entries(0..1), delay, move |result| done.send(result).unwrap())
        .unwrap();
    outcome.recv().unwrap().unwrap();
    wal.append_within(entries(1..2), LONG, Result::unwrap).unwrap();
    wal.close().unwrap();
    assert_eq!(open(&dir, small()).read(0..9, usize::MAX).unwrap(), entries(0..2));
}

#[test]
fn a_full_queue_ends_the_delay() {
    let dir = temp();
    let options = bank_wal::Options {
        queue_bytes: 300,
        ..small()
    };
    let wal = open(&dir, options);
    wal.append_within(vec![(0, Bytes::from(vec![0; 200]))], LONG, Result::unwrap)
        .unwrap();
    wal.sync_append(vec![(1, Bytes::from(vec![1; 200]))]);
    assert_eq!(wal.bounds().next_index, Some(2));
}
