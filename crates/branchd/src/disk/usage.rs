//! How much room a data directory takes and leaves.

use std::fs;
use std::io;
use std::path::Path;

use super::free::free_bytes;

/// The room that a data directory takes and leaves on its file system. `None`: not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) free_bytes: Option<u64>,
    pub(crate) used_bytes: Option<u64>,
}

impl Usage {
    /// Asks the file system. It blocks for as long as the disk does.
    pub(crate) fn of(directory: &Path) -> Self {
        Self {
            free_bytes: free_bytes(directory).ok(),
            used_bytes: used_bytes(directory).ok(),
        }
    }
}

/// The bytes of all files in a directory and in the directories below it. A file that is removed meanwhile is left out.
fn used_bytes(directory: &Path) -> io::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let bytes = match entry.metadata() {
            Ok(found) if found.is_dir() => used_bytes(&entry.path()),
            Ok(found) => Ok(found.len()),
            Err(error) => Err(error),
        };
        total += match bytes {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            other => other?,
        };
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_all_directories_are_added_up() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("journal")).expect("a directory");
        fs::write(directory.path().join("ledger.db"), [0; 10]).expect("written");
        fs::write(directory.path().join("journal/1"), [0; 7]).expect("written");
        let usage = Usage::of(directory.path());
        assert_eq!(usage.used_bytes, Some(17));
        assert!(usage.free_bytes.is_some());
        assert_eq!(Usage::of(&directory.path().join("none")), Usage::default());
    }
}
