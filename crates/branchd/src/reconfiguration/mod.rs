//! Changes of the bank's members, which the leader finishes.
//!
//! [`plan`] derives the next step from the replicated membership, without I/O. [`driver`] is the leader's task that
//! makes the steps. [`change`] makes one change at the leader, for an operator. [`standing`] tells whether this branch
//! is still a member. [`catching_up`] follows a branch from its start until it is current.

mod catching_up;
mod change;
mod driver;
mod error;
pub(crate) mod plan;
mod standing;
mod timing;

pub(crate) use catching_up::CatchingUp;
pub(crate) use change::Members;
pub(crate) use error::MembershipChangeError;
pub(crate) use standing::{NotAMember, Standing, membership_of};
pub(crate) use timing::{PAUSE_MAX, PAUSE_MIN};
