//! A customer's client: each operation is asked under one deadline, retried where that can help, checked against the
//! session, and recorded in it. A write keeps its request id through every retry.

use std::time::Duration;

use bank_proto::v1;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use crate::attempts::{self, Answered, Attempt, GaveUp, Whole};
use crate::bank_file::BankFile;
use crate::branches::Branches;
use crate::error::{ReadError, WriteError};
use crate::failure::{Failure, Fate};
use crate::level::{Level, Propagation, ReadNeed};
use crate::reply::{AccountPage, Decision, Reply};
use crate::session::{Action, PendingWrite, Session};
use crate::statement::Statement;
use crate::wire::{self, Stamp};
use bank_types::Address;

/// How a client goes about its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientOptions {
    /// The deadline of an operation, all its attempts included. A branch waits at most 60 s.
    pub timeout: Duration,
    /// Whether other branches are asked where the one asked cannot serve. Nothing to a single address.
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

/// A client of one bank. Operations name the branch to ask by its number; none: the single one, or the first of the bank
/// file.
#[derive(Debug)]
pub struct Client {
    branches: Branches,
    bank_id: Option<Uuid>,
    pub(crate) options: ClientOptions,
    /// Whether an attempt that failed is followed by others.
    pub(crate) retries: bool,
}

impl Client {
    /// Of the one branch at this address, whatever its number and its bank.
    pub fn at(address: Address, options: ClientOptions) -> Self {
        Self {
            branches: Branches::single(address),
            bank_id: None,
            options,
            retries: true,
        }
    }

    /// Of the branches of a bank, and of no other bank.
    pub fn of_bank(bank: &BankFile, options: ClientOptions) -> Self {
        Self {
            branches: Branches::of_bank(bank),
            bank_id: Some(bank.bank_id()),
            options,
            retries: true,
        }
    }

    /// The balance of an account, in minor units.
    ///
    /// # Errors
    /// [`ReadError`]; the session is unchanged then.
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
        let decoded = wire::balance_and_stamp(value);
        let (balance, stamp) = decoded.map_err(|what| self.malformed(index, attempts, what))?;
        self.saw_read(session, need, index, attempts, stamp)?;
        Ok(self.reply(branch, stamp, attempts, balance))
    }

    /// Up to `page_size` accounts (0: 1000) whose names come after `after`, in byte order; empty: from the first.
    ///
    /// # Errors
    /// [`ReadError`]; the session is unchanged then.
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
        let decoded = wire::page_and_stamp(value, after);
        let (page, stamp) = decoded.map_err(|what| self.malformed(index, attempts, what))?;
        self.saw_read(session, need, index, attempts, stamp)?;
        Ok(self.reply(branch, stamp, attempts, page))
    }

    /// The last `limit` entries (0: all) of an account, newest first, as a stream. The deadline is that of the whole.
    ///
    /// # Errors
    /// [`ReadError`]; the session is unchanged then.
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
            let request = attempt.request(message.clone());
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
        let stamp = wire::stamp(head.stamp).map_err(|what| self.malformed(index, attempts, what))?;
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

    /// Pays money in, under a new request id.
    ///
    /// # Errors
    /// [`WriteError`]; see [`Client::write`].
    pub async fn deposit(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        propagation: Propagation,
        account: &str,
        amount: i64,
    ) -> Result<Reply<Decision>, WriteError> {
        let action = Action::Deposit {
            account: account.to_owned(),
            amount,
        };
        self.write(branch, session, PendingWrite::new(action, propagation))
            .await
    }

    /// Takes money out, under a new request id.
    ///
    /// # Errors
    /// [`WriteError`]; see [`Client::write`].
    pub async fn withdraw(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        propagation: Propagation,
        account: &str,
        amount: i64,
    ) -> Result<Reply<Decision>, WriteError> {
        let action = Action::Withdraw {
            account: account.to_owned(),
            amount,
        };
        self.write(branch, session, PendingWrite::new(action, propagation))
            .await
    }

    /// Moves money between two accounts, under a new request id.
    ///
    /// # Errors
    /// [`WriteError`]; see [`Client::write`].
    pub async fn transfer(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        propagation: Propagation,
        (from, to): (&str, &str),
        amount: i64,
    ) -> Result<Reply<Decision>, WriteError> {
        let action = Action::Transfer {
            from: from.to_owned(),
            to: to.to_owned(),
            amount,
        };
        self.write(branch, session, PendingWrite::new(action, propagation))
            .await
    }

    /// Opens a further account, under a new request id.
    ///
    /// # Errors
    /// [`WriteError`]; see [`Client::write`].
    pub async fn open(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        propagation: Propagation,
        account: &str,
    ) -> Result<Reply<Decision>, WriteError> {
        let action = Action::Open {
            account: account.to_owned(),
        };
        self.write(branch, session, PendingWrite::new(action, propagation))
            .await
    }

    /// Sends a write, or sends it again. It becomes the session's pending write, and is that until its outcome is known.
    ///
    /// # Errors
    /// [`WriteError::NotApplied`], also, with nothing sent, where the session waits for another write;
    /// [`WriteError::Unknown`], and the write stays pending: call this again with it.
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
            let fate = if in_doubt { Fate::Unknown } else { Fate::NotApplied };
            WriteError::new(request_id, fate, cause, 0)
        };
        if let Some(earlier) = earlier.filter(|earlier| earlier.request_id != request_id) {
            let cause = Failure::Unsettled {
                request_id: earlier.request_id,
            };
            return Err(WriteError::new(request_id, Fate::NotApplied, cause, 0));
        }
        let bank_id = self.bank_of(session).map_err(unsent)?;
        let first = self.branches.find(branch).map_err(|error| unsent(error.into()))?;
        let options = wire::write_options(bank_id, &write);
        let call = |attempt: Attempt| attempt.write(write.action.clone(), options.clone());
        // In doubt from here on, even if this future is dropped.
        session.pending = Some(PendingWrite {
            in_doubt: true,
            ..write.clone()
        });
        let whole = Whole {
            first,
            failover: self.options.failover,
            retries: self.retries,
            deadline: self.deadline(),
            in_doubt,
        };
        let result = match attempts::run(&self.branches, whole, call).await {
            Ok(answered) => self.decided(branch, session, request_id, answered),
            Err(GaveUp {
                failure,
                fate,
                attempts,
            }) => Err(WriteError::new(request_id, fate, failure, attempts)),
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
        request_id: Uuid,
        answered: Answered<Option<v1::WriteResult>>,
    ) -> Result<Reply<Decision>, WriteError> {
        let Answered { value, index, attempts } = answered;
        let at = self.branches.place(index);
        // Whatever such a reply says, the write may be in the books.
        let unknown = |cause| WriteError::new(request_id, Fate::Unknown, cause, attempts);
        let decoded = wire::decision(request_id, value);
        let (stamp, decision) = decoded.map_err(|what| unknown(Failure::Malformed { at: at.clone(), what }))?;
        let saw = session.saw_write(stamp.bank_id, stamp.position, decision.repeated);
        saw.map_err(|breach| unknown(Failure::Breach { at, breach }))?;
        Ok(self.reply(branch, stamp, attempts, decision))
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
        let whole = Whole {
            first,
            failover: self.options.failover,
            retries: self.retries,
            deadline,
            in_doubt: false,
        };
        let result = attempts::run(&self.branches, whole, call).await;
        result.map_err(|GaveUp { failure, attempts, .. }| ReadError::new(failure, attempts))
    }

    fn read_options(&self, session: &Session, level: Level) -> Result<(Option<v1::ReadOptions>, ReadNeed), ReadError> {
        let bank_id = self.bank_of(session).map_err(|failure| ReadError::new(failure, 0))?;
        let need = level.need(session);
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

    /// The bank that must answer, as far as it is known.
    fn bank_of(&self, session: &Session) -> Result<Option<Uuid>, Failure> {
        match (session.bank_id, self.bank_id) {
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

    fn reply<T>(&self, asked: Option<u32>, stamp: Stamp, attempts: u32, value: T) -> Reply<T> {
        let Stamp {
            bank_id,
            branch,
            position,
            waited_us,
        } = stamp;
        // A bank file numbers the branch that was asked even where the caller named none.
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
