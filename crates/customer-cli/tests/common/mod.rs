//! Runs the real program against a fake bank.

#![allow(dead_code, unreachable_pub)]

#[path = "../../../bank-client/tests/fake/mod.rs"]
pub mod fake;

use std::ffi::OsStr;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use fake::Bank;
use serde_json::Value;

/// What a run of the program left.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Every line of stdout as JSON.
    pub fn json(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

pub fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_customer-cli"));
    command
        .args(args)
        .env_remove("RUST_LOG")
        .env_remove("PASSBOOK_BANK")
        .env_remove("PASSBOOK_BRANCH")
        .env_remove("PASSBOOK_SESSION")
        .env_remove("PASSBOOK_CERTS_DIR")
        .env_remove("PASSBOOK_TOKEN_FILE")
        // Sessions there have the id of their bank in their names, and every test has its own bank.
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    ran(command(args).output().expect("started"))
}

pub fn run_with_stdin(args: impl IntoIterator<Item = impl AsRef<OsStr>>, stdin: &[u8]) -> Ran {
    let mut child = command(args).stdin(Stdio::piped()).spawn().expect("started");
    // A program that refuses its arguments reads nothing.
    let _ = child.stdin.take().expect("piped").write_all(stdin);
    ran(child.wait_with_output().expect("ended"))
}

pub fn ran(output: std::process::Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let ran = Ran {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    ran
}

/// A bank with some branches, and a directory with its bank file `bank.json` and a session file to be, `s.json`.
pub struct Town {
    pub bank: Bank,
    pub addresses: Vec<SocketAddr>,
    pub directory: tempfile::TempDir,
}

impl Town {
    pub fn new(opening: i64, branches: u32) -> Self {
        let bank = Bank::new(opening);
        let addresses = (1..=branches).map(|branch| bank.start(branch)).collect();
        Self::of(bank, addresses)
    }

    pub fn of(bank: Bank, addresses: Vec<SocketAddr>) -> Self {
        let town = Self {
            bank,
            addresses,
            directory: tempfile::tempdir().expect("a directory"),
        };
        let branches = (1..)
            .zip(&town.addresses)
            .map(|(branch, address): (u32, _)| serde_json::json!({"branch": branch, "address": address}));
        let content = serde_json::json!({"bank_id": town.bank.id, "branches": branches.collect::<Vec<_>>()});
        std::fs::write(town.path("bank.json"), content.to_string()).expect("written");
        town
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs at this branch, by its address, with the session file.
    pub fn at(&self, branch: usize, args: &str) -> Ran {
        let address = self.addresses[branch - 1].to_string();
        let session = self.path("s.json");
        let shared = [
            "--branch".as_ref(),
            address.as_ref(),
            "--session".as_ref(),
            session.as_os_str(),
        ];
        run(shared.into_iter().chain(args.split(' ').map(OsStr::new)))
    }

    /// Replays the events by the bank file.
    pub fn replay(&self, args: &[&str], events: &str) -> Ran {
        let bank = self.path("bank.json");
        let shared = ["--bank".as_ref(), bank.as_os_str(), "replay".as_ref()];
        run_with_stdin(shared.into_iter().chain(args.iter().map(OsStr::new)), events.as_bytes())
    }

    /// Runs by the bank file, without a word about the session.
    pub fn by_bank(&self, args: &str) -> Ran {
        let bank = self.path("bank.json");
        let shared = ["--bank".as_ref(), bank.as_os_str()];
        run(shared.into_iter().chain(args.split(' ').map(OsStr::new)))
    }

    pub fn session(&self) -> Value {
        let content = std::fs::read(self.path("s.json")).expect("a session file");
        serde_json::from_slice(&content).expect("JSON")
    }
}
