//! Reads of the ledger database that may block, on threads of their own and a bounded number at once.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::Instant;

use crate::store::{BooksError, CONNECTIONS_MAX};

/// How many reads of the ledger database run at once: as many as the store has connections for readers. A further read
/// would only wait for a connection. Meanwhile it would occupy a thread of the blocking pool, and the next batch may
/// need that thread.
const RUNNING_MAX: usize = CONNECTIONS_MAX;

/// Why a read of the ledger database has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileReadError {
    #[error("too many reads are waiting for the books' file: try again")]
    Busy,
    #[error(transparent)]
    Books(#[from] BooksError),
    #[error(transparent)]
    Ended(#[from] JoinError),
}

/// Runs blocking reads of a branch's ledger database. Clones share the limit.
#[derive(Debug, Clone)]
pub(crate) struct FileReads {
    running: Arc<Semaphore>,
}

impl Default for FileReads {
    fn default() -> Self {
        Self {
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }
}

impl FileReads {
    /// Runs `read` on a blocking thread. A caller that goes away does not stop a read that has begun: the read counts
    /// against the limit until it ends.
    ///
    /// # Errors
    /// [`FileReadError::Busy`] if the read could not begin by the deadline; otherwise the read failed.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        read: impl FnOnce() -> Result<T, BooksError> + Send + 'static,
    ) -> Result<T, FileReadError> {
        let permit = tokio::time::timeout_at(deadline, Arc::clone(&self.running).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(FileReadError::Busy);
        };
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            read()
        });
        done.await?
            .inspect_err(|error| tracing::error!(%error, "the books cannot be read"))
            .map_err(FileReadError::Books)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_cancelled_read_counts_until_its_closure_ends() {
        let reads = FileReads::default();
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut releases = Vec::new();
        for _ in 0..RUNNING_MAX {
            let (begun, has_begun) = oneshot::channel();
            let (release, released) = mpsc::channel::<()>();
            let call = reads.run(deadline, move || {
                begun.send(()).expect("the test waits");
                released.recv().expect("the test releases it");
                Ok(())
            });
            tokio::select! {
                ended = call => panic!("the closure still runs: {ended:?}"),
                begun = has_begun => begun.expect("the closure begins"),
            }
            // The call is dropped here, while its closure runs.
            releases.push(release);
        }
        assert_eq!(reads.running.available_permits(), 0);
        let refused = reads.run(Instant::now(), || Ok(())).await;
        assert!(matches!(refused, Err(FileReadError::Busy)), "{refused:?}");

        for release in releases {
            release.send(()).expect("the closure waits");
        }
        reads.run(deadline, || Ok(())).await.expect("a closure has ended");
    }
}
