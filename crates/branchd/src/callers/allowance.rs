//! How many calls, and how many bytes of requests and answers, one connection and all connections may hold.

use super::caller::Caller;
use super::quota::Quota;

/// The quotas on calls, either of one connection or of all connections of one kind of caller. A call with its stream
/// takes up to 9 KB in addition to these bytes.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    /// Calls in progress.
    pub(crate) calls: Quota,
    /// Bytes of requests that are not complete.
    pub(crate) receiving: Quota,
    /// Bytes of answers that are not sent.
    pub(crate) sending: Quota,
}

impl Allowance {
    fn new(calls: u32, receiving: u32, sending: u32) -> Self {
        Self {
            calls: Quota::new(calls),
            receiving: Quota::new(receiving),
            sending: Quota::new(sending),
        }
    }

    /// The quotas of one connection.
    ///
    /// A customer's connection has room for 16 requests of the largest size, or 1,024 of the usual size, and for a
    /// hundred pages of accounts. A branch's connection has room for two of the largest messages between branches.
    pub(crate) fn of_connection(caller: Caller) -> Self {
        match caller {
            Caller::Customer => Self::new(1024, 1 << 20, 8 << 20),
            Caller::Operator => Self::new(64, 2 << 20, 8 << 20),
            Caller::Branch(_) => Self::new(1024, 32 << 20, 32 << 20),
        }
    }
}

/// The quotas of all connections together. Each kind of caller has its own, so that no kind takes the units of another.
#[derive(Debug)]
pub(crate) struct Allowances {
    customers: Allowance,
    operators: Allowance,
    branches: Allowance,
}

impl Allowances {
    /// Customers have room for all writes that may wait (`writes::queue::QUEUE_LEN_MAX`) and all reads that may wait
    /// (`reads::WAITING_MAX`). Branches have room for 16 connections with 1,024 calls each, and for four of the largest
    /// messages.
    pub(crate) fn new() -> Self {
        Self {
            customers: Allowance::new(24 << 10, 16 << 20, 64 << 20),
            operators: Allowance::new(256, 4 << 20, 16 << 20),
            branches: Allowance::new(16 << 10, 64 << 20, 64 << 20),
        }
    }

    pub(crate) fn of(&self, caller: Caller) -> &Allowance {
        match caller {
            Caller::Customer => &self.customers,
            Caller::Operator => &self.operators,
            Caller::Branch(_) => &self.branches,
        }
    }
}
