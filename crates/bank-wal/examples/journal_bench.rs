//! Appends per second, each acknowledged after its fdatasync, beside a bare loop of write and fdatasync.
//!
//! `cargo run --release -p bank-wal --example journal_bench [DIRECTORY]`; the directory should be on the disk of interest.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use bank_wal::{Options, Wal};
use bytes::Bytes;

const ENTRY_BYTES: usize = 200;
const ROUND: Duration = Duration::from_millis(700);
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    println!("entries of {ENTRY_BYTES} bytes; entries/s, the best of {ROUNDS} rounds, taken in turns");
    for batch in [1, 64] {
        let (mut bare, mut one, mut two) = (0.0_f64, 0.0_f64, 0.0_f64);
        for _ in 0..ROUNDS {
            bare = bare.max(bare_loop(&parent, batch)?);
            one = one.max(wal(&parent, batch, 1)?);
            two = two.max(wal(&parent, batch, 2)?);
        }
        println!("batches of {batch:2}: write+fdatasync {bare:9.0}");
        println!(
            "               journal         {one:9.0}  ratio {:.2}, one batch in flight",
            one / bare
        );
        println!(
            "               journal         {two:9.0}  ratio {:.2}, two batches in flight",
            two / bare
        );
    }
    Ok(())
}

/// What the disk can do: the file grows, as it does for a log without preallocation.
fn bare_loop(parent: &std::path::Path, batch: usize) -> io::Result<f64> {
    let dir = tempfile::tempdir_in(parent)?;
    let mut file = File::create(dir.path().join("log"))?;
    let bytes = vec![7; ENTRY_BYTES * batch];
    let start = Instant::now();
    let mut entries = 0;
    while start.elapsed() < ROUND {
        file.write_all(&bytes)?;
        file.sync_data()?;
        entries += batch;
    }
    Ok(entries as f64 / start.elapsed().as_secs_f64())
}

fn wal(parent: &std::path::Path, batch: usize, in_flight: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir_in(parent)?;
    let wal = Wal::open(dir.path(), [0; 16], Options::default())?;
    let payload = Bytes::from(vec![7; ENTRY_BYTES]);
    let (done, outcomes) = sync_channel(in_flight);
    let start = Instant::now();
    let (mut next, mut waiting) = (0, 0);
    loop {
        if waiting < in_flight && start.elapsed() < ROUND {
            let end = next + batch as u64;
            let done = done.clone();
            wal.append(
                (next..end).map(|index| (index, payload.clone())).collect(),
                move |outcome| {
                    let _ = done.send(outcome);
                },
            )?;
            (next, waiting) = (end, waiting + 1);
            continue;
        }
        if waiting == 0 {
            break;
        }
        outcomes.recv()??;
        waiting -= 1;
    }
    let rate = next as f64 / start.elapsed().as_secs_f64();
    wal.close()?;
    Ok(rate)
}
