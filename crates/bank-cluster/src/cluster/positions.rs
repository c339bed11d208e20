//! Waits until branches have applied what they have to, over one set of connections.

use super::{Cluster, ClusterError};
use bank_client::{Client, ClientOptions, Level, Session};
use futures::future::try_join_all;
use std::time::Duration;

/// Waits for branches to have applied what they have to. The branches do the waiting: nothing is polled.
#[derive(Debug)]
pub struct Positions<'a> {
    cluster: &'a Cluster,
    client: Client,
}

impl<'a> Positions<'a> {
    pub(super) fn of(cluster: &'a Cluster, timeout: Duration) -> Result<Self, ClusterError> {
        let bank = cluster.bank().ok_or(ClusterError::NotFounded)?;
        let client = Client::of_bank(
            bank,
            ClientOptions {
                timeout,
                failover: false,
            },
        );
        Ok(Positions { cluster, client })
    }

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
