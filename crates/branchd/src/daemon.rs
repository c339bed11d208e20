//! Runs one branch, from a configuration and a listener to its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::branch::{Branch, Ending};
use crate::branch_error::BranchError;
use crate::config::Config;
use crate::server;

pub use crate::server::Listeners;

/// How long a stopping branch waits for the calls in progress, and then for its files to be closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a branch ended without being told to stop.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The branch could not open its files.
    #[error(transparent)]
    Open(#[from] BranchError),
    /// The listener cannot be used.
    #[error("the listener cannot be used: {0}")]
    Listener(#[source] io::Error),
    /// The books failed, or differ from those of the bank.
    #[error("{reason}")]
    Stopped {
        /// What happened, to what, and what to do now.
        reason: String,
    },
    /// The branch can no longer keep its promises. All acknowledged writes are on its disk and on those of a quorum.
    #[error("branch {branch} cannot go on: {reason}: see to the cause, then start it again on the same directory")]
    Failed {
        /// Number of the branch.
        branch: u32,
        /// What happened.
        reason: String,
    },
}

/// Runs a branch on its listeners until `shutdown`. Then the branch finishes the calls in progress and closes its files.
///
/// # Errors
/// See [`DaemonError`].
pub async fn run(
    config: Config,
    listeners: impl Into<Listeners>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    let listeners = listeners.into();
    let (address, peer_address) = listeners.addresses().map_err(DaemonError::Listener)?;
    let peer_address = peer_address.map(|address| address.to_string());
    let number = config.branch;
    let branch = Arc::new(Branch::open(config, address.to_string(), peer_address).await?);
    started(&branch);
    let mut serving = tokio::spawn(server::serve(Arc::clone(&branch), listeners, branch.stopping()));

    let ended = tokio::select! {
        () = shutdown => Ok(()),
        ending = branch.failed() => Err(match ending {
            Ending::Said(reason) => DaemonError::Stopped { reason },
            Ending::Engine(reason) => DaemonError::Failed { branch: number, reason },
        }),
        served = &mut serving => Err(DaemonError::Failed {
            branch: number,
            reason: match served {
                Ok(()) => "its server has ended by itself".to_owned(),
                Err(panicked) => panicked.to_string(),
            },
        }),
    };
    if let Err(error) = ended {
        branch.stop();
        return Err(error);
    }
    tracing::info!(branch = number, "stopping");
    // The lead is handed over while calls are still answered. Then the server finishes the calls in progress.
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
        // All acknowledged writes are on the disk already.
        tracing::warn!(branch = number, "the files were not closed within {DRAIN_TIMEOUT:?}");
    }
    tracing::info!(branch = number, "stopped");
    Ok(())
}

/// Logs that the branch has started: its number, address, data directory and bank.
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
        peer_address = branch.peer_address,
        data = %branch.directory.path().display(),
        %bank,
        "started"
    );
    if branch.config.insecure {
        tracing::warn!(
            "--insecure: this branch takes and makes connections beyond this host that are not encrypted. A person who can read \
             the network reads all balances, and one who can change it changes them. `branchd cert` makes certificates"
        );
    }
}
