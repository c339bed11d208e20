//! What a call knows of its connection, and the count of customers.
//!
//! A connection counts as a customer from its first call to the customers' service until it is closed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bank_tls::Peer;
use tonic::Extensions;

use super::allowance::Allowance;
use super::caller::Caller;
use super::connections::Calls;
use super::quota::Quota;

/// How many reads of one connection may wait: half of the calls that it may have in progress.
pub(crate) const WAITING_READS_PER_CONNECTION_MAX: u32 = 512;
/// How many writes of streams one connection may have without an outcome. Four streams with the largest window have as
/// many.
pub(crate) const STREAMED_WRITES_PER_CONNECTION_MAX: u32 = 32 << 10;

/// Counts the customers that are connected. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Customers(Arc<AtomicU32>);

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// It is encrypted.
    Tls,
    /// It is not, and need not be: the branch has no certificates, or the connection comes from its own host and began
    /// with the handshake of `bank-auth`.
    None,
    /// It is not, and it should be. No call on it is served.
    Missing,
}

/// What the calls of one connection share. Dropping the last clone takes the connection out of the count of customers.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionInfo(Arc<Shared>, Encryption);

#[derive(Debug)]
struct Shared {
    customers: Customers,
    caller: Caller,
    /// The client, if its certificate proved who it is.
    peer: Option<Peer>,
    counted: AtomicBool,
    /// Places for the waiting reads of this connection.
    waiting: Quota,
    /// Writes of streams that have no outcome.
    streamed: Quota,
    allowance: Allowance,
    /// Counts the calls in progress. `None` in tests that have no connection.
    calls: Option<Calls>,
}

impl Customers {
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Makes the shared values of a new connection. `peer` is the other side, if it gave a certificate. `calls` counts
    /// its calls in progress.
    pub(crate) fn connection(&self, caller: Caller, peer: Option<Peer>, calls: Option<Calls>) -> ConnectionInfo {
        let encryption = match peer {
            Some(_) => Encryption::Tls,
            None => Encryption::None,
        };
        let shared = Shared {
            customers: self.clone(),
            caller,
            peer,
            counted: AtomicBool::new(false),
            waiting: Quota::new(WAITING_READS_PER_CONNECTION_MAX),
            streamed: Quota::new(STREAMED_WRITES_PER_CONNECTION_MAX),
            allowance: Allowance::of_connection(caller),
            calls,
        };
        ConnectionInfo(Arc::new(shared), encryption)
    }
}

impl ConnectionInfo {
    /// The connection with this encryption. Only TLS has certificates, so a connection with one has TLS without this.
    pub(crate) fn over(self, encryption: Encryption) -> Self {
        Self(self.0, encryption)
    }

    pub(crate) fn encryption(&self) -> Encryption {
        self.1
    }

    pub(crate) fn caller(&self) -> Caller {
        self.0.caller
    }

    /// The other side, as its certificate proved it.
    pub(crate) fn peer(&self) -> Option<&Peer> {
        self.0.peer.as_ref()
    }

    /// The address of the other side. `None` in tests that have no connection.
    pub(crate) fn from(&self) -> Option<SocketAddr> {
        self.calls().map(Calls::from)
    }

    pub(crate) fn allowance(&self) -> &Allowance {
        &self.0.allowance
    }

    /// Counts the calls in progress on this connection.
    pub(crate) fn calls(&self) -> Option<&Calls> {
        self.0.calls.as_ref()
    }

    /// Counts the connection as a customer, for a call to the customers' service.
    pub(crate) fn count_customer(&self) {
        if !self.0.counted.swap(true, Ordering::Relaxed) {
            self.0.customers.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Who made a call. A call without a connection counts as a customer's.
pub(crate) fn caller_of(call: &Extensions) -> Caller {
    call.get::<ConnectionInfo>()
        .map_or(Caller::Customer, ConnectionInfo::caller)
}

/// The places for waiting reads of the connection that a call came on.
pub(crate) fn waiting_places(call: &Extensions) -> Quota {
    match call.get::<ConnectionInfo>() {
        Some(connection) => connection.0.waiting.clone(),
        // Only a test makes a call without a connection, within this process.
        None => Quota::new(WAITING_READS_PER_CONNECTION_MAX),
    }
}

/// The quota for writes of streams without an outcome, of the connection that a call came on.
pub(crate) fn streamed_writes(call: &Extensions) -> Quota {
    match call.get::<ConnectionInfo>() {
        Some(connection) => connection.0.streamed.clone(),
        // Only a test makes a call without a connection, within this process.
        None => Quota::new(STREAMED_WRITES_PER_CONNECTION_MAX),
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if *self.counted.get_mut() {
            self.customers.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_asks_as_a_customer_is_counted_once_until_it_is_closed() {
        let customers = Customers::default();
        let connection = || customers.connection(Caller::Customer, None, None);
        let (one, other, branch) = (connection(), connection(), connection());
        assert_eq!(customers.count(), 0);
        one.count_customer();
        one.count_customer();
        other.count_customer();
        assert_eq!(customers.count(), 2);
        let active_call = one.clone();
        drop((one, branch));
        assert_eq!(customers.count(), 2);
        drop(active_call);
        assert_eq!(customers.count(), 1);
    }
}
