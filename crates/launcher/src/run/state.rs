//! The state of a run in its folder: `state.json` says how far the run came, and `run.lock` is locked while its launcher
//! lives. A run whose launcher was killed still has the state `running`, but nobody holds its lock: it was interrupted.

use crate::run::folder::{RUN_LOCK_FILE, RunFolder, RunFolderError, STATE_FILE};
use durable_file::Durability;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

/// Largest size of `state.json`. It has a few short texts.
const STATE_BYTES_MAX: u64 = 1 << 20;

/// What a folder is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One run of an input.
    Run,
    /// A demonstration, which has a run folder for each of its runs.
    Demo,
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is under way.
    Running,
    /// It ended before it was judged, because a signal stopped it or its launcher died.
    Interrupted,
    /// It could not be brought to its end, for example because a branch did not start.
    NotFinished,
    /// It ended and was judged.
    Judged,
}

/// `state.json`. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// What the folder is of.
    pub kind: Kind,
    /// File name of the input, or name of the lesson.
    pub input: String,
    /// Start in UTC, such as `2026-11-23T03:05:12Z`.
    pub started: String,
    /// How far it came.
    pub state: State,
    /// The conclusion in one word, once it is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Why it was not judged, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl RunState {
    /// The state at the start.
    pub fn running(kind: Kind, input: &str, started: String) -> Self {
        RunState {
            kind,
            input: input.to_owned(),
            started,
            state: State::Running,
            verdict: None,
            reason: None,
        }
    }

    /// Reads the state in a folder. `None` if the folder has none, or if it is not one that this program wrote.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(dir: &Path) -> io::Result<Option<Self>> {
        let Some(mut found) = read(dir)? else { return Ok(None) };
        // The order matters: a run that ends in between has written its state before it gives up the lock.
        if found.state == State::Running && !is_held(&dir.join(RUN_LOCK_FILE)) {
            let Some(last) = read(dir)? else { return Ok(None) };
            found = last;
            if found.state == State::Running {
                found.state = State::Interrupted;
                found.reason = Some("its launcher was killed".to_owned());
            }
        }
        Ok(Some(found))
    }
}

fn read(dir: &Path) -> io::Result<Option<RunState>> {
    match durable_file::read_bounded(&dir.join(STATE_FILE), STATE_BYTES_MAX) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => Ok(None),
            _ => Err(error),
        },
    }
}

/// Whether a process holds the lock of this file. A file that is not there is not locked.
pub fn is_held(lock: &Path) -> bool {
    // Opened for writing, because some network file systems lock no other files.
    let opened = File::options().read(true).write(true).open(lock);
    opened.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// A run that is under way. If it is dropped before [`UnderWay::judged`], its folder says that it was interrupted or
/// could not be finished.
#[derive(Debug)]
pub struct UnderWay {
    folder: RunFolder,
    state: RunState,
    /// What the state says if this value is dropped.
    otherwise: (State, Option<String>),
    // Held until the state of the end is written.
    _lock: File,
}

impl UnderWay {
    /// Locks a new run folder, and writes its state.
    ///
    /// # Errors
    /// A file cannot be written or locked.
    pub fn begin(folder: &RunFolder, state: RunState) -> Result<Self, RunFolderError> {
        let path = folder.path().join(RUN_LOCK_FILE);
        let locked = File::create(&path).and_then(|lock| {
            // Another process may hold it for the moment in which it looks whether it is held.
            lock.lock()?;
            Ok(lock)
        });
        let under_way = UnderWay {
            folder: folder.clone(),
            state,
            otherwise: (State::Interrupted, None),
            _lock: locked.map_err(|source| RunFolderError::Io { path, source })?,
        };
        under_way.write().map_err(|source| RunFolderError::Io {
            path: folder.path().join(STATE_FILE),
            source,
        })?;
        Ok(under_way)
    }

    /// Notes that all events were played. From now on only an error can keep the run from its verdict.
    pub(super) fn played(&mut self) {
        let reason = "its records could not be written";
        self.otherwise = (State::NotFinished, Some(reason.to_owned()));
    }

    /// Ends the run with its verdict in one word. `None` leaves the verdict to `launcher check`.
    ///
    /// # Errors
    /// The state cannot be written.
    pub fn judged(mut self, verdict: Option<&str>) -> Result<(), RunFolderError> {
        self.state.state = State::Judged;
        self.state.verdict = verdict.map(str::to_owned);
        self.write().map_err(|source| RunFolderError::Io {
            path: self.folder.path().join(STATE_FILE),
            source,
        })
    }

    /// Ends the run without a verdict. An error is ignored, because the run has failed with a worse one.
    pub fn stopped(mut self, state: State, reason: String) {
        self.state.state = state;
        self.state.reason = Some(reason);
        let _ = self.write();
    }

    fn write(&self) -> io::Result<()> {
        // Texts can always be written.
        let text = serde_json::to_string_pretty(&self.state).unwrap_or_default() + "\n";
        let path = self.folder.path().join(STATE_FILE);
        durable_file::replace(&path, text.as_bytes(), Durability::Host)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.state.state == State::Running {
            (self.state.state, self.state.reason) = self.otherwise.clone();
            let _ = self.write();
        }
        // Removed while it is still locked. The state is written, so nobody needs it any more.
        let _ = fs::remove_file(self.folder.path().join(RUN_LOCK_FILE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::folder::RUN_LOCK_FILE;

    fn begun(dir: &Path) -> UnderWay {
        let folder = RunFolder::named(dir).expect("new");
        let state = RunState::running(Kind::Run, "a.json", "2026-11-23T03:05:12Z".to_owned());
        UnderWay::begin(&folder, state).expect("begun")
    }

    fn state(dir: &Path) -> (State, Option<String>) {
        let state = RunState::load(dir).expect("read").expect("a state");
        (state.state, state.verdict.or(state.reason))
    }

    #[test]
    fn a_folder_says_how_far_its_run_came() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        let judged = begun(&path("judged"));
        assert_eq!(state(&path("judged")), (State::Running, None));
        judged.judged(Some("consistent")).expect("written");
        assert_eq!(state(&path("judged")), (State::Judged, Some("consistent".to_owned())));
        assert!(!path("judged").join(RUN_LOCK_FILE).exists());
        drop(begun(&path("dropped")));
        assert_eq!(state(&path("dropped")), (State::Interrupted, None));
        begun(&path("unwritten")).played();
        let unwritten = "its records could not be written".to_owned();
        assert_eq!(state(&path("unwritten")), (State::NotFinished, Some(unwritten)));
        begun(&path("failed")).stopped(State::NotFinished, "no room".to_owned());
        assert_eq!(state(&path("failed")), (State::NotFinished, Some("no room".to_owned())));
        assert_eq!(RunState::load(dir.path()).expect("read"), None);
    }

    #[test]
    fn a_killed_launcher_is_told_by_its_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("run");
        let under_way = begun(&path);
        assert!(is_held(&path.join(RUN_LOCK_FILE)));
        // What a killed launcher leaves: the state that it wrote last, and a lock file that nobody holds.
        let left = fs::read(path.join(STATE_FILE)).expect("read");
        drop(under_way);
        fs::write(path.join(STATE_FILE), left).expect("written");
        fs::write(path.join(RUN_LOCK_FILE), "").expect("written");
        let killed = (State::Interrupted, Some("its launcher was killed".to_owned()));
        assert_eq!(state(&path), killed);
        // In a copy of the folder, the lock may be missing.
        fs::remove_file(path.join(RUN_LOCK_FILE)).expect("removed");
        assert_eq!(state(&path), killed);
        fs::write(path.join(STATE_FILE), "{\"kind\":\"other\"}").expect("written");
        assert_eq!(RunState::load(&path).expect("read"), None);
    }
}
