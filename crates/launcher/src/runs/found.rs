//! Finds the folders of runs and demonstrations in a directory. A folder is recognised by its `state.json`, or by the
//! records that older versions wrote. Links are not followed.

use crate::run::bank_files::BANK_LOCK_FILE;
use crate::run::folder::{CUSTOMERS_DIR, DEMO_DIRS, INPUT_FILE, META_FILE, RUN_LOCK_FILE, is_own_name};
use crate::run::meta::Meta;
use crate::run::state::{Kind, RunState, State, is_held};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes of a block, in which file systems count the size of files.
const BLOCK_BYTES: u64 = 512;

/// The folder of a run or of a demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Path of the folder.
    pub path: PathBuf,
    /// How far the run came.
    pub state: RunState,
    /// Start of the run.
    pub started: SystemTime,
    /// Room that the folder takes on the disk, in bytes.
    pub bytes: u64,
    /// Whether a process uses the folder: the run, or a live bank in it.
    pub in_use: bool,
}

impl Found {
    /// Name of the folder.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Lists the folders in a directory, newest first. A directory that does not exist has none.
///
/// # Errors
/// A directory cannot be read.
pub fn list(dir: &Path) -> io::Result<Vec<Found>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        // The type of a link is its own, so that links such as `latest` are passed over.
        if entry.file_type()?.is_dir() {
            found.extend(at(&entry.path())?);
        }
    }
    found.sort_by(|a, b| (b.started, &b.path).cmp(&(a.started, &a.path)));
    Ok(found)
}

/// The run folder at this path. `None` if it is none.
fn at(path: &Path) -> io::Result<Option<Found>> {
    let state = match RunState::load(path) {
        Ok(Some(state)) => Some(state),
        Ok(None) => of_an_older_version(path),
        // Somebody else's folder that this user must not read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        Err(error) => return Err(error),
    };
    let Some(state) = state else { return Ok(None) };
    Ok(Some(Found {
        started: time(&state.started).map_or_else(|| fs::metadata(path)?.modified(), Ok)?,
        bytes: size(path)?,
        in_use: is_in_use(path),
        path: path.to_owned(),
        state,
    }))
}

/// The state of a folder without `state.json`, which older versions wrote. `None` if it is no run folder.
fn of_an_older_version(path: &Path) -> Option<RunState> {
    let meta = |path: &Path| -> Option<Meta> {
        let text = fs::read_to_string(path.join(META_FILE)).ok()?;
        serde_json::from_str(&text).ok()
    };
    let state = |kind, meta: Meta| RunState {
        state: State::Judged,
        ..RunState::running(kind, meta.input.trim_start_matches("lesson "), meta.started)
    };
    if let Some(meta) = meta(path) {
        return Some(state(Kind::Run, meta));
    }
    if let Some(meta) = meta(&path.join(DEMO_DIRS[0])) {
        return Some(state(Kind::Demo, meta));
    }
    let named = path.file_name()?.to_str()?.starts_with("run-");
    let begun = path.join(INPUT_FILE).is_file() && path.join(CUSTOMERS_DIR).is_dir();
    (named && begun).then(|| RunState {
        state: State::Interrupted,
        ..RunState::running(Kind::Run, "", String::new())
    })
}

fn time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

/// Whether the run is under way, or a live bank runs in the folder.
pub(super) fn is_in_use(path: &Path) -> bool {
    [RUN_LOCK_FILE, BANK_LOCK_FILE]
        .iter()
        .any(|lock| is_held(&path.join(lock)))
}

/// A file at the top of the folder that no run writes. `None` if there is none.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn foreign_file(path: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // What a crash can leave of a file that was being replaced.
        let temporary = durable_file::is_temporary(&name);
        if !temporary && !is_own_name(&name) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Room on the disk. A file that is removed meanwhile counts nothing.
fn size(path: &Path) -> io::Result<u64> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut bytes = metadata.blocks() * BLOCK_BYTES;
    if metadata.is_dir() {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        for entry in entries {
            bytes += size(&entry?.path())?;
        }
    }
    Ok(bytes)
}
