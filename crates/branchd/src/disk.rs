//! How much room a file system has.

use std::io;
use std::path::Path;

/// The bytes that this process may still write on the file system of a directory.
///
/// # Errors
/// The directory is not there, or its file system does not say.
pub(crate) fn free_bytes(directory: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(directory)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// A number of bytes for people, in whole MiB, rounded up.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
