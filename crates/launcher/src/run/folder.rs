//! The folder of one run and the names of its files, as docs/RUN_FOLDER.md describes them.

use crate::date::stamp;
use crate::run::bank_files::{BANK_FILES, BANK_LOCK_FILE};
use crate::run::meta::Meta;
use bank_check::History;
use bank_cluster::CERTS_DIR;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use thiserror::Error;

/// Directory for new run folders and for the default output, in the current directory.
pub const OUTPUTS: &str = "outputs";
/// Symbolic link to the folder of the last run that was judged, of those that `launcher run` named itself.
pub const LATEST: &str = "latest";
/// Page that shows the run.
pub const PAGE_FILE: &str = "report.html";
/// Operations and faults of the run.
pub const HISTORY_FILE: &str = "history.jsonl";
/// Directory with one file for each branch whose journal was read.
pub const JOURNALS_DIR: &str = "journals";
/// Settings and circumstances of the run.
pub const META_FILE: &str = "meta.json";
/// Input of the run.
pub const INPUT_FILE: &str = "input.json";
/// Output of the run.
pub const OUTPUT_FILE: &str = "output.json";
/// State of the run: under way, interrupted, or judged.
pub const STATE_FILE: &str = "state.json";
/// File that the launcher of the run locks until the run has ended.
pub const RUN_LOCK_FILE: &str = "run.lock";
/// Directory of the customers' sessions and logs.
pub const CUSTOMERS_DIR: &str = "customers";
/// Folders that a demonstration has for its runs.
pub const DEMO_DIRS: [&str; 3] = ["weak", "strong", "dead-branch"];

/// Names that a run gives to files in its folder, and a demonstration to the folders of its runs.
const OWN_NAMES: [&str; 12] = [
    INPUT_FILE,
    OUTPUT_FILE,
    HISTORY_FILE,
    JOURNALS_DIR,
    META_FILE,
    PAGE_FILE,
    STATE_FILE,
    RUN_LOCK_FILE,
    CUSTOMERS_DIR,
    DEMO_DIRS[0],
    DEMO_DIRS[1],
    DEMO_DIRS[2],
];

/// The folder of a run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// Why a run folder cannot be used.
#[derive(Debug, Error)]
pub enum RunFolderError {
    /// The folder holds files already.
    #[error("the run folder {} is not empty; name a new one with --dir, or leave --dir away", .0.display())]
    NotEmpty(PathBuf),
    /// The folder or a file in it cannot be created.
    #[error("the run folder {} cannot be made: {source}; name another one with --dir", path.display())]
    Io {
        /// The folder or the file.
        path: PathBuf,
        /// The error.
        #[source]
        source: io::Error,
    },
    /// The data directory of a branch cannot be removed.
    #[error("the data of a branch cannot be removed once the run is judged: {}: {source}", path.display())]
    Data {
        /// The data directory.
        path: PathBuf,
        /// The error.
        #[source]
        source: io::Error,
    },
}

/// Whether a file of this name in a run folder is one that a run, a demonstration or a kept bank writes.
pub fn is_own_name(name: &str) -> bool {
    let branch = name
        .strip_prefix("branch-")
        .and_then(|number| number.parse::<u32>().ok());
    branch.is_some() || OWN_NAMES.contains(&name) || BANK_FILES.contains(&name) || name == BANK_LOCK_FILE
}

impl RunFolder {
    /// Uses this folder, which must be new or empty.
    ///
    /// # Errors
    /// The folder is not empty, or it cannot be created.
    pub fn named(path: &Path) -> Result<Self, RunFolderError> {
        let failed = |source| RunFolderError::Io {
            path: path.to_owned(),
            source,
        };
        if path.is_file() {
            return Err(failed(io::Error::other("it is a file")));
        }
        fs::create_dir_all(path).map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(RunFolderError::NotEmpty(path.to_owned()));
        }
        Ok(RunFolder { path: path.to_owned() })
    }

    /// Creates a folder in `parent`. Its name has the time in UTC and a number, which is 1 unless several folders are
    /// created in one second: for example `run-20261123-030512-1` for the name `run`.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn fresh(parent: &Path, name: &str, now: SystemTime) -> Result<Self, RunFolderError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| RunFolderError::Io { path, source }
        };
        fs::create_dir_all(parent).map_err(failed(parent))?;
        let stamp = stamp(now);
        for number in 1u32.. {
            let path = parent.join(format!("{name}-{stamp}-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(RunFolder { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path)(error)),
            }
        }
        Err(failed(parent)(io::ErrorKind::AlreadyExists.into()))
    }

    /// Makes the relative link `latest` beside this folder lead to it, in one step. An error is ignored, for example on
    /// a file system without links: the folder can be found by its name.
    pub fn link_latest(&self) {
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return;
        };
        let mut link = std::ffi::OsString::from(".latest-");
        link.push(name);
        let link = parent.join(link);
        if std::os::unix::fs::symlink(name, &link).is_ok() && fs::rename(&link, parent.join(LATEST)).is_err() {
            let _ = fs::remove_file(&link);
        }
    }

    /// Creates a folder in this one, unless it exists.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn inside(&self, name: &str) -> Result<Self, RunFolderError> {
        let path = self.path.join(name);
        match fs::create_dir_all(&path) {
            Ok(()) => Ok(RunFolder { path }),
            Err(source) => Err(RunFolderError::Io { path, source }),
        }
    }

    /// Writes the history, the journals and `meta.json`, by which a run is judged.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn record(&self, history: &History, meta: &Meta) -> Result<(), RunFolderError> {
        self.write(HISTORY_FILE, &history.lines())?;
        for journal in &history.journals {
            let name = format!("{JOURNALS_DIR}/branch-{}.jsonl", journal.branch);
            self.write(&name, &journal.lines())?;
        }
        // Numbers and texts can always be written.
        let text = serde_json::to_string_pretty(meta).unwrap_or_default();
        self.write(META_FILE, &(text + "\n"))
    }

    /// Removes the data directories of these branches, whose processes have ended, and the certificates, whose keys serve
    /// nobody without them. The logs stay.
    ///
    /// # Errors
    /// A directory cannot be removed.
    pub fn remove_data(&self, branches: &[u32]) -> Result<(), RunFolderError> {
        let data = branches.iter().map(|branch| format!("branch-{branch}/data"));
        for name in data.chain([CERTS_DIR.to_owned()]) {
            let path = self.path.join(name);
            match fs::remove_dir_all(&path) {
                Ok(()) => {}
                // A branch that never started has no data, and not every run has certificates.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(RunFolderError::Data { path, source }),
            }
        }
        Ok(())
    }

    /// Writes a file of this folder, and creates the file's directory if needed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), RunFolderError> {
        let path = self.path.join(name);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(&path, text)
        };
        write().map_err(|source| RunFolderError::Io { path, source })
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_fresh() {
        let dir = tempfile::tempdir().expect("a directory");
        let parent = dir.path().join("outputs");
        let names = [1, 2].map(|_| {
            let folder = RunFolder::fresh(&parent, "run", SystemTime::UNIX_EPOCH).expect("made");
            folder.link_latest();
            folder
                .path()
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .expect("a name")
        });
        assert_eq!(names, ["run-19700101-000000-1", "run-19700101-000000-2"]);
        assert_eq!(
            fs::read_link(parent.join(LATEST)).expect("a link"),
            Path::new(&names[1])
        );
        let error = RunFolder::named(&parent).expect_err("in use").to_string();
        assert!(error.contains("is not empty") && error.contains("--dir"), "{error}");
        assert!(RunFolder::named(&dir.path().join("new")).is_ok());
        fs::write(dir.path().join("file"), "").expect("written");
        let error = RunFolder::named(&dir.path().join("file"))
            .expect_err("no folder")
            .to_string();
        assert!(error.ends_with("it is a file; name another one with --dir"), "{error}");
    }
}
