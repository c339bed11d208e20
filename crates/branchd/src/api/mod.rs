//! The three services of a branch. Each call decodes, validates, calls and encodes; no rule about money is here.
//!
//! [`bank`] is for customers, [`operator`] for operators, [`branch`] for the other branches. [`deadline`] is how long a
//! call may take. [`error`] turns the errors of all rooms below into statuses, [`outcome`] and [`commands`] what was decided and
//! applied into messages.

mod bank;
mod branch;
pub(crate) mod commands;
mod deadline;
pub(crate) mod error;
mod operator;
mod outcome;

pub(crate) use bank::BankApi;
pub(crate) use branch::BranchApi;
pub(crate) use operator::OperatorApi;
