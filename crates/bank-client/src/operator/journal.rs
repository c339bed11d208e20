//! The journal of a branch, read command by command.
//!
//! A journal is evidence of what a branch did, so that account names, amounts and balances in it are not checked.

use std::collections::VecDeque;
use std::time::Duration;

use bank_proto::v1;
use bank_types::{Position, RefusalReason};
use tokio::time::timeout;
use tonic::Streaming;
use uuid::Uuid;

use super::reply::EntriesHead;
use crate::failure::{Attempted, Failure, Place};
use crate::reply::WriteOutcome;
use crate::wire::bank_id_of;

/// The commands that a branch has applied, as a stream.
#[derive(Debug)]
pub struct Journal {
    /// The branch and how far it had come.
    pub head: JournalHead,
    at: Place,
    timeout: Duration,
    ready: VecDeque<v1::AppliedCommand>,
    rest: Streaming<v1::ReadJournalResponse>,
}

/// The branch of a journal and how far it had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalHead {
    /// Id of the bank.
    pub bank_id: Uuid,
    /// Number of the branch.
    pub branch: u32,
    /// Position at which the journal ends.
    pub position: Position,
    /// SHA-256 chained over every decision up to the position.
    pub digest: Vec<u8>,
    /// The leaders whose entries the branch has applied since its start or its last snapshot, oldest first.
    pub leaders: Vec<JournalLeader>,
    /// The head of the chain of entries in the branch's file. `None` if it does not say.
    pub entries_head: Option<EntriesHead>,
}

/// A branch that led, by the first of its log entries that the journal's branch applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalLeader {
    /// Number of the election.
    pub term: u64,
    /// Number of the branch that led. `None` if it is not a member of the bank any more.
    pub branch: Option<u32>,
    /// This leader put the commands after this position into their order, up to the same position of the next leader.
    pub after_position: Position,
    /// Time at which the journal's branch applied the leader's first entry: microseconds of its host's monotonic clock.
    pub from_us: u64,
}

/// One command that a branch decided and applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedCommand {
    /// Position of the command in the journal.
    pub position: Position,
    /// Request id, as the branch gave it.
    pub request_id: String,
    /// What the command does.
    pub action: AppliedAction,
    /// The decision.
    pub outcome: WriteOutcome,
    /// For an accepted transfer, balance of the account that is paid, right after the command.
    pub to_balance: Option<i64>,
    /// Time at which a branch took the command, by that branch's clock: microseconds since 1970 (UTC). 0 for a refusal.
    pub time_us: i64,
    /// Time at which this branch applied the command: microseconds of its host's monotonic clock. `None` if it is not
    /// known any more.
    pub applied_us: Option<u64>,
}

/// What an applied command does. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppliedAction {
    /// Opens an account. The first command of a journal opens `main` with the bank's opening balance.
    Open {
        /// Account name.
        account: String,
        /// Opening balance: 0 for every account but `main`.
        amount: i64,
    },
    /// Adds to an account.
    Deposit {
        /// Account name.
        account: String,
        /// Amount to add.
        amount: i64,
    },
    /// Takes from an account.
    Withdraw {
        /// Account name.
        account: String,
        /// Amount to take.
        amount: i64,
    },
    /// Moves money between two accounts.
    Transfer {
        /// Account that pays.
        account: String,
        /// Account that is paid.
        to: String,
        /// Amount to move.
        amount: i64,
    },
}

impl AppliedAction {
    /// The account of the command. For a transfer, the account that pays.
    pub fn account(&self) -> &str {
        match self {
            AppliedAction::Open { account, .. }
            | AppliedAction::Deposit { account, .. }
            | AppliedAction::Withdraw { account, .. }
            | AppliedAction::Transfer { account, .. } => account,
        }
    }
}

impl Journal {
    /// Waits for the head of a journal.
    pub(crate) async fn begin(
        at: Place,
        timeout: Duration,
        mut messages: Streaming<v1::ReadJournalResponse>,
    ) -> Result<Self, Failure> {
        let first = next_message(&at, timeout, &mut messages).await?.unwrap_or_default();
        let head = first
            .head
            .ok_or("it has no head".to_owned())
            .and_then(JournalHead::try_from);
        Ok(Self {
            head: head.map_err(|what| Failure::Malformed { at: at.clone(), what })?,
            at,
            timeout,
            ready: first.applied.into(),
            rest: messages,
        })
    }

    /// The next command, or `None` after the last one.
    ///
    /// # Errors
    /// The connection broke, or the next message did not come in time. The commands so far are right, but there may be
    /// more.
    pub async fn next(&mut self) -> Result<Option<AppliedCommand>, Failure> {
        while self.ready.is_empty() {
            match next_message(&self.at, self.timeout, &mut self.rest).await? {
                Some(message) => self.ready.extend(message.applied),
                None => return Ok(None),
            }
        }
        let command = self.ready.pop_front().map(AppliedCommand::try_from).transpose();
        command.map_err(|what| Failure::Malformed {
            at: self.at.clone(),
            what,
        })
    }
}

async fn next_message(
    at: &Place,
    limit: Duration,
    messages: &mut Streaming<v1::ReadJournalResponse>,
) -> Result<Option<v1::ReadJournalResponse>, Failure> {
    match timeout(limit, messages.message()).await {
        Ok(Ok(message)) => Ok(message),
        Ok(Err(status)) => Err(Attempted::by_status(at.clone(), &status).failure),
        Err(_) => Err(Failure::TimedOut { at: at.clone() }),
    }
}

impl TryFrom<v1::JournalHead> for JournalHead {
    type Error = String;

    fn try_from(head: v1::JournalHead) -> Result<Self, String> {
        Ok(Self {
            bank_id: bank_id_of(&head.bank_id)?,
            branch: head.branch,
            position: head.position,
            digest: head.digest,
            leaders: head.leaders.into_iter().map(JournalLeader::from).collect(),
            entries_head: head.entries_head.map(EntriesHead::from),
        })
    }
}

impl From<v1::JournalLeader> for JournalLeader {
    fn from(leader: v1::JournalLeader) -> Self {
        Self {
            term: leader.term,
            branch: Some(leader.branch).filter(|branch| *branch > 0),
            after_position: leader.after_position,
            from_us: leader.from_us,
        }
    }
}

impl TryFrom<v1::AppliedCommand> for AppliedCommand {
    type Error = String;

    fn try_from(command: v1::AppliedCommand) -> Result<Self, String> {
        use v1::applied_command::Outcome;
        let position = command.position;
        let lacks = |what: &str| format!("the command at position {position} has no {what}");
        let (kind, account, amount) = (command.action(), command.account, command.amount);
        let action = match kind {
            v1::AppliedAction::Unspecified => return Err(lacks("known action")),
            v1::AppliedAction::Open => AppliedAction::Open { account, amount },
            v1::AppliedAction::Deposit => AppliedAction::Deposit { account, amount },
            v1::AppliedAction::Withdraw => AppliedAction::Withdraw { account, amount },
            v1::AppliedAction::Transfer => AppliedAction::Transfer {
                account,
                to: command.to_account,
                amount,
            },
        };
        let outcome = match command.outcome.ok_or_else(|| lacks("outcome"))? {
            Outcome::Accepted(accepted) => WriteOutcome::Accepted {
                balance: accepted.balance,
            },
            Outcome::Refused(refused) => WriteOutcome::Refused {
                reason: RefusalReason::try_from(refused.reason()).ok(),
                balance: refused.balance,
                message: refused.message,
            },
        };
        Ok(Self {
            position,
            request_id: command.request_id,
            action,
            outcome,
            to_balance: command.to_balance,
            time_us: command.time_us,
            applied_us: Some(command.applied_us).filter(|us| *us > 0),
        })
    }
}
