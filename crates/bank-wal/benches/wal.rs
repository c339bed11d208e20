//! Speed of appends, beside a bare loop of write and fdatasync: `cargo bench -p bank-wal --bench wal`.
//!
//! An append counts when it is acknowledged, which is after its fdatasync. The temporary directory (`TMPDIR`) should be
//! on the disk of interest. An argument selects benchmarks by name, such as `-- one_in_flight`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, sync_channel};

use bank_wal::{Options, Wal};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;

const ENTRY_BYTES: usize = 200;
/// Entries in one append.
const BATCHES: &[usize] = &[1, 64];
/// Batches that one measured call writes. A call waits for all of them.
const CALL_BATCHES: usize = 64;

fn main() {
    divan::main();
}

/// Writes and syncs a plain file that grows, which is what the disk can do.
#[divan::bench(args = BATCHES, sample_size = 1)]
fn bare_write_and_fdatasync(bencher: Bencher<'_, '_>, batch: usize) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut file = File::create(dir.path().join("log")).expect("a new file");
    let bytes = vec![7; ENTRY_BYTES * batch];
    bencher.counter(ItemsCount::new(CALL_BATCHES * batch)).bench_local(|| {
        for _ in 0..CALL_BATCHES {
            file.write_all(&bytes).expect("a write");
            file.sync_data().expect("a sync");
        }
    });
}

/// Appends one batch after the other.
#[divan::bench(args = BATCHES, sample_size = 1)]
fn one_in_flight(bencher: Bencher<'_, '_>, batch: usize) {
    append(bencher, batch, 1);
}

/// Appends a batch while the one before it is being synced.
#[divan::bench(args = BATCHES, sample_size = 1)]
fn two_in_flight(bencher: Bencher<'_, '_>, batch: usize) {
    append(bencher, batch, 2);
}

fn append(bencher: Bencher<'_, '_>, batch: usize, in_flight_max: usize) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let wal = Wal::open(dir.path(), [0; 16], Options::default()).expect("a new log");
    let payload = Bytes::from(vec![7; ENTRY_BYTES]);
    let mut next = 0;
    let mut in_flight: VecDeque<Receiver<io::Result<()>>> = VecDeque::new();
    bencher.counter(ItemsCount::new(CALL_BATCHES * batch)).bench_local(|| {
        for _ in 0..CALL_BATCHES {
            if in_flight.len() == in_flight_max {
                wait_for_oldest(&mut in_flight);
            }
            let (done, outcome) = sync_channel(1);
            let end = next + batch as u64;
            let entries = (next..end).map(|index| (index, payload.clone())).collect();
            let acknowledge = move |result| drop(done.send(result));
            wal.append(entries, acknowledge).expect("an accepted append");
            in_flight.push_back(outcome);
            next = end;
        }
        while !in_flight.is_empty() {
            wait_for_oldest(&mut in_flight);
        }
    });
    wal.close().expect("a clean close");
}

fn wait_for_oldest(in_flight: &mut VecDeque<Receiver<io::Result<()>>>) {
    if let Some(outcome) = in_flight.pop_front() {
        outcome.recv().expect("an acknowledgement").expect("a synced append");
    }
}
