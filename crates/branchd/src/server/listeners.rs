//! The listeners of a branch.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// The listeners of a branch.
pub struct Listeners {
    /// For customers and operators, and for branches if they have none of their own.
    pub customers: TcpListener,
    /// For branches only.
    pub branches: Option<TcpListener>,
}

impl Listeners {
    /// The address of the listener for customers, and that of the listener for branches, as bound.
    ///
    /// # Errors
    /// The system does not know the address of a listener.
    pub fn addresses(&self) -> io::Result<(SocketAddr, Option<SocketAddr>)> {
        let branches = self.branches.as_ref().map(TcpListener::local_addr);
        Ok((self.customers.local_addr()?, branches.transpose()?))
    }
}

impl From<TcpListener> for Listeners {
    /// One listener for all callers.
    fn from(customers: TcpListener) -> Self {
        let branches = None;
        Self { customers, branches }
    }
}
