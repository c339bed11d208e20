//! The limit on open files of this process and of the processes that it starts. Connections and pipes count as open
//! files.

use super::customers::AT_ONCE_MAX;
use crate::input::Input;
use bank_check::output::Mode;
use rlimit::Resource;
use thiserror::Error;

/// Files that this process has open in any run: streams, the event loop, the files of the run folder.
const OWN_FILES: usize = 40;
/// Files for each branch: its stdin and stdout, a connection to it, and another while it is asked for its commands.
const FILES_PER_BRANCH: usize = 4;
/// Files for each customer at once: its stdin and stdout, and its log and pipes while it is started.
const FILES_PER_CUSTOMER: usize = 3;
/// Files for each direction between two branches in a run with faults of the network: a listener, and both ends of two
/// connections.
const FILES_PER_RELAY: usize = 5;
/// Files that one branch has open beside its connections, and a margin for connections that end slowly.
const BRANCH_FILES: usize = 140;
/// The number in a message is a multiple of this.
const STEP: usize = 64;

/// The limit on open files is too low for a run.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "this run needs up to {needed} open files in one process, and the limit is {limit}; raise it with `ulimit -n {needed}` in \
     this shell and run again, or have it raised for your user if the shell refuses"
)]
pub struct OpenFilesError {
    /// Number of open files that suffices.
    pub needed: u64,
    /// The limit.
    pub limit: u64,
}

/// Raises the limit of this process, and so of those that it starts, as far as an unprivileged process may. The usual
/// limit is meant for programs with few files. A failure shows when the limit is checked.
pub(crate) fn raise_limit() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}

/// Checks that the limit suffices for a run.
///
/// # Errors
/// The limit is too low.
pub(crate) fn check(input: &Input, mode: Mode) -> Result<(), OpenFilesError> {
    check_limit(needed(input, mode))
}

/// Checks that the limit suffices for clients in this process, each with a connection to a branch.
///
/// # Errors
/// The limit is too low.
pub(crate) fn check_load(branches: u32, clients: u32) -> Result<(), OpenFilesError> {
    let (branches, clients) = (branches as usize, clients as usize);
    let here = OWN_FILES + FILES_PER_BRANCH * branches + clients;
    check_limit(whole_steps(here.max(files_of_branch(branches, clients))))
}

fn check_limit(needed: u64) -> Result<(), OpenFilesError> {
    match rlimit::getrlimit(Resource::NOFILE) {
        Ok((limit, _)) => compare(needed, limit),
        Err(_) => Ok(()),
    }
}

fn compare(needed: u64, limit: u64) -> Result<(), OpenFilesError> {
    if needed <= limit {
        return Ok(());
    }
    Err(OpenFilesError { needed, limit })
}

/// Number of open files that suffices for this process and for each branch.
fn needed(input: &Input, mode: Mode) -> u64 {
    let branches = input.branches.len();
    let at_once = match mode {
        Mode::Sequential => 1,
        Mode::Concurrent => input.customer_count().min(AT_ONCE_MAX),
    };
    let relays = match input.needs_relays() {
        true => branches * branches.saturating_sub(1),
        false => 0,
    };
    let here = OWN_FILES + FILES_PER_BRANCH * branches + FILES_PER_CUSTOMER * at_once + FILES_PER_RELAY * relays;
    whole_steps(here.max(files_of_branch(branches, at_once)))
}

/// Files of a branch with this number of customers: two connections with each other branch, one with each customer.
fn files_of_branch(branches: usize, customers: usize) -> usize {
    BRANCH_FILES + 2 * branches + customers
}

fn whole_steps(files: usize) -> u64 {
    u64::try_from(files.next_multiple_of(STEP)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_too_low_is_named_with_the_remedy() {
        assert_eq!(compare(192, 192), Ok(()));
        let error = compare(192, 64).expect_err("too low").to_string();
        for words in ["up to 192 open files", "the limit is 64", "`ulimit -n 192`"] {
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}
