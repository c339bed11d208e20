//! Who is a branch of the bank, over time: joins, promotions and removals, and a branch's own place among the members.
//!
//! [`plan`] decides, purely, from the membership, which is replicated; [`driver`] is the leader's task that carries on what
//! is under way, under any leader; [`change`] makes a change that an operator wishes, at the leader; [`join`] and
//! [`verbs`] serve the operators, at any branch; [`standing`] finds out that a branch is no member any more;
//! [`catching_up`] follows a branch from its start until it is current.

mod catching_up;
mod change;
mod driver;
mod join;
pub(crate) mod plan;
mod standing;
mod verbs;

pub(crate) use catching_up::CatchingUp;
pub(crate) use change::{Members, Wish};
pub(crate) use join::join;
pub(crate) use standing::{Standing, membership_of};
pub(crate) use verbs::{promote, remove};

#[cfg(test)]
mod tests;
