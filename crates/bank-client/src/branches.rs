//! The branches that a client may ask, and the connection to each. A connection is made when it is first needed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bank_auth::{Party, Secret};
use bank_tls::{Connector, DialError, Proof};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tonic::transport::{Channel, Endpoint};

use crate::bank_file::{BankFile, UnknownBranch};
use crate::failure::{Attempted, Failure, Place, innermost};
use bank_types::Address;

/// Longest time to make a connection. A host that is up answers within a round trip; one that drops packets does not
/// answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval of pings while a call waits. A branch that answers no ping counts as stopped: its connection ends, and
/// another branch is asked.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time for the answer to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for which a silent or slow branch is asked after the others, so that not every call waits for it.
const ASKED_LAST_FOR: Duration = Duration::from_secs(30);
/// Interval of TCP keepalive, which finds a host that is gone while no call waits.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// The branches of a client, in the order in which they were given. Never empty.
#[derive(Debug)]
pub(crate) struct Branches {
    all: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    place: Place,
    line: Mutex<Line>,
}

/// The connection to a branch.
#[derive(Debug, Default)]
struct Line {
    channel: Option<Channel>,
    asked_last_until: Option<Instant>,
}

impl Branches {
    pub(crate) fn single(address: Address) -> Self {
        Self {
            all: vec![Known::new(None, address)],
        }
    }

    pub(crate) fn of_bank(bank: &BankFile) -> Self {
        Self {
            all: bank
                .branches()
                .iter()
                .map(|one| Known::new(Some(one.branch), one.address.clone()))
                .collect(),
        }
    }

    /// Indices of the branches to ask: the first, then the others in turn. Branches that were silent or slow a
    /// moment ago come last.
    pub(crate) fn order(&self, first: usize, failover: bool) -> Vec<usize> {
        let len = if failover { self.all.len() } else { 1 };
        let turn = (0..len).map(|step| (first + step) % self.all.len());
        let now = Instant::now();
        let (late, mut order): (Vec<_>, Vec<_>) = turn.partition(|index| {
            self.all[*index]
                .lock()
                .asked_last_until
                .is_some_and(|until| until > now)
        });
        order.extend(late);
        order
    }

    /// Index of a branch. Without a number, the index of the first branch.
    pub(crate) fn find(&self, branch: Option<u32>) -> Result<usize, UnknownBranch> {
        let Some(branch) = branch else { return Ok(0) };
        let found = self.all.iter().position(|known| known.place.branch == Some(branch));
        found.ok_or_else(|| UnknownBranch {
            branch,
            known: self.all.iter().filter_map(|known| known.place.branch).collect(),
        })
    }

    pub(crate) fn place(&self, index: usize) -> Place {
        self.all[index].place.clone()
    }

    /// A connection to the branch. If this fails, nothing was sent.
    pub(crate) async fn channel(&self, index: usize, deadline: Instant) -> Result<Channel, Attempted> {
        let known = &self.all[index];
        let channel = known.lock().channel.clone();
        if let Some(channel) = channel {
            return Ok(channel);
        }
        let channel = connect(&known.place, deadline, self.all.len() > 1).await?;
        known.lock().channel = Some(channel.clone());
        Ok(channel)
    }

    /// Records that an attempt failed. The next call replaces a broken connection. A branch that is silent, or too slow
    /// for its share of the time, is asked last.
    pub(crate) fn failed(&self, index: usize, failure: &Failure, slow: bool) {
        let broken = matches!(
            failure,
            Failure::Unreachable { .. } | Failure::Lost { .. } | Failure::Silent { .. }
        );
        let mut line = self.all[index].lock();
        if broken {
            line.channel = None;
        }
        if slow || matches!(failure, Failure::Silent { .. }) {
            line.asked_last_until = Some(Instant::now() + ASKED_LAST_FOR);
        }
    }

    /// Records that the branch answered.
    pub(crate) fn answered(&self, index: usize) {
        self.all[index].lock().asked_last_until = None;
    }
}

impl Known {
    fn new(branch: Option<u32>, address: Address) -> Self {
        Self {
            place: Place { branch, address },
            line: Mutex::default(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Line> {
        // Each update is one assignment, so the value is complete even if a thread panicked with the lock.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a connection of a customer. If this fails, nothing was sent. With `pings`, the connection ends when the branch
/// answers none; that is useful if another branch can be asked.
pub(crate) async fn connect(place: &Place, deadline: Instant, pings: bool) -> Result<Channel, Attempted> {
    let mut endpoint = endpoint(place)?.tcp_nodelay(true).tcp_keepalive(Some(TCP_KEEPALIVE));
    if pings {
        endpoint = endpoint
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(false);
    }
    let give_up = deadline.min(Instant::now() + CONNECT_TIMEOUT);
    connected(place, timeout_at(give_up, endpoint.connect()).await)
}

/// Makes a connection of an operator and proves that the operator has the secret of the bank. If this fails, nothing
/// was sent.
pub(crate) async fn connect_as_operator(
    place: &Place,
    deadline: Instant,
    secret: &Secret,
) -> Result<Channel, Attempted> {
    let connector = Connector {
        address: place.address.to_string(),
        branch: 0,
        bank: None,
        me: Party::Operator,
        proof: Proof::Secret(secret.clone()),
        connect_timeout: CONNECT_TIMEOUT,
        observer: None,
    };
    let endpoint = endpoint(place)?;
    connected(
        place,
        timeout_at(deadline, endpoint.connect_with_connector(connector)).await,
    )
}

fn endpoint(place: &Place) -> Result<Endpoint, Attempted> {
    Endpoint::from_shared(format!("http://{}", place.address)).map_err(|error| unreachable(place, &error))
}

fn unreachable(place: &Place, error: &tonic::transport::Error) -> Attempted {
    Attempted::unsent(match DialError::refusal_in(error) {
        Some(refusal) => Failure::Unauthenticated {
            at: place.clone(),
            message: refusal.to_string(),
        },
        None => Failure::Unreachable {
            at: place.clone(),
            detail: innermost(error),
        },
    })
}

fn connected(
    place: &Place,
    outcome: Result<Result<Channel, tonic::transport::Error>, Elapsed>,
) -> Result<Channel, Attempted> {
    match outcome {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => Err(unreachable(place, &error)),
        Err(_) => Err(Attempted::unsent(Failure::Silent { at: place.clone() })),
    }
}
