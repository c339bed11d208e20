//! What an operator asks a branch about the bank's members: found, join, promote, remove, and how the branch is.

mod branch_calls;
mod found;
mod founding_plan;
mod join;
mod status;
mod verbs;

pub(crate) use found::found;
pub(crate) use join::join;
pub(crate) use status::status;
pub(crate) use verbs::{promote, remove};

#[cfg(test)]
mod tests;
