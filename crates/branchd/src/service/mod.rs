//! The three services of a branch. Each call decodes, validates, calls and encodes; no rule about money is here.
//!
//! [`bank`] is for customers, [`operator`] for operators, [`branch`] for the other branches. [`fate`] is how a failed
//! call says what became of the write, [`outcome`] how a decided one is told, [`deadline`] how long a call may take,
//! [`clock`] the one place that looks at a clock,
//! [`journal`] how all that a branch applied is told.

pub(crate) mod bank;
pub(crate) mod branch;
pub(crate) mod clock;
mod deadline;
pub(crate) mod fate;
pub(crate) mod journal;
mod operator;
pub(crate) mod outcome;

pub(crate) use bank::BankApi;
pub(crate) use branch::BranchApi;
pub(crate) use operator::{OperatorApi, status};
