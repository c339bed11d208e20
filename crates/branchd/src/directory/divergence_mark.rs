//! A mark in the data directory of a branch whose books were found to differ from the bank's: it never starts there again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The mark's file. It holds the line that the branch ended with.
const FILE: &str = "BOOKS-DIFFER";

/// How many bytes of the mark are read: more than the longest line has, however large the file is.
const BYTES_MAX: usize = 4096;

/// Marks the directory. Durable when it returns.
pub(crate) fn write(directory: &Path, line: &str) -> io::Result<()> {
    let mut file = File::create(directory.join(FILE))?;
    writeln!(file, "{line}")?;
    file.sync_all()?;
    File::open(directory)?.sync_all()
}

/// The line of the mark; `None`: the directory has none.
pub(crate) fn read(directory: &Path) -> io::Result<Option<String>> {
    match fs::read(directory.join(FILE)) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(BYTES_MAX)]).into_owned();
            let line = text.lines().next().unwrap_or_default();
            Ok(Some(match line {
                // Cut short by a crash: that it is there says enough.
                "" => {
                    "this branch's books differ from the bank's: move its data directory aside, start the branch on an \
                       empty one, then `branchd join`"
                        .to_owned()
                }
                line => line.to_owned(),
            }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_an_empty_one_is_a_mark_too() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(read(directory.path()).expect("readable"), None);
        write(directory.path(), "branch 2's books differ").expect("written");
        let line = read(directory.path()).expect("readable");
        assert_eq!(line.as_deref(), Some("branch 2's books differ"));
        fs::write(directory.path().join(FILE), "").expect("written");
        assert!(
            read(directory.path())
                .expect("readable")
                .is_some_and(|line| line.contains("differ"))
        );
    }
}
