//! The verbs that read. The session's pending write is settled first. If its outcome stays unknown, the read goes on,
//! because the session guarantees cover acknowledged writes only.

use std::io::Write;

use bank_client::{Client, ReadError, Reply};

use crate::entries;
use crate::error::RunError;
use crate::exit::Exit;
use crate::output::{Output, note};
use crate::report::{self, Line};
use crate::request::Request;
use crate::session_store::SessionStore;
use crate::write::settle;

/// A reader: the branch that it asks, the session, and the output.
pub struct Reader<'a, W: Write> {
    /// The checked command line.
    pub request: &'a Request,
    /// Client of the bank.
    pub client: &'a Client,
    /// The session.
    pub store: &'a mut SessionStore,
    /// Output for the answers.
    pub out: &'a mut Output<W>,
}

impl<W: Write> Reader<'_, W> {
    /// Settles the pending write. Must be called before each verb.
    ///
    /// # Errors
    /// The session file cannot be written.
    pub async fn settle(&mut self) -> Result<(), RunError> {
        if settle(self.client, self.request.target.branch(), self.store)
            .await?
            .is_some()
        {
            note("the read goes on, and its answer may lack that write");
        }
        Ok(())
    }

    /// `query`: prints the balance.
    ///
    /// # Errors
    /// The session file or stdout cannot be written.
    pub async fn query(&mut self, account: &str) -> Result<Exit, RunError> {
        let Request {
            target, level, json, ..
        } = self.request;
        let result = self
            .client
            .query(target.branch(), &mut self.store.session, *level, account)
            .await;
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => return self.failed(Some(account), &error),
        };
        let saved = self.store.save();
        if *json {
            let line = Line::answered(&reply, *level);
            self.out.json(&Line {
                account: Some(account),
                balance: Some(reply.value),
                ..line
            })?;
        } else {
            self.out.line(&reply.value.to_string())?;
        }
        self.done(&reply)?;
        saved?;
        Ok(Exit::Done)
    }

    /// `accounts`: lists every account, page by page.
    ///
    /// # Errors
    /// The session file or stdout cannot be written.
    pub async fn accounts(&mut self) -> Result<Exit, RunError> {
        let Request {
            target, level, json, ..
        } = self.request;
        let mut after = String::new();
        let mut width = 0;
        loop {
            let result = self
                .client
                .accounts(target.branch(), &mut self.store.session, *level, &after, 0)
                .await;
            let mut reply = match result {
                Ok(reply) => reply,
                Err(error) => return self.failed(None, &error),
            };
            let saved = self.store.save();
            let accounts = std::mem::take(&mut reply.value.accounts);
            if width == 0 {
                width = accounts
                    .iter()
                    .map(|account| account.name.len())
                    .max()
                    .unwrap_or(0)
                    .max("account".len());
                if !json {
                    self.out.line(&format!("{:<width$}  {:>19}", "account", "balance"))?;
                }
            }
            for account in &accounts {
                if *json {
                    let line = Line::answered(&reply, *level);
                    self.out.json(&Line {
                        account: Some(&account.name),
                        balance: Some(account.balance),
                        ..line
                    })?;
                } else {
                    self.out
                        .line(&format!("{:<width$}  {:>19}", account.name, account.balance))?;
                }
            }
            self.done(&reply)?;
            saved?;
            match accounts
                .into_iter()
                .next_back()
                .filter(|_| reply.value.more && !self.out.closed())
            {
                Some(last) => after = last.name,
                None => return Ok(Exit::Done),
            }
        }
    }

    /// `statement`: prints each entry as it arrives.
    ///
    /// # Errors
    /// The session file or stdout cannot be written.
    pub async fn statement(&mut self, account: &str, limit: u64) -> Result<Exit, RunError> {
        let Request {
            target, level, json, ..
        } = self.request;
        let result = self
            .client
            .statement(target.branch(), &mut self.store.session, *level, account, limit)
            .await;
        let mut reply = match result {
            Ok(reply) => reply,
            Err(error) => return self.failed(Some(account), &error),
        };
        let saved = self.store.save();
        if !json {
            self.out.line(&entries::head())?;
        }
        while !self.out.closed() {
            match reply.value.next().await {
                Ok(Some(entry)) => entries::print(self.out, *json, account, &reply, &entry)?,
                Ok(None) => break,
                Err(error) => {
                    self.out.flush()?;
                    note("the statement is not complete");
                    return self.failed(Some(account), &error);
                }
            }
        }
        self.done(&reply)?;
        saved?;
        Ok(Exit::Done)
    }

    fn done<T>(&mut self, reply: &Reply<T>) -> std::io::Result<()> {
        if self.request.verbose {
            note(&report::served(reply));
        }
        self.out.flush()
    }

    fn failed(&mut self, account: Option<&str>, error: &ReadError) -> Result<Exit, RunError> {
        note(&error.to_string());
        if self.request.json {
            self.out.json(&Line::failed(
                account,
                self.request.level,
                error.attempts(),
                error.to_string(),
            ))?;
            self.out.flush()?;
        }
        Ok(error.into())
    }
}
