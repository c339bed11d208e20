//! Shared parts of the tests on real processes: waiting for a state, and finding the processes of a run by the files in
//! its folder.

#![allow(dead_code, unreachable_pub)]

pub mod attack;
pub mod bank;
pub mod lead;
pub mod live;
pub mod pages;

use rustix::process::Pid;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A state that has not come by then never will.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a state: a test that looks all the time takes the processor from what it waits for.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Waits for a state.
pub fn wait_for<T>(what: &str, mut state: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = state() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A process, by the file that it holds a lock on for as long as it lives and in which it has written its number.
pub struct Recorded {
    lock: PathBuf,
    pub pid: Pid,
}

impl Recorded {
    /// The branch that has this data directory, once it does.
    pub fn branch(data: &Path) -> Self {
        Self::by_lock(data.join("LOCK"))
    }

    /// The customer whose session is in this file, once it is.
    pub fn customer(session: &Path) -> Self {
        let mut lock = session.as_os_str().to_owned();
        lock.push(".lock");
        Self::by_lock(lock.into())
    }

    fn by_lock(lock: PathBuf) -> Self {
        let pid = wait_for("a process number in a lock", || {
            let text = fs::read_to_string(&lock).ok()?;
            Pid::from_raw(text.trim_start_matches("process ").trim().parse().ok()?)
        });
        Recorded { lock, pid }
    }

    /// It has ended: a process that has holds no lock, even if nobody has taken note of its end yet.
    pub fn has_ended(&self) -> bool {
        let lock = File::options().read(true).write(true).open(&self.lock).expect("a lock");
        lock.try_lock().is_ok()
    }

    /// Waits for its end.
    pub fn wait(&self) {
        wait_for("the end of a process", || self.has_ended().then_some(()));
    }
}
