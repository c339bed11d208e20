//! Sees from outside that a branch has received a customer's request and does not answer it yet.

use crate::input::planned_fault::WaitingRequest;
use bank_client::{ClientOptions, Level, OperatorError, ReadError, Session};
use bank_cluster::{Cluster, ClusterError};
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, sleep};

/// Bound on each wait for a branch. The branch and its customer need milliseconds.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Pause before a branch is asked for its status again.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Why a request was not seen to wait.
#[derive(Debug, Error)]
pub(super) enum WaitingError {
    /// The branch does not exist, or there is no bank.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The branch does not answer.
    #[error("branch {branch} does not say how many customers it has: {source}")]
    Status {
        /// The branch.
        branch: u32,
        /// Reason.
        #[source]
        source: OperatorError,
    },
    /// The branch does not have the expected number of customers in time.
    #[error("branch {branch} still has {customers} customers after {} s", TIMEOUT.as_secs())]
    Customers {
        /// The branch.
        branch: u32,
        /// Number of customers' connections at the end.
        customers: u32,
    },
    /// The branch does not answer another read.
    #[error("branch {branch} does not answer another read: {source}")]
    Read {
        /// The branch.
        branch: u32,
        /// Reason.
        #[source]
        source: ReadError,
    },
}

/// Waits until no customer is connected to the branch, so that the next one can be noticed.
pub(super) async fn no_customer(cluster: &Cluster, request: WaitingRequest) -> Result<(), WaitingError> {
    customers(cluster, request.branch, |customers| customers == 0).await
}

/// Waits until the request has reached the branch. Then reads at the branch, and returns the position of that read.
///
/// This does not prove that the request waits: the caller checks in the history that its answer came later.
pub(super) async fn seen(cluster: &Cluster, request: WaitingRequest) -> Result<u64, WaitingError> {
    let WaitingRequest { branch, position, .. } = request;
    customers(cluster, branch, |customers| customers > 0).await?;
    let options = ClientOptions {
        timeout: TIMEOUT,
        failover: false,
    };
    let client = cluster.client(options)?;
    let mut session = Session {
        read_position: position,
        ..Session::default()
    };
    let reply = client
        .query(Some(branch), &mut session, Level::MonotonicReads, "main")
        .await;
    let reply = reply.map_err(|source| WaitingError::Read { branch, source })?;
    Ok(reply.position)
}

/// Waits until the number of customers at the branch is `enough`. A customer counts from its first request on.
async fn customers(cluster: &Cluster, branch: u32, enough: impl Fn(u32) -> bool) -> Result<(), WaitingError> {
    let operator = cluster.operator(branch, TIMEOUT)?;
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let status = operator.status().await;
        let customers = status
            .map_err(|source| WaitingError::Status { branch, source })?
            .customers;
        if enough(customers) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(WaitingError::Customers { branch, customers });
        }
        sleep(POLL_INTERVAL).await;
    }
}
