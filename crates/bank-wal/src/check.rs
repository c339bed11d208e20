//! The check of a log without opening it.

use std::path::Path;

use crate::error::OpenError;
use crate::lock::DirectoryLock;
use crate::options::Options;
use crate::recovery::examine;
use crate::wal::Bounds;

/// What [`check`] found in a sound log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// The number of segment files in use.
    pub segments: usize,
    /// The indexes of the entries.
    pub bounds: Bounds,
}

/// Checks the log in `dir` as [`Wal::open`](crate::Wal::open) does, and changes nothing but the process id in the lock
/// file. An unfinished write at the end stays there, because only an open removes it.
///
/// # Errors
/// See [`OpenError`].
pub fn check(dir: &Path, stamp: [u8; 16], options: &Options) -> Result<Checked, OpenError> {
    let _lock = DirectoryLock::acquire(dir)?;
    let (index, segments) = examine(dir, stamp, options)?;
    Ok(Checked {
        segments,
        bounds: Bounds::of(&index),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use crate::Wal;

    fn contents(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> = files
            .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_check_finds_what_an_open_finds_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (stamp, options) = ([7; 16], Options::default());
        assert!(matches!(
            check(dir.path(), stamp, &options),
            Err(OpenError::Absent { .. })
        ));
        let wal = Wal::open(dir.path(), stamp, options.clone()).unwrap();
        wal.append((1..=20).map(|at| (at, vec![at as u8; 100].into())).collect(), |_| ())
            .unwrap();
        assert!(matches!(
            check(dir.path(), stamp, &options),
            Err(OpenError::Locked { .. })
        ));
        let bounds = wal.bounds();
        wal.close().unwrap();
        drop(wal);
        let before = contents(dir.path());
        let checked = check(dir.path(), stamp, &options).unwrap();
        assert_eq!((checked.segments, checked.bounds), (1, bounds));
        assert_eq!(contents(dir.path()), before);

        // Every byte of a segment that was closed cleanly was synced, so every changed bit is damage.
        let (path, bytes) = before
            .into_iter()
            .find(|(_, bytes)| bytes.starts_with(b"PBKJRNL"))
            .unwrap();
        for case in 0..200 {
            let mut changed = bytes.clone();
            let bit = case * 7919 % (8 * bytes.len());
            changed[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &changed).unwrap();
            let error = check(dir.path(), stamp, &options).unwrap_err();
            let name = path.file_name().unwrap().to_string_lossy();
            assert!(error.to_string().contains(&*name), "bit {bit}: {error}");
            assert_eq!(std::fs::read(&path).unwrap(), changed);
        }
    }
}
