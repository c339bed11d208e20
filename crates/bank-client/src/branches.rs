//! The branches that a client may ask, and the connection to each, made when it is first needed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tonic::transport::{Channel, Endpoint};

use crate::address::Address;
use crate::bank_file::{BankFile, UnknownBranch};
use crate::failure::{Attempted, Failure, Place, innermost};

/// A host that drops packets is given up after this; one that is up answers within a round trip.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A branch that answers no ping for this long is taken for stopped: its connection ends, and another branch is asked.
/// Pings go out only while a call waits.
const PING_INTERVAL: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// Finds a peer whose host is gone while no call waits.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// The branches, in the order in which they were given. Never empty.
#[derive(Debug)]
pub(crate) struct Branches {
    all: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    place: Place,
    channel: Mutex<Option<Channel>>,
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

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The index of a branch; of the first where none is named.
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

    /// A connection to the branch. An error means that nothing was sent.
    pub(crate) async fn channel(&self, index: usize, deadline: Instant) -> Result<Channel, Attempted> {
        let known = &self.all[index];
        if let Some(channel) = known.lock().clone() {
            return Ok(channel);
        }
        let channel = connect(&known.place, deadline).await?;
        *known.lock() = Some(channel.clone());
        Ok(channel)
    }

    /// The connection is broken: the next call makes a new one.
    pub(crate) fn forget(&self, index: usize) {
        *self.all[index].lock() = None;
    }
}

impl Known {
    fn new(branch: Option<u32>, address: Address) -> Self {
        Self {
            place: Place { branch, address },
            channel: Mutex::new(None),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Channel>> {
        // Whoever panicked with it left a whole value.
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new connection. An error means that nothing was sent.
pub(crate) async fn connect(place: &Place, deadline: Instant) -> Result<Channel, Attempted> {
    let unreachable = |detail| {
        Attempted::unsent(Failure::Unreachable {
            at: place.clone(),
            detail,
        })
    };
    let endpoint = Endpoint::from_shared(format!("http://{}", place.address))
        .map_err(|error| unreachable(innermost(&error)))?
        .tcp_nodelay(true)
        .tcp_keepalive(Some(TCP_KEEPALIVE))
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(false);
    let give_up = deadline.min(Instant::now() + CONNECT_TIMEOUT);
    match timeout_at(give_up, endpoint.connect()).await {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => Err(unreachable(innermost(&error))),
        Err(_) => Err(unreachable("no connection in time".to_owned())),
    }
}
