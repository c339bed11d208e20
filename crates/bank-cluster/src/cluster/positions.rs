//! Waits until branches have applied what they have to, over one set of connections.

use super::Cluster;
use crate::error::ClusterError;
use bank_client::{Client, ClientOptions, Level, Session};
use futures::future::try_join_all;
use std::time::Duration;

/// Waits for branches to have applied what they have to. The branches do the waiting: nothing is polled.
#[derive(Debug)]
pub struct Positions<'a> {
    cluster: &'a Cluster,
    client: Client,
}

impl Cluster {
    /// Answers when each of these branches has applied this many commands; with 1, when it is ready.
    ///
    /// # Errors
    /// Names the branch that has not in time, or does not run.
    pub async fn await_position(&self, branches: &[u32], position: u64, timeout: Duration) -> Result<(), ClusterError> {
        self.positions(timeout)?.reached(branches, position).await
    }

    /// The same for several waits, over the same connections.
    ///
    /// # Errors
    /// The bank has not been founded.
    pub fn positions(&self, timeout: Duration) -> Result<Positions<'_>, ClusterError> {
        let bank = self.bank().ok_or(ClusterError::NotFounded)?;
        let client = Client::of_bank(
            bank,
            ClientOptions {
                timeout,
                failover: false,
            },
        );
        Ok(Positions { cluster: self, client })
    }
}

impl Positions<'_> {
    /// Answers when each of these branches has applied this many commands.
    ///
    /// # Errors
    /// Names the branch that has not in time, or does not run.
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
