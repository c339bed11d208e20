//! The verbs that read. The session's pending write is settled first. If its outcome stays unknown, the read goes on,
//! because the session guarantees cover acknowledged writes only.

use std::io::Write;

use bank_client::{Account, ReadError, Reply};

use crate::asker::Asker;
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
    pub asker: &'a Asker,
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
        if settle(self.asker, self.request.target.branch(), self.store)
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
        let needed = self.store.session.need(*level).min_position;
        let asking = self
            .asker
            .client
            .query(target.branch(), &mut self.store.session, *level, account);
        let result = self.asker.waiting(needed, asking).await;
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
                passed_over: report::passed_over(self.asker, &reply),
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
        let mut widths = None;
        loop {
            let needed = self.store.session.need(*level).min_position;
            let asking = self
                .asker
                .client
                .accounts(target.branch(), &mut self.store.session, *level, &after, 0);
            let result = self.asker.waiting(needed, asking).await;
            let mut reply = match result {
                Ok(reply) => reply,
                Err(error) => return self.failed(None, &error),
            };
            let saved = self.store.save();
            let accounts = std::mem::take(&mut reply.value.accounts);
            if widths.is_none() && !json {
                self.out
                    .line(&columns(*widths.insert(widths_of(&accounts)), "account", "balance"))?;
            }
            let shown = widths.unwrap_or_default();
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
                        .line(&columns(shown, &account.name, &account.balance.to_string()))?;
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
        let needed = self.store.session.need(*level).min_position;
        let asking = self
            .asker
            .client
            .statement(target.branch(), &mut self.store.session, *level, account, limit);
        let result = self.asker.waiting(needed, asking).await;
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
        report::note_served(self.request, self.asker, reply);
        self.out.flush()
    }

    fn failed(&mut self, account: Option<&str>, error: &ReadError) -> Result<Exit, RunError> {
        note(&error.to_string());
        report::note_failed(self.request, self.asker, error.place());
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

/// Widths of the columns: those of the first page.
fn widths_of(accounts: &[Account]) -> (usize, usize) {
    let widest =
        |head: &str, width: &dyn Fn(&Account) -> usize| accounts.iter().map(width).fold(head.len(), usize::max);
    let name = widest("account", &|account| account.name.len());
    let balance = widest("balance", &|account| account.balance.to_string().len());
    (name, balance)
}

/// One row of the list of accounts.
fn columns((name_width, balance_width): (usize, usize), name: &str, balance: &str) -> String {
    format!("{name:<name_width$}  {balance:>balance_width$}")
}
