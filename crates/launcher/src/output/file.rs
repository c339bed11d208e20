//! Writes the output file. The path is checked before a run starts. The file is then replaced as a whole, or stays as
//! it was.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use thiserror::Error;

/// A path that an output can be written to.
#[derive(Debug)]
pub struct OutputFile {
    /// The path with symbolic links resolved, so that the file is replaced and not the link.
    target: PathBuf,
}

/// Why an output cannot be written.
#[derive(Debug, Error)]
#[error("the output {} cannot be written: {source}; name another file with --output", path.display())]
pub struct OutputFileError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl OutputFile {
    /// Checks that the path can be written. Makes the directory, and leaves nothing else there.
    ///
    /// # Errors
    /// The path is a directory or a device, or its directory cannot be made or written.
    pub fn prepare(path: &Path) -> Result<Self, OutputFileError> {
        let failed = |source| OutputFileError {
            path: path.to_owned(),
            source,
        };
        let target = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(failed(io::Error::other("it is a directory")));
            }
            Ok(metadata) if !metadata.is_file() => return Err(failed(io::Error::other("it is not a regular file"))),
            Ok(metadata) if metadata.permissions().readonly() => {
                return Err(failed(io::Error::other("it is read-only")));
            }
            Ok(_) => fs::canonicalize(path).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.file_name().is_some() => path.to_owned(),
            Err(error) => return Err(failed(error)),
        };
        let file = OutputFile { target };
        fs::create_dir_all(file.dir()).map_err(failed)?;
        file.temporary().map_err(|error| failed(without_path(error)))?;
        Ok(file)
    }

    fn dir(&self) -> &Path {
        match self.target.parent() {
            Some(dir) if dir != Path::new("") => dir,
            _ => Path::new("."),
        }
    }

    fn temporary(&self) -> io::Result<NamedTempFile> {
        use std::os::unix::fs::PermissionsExt;
        let open = fs::Permissions::from_mode(0o644);
        tempfile::Builder::new()
            .prefix(".output-")
            .permissions(open)
            .tempfile_in(self.dir())
    }

    /// Replaces the file as a whole.
    ///
    /// # Errors
    /// The file cannot be written, for example because the disk is full. The file is as it was before.
    pub fn write(&self, text: &str) -> Result<(), OutputFileError> {
        let write = || -> io::Result<()> {
            let mut file = self.temporary()?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.target).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|source| OutputFileError {
            path: self.target.clone(),
            source,
        })
    }
}

/// The error of the operating system, without the path of the temporary file.
fn without_path(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.source());
    let by_system = inner.and_then(|inner| inner.downcast_ref::<io::Error>()?.raw_os_error());
    by_system.map_or(error, io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_cannot_be_written_is_refused_early() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("file"), "old").expect("written");
        for (path, expected) in [
            (dir.path().to_owned(), "it is a directory"),
            (dir.path().join("file/out.json"), "Not a directory"),
            ("/dev/null".into(), "it is not a regular file"),
            ("".into(), "No such file"),
        ] {
            let error = OutputFile::prepare(&path).expect_err("not writable").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_file_is_replaced_through_a_link() {
        let dir = tempfile::tempdir().expect("a directory");
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        let output = OutputFile::prepare(&link).expect("writable");
        assert_eq!(fs::read_to_string(&real).expect("read"), "old");
        output.write("new").expect("written");
        assert_eq!(fs::read_to_string(&real).expect("read"), "new");
        assert!(link.is_symlink());
        let fresh = dir.path().join("a/b/out.json");
        OutputFile::prepare(&fresh).expect("writable");
        assert_eq!(fs::read_dir(dir.path().join("a/b")).expect("made").count(), 0);
    }
}
