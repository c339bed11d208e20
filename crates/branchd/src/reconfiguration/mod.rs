//! Changes of the bank's members, carried on by whichever branch leads.
//!
//! [`plan`] derives the next step from the replicated membership, without I/O. [`driver`] is the leader's task that performs it. [`change`]
//! makes one change at the leader. [`standing`] finds out that this branch is no longer a member. [`catching_up`] follows a
//! branch from its start until it is current.

mod catching_up;
mod change;
mod driver;
pub(crate) mod plan;
mod standing;

pub(crate) use catching_up::CatchingUp;
pub(crate) use change::{BRANCH_TIMEOUT, Members, PAUSE_MAX, PAUSE_MIN, Wish};
pub(crate) use standing::{Standing, membership_of};
