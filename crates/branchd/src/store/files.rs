//! The files of a ledger database: SQLite's write-ahead log beside it, and the directory that holds both.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::error::BooksError;

/// The path of SQLite's write-ahead log.
pub(super) fn log_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// The directory that holds the file.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the names of new files in the same directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), BooksError> {
    let directory = directory_of(path);
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(|source| BooksError::Io {
            path: directory.to_owned(),
            doing: "syncing the directory",
            source,
        })
}
