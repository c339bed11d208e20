//! The limit on open files of this process. Connections count as open files.

use rlimit::Resource;

/// How many files a branch has open besides its callers' connections: the ledger database and its readers, the segments
/// of the journal, snapshots, and its own connections to other branches.
const OWN_FILES: u64 = 124;

/// Raises the limit as far as an unprivileged process may. The usual limit is meant for programs with few files. Where
/// the limit stays as it is, [`connections`] counts with it.
pub(crate) fn raise() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}

/// How many connections the limit leaves room for.
pub(crate) fn connections() -> u32 {
    let files = rlimit::getrlimit(Resource::NOFILE).map_or(u64::MAX, |(limit, _)| limit);
    u32::try_from(files.saturating_sub(OWN_FILES)).unwrap_or(u32::MAX)
}
