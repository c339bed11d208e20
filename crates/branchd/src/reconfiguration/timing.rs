//! How long the steps of a membership change may take.

use std::time::Duration;

/// How long a branch that looks lost has to answer, before another may take its place.
pub(crate) const BRANCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a quorum may take to confirm one change of the membership.
pub(super) const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the leader tries to make a change that has to wait for an earlier one.
pub(super) const CHANGE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a branch that answered lately may take to answer again.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// The shortest and the longest pause between two tries. A change takes a few milliseconds if the branches are near,
/// and a second or more if they are far apart.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(10);
pub(crate) const PAUSE_MAX: Duration = Duration::from_millis(500);
