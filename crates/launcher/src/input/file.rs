//! Reads a text file that a user named. The size is bounded and the file must be a regular one, because a pipe or a
//! device could make the launcher wait or fill its memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Largest size of a file. The largest input in use has about 2 MB.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// Why a text file cannot be read.
#[derive(Debug, Error)]
pub enum FileError {
    /// There is no such file.
    #[error("{}: there is no such file", .0.display())]
    Missing(PathBuf),
    /// The path leads to a directory, a pipe, a device or a socket.
    #[error("{}: it is {what}, not a regular file", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
        /// What the path leads to, such as "a directory".
        what: &'static str,
    },
    /// The file is larger than [`FILE_BYTES_MAX`].
    #[error("{}: it has more than {} MiB, the most that this program reads", .0.display(), FILE_BYTES_MAX >> 20)]
    TooLarge(PathBuf),
    /// The file is not UTF-8.
    #[error("{}:{line}:{column}: {what}", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// The operating system reports an error.
    #[error("{}: it cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error.
        #[source]
        source: io::Error,
    },
}

/// Reads a file as text. A byte order mark is removed.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing(path.to_owned()),
        _ => FileError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    // Checked before the file is opened: opening a pipe waits for a writer.
    check_regular(path, &std::fs::metadata(path).map_err(unreadable)?)?;
    let file = File::open(path).map_err(unreadable)?;
    check_regular(path, &file.metadata().map_err(unreadable)?)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    decode(path, bytes)
}

fn check_regular(path: &Path, metadata: &std::fs::Metadata) -> Result<(), FileError> {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_file() && metadata.len() > FILE_BYTES_MAX => return Err(FileError::TooLarge(path.to_owned())),
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(FileError::NotRegular {
        path: path.to_owned(),
        what,
    })
}

fn decode(path: &Path, bytes: Vec<u8>) -> Result<String, FileError> {
    let wrong = |valid: &[u8], what| {
        let (line, column) = position(&String::from_utf8_lossy(valid), usize::MAX);
        FileError::NotUtf8 {
            path: path.to_owned(),
            line,
            column,
            what,
        }
    };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(wrong(&[], "it is UTF-16; save it as UTF-8"));
    }
    if bytes.contains(&0) {
        return Err(wrong(&[], "it is a binary file, not a text in UTF-8"));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        wrong(valid, "from here on it is not UTF-8; save it as UTF-8")
    })?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

/// Line and column of a byte offset, both from 1, the column in characters. An offset past the end counts as the end.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}
