//! A customer's client. Each operation has one deadline, is retried while that can help, and its reply is checked
//! against the session and recorded in it. A write keeps its request id through every retry.

use std::time::Duration;

use bank_proto::v1;
use bank_types::{Address, Certainty, Level, Propagation, RequestId};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use crate::attempts::{self, Answered, Attempt, Exhausted, RetryPlan};
use crate::bank_file::BankFile;
use crate::branches::Branches;
use crate::error::{ReadError, WriteError};
use crate::failure::{Failure, Place};
use crate::operator::Operator;
use crate::progress::Progress;
use crate::read_need::ReadNeed;
use crate::reply::{AccountPage, Decision, Reply};
use crate::security::Security;
use crate::session::{PendingWrite, Session};
use crate::statement::Statement;
use crate::wire::{self, Stamp, Stamped};

/// Name and version of the protocol between customers and branches: the package of `bank.proto`.
pub const PROTOCOL: &str = "bank.v1";

/// Options of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientOptions {
    /// Longest time that an operation may take, all its attempts included. A branch waits at most 60 s.
    pub timeout: Duration,
    /// Whether other branches are asked if the first one cannot serve: it is down, it is behind, or it does not answer
    /// in its share of the timeout. Without effect for a single address.
    pub failover: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            failover: true,
        }
    }
}

/// A client of one bank. An operation names the branch to ask by its number. Without a number it asks the client's
/// single address or the first branch of the bank file.
#[derive(Debug)]
pub struct Client {
    pub(crate) branches: Branches,
    pub(crate) options: ClientOptions,
    /// Whether an attempt that failed is followed by others.
    pub(crate) retries: bool,
    /// Whether the branch that was named gets the whole deadline.
    pub(crate) patient: bool,
    progress: Option<watch::Sender<Progress>>,
}

impl Client {
    /// A client of the one branch at this address, whatever its number and its bank are.
    pub fn at(address: Address, options: ClientOptions) -> Self {
        Self {
            branches: Branches::single(address),
            options,
            retries: true,
            patient: false,
            progress: None,
        }
    }

    /// A client of all branches of a bank. Replies of another bank are errors.
    pub fn of_bank(bank: &BankFile, options: ClientOptions) -> Self {
        Self {
            branches: Branches::of_bank(bank),
            options,
            retries: true,
            patient: false,
            progress: None,
        }
    }

    /// The same client, with connections and calls that are secured so. By TLS, only the branch that the bank file means
    /// counts as an answer; at a single address, a branch whose certificate is valid for the host.
    #[must_use]
    pub fn with_security(mut self, security: Security) -> Self {
        self.branches = self.branches.secured(security);
        self
    }

    /// A client of one of the branches, secured as this one.
    pub fn only(&self, at: &Place, options: ClientOptions) -> Self {
        Self {
            branches: self.branches.only(at),
            options,
            retries: true,
            patient: false,
            progress: None,
        }
    }

    /// A client for the calls of an operator at one of the branches, secured as this one.
    pub(crate) fn operator(&self, at: &Place) -> Operator {
        let operator = Operator::at(at.address.clone(), self.options.timeout);
        operator
            .with_security(self.branches.security().clone())
            .expecting(self.branches.bank_id(), at.branch)
    }

    /// The same client, which gives the branch that was named the whole deadline. Another branch is asked only if that
    /// one is down or refuses to serve, and not if it is behind or slow.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// The same client, and the progress of its operations. Without effect on them. Operations that run at once
    /// overwrite each other's progress.
    #[must_use]
    pub fn with_progress(mut self) -> (Self, watch::Receiver<Progress>) {
        let (sender, receiver) = watch::channel(Progress::default());
        self.progress = Some(sender);
        (self, receiver)
    }

    /// The balance of an account, in minor units.
    ///
    /// # Errors
    /// [`ReadError`]. The session is unchanged then.
    pub async fn query(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        level: Level,
        account: &str,
    ) -> Result<Reply<i64>, ReadError> {
        let (options, need) = self.read_options(session, level)?;
        let message = v1::QueryRequest {
            options,
            account: account.to_owned(),
        };
        let call = |mut attempt: Attempt| {
            let request = attempt.request(message.clone());
            async move { attempt.stub.query(request).await.map(tonic::Response::into_inner) }
        };
        let Answered { value, index, attempts } = self.read(branch, self.deadline(), call).await?;
        let decoded = Stamped::try_from(value);
        let Stamped { stamp, value } = decoded.map_err(|what| self.malformed(index, attempts, what))?;
        self.saw_read(session, need, index, attempts, stamp)?;
        Ok(self.reply(branch, stamp, attempts, value))
    }

    /// Up to `page_size` accounts whose names come after `after` in byte order. An empty `after` begins with the first
    /// account; a `page_size` of 0 stands for 1000.
    ///
    /// # Errors
    /// [`ReadError`]. The session is unchanged then.
    pub async fn accounts(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        level: Level,
        after: &str,
        page_size: u32,
    ) -> Result<Reply<AccountPage>, ReadError> {
        let (options, need) = self.read_options(session, level)?;
        let message = v1::ListAccountsRequest {
            options,
            page_size,
            after_account: after.to_owned(),
        };
        let call = |mut attempt: Attempt| {
            let request = attempt.request(message.clone());
            async move {
                attempt
                    .stub
                    .list_accounts(request)
                    .await
                    .map(tonic::Response::into_inner)
            }
        };
        let Answered { value, index, attempts } = self.read(branch, self.deadline(), call).await?;
        let decoded = Stamped::<AccountPage>::try_from(value).and_then(|page| {
            wire::check_page(&page.value, after)?;
            Ok(page)
        });
        let Stamped { stamp, value } = decoded.map_err(|what| self.malformed(index, attempts, what))?;
        self.saw_read(session, need, index, attempts, stamp)?;
        Ok(self.reply(branch, stamp, attempts, value))
    }

    /// The last `limit` entries of an account, newest first, as a stream. A `limit` of 0 stands for all entries. One
    /// deadline holds for the whole stream.
    ///
    /// # Errors
    /// [`ReadError`]. The session is unchanged then.
    pub async fn statement(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        level: Level,
        account: &str,
        limit: u64,
    ) -> Result<Reply<Statement>, ReadError> {
        let (options, need) = self.read_options(session, level)?;
        let message = v1::ReadStatementRequest {
            options,
            account: account.to_owned(),
            limit,
        };
        let call = |mut attempt: Attempt| {
            let request = attempt.stream_request(message.clone());
            async move {
                let mut stream = attempt.stub.read_statement(request).await?.into_inner();
                Ok((stream.message().await?, stream))
            }
        };
        let deadline = self.deadline();
        let Answered {
            value: (head, rest),
            index,
            attempts,
        } = self.read(branch, deadline, call).await?;
        let head = head.unwrap_or_default();
        let stamp = Stamp::try_from(head.stamp).map_err(|what| self.malformed(index, attempts, what))?;
        self.saw_read(session, need, index, attempts, stamp)?;
        let ready = head.entries.into();
        let statement = Statement {
            at: self.branches.place(index),
            attempts,
            deadline,
            ready,
            rest,
        };
        Ok(self.reply(branch, stamp, attempts, statement))
    }

    /// Sends a write, or sends it again. It is the session's pending write until its outcome is known.
    ///
    /// # Errors
    /// [`WriteError::NotApplied`], also if the session waits for another write; nothing is sent then. After
    /// [`WriteError::Unknown`] the write stays pending: call this method again with it.
    pub async fn write(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        write: PendingWrite,
    ) -> Result<Reply<Decision>, WriteError> {
        let request_id = write.request_id;
        let earlier = session.pending.as_ref();
        let in_doubt = write.in_doubt || earlier.is_some_and(|earlier| earlier.in_doubt);
        let unsent = |cause| {
            let certainty = if in_doubt {
                Certainty::Unknown
            } else {
                Certainty::NotApplied
            };
            WriteError::new(request_id, certainty, cause, 0)
        };
        if let Some(earlier) = earlier.filter(|earlier| earlier.request_id != request_id) {
            let cause = Failure::Unsettled {
                request_id: earlier.request_id,
            };
            return Err(WriteError::new(request_id, Certainty::NotApplied, cause, 0));
        }
        let bank_id = self.bank_of(session).map_err(unsent)?;
        let first = self.branches.find(branch).map_err(|error| unsent(error.into()))?;
        let options = wire::write_options(bank_id, &write);
        let call = |attempt: Attempt| attempt.write(write.action.clone(), options.clone());
        // The write is in doubt from here on, even if this future is dropped.
        session.pending = Some(PendingWrite {
            in_doubt: true,
            ..write.clone()
        });
        let plan = RetryPlan {
            first,
            failover: self.options.failover,
            // A branch reports at its deadline which branches have not confirmed a write.
            patient: self.patient || write.propagation == Propagation::All,
            retries: self.retries,
            deadline: self.deadline(),
            in_doubt,
        };
        let result = match attempts::run(&self.branches, plan, self.progress.as_ref(), call).await {
            Ok(answered) => self.decided(branch, session, request_id, answered),
            Err(Exhausted {
                failure,
                certainty,
                attempts,
            }) => Err(WriteError::new(request_id, certainty, failure, attempts)),
        };
        if !matches!(result, Err(WriteError::Unknown { .. })) {
            session.pending = None;
        }
        result
    }

    fn decided(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        request_id: RequestId,
        answered: Answered<Option<v1::WriteResult>>,
    ) -> Result<Reply<Decision>, WriteError> {
        let Answered { value, index, attempts } = answered;
        let at = self.branches.place(index);
        // After a reply that cannot be used, the write may be in the books.
        let unknown = |cause| WriteError::new(request_id, Certainty::Unknown, cause, attempts);
        let decoded = Stamped::<Decision>::try_from((request_id, value));
        let decoded = decoded.map_err(|what| unknown(Failure::Malformed { at: at.clone(), what }));
        let Stamped { stamp, value } = decoded?;
        let saw = session.saw_write(stamp.bank_id, stamp.position, value.repeated);
        saw.map_err(|breach| unknown(Failure::Breach { at, breach }))?;
        Ok(self.reply(branch, stamp, attempts, value))
    }

    async fn read<T, F>(
        &self,
        branch: Option<u32>,
        deadline: Instant,
        call: impl Fn(Attempt) -> F,
    ) -> Result<Answered<T>, ReadError>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let first = self
            .branches
            .find(branch)
            .map_err(|error| ReadError::new(error.into(), 0))?;
        let plan = RetryPlan {
            first,
            failover: self.options.failover,
            patient: self.patient,
            retries: self.retries,
            deadline,
            in_doubt: false,
        };
        let result = attempts::run(&self.branches, plan, self.progress.as_ref(), call).await;
        result.map_err(|Exhausted { failure, attempts, .. }| ReadError::new(failure, attempts))
    }

    fn read_options(&self, session: &Session, level: Level) -> Result<(Option<v1::ReadOptions>, ReadNeed), ReadError> {
        let bank_id = self.bank_of(session).map_err(|failure| ReadError::new(failure, 0))?;
        let need = session.need(level);
        Ok((wire::read_options(bank_id, need), need))
    }

    fn saw_read(
        &self,
        session: &mut Session,
        need: ReadNeed,
        index: usize,
        attempts: u32,
        stamp: Stamp,
    ) -> Result<(), ReadError> {
        let saw = session.saw_read(stamp.bank_id, stamp.position, need.min_position);
        saw.map_err(|breach| {
            ReadError::new(
                Failure::Breach {
                    at: self.branches.place(index),
                    breach,
                },
                attempts,
            )
        })
    }

    /// The bank that must answer. `None` if neither the session nor the client knows it.
    pub(crate) fn bank_of(&self, session: &Session) -> Result<Option<Uuid>, Failure> {
        match (session.bank_id, self.branches.bank_id()) {
            (Some(session), Some(file)) if session != file => Err(Failure::BankMismatch { session, file }),
            (session, file) => Ok(session.or(file)),
        }
    }

    fn malformed(&self, index: usize, attempts: u32, what: String) -> ReadError {
        ReadError::new(
            Failure::Malformed {
                at: self.branches.place(index),
                what,
            },
            attempts,
        )
    }

    /// The branch that is asked first. `None` if the bank does not have it.
    pub(crate) fn place(&self, branch: Option<u32>) -> Option<Place> {
        let index = self.branches.find(branch).ok()?;
        Some(self.branches.place(index))
    }

    fn reply<T>(&self, asked: Option<u32>, stamp: Stamp, attempts: u32, value: T) -> Reply<T> {
        let Stamp {
            bank_id,
            branch,
            position,
            waited_us,
        } = stamp;
        // A bank file gives the number of the branch that was asked even if the caller named none.
        let asked = asked.or_else(|| self.branches.place(0).branch);
        Reply {
            asked,
            served_by: branch,
            bank_id,
            position,
            waited_us,
            attempts,
            value,
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.options.timeout
    }
}
