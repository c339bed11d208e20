//! Tests a write that the operating system refuses, because the process may not make a file larger than 32 KiB.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

mod support;

use std::process::Command;
use std::sync::mpsc;

use bank_wal::{Options, Wal};
use bytes::Bytes;
use support::{STAMP, temp};

const DIRECTORY: &str = "BANK_JOURNAL_TEST_DIRECTORY";

#[test]
fn what_was_acknowledged_before_the_refused_write_is_there() {
    let dir = temp();
    // The shell sets the limit (blocks of 512 bytes) and ignores the signal that comes with it.
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact limited_process --ignored --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(DIRECTORY, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let acknowledged: u64 = text
        .split("acknowledged=")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(acknowledged > 5, "{acknowledged}");
    let wal = Wal::open(dir.path(), STAMP, Options::default()).unwrap();
    let held = wal.read(0..u64::MAX, usize::MAX).unwrap();
    assert!(held.len() as u64 >= acknowledged, "{} of {acknowledged}", held.len());
}

#[test]
#[ignore = "started by the test above, in a process of its own"]
fn limited_process() {
    let dir = std::env::var_os(DIRECTORY).unwrap();
    let wal = Wal::open(
        dir.as_ref(),
        STAMP,
        Options {
            reserve_bytes: 0,
            ..Options::default()
        },
    )
    .unwrap();
    let mut acknowledged = 0;
    let error = loop {
        let (done, outcome) = mpsc::channel();
        let entry = (acknowledged, Bytes::from(vec![0xEE; 1000]));
        match wal
            .append(vec![entry], move |result| done.send(result).unwrap())
            .and_then(|()| outcome.recv().unwrap())
        {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge, "{error}");
    assert!(wal.failure().is_some());
    println!("acknowledged={acknowledged} ");
}
