//! A client whose waits are told to people. A wait longer than a second is reported on stderr, if that is a terminal.

use std::convert::Infallible;
use std::io::{self, IsTerminal};
use std::time::Duration;

use bank_client::{Client, ClientOptions, Failure, Level, Place, Progress, ReadError, Reply, Session};
use bank_types::{MAIN, Position};
use tokio::sync::watch::Receiver;
use tokio::time::sleep;

use crate::output::note;

/// Time after which a wait is told, and between two looks at it.
const TELL_AFTER: Duration = Duration::from_secs(1);
/// Longest time to ask a branch how far it is. It answers within a round trip, or it does not serve.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);

/// A client whose waits are told.
#[derive(Debug)]
pub struct Asker {
    /// The client.
    pub client: Client,
    progress: Receiver<Progress>,
    tells: bool,
}

impl Asker {
    /// Tells the waits of this client, unless the output is JSON or stderr is no terminal.
    pub fn new(client: Client, json: bool) -> Self {
        let (client, progress) = client.with_progress();
        Self {
            client,
            progress,
            tells: !json && io::stderr().is_terminal(),
        }
    }

    /// Awaits an operation of the client. If it takes long, it is told which branch it waits for. A read needs the
    /// position; for any other operation it is 0.
    pub async fn waiting<T>(&self, needed: Position, operation: impl Future<Output = T>) -> T {
        self.telling(operation, async || self.wait(needed).await).await
    }

    /// Awaits a future. If it takes long, `wait` says what it waits for, again after each change.
    pub async fn telling<T>(&self, future: impl Future<Output = T>, wait: impl AsyncFn() -> String) -> T {
        if !self.tells {
            return future.await;
        }
        let telling = async {
            let mut told = String::new();
            loop {
                sleep(TELL_AFTER).await;
                let text = wait().await;
                if text != told {
                    note(&text);
                    told = text;
                }
            }
        };
        tokio::select! {
            done = future => done,
            never = telling => { let never: Infallible = never; match never {} }
        }
    }

    /// What the operation waits for.
    async fn wait(&self, needed: Position) -> String {
        let Some(at) = self.progress.borrow().asking.clone() else {
            return "waiting for an answer…".to_owned();
        };
        let name = match at.branch {
            Some(branch) => format!("branch {branch}"),
            None => format!("the branch at {}", at.address),
        };
        let options = ClientOptions {
            timeout: LOOK_TIMEOUT,
            failover: false,
        };
        match present_state(&self.client.only(&at, options), MAIN).await {
            Ok(state) if state.position < needed => {
                format!("waiting for {name} (at {}, needs {needed})…", state.position)
            }
            Ok(_) => format!("waiting for {name}…"),
            // The branch answers, and this customer may not read the account.
            Err(ReadError::Failed {
                cause: Failure::Denied { .. },
                ..
            }) => format!("waiting for {name}…"),
            Err(_) => format!("no answer from {}, trying again…", at.address),
        }
    }

    /// Names the branch of the answer and says what the asked branch did. `None` if these are the same branch.
    pub fn served_elsewhere<T>(&self, reply: &Reply<T>) -> Option<String> {
        let asked = reply.asked.filter(|asked| *asked != reply.served_by)?;
        let served = reply.served_by;
        let progress = self.progress.borrow();
        Some(match progress.failure_of(asked) {
            Some(Failure::Silent { .. } | Failure::TimedOut { .. }) => {
                format!("branch {asked} did not answer; branch {served} did")
            }
            Some(failure) => format!("branch {asked} {}; branch {served} answered", failure.in_short()),
            // It failed in an earlier operation of this run, and was asked last in this one.
            None => format!("branch {served} answered in the place of branch {asked}"),
        })
    }

    /// The line about the other branches, if the last operation failed at all of them. The error itself names one.
    pub fn nobody_else(&self, told: Option<&Place>) -> Option<String> {
        let progress = self.progress.borrow();
        let others = progress.failures.iter().filter_map(|failure| {
            let at = failure.place().filter(|at| Some(*at) != told)?;
            Some(format!("branch {} {}", at.branch?, failure.in_short()))
        });
        let others: Vec<_> = others.collect();
        (!others.is_empty()).then(|| format!("no other branch served: {}", others.join(", ")))
    }

    /// Whether no branch could be reached in the last operation.
    pub fn reached_nobody(&self) -> bool {
        let progress = self.progress.borrow();
        let unreachable = |failure: &Failure| matches!(failure, Failure::Unreachable { .. });
        !progress.failures.is_empty() && progress.failures.iter().all(unreachable)
    }

    /// The branches that were asked in vain before this reply came, and what each did.
    pub fn passed_over<T>(&self, reply: &Reply<T>) -> Vec<(u32, String)> {
        let progress = self.progress.borrow();
        let failures = progress.failures.iter();
        let numbered = failures.filter_map(|failure| Some((failure.place()?.branch?, failure.in_short())));
        numbered.filter(|(branch, _)| *branch != reply.served_by).collect()
    }
}

/// The state in which a branch is now: its reply names bank and position. The branch need not have caught up. The read
/// is of an account that the customer may read.
///
/// # Errors
/// The branch does not serve.
pub async fn present_state(client: &Client, account: &str) -> Result<Reply<i64>, ReadError> {
    let mut no_session = Session::default();
    client.query(None, &mut no_session, Level::Eventual, account).await
}
