//! The limit on open files of this process. Connections count as open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files a branch has open besides its callers' connections: the ledger database and its readers, the segments
/// of the journal, snapshots, and its own connections to other branches.
const OWN_FILES: u64 = 124;
/// The largest limit that macOS accepts, although it may report no limit.
const MACOS_MAX: u64 = 10_240;

/// Raises the limit as far as an unprivileged process may. The usual limit is meant for programs with few files.
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

/// How many connections the limit leaves room for.
pub(crate) fn connections() -> u32 {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    u32::try_from(files.saturating_sub(OWN_FILES)).unwrap_or(u32::MAX)
}
