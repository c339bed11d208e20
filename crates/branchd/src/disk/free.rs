//! How much room a file system has.

use std::io;
use std::path::Path;

/// The bytes that this process may still write on the file system that holds a path.
///
/// # Errors
/// Nothing is there, or the file system does not say.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// A number of bytes for people, in whole MiB, rounded up.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
