//! A pool of read connections to a ledger database.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::error::Fault;
use super::schema;

/// The most connections. A further read waits for one. Each connection takes about 0.4 MiB, and a branch has too few
/// cores to use more.
pub(crate) const CONNECTIONS_MAX: usize = 4;

/// The pool. A connection is opened when it is first needed.
#[derive(Debug)]
pub(super) struct Connections {
    path: PathBuf,
    kept: Mutex<Kept>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    idle: Vec<Connection>,
    leased: usize,
}

impl Connections {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            kept: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    /// Leases a connection for one read. Waits while all connections are leased.
    pub(super) fn lease(&self) -> Result<Lease<'_>, Fault> {
        let mut kept = self.kept();
        while kept.leased == CONNECTIONS_MAX {
            kept = self.returned.wait(kept).unwrap_or_else(PoisonError::into_inner);
        }
        kept.leased += 1;
        let mut lease = Lease {
            from: self,
            connection: kept.idle.pop(),
        };
        drop(kept);
        if lease.connection.is_none() {
            lease.connection = Some(schema::open_reader(&self.path)?);
        }
        Ok(lease)
    }

    /// Closes the connections that are not leased.
    pub(super) fn close_idle(&self) {
        self.kept().idle.clear();
    }

    // No code under the lock can panic, so the pool is consistent even if the lock is poisoned.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A leased connection. Dropping the lease returns the connection to the pool.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    from: &'a Connections,
    /// `None` only before [`Connections::lease`] returns and in `drop`.
    connection: Option<Connection>,
}

const LENT: &str = "a lease has its connection until it is dropped";

impl Deref for Lease<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect(LENT)
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect(LENT)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut kept = self.from.kept();
        kept.leased -= 1;
        kept.idle.extend(self.connection.take());
        drop(kept);
        self.from.returned.notify_one();
    }
}
