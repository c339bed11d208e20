//! Follows an account at one branch: shows each entry once, in order, as it reaches that branch. The branch does the
//! waiting: a read that asks for the next position is answered when the branch has applied it.

use bank_types::{Level, Position};

use crate::backoff;
use crate::client::Client;
use crate::error::ReadError;
use crate::operator::AppliedCommand;
use crate::reply::{Entry, Reply, WriteOutcome};
use crate::session::Session;
use crate::statement::Statement;

/// Number of new entries that are asked for at first: more than a branch usually applies at once, and few to read.
const ENTRIES_EXPECTED: u64 = 64;

/// Largest number of commands that are looked through for refusals at once. A bank that is so much faster than its
/// watcher has other accounts, and most of its commands concern those.
const COMMANDS_MAX: u64 = 1024;

/// An account that is followed.
#[derive(Debug)]
pub struct Follow {
    client: Client,
    branch: Option<u32>,
    account: String,
    /// There is news once the branch has applied a position after the session's.
    session: Session,
    /// Position of the newest entry that was returned.
    newest: Position,
    /// Number of attempts that failed in a row.
    failures: u32,
}

/// Result of one attempt to read more.
#[derive(Debug)]
pub enum News {
    /// The branch has applied more commands. These are their entries of the account, oldest first; the list may be
    /// empty.
    Entries(Reply<Vec<Entry>>),
    /// The deadline passed. The branch answers and has applied no more commands.
    Nothing,
    /// The branch did not serve. It may serve later.
    Away(ReadError),
}

impl Client {
    /// Follows an account at one branch. The reply has its last `limit` entries, oldest first. [`Follow::next`] returns
    /// later entries and waits for them as long as an operation of this client may take.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn follow(
        mut self,
        branch: Option<u32>,
        account: &str,
        limit: u64,
    ) -> Result<(Follow, Reply<Vec<Entry>>), ReadError> {
        // Another branch may have applied other commands.
        self.options.failover = false;
        let mut session = Session::default();
        // At least one entry is asked for, because 0 stands for all.
        let read = self
            .statement(branch, &mut session, Level::Eventual, account, limit.max(1))
            .await;
        let reply = entries(read?, 0).await?;
        let newest = reply.value.last().map_or(0, |entry| entry.position);
        let reply = reply.map(|entries| if limit == 0 { Vec::new() } else { entries });
        self.retries = false;
        let follow = Follow {
            client: self,
            branch,
            account: account.to_owned(),
            session,
            newest,
            failures: 0,
        };
        Ok((follow, reply))
    }
}

impl Follow {
    /// Waits for more entries, once. After a failure there is a pause before the branch is asked again.
    ///
    /// # Errors
    /// A failure that is not retryable, for example because another bank is at that address now.
    pub async fn next(&mut self) -> Result<News, ReadError> {
        if self.failures > 0 {
            tokio::time::sleep(backoff::pause(self.failures)).await;
        }
        match self.read().await {
            Ok(reply) => {
                self.failures = 0;
                self.newest = reply.value.last().map_or(self.newest, |entry| entry.position);
                Ok(News::Entries(reply))
            }
            Err(ReadError::NotInTime { .. }) => {
                self.failures = 0;
                Ok(News::Nothing)
            }
            Err(ReadError::Failed { cause, attempts }) if cause.is_retryable() => {
                self.failures = self.failures.saturating_add(1);
                Ok(News::Away(ReadError::Failed { cause, attempts }))
            }
            Err(error) => Err(error),
        }
    }

    /// Writes on the account that the bank refused, among the commands after one position up to another one, oldest
    /// first. A refusal is a command without an entry. The list is empty if the branch does not tell, or if there are
    /// more than 1,024 commands. A branch remembers its newest refusals only.
    pub async fn refusals(&self, after: Position, until: Position) -> Vec<AppliedCommand> {
        let mut refusals = Vec::new();
        if until.saturating_sub(after) > COMMANDS_MAX {
            return refusals;
        }
        let Some(place) = self.client.place(self.branch) else {
            return refusals;
        };
        let Ok(mut journal) = self.client.operator(&place).export(after).await else {
            return refusals;
        };
        while let Ok(Some(command)) = journal.next().await {
            if command.position > until {
                break;
            }
            let refused = matches!(command.outcome, WriteOutcome::Refused { .. });
            if refused && command.action.account() == self.account {
                refusals.push(command);
            }
        }
        refusals
    }

    async fn read(&mut self) -> Result<Reply<Vec<Entry>>, ReadError> {
        let (level, mut session) = (Level::MonotonicReads, self.session.clone());
        session.read_position += 1;
        let mut limit = ENTRIES_EXPECTED;
        loop {
            let read = self
                .client
                .statement(self.branch, &mut session, level, &self.account, limit)
                .await?;
            let reply = entries(read, self.newest).await?;
            if (reply.value.len() as u64) < limit {
                self.session = session;
                return Ok(reply);
            }
            // The newest returned entry is further back.
            limit = limit.saturating_mul(16);
        }
    }
}

/// The entries after this position, oldest first.
async fn entries(mut read: Reply<Statement>, after: Position) -> Result<Reply<Vec<Entry>>, ReadError> {
    let mut entries = Vec::new();
    while let Some(entry) = read.value.next().await? {
        if entry.position <= after {
            break;
        }
        entries.push(entry);
    }
    entries.reverse();
    Ok(read.map(|_| entries))
}
