//! How many files this process may have open, connections among them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a branch has open besides connections: the books and what reads them, the journal's segments, copies of the books,
/// its own connections to other branches.
const OWN_FILES: u64 = 124;
/// What macOS allows at the most, where it says that there is no limit.
const MACOS_MAX: u64 = 10_240;

/// Raises the limit as far as it may be raised without rights: the usual one is made for programs that need few.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    for current in [limit.maximum, Some(MACOS_MAX)] {
        let raised = Rlimit { current, ..limit };
        if current.is_none_or(|current| limit.current.is_some_and(|now| now < current))
            && setrlimit(Resource::Nofile, raised).is_ok()
        {
            return;
        }
    }
}

/// For how many connections the limit leaves room.
pub(crate) fn connections() -> u32 {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    u32::try_from(files.saturating_sub(OWN_FILES)).unwrap_or(u32::MAX)
}
