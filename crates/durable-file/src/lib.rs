//! Small files that are read whole and replaced whole. A reader finds the old content or the new one, never a part.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a written file survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The file survives the death of the process at any instant.
    Process,
    /// The file survives the death of the host too: the file and its directory are synced.
    Host,
}

/// Replaces the file at `path`, or makes it: a temporary file beside it is written and renamed over it. A symbolic link
/// is followed and stays.
///
/// # Errors
/// An error of the file system; the old content is unchanged then.
pub fn replace(path: &Path, content: &[u8], durability: Durability) -> io::Result<()> {
    // The umask takes its part off, as with any new file.
    replace_with_mode(path, content, durability, |path| permissions_of(path).unwrap_or(PUBLIC))
}

/// As [`replace`], and the owner alone can read the new file (mode 0600), whatever the mode of the old one was.
///
/// # Errors
/// As for [`replace`].
pub fn replace_private(path: &Path, content: &[u8], durability: Durability) -> io::Result<()> {
    replace_with_mode(path, content, durability, |_| PRIVATE)
}

/// Permission bits of a file that everybody may read, before the umask is applied.
const PUBLIC: u32 = 0o666;
/// Permission bits of a file that its owner alone may read.
const PRIVATE: u32 = 0o600;

fn replace_with_mode(
    path: &Path,
    content: &[u8],
    durability: Durability,
    mode: impl FnOnce(&Path) -> u32,
) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let file = written(mode(&path), &path, content, durability)?;
    file.persist(&path).map_err(|error| error.error)?;
    sync_directory(&path, durability)
}

/// The permission bits of a file that is there.
fn permissions_of(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).ok().map(|found| found.permissions().mode() & 0o777)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Writes a new file that its owner alone can read (mode 0600). It appears whole, so that another process that looks at
/// the same time reads all of it or finds no file.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where anything is at the path already, which is left as it was, and any error of
/// the file system.
pub fn create_private(path: &Path, content: &[u8], durability: Durability) -> io::Result<()> {
    create_with_mode(PRIVATE, path, content, durability)
}

/// As [`create_private`], and everybody can read the file, as far as the umask allows it.
///
/// # Errors
/// As for [`create_private`].
pub fn create(path: &Path, content: &[u8], durability: Durability) -> io::Result<()> {
    create_with_mode(PUBLIC, path, content, durability)
}

fn create_with_mode(mode: u32, path: &Path, content: &[u8], durability: Durability) -> io::Result<()> {
    // The temporary file is linked to its place only when it is whole.
    let file = written(mode, path, content, durability)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_directory(path, durability)
}

const TEMPORARY_PREFIX: &str = ".passbook-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Whether a file of this name is a temporary file of this crate. A crash can leave one beside the file to be replaced.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

/// A temporary file with this content and mode, in the directory of `path`.
fn written(mode: u32, path: &Path, content: &[u8], durability: Durability) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = builder.tempfile_in(directory_of(path))?;
    file.write_all(content)?;
    if durability == Durability::Host {
        file.as_file().sync_all()?;
    }
    Ok(file)
}

fn sync_directory(path: &Path, durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Process => Ok(()),
        Durability::Host => File::open(directory_of(path))?.sync_all(),
    }
}

/// Reads the regular file at `path`.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] where it is a directory, a FIFO or a device, [`io::ErrorKind::FileTooLarge`] where
/// it has more than `len_max` bytes, and any error of the file system.
pub fn read_bounded(path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    // The type is checked before the file is opened, because opening a FIFO would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(len_max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > len_max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {len_max} bytes"),
        ));
    }
    Ok(content)
}

/// What tells that a file has changed. Two stamps of one path differ after its content, its permissions or the file itself
/// was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    len: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and the time of the last change, also of the permissions: seconds and nanoseconds.
    #[cfg(unix)]
    place: (u64, u64, i64, i64),
}

impl FileStamp {
    /// The stamp of a file with this metadata.
    pub fn of(found: &fs::Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            len: found.len(),
            modified: found.modified().ok(),
            #[cfg(unix)]
            place: (found.dev(), found.ino(), found.ctime(), found.ctime_nsec()),
        }
    }
}

/// Permission bits of a file that others than its owner may read or change. `None` if only its owner may, and on a system
/// without such bits. A program that reads a secret file looks at the file that it has opened.
pub fn open_to_others(found: &fs::Metadata) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = found.permissions().mode() & 0o7777;
        // The owner's permission to execute is harmless.
        if mode & 0o077 != 0 {
            return Some(mode);
        }
    }
    #[cfg(not(unix))]
    let _ = found;
    None
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        for durability in [Durability::Host, Durability::Process] {
            replace(&path, format!("{durability:?}").as_bytes(), durability).expect("replaced");
            assert_eq!(
                read_bounded(&path, 100).expect("read"),
                format!("{durability:?}").as_bytes()
            );
        }
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
        assert!(replace(&directory.path().join("no/f"), b"", Durability::Host).is_err());
    }

    #[test]
    fn a_new_private_file_replaces_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        create_private(&path, b"first", Durability::Host).expect("created");
        let error = create_private(&path, b"second", Durability::Host).expect_err("it is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("read"), b"first");
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
    }

    #[test]
    fn only_small_regular_files_are_read() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(
            read_bounded(directory.path(), 9).expect_err("a directory").kind(),
            io::ErrorKind::InvalidInput
        );
        assert!(read_bounded(Path::new("/dev/zero"), 9).is_err());
        let path = directory.path().join("f");
        fs::write(&path, "0123456789").expect("written");
        assert_eq!(
            read_bounded(&path, 9).expect_err("large").kind(),
            io::ErrorKind::FileTooLarge
        );
        assert_eq!(read_bounded(&path, 10).expect("read").len(), 10);
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_private_whatever_was_there() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        let open = || open_to_others(&fs::metadata(&path).expect("there"));
        create(&path, b"public", Durability::Process).expect("created");
        assert!(create(&path, b"again", Durability::Process).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
        replace(&path, b"public", Durability::Process).expect("replaced");
        assert_eq!(open(), Some(0o644));
        replace_private(&path, b"private", Durability::Process).expect("replaced");
        assert_eq!(open(), None);
        assert_eq!(fs::read(&path).expect("read"), b"private");
        replace(&path, b"still private", Durability::Process).expect("replaced");
        assert_eq!(open(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_stays_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        fs::write(&target, "old").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        replace(&link, b"new", Durability::Process).expect("replaced");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&target).expect("read"), b"new");
    }
}
