//! A branch, run: from a config and a listener to the end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::branch::{Branch, Ending};
use crate::branch_error::BranchError;
use crate::config::Config;
use crate::server;

/// How long a stopping branch waits for the calls under way, in all.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a branch ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// It could not be opened.
    #[error(transparent)]
    Open(#[from] BranchError),
    /// Its listener is no use.
    #[error("the listener cannot be used: {0}")]
    Listener(#[source] io::Error),
    /// Its server ended by itself.
    #[error("the server has ended: {0}")]
    Server(#[from] tonic::transport::Error),
    /// Its books have failed, or are wrong.
    #[error("{reason}")]
    Stopped {
        /// What has happened, to what, and what to do.
        reason: String,
    },
    /// It can no longer keep its promises; what it acknowledged is on its disk and the others'.
    #[error("branch {branch} cannot go on: {reason}: see to the cause, then start it again on the same directory")]
    Failed {
        /// The branch.
        branch: u32,
        /// What has happened.
        reason: String,
    },
}

/// Runs a branch on the listener until `shutdown`, then finishes what is under way and closes its files.
///
/// # Errors
/// See [`DaemonError`].
pub async fn run(config: Config, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), DaemonError> {
    let address = listener.local_addr().map_err(DaemonError::Listener)?.to_string();
    let number = config.branch;
    let branch = Arc::new(Branch::open(config, address).await?);
    started(&branch);
    let mut serving = tokio::spawn(server::serve(Arc::clone(&branch), listener, branch.stopping()));

    let ended = tokio::select! {
        () = shutdown => Ok(()),
        ending = branch.failed() => Err(match ending {
            Ending::Said(reason) => DaemonError::Stopped { reason },
            Ending::Engine(reason) => DaemonError::Failed { branch: number, reason },
        }),
        served = &mut serving => Err(match served {
            Ok(Err(error)) => error.into(),
            Ok(Ok(())) => DaemonError::Failed { branch: number, reason: "its server has ended by itself".to_owned() },
            Err(panicked) => DaemonError::Failed { branch: number, reason: panicked.to_string() },
        }),
    };
    if let Err(error) = ended {
        branch.stop();
        return Err(error);
    }
    tracing::info!(branch = number, "stopping");
    // The lead is handed over while calls are still answered, then the server drains.
    branch.close_lead().await;
    branch.stop();
    if tokio::time::timeout(DRAIN_TIMEOUT, &mut serving).await.is_err() {
        tracing::warn!(
            branch = number,
            "calls were still under way after {DRAIN_TIMEOUT:?}: they are cut off"
        );
        serving.abort();
    }
    if tokio::time::timeout(DRAIN_TIMEOUT, branch.close()).await.is_err() {
        // What was acknowledged is on the disk already.
        tracing::warn!(branch = number, "the files were not closed within {DRAIN_TIMEOUT:?}");
    }
    tracing::info!(branch = number, "stopped");
    Ok(())
}

/// The one line on start: who, where, with what.
fn started(branch: &Branch) {
    let bank = branch
        .directory
        .bank_id()
        .map_or("none yet: found one with `branchd init`".to_owned(), |id| {
            id.to_string()
        });
    tracing::info!(
        branch = branch.config.branch,
        address = %branch.address,
        data = %branch.directory.path().display(),
        %bank,
        "started"
    );
}
