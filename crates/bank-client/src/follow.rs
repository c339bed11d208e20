//! An account followed at one branch: each entry once, in order, as it reaches that branch. The branch does the waiting: a
//! read that asks for the next position is answered when it is there.

use crate::backoff;
use crate::client::Client;
use crate::error::ReadError;
use crate::level::Level;
use crate::reply::{Entry, Reply};
use crate::session::Session;
use crate::statement::Statement;

/// So many new entries are asked for at first: more than a branch mostly applies at once, and few to read.
const ENTRIES_EXPECTED: u64 = 64;

/// An account that is followed.
#[derive(Debug)]
pub struct Follow {
    client: Client,
    branch: Option<u32>,
    account: String,
    /// What the branch must have applied before it has news.
    session: Session,
    /// The position of the newest entry that was told of.
    told: u64,
    /// How many attempts have failed since the last that did not.
    failures: u32,
}

/// What one attempt to hear more came to.
#[derive(Debug)]
pub enum News {
    /// The branch has applied more: these entries of the account, oldest first. There may be none.
    Entries(Reply<Vec<Entry>>),
    /// The deadline passed, and the branch, which is there, has applied no more.
    Nothing,
    /// The branch did not serve. It may do so later.
    Away(ReadError),
}

impl Client {
    /// Follows an account at one branch. Its last `limit` entries, oldest first, are the reply; what comes after them is for
    /// [`Follow::next`], which waits as long as an operation of this client may take.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn follow(
        mut self,
        branch: Option<u32>,
        account: &str,
        limit: u64,
    ) -> Result<(Follow, Reply<Vec<Entry>>), ReadError> {
        // What has reached another branch is another matter.
        self.options.failover = false;
        let mut session = Session::default();
        // At least one is asked for: 0 would stand for all.
        let read = self
            .statement(branch, &mut session, Level::Eventual, account, limit.max(1))
            .await;
        let reply = entries(read?, 0).await?;
        let told = reply.value.last().map_or(0, |newest| newest.position);
        let reply = reply.map(|entries| if limit == 0 { Vec::new() } else { entries });
        self.retries = false;
        let follow = Follow {
            client: self,
            branch,
            account: account.to_owned(),
            session,
            told,
            failures: 0,
        };
        Ok((follow, reply))
    }
}

impl Follow {
    /// Waits for more, once. After a failure it is not asked again at once.
    ///
    /// # Errors
    /// No further attempt can do better: the account or the bank at that address is another one now, say.
    pub async fn next(&mut self) -> Result<News, ReadError> {
        if self.failures > 0 {
            tokio::time::sleep(backoff::pause(self.failures)).await;
        }
        match self.read().await {
            Ok(reply) => {
                self.failures = 0;
                self.told = reply.value.last().map_or(self.told, |newest| newest.position);
                Ok(News::Entries(reply))
            }
            Err(ReadError::NotInTime { .. }) => {
                self.failures = 0;
                Ok(News::Nothing)
            }
            Err(ReadError::Failed { cause, attempts }) if cause.may_pass() => {
                self.failures = self.failures.saturating_add(1);
                Ok(News::Away(ReadError::Failed { cause, attempts }))
            }
            Err(error) => Err(error),
        }
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
            let reply = entries(read, self.told).await?;
            if (reply.value.len() as u64) < limit {
                self.session = session;
                return Ok(reply);
            }
            // What was told of is further back.
            limit = limit.saturating_mul(16);
        }
    }
}

/// The entries past this position, oldest first.
async fn entries(mut read: Reply<Statement>, past: u64) -> Result<Reply<Vec<Entry>>, ReadError> {
    let mut entries = Vec::new();
    while let Some(entry) = read.value.next().await? {
        if entry.position <= past {
            break;
        }
        entries.push(entry);
    }
    entries.reverse();
    Ok(read.map(|_| entries))
}
