//! The operators' calls about the members of a bank: found, join, promote, remove and status.

mod found;
mod founding_error;
mod founding_plan;
mod join;
mod promote;
mod remove;
mod status;

pub(crate) use found::found;
pub(crate) use founding_error::FoundError;
pub(crate) use join::{JoinError, join};
pub(crate) use promote::{PromoteError, promote};
pub(crate) use remove::{RemoveError, remove};
pub(crate) use status::{BranchStatus, JoinProgress, Member, status};

#[cfg(test)]
mod tests;
