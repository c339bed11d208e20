//! A statement while it is read. Entries arrive in pieces, newest first, under one deadline for all of them.

use std::collections::VecDeque;

use bank_proto::v1;
use tokio::time::{Instant, timeout_at};
use tonic::Streaming;

use crate::error::ReadError;
use crate::failure::{Attempted, Failure, Place};
use crate::reply::Entry;

/// The entries of one account, as of the position of the reply that holds the statement.
#[derive(Debug)]
pub struct Statement {
    pub(crate) at: Place,
    pub(crate) attempts: u32,
    pub(crate) deadline: Instant,
    pub(crate) ready: VecDeque<v1::Entry>,
    pub(crate) rest: Streaming<v1::ReadStatementResponse>,
}

impl Statement {
    /// The next entry, or `None` after the last one.
    ///
    /// # Errors
    /// The connection broke or the deadline passed. The entries so far are right, but there may be more.
    pub async fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        while self.ready.is_empty() {
            let message = timeout_at(self.deadline, self.rest.message()).await;
            let message = message.map_err(|_| self.failed(Failure::TimedOut { at: self.at.clone() }))?;
            let message =
                message.map_err(|status| self.failed(Attempted::by_status(self.at.clone(), &status).failure))?;
            match message {
                Some(message) => self.ready.extend(message.entries),
                None => return Ok(None),
            }
        }
        let entry = self.ready.pop_front().map(Entry::try_from).transpose();
        entry.map_err(|what| {
            self.failed(Failure::Malformed {
                at: self.at.clone(),
                what,
            })
        })
    }

    fn failed(&self, failure: Failure) -> ReadError {
        ReadError::new(failure, self.attempts)
    }
}
