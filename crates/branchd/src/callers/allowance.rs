//! How many calls, and how many bytes of requests and answers, one connection and all connections may hold.

use super::caller::Caller;
use super::quota::Quota;

/// What calls may hold: those of one connection, or of all connections of a kind of callers. A call holds about 9 KB with its
/// stream.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    /// Calls under way.
    pub(crate) calls: Quota,
    /// Bytes of messages that are not complete.
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

    /// Of one connection, which has 1,024 calls under way at the most.
    ///
    /// Customers: sixteen of their largest requests, or every call's of the usual size; a hundred pages of accounts.
    /// Branches: two of the largest messages.
    pub(crate) fn of_connection(caller: Caller) -> Self {
        match caller {
            Caller::Customer => Self::new(1024, 1 << 20, 8 << 20),
            Caller::Operator => Self::new(64, 2 << 20, 8 << 20),
            Caller::Branch(_) => Self::new(1024, 32 << 20, 32 << 20),
        }
    }
}

/// What the calls of all connections may hold, by who makes them: none takes the others' share.
#[derive(Debug)]
pub(crate) struct Allowances {
    customers: Allowance,
    operators: Allowance,
    branches: Allowance,
}

impl Allowances {
    /// Customers: all writes that may wait (`writes::queue::QUEUE_LEN_MAX`) and all reads (`reads::WAITING_MAX`). Branches: sixteen with
    /// all the calls that a connection may have under way, and four of the largest messages.
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
