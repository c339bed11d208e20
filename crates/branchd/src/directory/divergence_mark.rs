//! The mark in the data directory of a branch whose ledger was found to differ from the bank's. A branch does not start
//! in a marked directory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The name of the mark's file. The file holds the last line of the branch's log.
const FILE: &str = "BOOKS-DIFFER";

/// The most bytes of the mark that are used. The longest line is shorter.
const BYTES_MAX: usize = 4096;

/// Marks the directory. The mark is durable when this returns.
pub(crate) fn write(directory: &Path, line: &str) -> io::Result<()> {
    let mut file = File::create(directory.join(FILE))?;
    writeln!(file, "{line}")?;
    file.sync_all()?;
    File::open(directory)?.sync_all()
}

/// Reads the line of the mark. `None`: the directory has no mark.
pub(crate) fn read(directory: &Path) -> io::Result<Option<String>> {
    match fs::read(directory.join(FILE)) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(BYTES_MAX)]).into_owned();
            let line = text.lines().next().unwrap_or_default();
            Ok(Some(match line {
                // A crash cut the write of the mark short. The existence of the file is enough.
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
