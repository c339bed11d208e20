//! Calls to other branches. Takes and returns domain types; gRPC and its messages stay inside.
//!
//! - [`messages`] defines what branches ask each other and answer
//! - [`convert`] converts it from and to the messages of `bank-proto`; the services use it too
//! - [`operator_calls`] are calls that need no common bank: found, join, adopt, status
//! - [`member_client`] makes calls among the members of one bank

mod convert;
mod error;
mod member_client;
mod messages;
mod operator_calls;

pub(crate) use error::{BranchCallError, CallError};
pub(crate) use member_client::MemberClient;
pub(crate) use messages::{BranchSummary, Founded, FoundingRequest, Joined, MembershipAnswer, MembershipChange};
pub(crate) use operator_calls::{adopt, ask_status, found, join};
