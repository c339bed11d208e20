//! The branches that a client may ask, and the connection to each. A connection is made when it is first needed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bank_tls::Credentials;
use bank_types::Address;
use tokio::time::Instant;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::bank_file::{BankFile, UnknownBranch};
use crate::connection::{Target, connect};
use crate::failure::{Attempted, Failure, Place};
use crate::security::{Security, Token};

/// Time for which a silent or slow branch is asked after the others, so that not every call waits for it.
const ASKED_LAST_FOR: Duration = Duration::from_secs(30);
/// How long before the own certificate expires a connection is replaced: more than the clocks of two hosts differ.
const RENEW_AHEAD: Duration = Duration::from_secs(60);

/// The branches of a client, in the order in which they were given. Never empty.
#[derive(Debug)]
pub(crate) struct Branches {
    all: Vec<Known>,
    /// The bank that must answer. `None` if no bank file names it.
    bank_id: Option<Uuid>,
    security: Security,
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
    /// End of the validity of the own certificate with which the connection was made.
    valid_until: Option<SystemTime>,
    asked_last_until: Option<Instant>,
}

impl Branches {
    pub(crate) fn single(address: Address) -> Self {
        Self {
            all: vec![Known::new(None, address)],
            bank_id: None,
            security: Security::default(),
        }
    }

    pub(crate) fn of_bank(bank: &BankFile) -> Self {
        Self {
            all: bank
                .branches()
                .iter()
                .map(|one| Known::new(Some(one.branch), one.address.clone()))
                .collect(),
            bank_id: Some(bank.bank_id()),
            security: Security::default(),
        }
    }

    /// The one branch at this place, which is asked with the same security.
    pub(crate) fn only(&self, at: &Place) -> Self {
        Self {
            all: vec![Known::new(at.branch, at.address.clone())],
            bank_id: self.bank_id,
            security: self.security.clone(),
        }
    }

    pub(crate) fn secured(self, security: Security) -> Self {
        Self { security, ..self }
    }

    pub(crate) fn bank_id(&self) -> Option<Uuid> {
        self.bank_id
    }

    pub(crate) fn security(&self) -> &Security {
        &self.security
    }

    /// The token that each call carries.
    pub(crate) fn token(&self) -> Option<Token> {
        self.security.token().cloned()
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
        if let Some(channel) = known.lock().usable() {
            return Ok(channel);
        }
        let target = Target {
            place: &known.place,
            bank_id: self.bank_id,
            branch: known.place.branch,
        };
        let channel = connect(&target, &self.security, deadline, self.all.len() > 1).await?;
        let mut line = known.lock();
        line.channel = Some(channel.clone());
        line.valid_until = self.security.credentials().and_then(Credentials::not_after);
        Ok(channel)
    }

    /// Records that an attempt failed. The next call replaces a broken connection. A branch that is silent, or too slow
    /// for its share of the time, is asked last.
    pub(crate) fn failed(&self, index: usize, failure: &Failure, slow: bool) {
        let broken = matches!(
            failure,
            Failure::Unreachable { .. } | Failure::Lost { .. } | Failure::Silent { .. }
        );
        // The certificate may have been replaced since the connection was made.
        let denied = matches!(failure, Failure::Denied { .. }) && self.security.credentials().is_some();
        let mut line = self.all[index].lock();
        if broken || denied {
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

impl Line {
    /// The connection, unless its certificate is about to expire. A new connection takes a renewed one.
    fn usable(&mut self) -> Option<Channel> {
        if self
            .valid_until
            .is_some_and(|until| until <= SystemTime::now() + RENEW_AHEAD)
        {
            self.channel = None;
        }
        self.channel.clone()
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
