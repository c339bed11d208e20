//! Connections to this branch: who opened each, how many may be open, and what the calls of each may hold.

mod allowance;
mod caller;
mod connection_info;
mod connections;
mod flow;
mod id;
mod log_limit;
mod places;
mod quota;
mod source;

pub(crate) use allowance::{Allowance, Allowances};
pub(crate) use caller::Caller;
pub(crate) use connection_info::{ConnectionInfo, Customers, Encryption, caller_of, streamed_writes, waiting_places};
pub(crate) use connections::{ActiveCall, Calls, CloseSignal, Connections, Place};
pub(crate) use flow::Flow;
pub(crate) use log_limit::LogLimit;
pub(crate) use places::{CONNECTIONS_MAX, CONNECTIONS_MIN, Limits};
pub(crate) use quota::{Quota, QuotaExceeded, QuotaPermit};
