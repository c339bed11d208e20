//! A live bank as users have it: `launcher up` in one process, the other commands in others.

use super::bank::{Ran, customer_in};
use super::{Recorded, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs `launcher` in this directory, to its end.
pub fn launcher(dir: &Path, args: &str) -> Ran {
    Ran::of(command(dir, args).output().expect("launcher runs"))
}

fn command(dir: &Path, args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    command
        .args(args.split_whitespace())
        .current_dir(dir)
        .stdin(Stdio::null());
    command
}

/// What `up` is told to make a bank of three branches.
pub fn three() -> String {
    format!("--branches 3 --balance 100 --base-port {}", free_base())
}

/// A base port for a few branches that are to find their ports free later on too: below those from which systems take
/// the ports of outgoing connections.
pub fn free_base() -> u16 {
    const FIRST: u16 = 12_000;
    const BASES: u32 = 2_000;
    const STEP: u16 = 10;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = || {
        let nth = std::process::id()
            .wrapping_mul(7)
            .wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))
            % BASES;
        FIRST + STEP * u16::try_from(nth).expect("small")
    };
    let is_free = |base: u16| (base..base + STEP).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    (0..BASES).map(|_| base()).find(|base| is_free(*base)).expect("ports")
}

/// The branch that leads, if one does.
pub fn leader(status: &Value) -> Option<u64> {
    let mut branches = status["branches"].as_array()?.iter();
    branches.find(|row| row["state"] == "leader")?["branch"].as_u64()
}

/// A bank in the background, in `outputs/bank` of this directory. It is down once this is dropped.
pub struct Background<'a>(pub &'a Path);

impl Drop for Background<'_> {
    fn drop(&mut self) {
        launcher(self.0, "down");
    }
}

/// A launcher that has a bank in `outputs/bank` of a directory, and what it says on stdout in a file there.
pub struct Up {
    dir: PathBuf,
    child: Child,
}

impl Up {
    /// Started, and maybe not up yet.
    pub fn start(dir: &Path, args: &str) -> Self {
        let said = File::create(dir.join("up.out")).expect("made");
        let child = command(dir, &format!("up {args}"))
            .stdout(said)
            .stderr(Stdio::inherit())
            .spawn()
            .expect("launcher runs");
        Up {
            dir: dir.to_owned(),
            child,
        }
    }

    /// Up.
    pub fn new(dir: &Path, args: &str) -> Self {
        let mut up = Self::start(dir, args);
        wait_for("the bank", || {
            assert_eq!(up.child.try_wait().expect("a child"), None, "it ended: {}", up.said());
            (launcher(dir, "status").code == Some(0)).then_some(())
        });
        up
    }

    /// A bank of three branches, on ports that stay theirs.
    pub fn three(dir: &Path) -> Self {
        Self::new(dir, &three())
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(self.dir.join("up.out")).expect("UTF-8")
    }

    /// Waits until it says this.
    pub fn says(&self, words: &str) {
        wait_for(words, || self.said().contains(words).then_some(()));
    }

    /// Another shell's words: done, with one line.
    pub fn done(&self, args: &str) -> String {
        let ran = launcher(&self.dir, args);
        assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 1), "{ran:?}");
        ran.stdout
    }

    /// Another shell's words: not done, with one line that says why.
    pub fn refused(&self, args: &str, code: i32) -> String {
        let ran = launcher(&self.dir, args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
        ran.stderr
    }

    /// `status --json`.
    pub fn status(&self) -> Value {
        launcher(&self.dir, "status --json").done()
    }

    /// Of one branch.
    pub fn branch(&self, branch: usize) -> Value {
        self.status()["branches"][branch - 1].clone()
    }

    /// Waits until a branch is like this; answers how it is then.
    pub fn branch_is(&self, branch: usize, like: impl Fn(&Value) -> bool) -> Value {
        wait_for("a state of a branch", || Some(self.branch(branch)).filter(&like))
    }

    /// A customer of the bank, with a session.
    pub fn customer(&self, args: &str) -> Ran {
        customer_in(
            &self.dir,
            &format!("--json --bank outputs/bank/bank.json --session me.json {args}"),
        )
    }

    pub fn recorded(&self, branch: u32) -> Recorded {
        Recorded::branch(&self.dir.join(format!("outputs/bank/branch-{branch}/data")))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sent");
    }

    /// Waits for its end.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("ended");
        (status, self.said())
    }

    /// `launcher down`, and all that belongs to it.
    pub fn down(self) {
        let said = self.done("down");
        assert!(said.contains("is down; its books stay"), "{said}");
        let (status, said) = self.ended();
        assert_eq!(status.code(), Some(0), "{said}");
    }
}

impl Drop for Up {
    /// However a test ends; its branches end with it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
