//! The data of a snapshot: a whole copy of the ledger database, to be sent or to be installed.

use std::io;
use std::path::{Path, PathBuf};

use super::types::TypeConfig;
use crate::store::Reader;

pub(super) type Snapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotData>;

/// A whole copy of the ledger database.
#[derive(Debug)]
pub(crate) enum SnapshotData {
    /// This branch's own ledger database. It is read at the time of sending, in its state at that time.
    Live(Reader),
    /// A file that was received. Dropping the value removes the file.
    Received(TemporaryFile),
}

impl SnapshotData {
    /// Returns the copy as a file. A copy of this branch's own database is written into `directory`. Blocks.
    pub(super) fn into_file(self, directory: &Path) -> io::Result<TemporaryFile> {
        match self {
            Self::Received(file) => Ok(file),
            Self::Live(reader) => {
                let file = TemporaryFile::in_directory(directory);
                reader.copy_to(file.path()).map_err(io::Error::other)?;
                Ok(file)
            }
        }
    }
}

/// The path of a temporary database file. Dropping the value removes the file and the files that SQLite put beside it.
#[derive(Debug)]
pub(crate) struct TemporaryFile(PathBuf);

/// The endings that SQLite appends to a database's file name for the files beside it.
const SQLITE_ENDINGS: [&str; 3] = ["-journal", "-wal", "-shm"];

impl TemporaryFile {
    /// Chooses a path in `directory` that no other value has. The file is not created.
    pub(super) fn in_directory(directory: &Path) -> Self {
        let name = format!("incoming-{}.db", uuid::Uuid::now_v7().simple());
        Self(directory.join(name))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        for ending in SQLITE_ENDINGS {
            let mut beside = self.0.clone().into_os_string();
            beside.push(ending);
            // An error means in most cases that the file does not exist.
            let _ = std::fs::remove_file(beside);
        }
        // The file may never have been created.
        let _ = std::fs::remove_file(&self.0);
    }
}
