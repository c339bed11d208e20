//! How many customers are connected: connections that are open and on which a customer has asked something. Operators'
//! connections and those of other branches are not among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tonic::{Extensions, Request, Status};

use super::allowance::Allowance;
use super::caller::Caller;
use super::connections::Calls;
use super::quota::Quota;

/// How many reads of one connection may wait: half of the calls that it may have under way.
pub(crate) const WAITING_READS_PER_CONNECTION_MAX: u32 = 512;

/// Counts them. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Customers(Arc<AtomicU32>);

/// Whoever is at the other end of one connection. Clones are the same one; the last to go takes it out of the count.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionInfo(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    customers: Customers,
    caller: Caller,
    counted: AtomicBool,
    /// Places of its reads that wait.
    waiting: Quota,
    allowance: Allowance,
    /// Where the connection says that calls are under way on it.
    calls: Option<Calls>,
}

impl Customers {
    /// So many now.
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// A new connection of this caller. `calls`: where it says that calls are under way on it.
    pub(crate) fn connection(&self, caller: Caller, calls: Option<Calls>) -> ConnectionInfo {
        ConnectionInfo(Arc::new(Shared {
            customers: self.clone(),
            caller,
            counted: AtomicBool::new(false),
            waiting: Quota::new(WAITING_READS_PER_CONNECTION_MAX),
            allowance: Allowance::of_connection(caller),
            calls,
        }))
    }
}

impl ConnectionInfo {
    /// Who it is.
    pub(crate) fn caller(&self) -> Caller {
        self.0.caller
    }

    /// What its calls may hold.
    pub(crate) fn allowance(&self) -> &Allowance {
        &self.0.allowance
    }

    /// Where the connection says that calls are under way on it.
    pub(crate) fn calls(&self) -> Option<&Calls> {
        self.0.calls.as_ref()
    }

    fn count(&self) {
        if !self.0.counted.swap(true, Ordering::Relaxed) {
            self.0.customers.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Who made a call. A call without a connection is a customer's.
pub(crate) fn caller_of(call: &Extensions) -> Caller {
    call.get::<ConnectionInfo>()
        .map_or(Caller::Customer, ConnectionInfo::caller)
}

/// The places of reads that wait, of the connection on which a call came.
pub(crate) fn waiting_places(call: &Extensions) -> Quota {
    match call.get::<ConnectionInfo>() {
        Some(connection) => connection.0.waiting.clone(),
        // A call without a connection is made in this process: by a test.
        None => Quota::new(WAITING_READS_PER_CONNECTION_MAX),
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if *self.counted.get_mut() {
            self.customers.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A call to the customers' service: whoever makes it is one.
///
/// # Errors
/// None: the type is tonic's.
pub(crate) fn count_customer(request: Request<()>) -> Result<Request<()>, Status> {
    if let Some(connection) = request.extensions().get::<ConnectionInfo>() {
        connection.count();
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(connection: &ConnectionInfo) {
        let mut request = Request::new(());
        request.extensions_mut().insert(connection.clone());
        count_customer(request).expect("let in");
    }

    #[test]
    fn who_asks_as_a_customer_is_counted_once_until_the_connection_is_gone() {
        let customers = Customers::default();
        let connection = || customers.connection(Caller::Customer, None);
        let (one, other, branch) = (connection(), connection(), connection());
        assert_eq!(customers.count(), 0);
        ask(&one);
        ask(&one);
        ask(&other);
        assert_eq!(customers.count(), 2);
        let active_call = one.clone();
        drop((one, branch));
        assert_eq!(customers.count(), 2);
        drop(active_call);
        assert_eq!(customers.count(), 1);
    }
}
