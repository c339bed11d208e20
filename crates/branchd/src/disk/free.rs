//! The free space of a file system.

use std::io;
use std::path::Path;

/// The number of bytes that this process may still write on the file system of `path`.
///
/// # Errors
/// The path does not exist, or the file system does not report its free space.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Formats a number of bytes in whole MiB, rounded up.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
