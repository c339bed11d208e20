//! `watch`: the entries of an account as they reach a branch, until somebody has seen enough. The branch may go away and
//! come back meanwhile: no entry is missed, none is shown twice.

use std::io::Write;
use std::time::Duration;

use bank_client::{Failure, Level, News, ReadError};

use crate::entries;
use crate::exit::Exit;
use crate::output::{Output, note};
use crate::report::Line;
use crate::request::Request;
use crate::run::Stop;

/// Of a watch: what was asked for, where it prints.
pub struct Watch<'a, W: Write> {
    /// What was asked for.
    pub request: &'a Request,
    /// The account.
    pub account: &'a str,
    /// Where to print.
    pub out: &'a mut Output<W>,
}

/// What is known of the branch.
#[derive(Default)]
struct Presence {
    /// It was said that it does not serve.
    away: bool,
    /// So many answers in a row did not come in time.
    late: u32,
}

impl<W: Write> Watch<'_, W> {
    /// Watches for so long, from the first answer on; none: until Ctrl-C.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub async fn run(mut self, limit: u64, lasting: Option<Duration>) -> Result<Exit, Stop> {
        // Lines are written between waits, so that none is cut off.
        tokio::select! {
            ended = self.watch(limit, lasting) => ended,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
        }
    }

    async fn watch(&mut self, limit: u64, lasting: Option<Duration>) -> Result<Exit, Stop> {
        let Request {
            target, options, json, ..
        } = self.request;
        let client = target.client(*options);
        let (mut follow, reply) = match client.follow(target.branch(), self.account, limit).await {
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
        loop {
            presence.note(&news);
            if let News::Entries(reply) = &news {
                for entry in &reply.value {
                    entries::print(self.out, *json, self.account, reply, entry)?;
                }
                self.out.flush()?;
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

    fn failed(&mut self, error: &ReadError) -> Result<Exit, Stop> {
        note(&error.to_string());
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
    /// Says on stderr, once, that the branch has gone, and that it is back.
    fn note(&mut self, news: &News) {
        let News::Away(error) = news else {
            if std::mem::take(self).away {
                note("it answers again");
            }
            return;
        };
        // An answer that says that there is nothing comes just before the deadline: on a busy machine, just after it.
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
