//! Reads a text that a user named: a regular file, a pipe, or stdin. The size is bounded, because a pipe may have no
//! end. There is no deadline: a pipe is read until its writer closes it, and Ctrl-C ends the wait.

use crate::terminal::stderr;
use rustix::fs::{FileType, Stat};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
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
    /// The path leads to a directory, a device or a socket.
    #[error("{}: it is {what}, not a file or a pipe", path.display())]
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

/// Whether a path stands for the stdin of this process.
pub fn is_stdin(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]
        .iter()
        .any(|name| path == Path::new(name))
}

/// The path as messages name it: `stdin` for the stdin of this process.
pub fn shown(path: &Path) -> &Path {
    if is_stdin(path) { Path::new("stdin") } else { path }
}

/// The name of an input or output, without its directory: `town.json`, `stdin`, or `/dev/fd/63` for a pipe of a shell.
pub fn short_name(path: &Path) -> String {
    let path = shown(path);
    let name = path.file_name().filter(|_| !path.starts_with("/dev"));
    name.unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The identity of a regular file. All its names have the same one: hard links, symbolic links, spellings of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    number: u64,
}

impl FileId {
    /// The regular file that a path leads to, or that stdin is redirected to. `None` if it is no regular file.
    pub fn of_input(path: &Path) -> Option<Self> {
        let stat = match is_stdin(path) {
            true => rustix::fs::fstat(io::stdin()),
            false => rustix::fs::stat(path),
        };
        Self::of(&stat.ok()?)
    }

    /// The regular file that stdout is redirected to. `None` if it is no regular file.
    pub fn of_stdout() -> Option<Self> {
        Self::of(&rustix::fs::fstat(io::stdout()).ok()?)
    }

    // The types of the fields differ between Linux and macOS.
    #[allow(clippy::unnecessary_cast)]
    fn of(stat: &Stat) -> Option<Self> {
        FileType::from_raw_mode(stat.st_mode).is_file().then_some(FileId {
            device: stat.st_dev as u64,
            number: stat.st_ino as u64,
        })
    }
}

/// Reads a file, a pipe or, for `-` and `/dev/stdin`, stdin as text. A byte order mark is removed.
///
/// # Errors
/// There is no such file, it cannot be read, it is too large, or it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    let name = shown(path);
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing(name.to_owned()),
        _ => FileError::Unreadable {
            path: name.to_owned(),
            source,
        },
    };
    let bytes = if is_stdin(path) {
        if io::stdin().is_terminal() {
            // The hint is no part of the result.
            let _ = stderr::print("reading from the terminal; end the text with Ctrl-D on a line of its own\n");
        }
        read_bounded(io::stdin().lock())
    } else {
        // Checked before the file is opened, because opening some devices has an effect.
        check_kind(path, &std::fs::metadata(path).map_err(unreadable)?)?;
        let file = File::open(path).map_err(unreadable)?;
        check_kind(path, &file.metadata().map_err(unreadable)?)?;
        read_bounded(file)
    };
    let bytes = bytes.map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(FileError::TooLarge(name.to_owned()));
    }
    decode(name, bytes)
}

/// Reads to the end, or one byte past the bound.
fn read_bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check_kind(path: &Path, metadata: &std::fs::Metadata) -> Result<(), FileError> {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_file() && metadata.len() > FILE_BYTES_MAX => return Err(FileError::TooLarge(path.to_owned())),
        () if kind.is_file() || kind.is_fifo() => return Ok(()),
        () if kind.is_dir() => "a directory",
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
