//! Waits until branches have applied a position, over one set of connections.

use super::Cluster;
use crate::error::ClusterError;
use bank_client::{Client, ClientOptions, Level, Session};
use futures::future::try_join_all;
use std::time::Duration;

/// Waits until branches have applied a position. Each wait is a read that the branch answers in time: nothing is
/// polled.
#[derive(Debug)]
pub struct Positions<'a> {
    cluster: &'a Cluster,
    client: Client,
}

impl Cluster {
    /// Waits until each of these branches has applied this position. Position 1 is the opening: the branch is ready
    /// then.
    ///
    /// # Errors
    /// A branch has not applied the position in time, or does not run.
    pub async fn await_position(&self, branches: &[u32], position: u64, timeout: Duration) -> Result<(), ClusterError> {
        self.positions(timeout)?.reached(branches, position).await
    }

    /// For several waits over the same connections, each with this timeout.
    ///
    /// # Errors
    /// The bank has not been founded.
    pub fn positions(&self, timeout: Duration) -> Result<Positions<'_>, ClusterError> {
        let client = self.client(ClientOptions {
            timeout,
            failover: false,
        })?;
        Ok(Positions { cluster: self, client })
    }
}

impl Positions<'_> {
    /// Waits until each of these branches has applied this position.
    ///
    /// # Errors
    /// A branch has not applied the position in time, or does not run.
    pub async fn reached(&self, branches: &[u32], position: u64) -> Result<(), ClusterError> {
        let reached = branches.iter().map(async |&branch| {
            let mut session = Session {
                read_position: position,
                ..Session::default()
            };
            let answer = self
                .client
                .query(Some(branch), &mut session, Level::MonotonicReads, "main")
                .await;
            let behind = |source| ClusterError::Behind {
                branch,
                position,
                source: Box::new(source),
            };
            answer.map_err(|source| self.cluster.blame(behind(source)))
        });
        try_join_all(reached).await?;
        Ok(())
    }
}
