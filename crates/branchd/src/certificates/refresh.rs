//! Takes renewed certificates up while the branch runs, and warns before one ends.

use std::time::{Duration, Instant, SystemTime};

use bank_tls::{Credentials, CredentialsError};
use tokio::signal::unix::{SignalKind, signal};

use super::Certificates;
use super::expiry::Warnings;

/// How often the files are looked at. A look is a few system calls. Handshakes look too. This is for the calls on open
/// connections, and for the log.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// How often the log repeats that new files cannot be used.
const ERROR_LOG_INTERVAL: Duration = Duration::from_secs(60 * 60);

impl Certificates {
    /// Looks at the files now and then, and at SIGHUP. `renewed` is called when new files were taken up. Never returns.
    pub(crate) fn keep_current(self, renewed: impl Fn()) -> impl Future<Output = ()> {
        // From now on, the signal does not end the process.
        let hangup = signal(SignalKind::hangup());
        async move {
            let mut hangup = match hangup {
                Ok(hangup) => Some(hangup),
                Err(error) => {
                    tracing::warn!(%error, "SIGHUP is not caught: renewed certificates are found without it");
                    None
                }
            };
            let mut all: Vec<Watched> = self.all().map(Watched::new).collect();
            loop {
                let mut is_renewed = false;
                for watched in &mut all {
                    is_renewed |= watched.look().await;
                }
                if is_renewed {
                    renewed();
                }
                let signalled = async {
                    match &mut hangup {
                        Some(hangup) => drop(hangup.recv().await),
                        None => std::future::pending().await,
                    }
                };
                // The files are looked at in both cases.
                let _ = tokio::time::timeout(LOOK_INTERVAL, signalled).await;
            }
        }
    }
}

/// Certificates, and what the log has said of them.
struct Watched {
    credentials: Credentials,
    /// The newest error of reading the files, and when it was logged.
    error: Option<(String, Instant)>,
    warnings: Warnings,
}

impl Watched {
    fn new(credentials: &Credentials) -> Self {
        Self {
            credentials: credentials.clone(),
            error: None,
            warnings: Warnings::default(),
        }
    }

    /// Looks at the files, and returns whether new ones were taken up since the last look.
    async fn look(&mut self) -> bool {
        let credentials = self.credentials.clone();
        let looked = tokio::task::spawn_blocking(move || credentials.refresh()).await;
        let is_renewed = looked.is_ok_and(|looked| self.tell(looked));
        if let Some(not_after) = self.credentials.not_after()
            && let Some(left) = self.warnings.due(not_after, SystemTime::now(), Instant::now())
        {
            tracing::warn!(
                "the certificate of this branch {left}: renew it (`branchd cert renew`) and put it in the place of the old one"
            );
        }
        is_renewed
    }

    fn tell(&mut self, looked: Result<bool, CredentialsError>) -> bool {
        let error = match looked {
            Ok(changed) => {
                if changed {
                    tracing::info!("the certificates were read again");
                }
                self.error = None;
                return changed;
            }
            Err(error) => error.to_string(),
        };
        let again = |(before, at): &(String, Instant)| *before == error && at.elapsed() < ERROR_LOG_INTERVAL;
        if !self.error.as_ref().is_some_and(again) {
            tracing::warn!("new certificates cannot be used, so the old ones stay in use: {error}");
            self.error = Some((error, Instant::now()));
        }
        false
    }
}
