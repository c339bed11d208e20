//! `watch`: shows the entries of an account, and the writes that were refused, as they reach a branch. If the branch goes
//! away and comes back meanwhile, each entry is still shown once.

use std::io::Write;
use std::time::Duration;

use bank_client::operator::AppliedCommand;
use bank_client::{Entry, Failure, News, ReadError, Reply};
use bank_types::Level;

use crate::entries;
use crate::error::RunError;
use crate::exit::Exit;
use crate::output::{Output, note};
use crate::report::Line;
use crate::request::Request;

/// A watch.
pub struct Watch<'a, W: Write> {
    /// The checked command line.
    pub request: &'a Request,
    /// Account that is watched.
    pub account: &'a str,
    /// Output for the entries.
    pub out: &'a mut Output<W>,
}

/// Whether the branch serves.
#[derive(Default)]
struct Presence {
    /// The absence of the branch was reported.
    away: bool,
    /// Number of answers in a row that did not come in time.
    late: u32,
}

impl<W: Write> Watch<'_, W> {
    /// Watches for the time `lasting` from the first answer on, or until Ctrl-C.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub async fn run(mut self, limit: u64, lasting: Option<Duration>) -> Result<Exit, RunError> {
        // Lines are written between waits, so that no line is cut off.
        tokio::select! {
            ended = self.watch(limit, lasting) => ended,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
        }
    }

    async fn watch(&mut self, limit: u64, lasting: Option<Duration>) -> Result<Exit, RunError> {
        let Request { target, json, .. } = self.request;
        let (mut follow, reply) = match self.request.client().follow(target.branch(), self.account, limit).await {
            Ok(begun) => begun,
            Err(error) => return self.failed(&error),
        };
        if !json {
            self.out.line(&entries::head())?;
        }
        let over = async {
            match lasting {
                Some(lasting) => tokio::time::sleep(lasting).await,
                None => std::future::pending().await,
            }
        };
        let mut over = std::pin::pin!(over);
        let mut presence = Presence::default();
        let mut news = News::Entries(reply);
        // Position of the last state.
        let mut seen = None;
        loop {
            presence.note(&news);
            if let News::Entries(reply) = &news {
                // The first reply has the history, and its refusals are no news.
                let after = seen.replace(reply.position).unwrap_or(reply.position);
                let refusals = match reply.position.saturating_sub(after) > reply.value.len() as u64 {
                    true => follow.refusals(after, reply.position).await,
                    false => Vec::new(),
                };
                self.print(reply, &refusals)?;
            }
            if self.out.closed() {
                return Ok(Exit::Done);
            }
            news = tokio::select! {
                () = &mut over => return Ok(Exit::Done),
                next = follow.next() => match next {
                    Ok(news) => news,
                    Err(error) => return self.failed(&error),
                },
            };
        }
    }

    /// Prints entries and refusals in the order of their positions.
    fn print(&mut self, reply: &Reply<Vec<Entry>>, refusals: &[AppliedCommand]) -> Result<(), RunError> {
        let json = self.request.json;
        let mut refusals = refusals.iter().peekable();
        for entry in &reply.value {
            while let Some(refused) = refusals.next_if(|refused| refused.position < entry.position) {
                entries::print_refusal(self.out, json, self.account, reply, refused)?;
            }
            entries::print(self.out, json, self.account, reply, entry)?;
        }
        for refused in refusals {
            entries::print_refusal(self.out, json, self.account, reply, refused)?;
        }
        self.out.flush()?;
        Ok(())
    }

    fn failed(&mut self, error: &ReadError) -> Result<Exit, RunError> {
        note(&error.to_string());
        let gone = matches!(
            error,
            ReadError::Failed {
                cause: Failure::Unreachable { .. },
                ..
            }
        );
        if let (Some(advice), true) = (self.request.advice, gone) {
            note(advice);
        }
        if self.request.json {
            let (account, said) = (Some(self.account), error.to_string());
            self.out
                .json(&Line::failed(account, Level::Eventual, error.attempts(), said))?;
            self.out.flush()?;
        }
        Ok(error.into())
    }
}

impl Presence {
    /// Reports on stderr once that the branch has gone, and once that it is back.
    fn note(&mut self, news: &News) {
        let News::Away(error) = news else {
            if std::mem::take(self).away {
                note("it answers again");
            }
            return;
        };
        // An answer without news comes just before the deadline, or on a busy machine just after it.
        let late = matches!(
            error,
            ReadError::Failed {
                cause: Failure::TimedOut { .. },
                ..
            }
        );
        self.late = if late { self.late + 1 } else { 0 };
        if !self.away && self.late != 1 {
            self.away = true;
            note(&format!("{error} (waiting for it to come back)"));
        }
    }
}
