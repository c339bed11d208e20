//! The three gRPC services of a branch. Each call decodes its request, checks it, calls the domain and encodes the
//! result. No rule about money is here.
//!
//! - [`bank`] serves customers, [`operator`] serves operators, [`branch`] serves the other branches
//! - [`submit`] serves a customer's stream of writes; [`fields`] checks the fields of customers' requests
//! - [`outcome`] encodes the decision on a write, [`statement`] the entries of an account, [`commands`] all that a
//!   branch has applied
//! - [`deadline`] decides how long a call may take
//! - [`error`] maps errors to gRPC status

mod bank;
mod branch;
pub(crate) mod commands;
pub(crate) mod deadline;
pub(crate) mod error;
mod fields;
mod operator;
mod outcome;
mod statement;
mod submit;

pub(crate) use bank::BankApi;
pub(crate) use branch::BranchApi;
pub(crate) use operator::OperatorApi;
