//! Speed of appends, beside a bare loop of write and fdatasync: `cargo bench -p bank-wal --bench wal`.
//!
//! An append counts when it is acknowledged, which is after its fdatasync. The bare loop writes into a file that was
//! filled with zeros before, which is the cheapest sync that a file system offers. The last lines are the slowest append
//! of a run that crosses rotations and purges, and the slowest of the same writes in the bare loop.
//!
//! The temporary directory (`TMPDIR`) should be on the disk of interest. An argument selects benchmarks by name, such as
//! `-- one_in_flight` or `-- slowest`.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use bank_wal::{Options, Wal};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;

const ENTRY_BYTES: usize = 200;
/// Entries in one append.
const BATCHES: &[usize] = &[1, 64];
/// Batches that one measured call writes. A call waits for all of them.
const CALL_BATCHES: usize = 64;

/// The appends of the run that looks for the slowest one. With segments of 4 MiB they cross about a dozen rotations.
const RUN_APPENDS: u64 = 4096;
const RUN_SEGMENT_BYTES: u64 = 4 << 20;
/// Entries in one append of that run, and the appends between two purges.
const RUN_BATCH: u64 = 64;
const RUN_APPENDS_PER_PURGE: u64 = 64;
/// The file of the bare loop, in bytes. The loop begins again at its start.
const FILLED_BYTES: u64 = 16 << 20;

fn main() {
    divan::main();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut names = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .peekable();
    let selected = names.peek().is_none() || names.any(|name| "slowest".contains(name.as_str()));
    if selected && arguments.iter().any(|argument| argument == "--bench") {
        slowest();
    }
}

/// A file of written zeros, with a cursor that begins again at the end.
struct FilledFile {
    file: File,
    offset: u64,
    _dir: tempfile::TempDir,
}

impl FilledFile {
    fn new() -> FilledFile {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = File::create(dir.path().join("log")).expect("a new file");
        file.write_all_at(&vec![0; FILLED_BYTES as usize], 0).expect("a write");
        file.sync_all().expect("a sync");
        FilledFile {
            file,
            offset: 0,
            _dir: dir,
        }
    }

    fn write_and_sync(&mut self, bytes: &[u8]) {
        if self.offset + bytes.len() as u64 > FILLED_BYTES {
            self.offset = 0;
        }
        self.file.write_all_at(bytes, self.offset).expect("a write");
        self.file.sync_data().expect("a sync");
        self.offset += bytes.len() as u64;
    }
}

/// Writes and syncs a plain file that holds written zeros, which is what the disk can do.
#[divan::bench(args = BATCHES, sample_size = 1)]
fn bare_write_and_fdatasync(bencher: Bencher<'_, '_>, batch: usize) {
    let mut file = FilledFile::new();
    let bytes = vec![7; ENTRY_BYTES * batch];
    bencher.counter(ItemsCount::new(CALL_BATCHES * batch)).bench_local(|| {
        for _ in 0..CALL_BATCHES {
            file.write_and_sync(&bytes);
        }
    });
}

/// Prints the times of single appends in a run that crosses rotations and purges, beside those of the bare loop.
fn slowest() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let options = Options {
        segment_bytes: RUN_SEGMENT_BYTES,
        ..Options::default()
    };
    let wal = Wal::open(dir.path(), [0; 16], options).expect("a new log");
    let payload = Bytes::from(vec![7; ENTRY_BYTES]);
    let mut file = FilledFile::new();
    let bytes = vec![7; ENTRY_BYTES * RUN_BATCH as usize];
    let (mut appends, mut bare) = (Vec::new(), Vec::new());
    for number in 0..RUN_APPENDS {
        let first = number * RUN_BATCH;
        let entries = (first..first + RUN_BATCH)
            .map(|index| (index, payload.clone()))
            .collect();
        let (done, outcome) = sync_channel(1);
        let begun = Instant::now();
        wal.append(entries, move |result| drop(done.send(result)))
            .expect("an accepted append");
        outcome.recv().expect("an acknowledgement").expect("a synced append");
        appends.push(begun.elapsed());
        if number % RUN_APPENDS_PER_PURGE == RUN_APPENDS_PER_PURGE - 1 {
            wal.purge_to(first, Bytes::new(), |_| {}).expect("an accepted purge");
        }
        let begun = Instant::now();
        file.write_and_sync(&bytes);
        bare.push(begun.elapsed());
    }
    wal.close().expect("a clean close");
    let mut segments = dir.path().read_dir().expect("a listing");
    let newest = segments.find_map(|entry| {
        let name = entry.ok()?.file_name();
        name.to_str()?.strip_suffix(".segment")?.parse::<u32>().ok()
    });
    println!(
        "{RUN_APPENDS} appends of {RUN_BATCH} x {ENTRY_BYTES} bytes, {} rotations, {} purges:",
        newest.map_or(0, |newest| newest - 1),
        RUN_APPENDS / RUN_APPENDS_PER_PURGE
    );
    print_times("append", appends);
    print_times("bare write and fdatasync in turn with it", bare);
}

fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{what}: median {:.0?}, 99 % {:.0?}, 99.9 % {:.0?}, slowest {:.0?}",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
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
