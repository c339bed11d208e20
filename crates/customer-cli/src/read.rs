//! The verbs that read. A session's pending write is settled first; where it stays unknown, the read goes on all the
//! same, since a session is promised only what it was told of.

use std::io::Write;

use bank_client::{Client, Entry, ReadError, Reply, Statement};
use serde::Serialize;
use uuid::Uuid;

use crate::exit::Exit;
use crate::output::{Output, note};
use crate::report::{self, Line};
use crate::request::Request;
use crate::run::Stop;
use crate::session_store::SessionStore;
use crate::write::settle;

/// Of a reader: whom it asks, what it has seen, where it prints.
pub struct Reader<'a, W: Write> {
    /// What was asked for.
    pub request: &'a Request,
    /// Whom to ask.
    pub client: &'a Client,
    /// What was seen.
    pub store: &'a mut SessionStore,
    /// Where to print.
    pub out: &'a mut Output<W>,
}

/// An entry of a statement, as JSON.
#[derive(Debug, Serialize)]
struct EntryLine<'a> {
    outcome: &'static str,
    account: &'a str,
    position: u64,
    kind: &'static str,
    amount: i64,
    balance: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    counter_account: &'a str,
    request_id: &'a str,
    time_us: i64,
    branch: u32,
    bank_id: Uuid,
    /// The position of the state that the whole statement is of.
    read_position: u64,
}

impl<W: Write> Reader<'_, W> {
    /// Settles what is pending. Comes before each verb.
    ///
    /// # Errors
    /// The session file cannot be written.
    pub async fn settle(&mut self) -> Result<(), Stop> {
        if settle(self.client, self.request.target.branch(), self.store)
            .await?
            .is_some()
        {
            note("reading all the same: what is read may lack that write");
        }
        Ok(())
    }

    /// `query`: the bare balance on stdout.
    ///
    /// # Errors
    /// The session file or stdout cannot be written.
    pub async fn query(&mut self, account: &str) -> Result<Exit, Stop> {
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

    /// `accounts`: page by page.
    ///
    /// # Errors
    /// The session file or stdout cannot be written.
    pub async fn accounts(&mut self) -> Result<Exit, Stop> {
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

    /// `statement`: entry by entry, as they come.
    ///
    /// # Errors
    /// The session file or stdout cannot be written.
    pub async fn statement(&mut self, account: &str, limit: u64) -> Result<Exit, Stop> {
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
            self.out.line(&format!(
                "{:>10}  {:<20}  {:<12}  {:>19}  {:>19}  with",
                "position", "time", "kind", "amount", "balance"
            ))?;
        }
        while !self.out.closed() {
            match reply.value.next().await {
                Ok(Some(entry)) => self.entry(account, &reply, &entry)?,
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

    fn entry(&mut self, account: &str, reply: &Reply<Statement>, entry: &Entry) -> std::io::Result<()> {
        let Entry {
            position,
            kind,
            amount,
            counter_account,
            balance,
            request_id,
            time_us,
        } = entry;
        if self.request.json {
            return self.out.json(&EntryLine {
                outcome: "answered",
                account,
                position: *position,
                kind: kind.as_str(),
                amount: *amount,
                balance: *balance,
                counter_account,
                request_id,
                time_us: *time_us,
                branch: reply.served_by,
                bank_id: reply.bank_id,
                read_position: reply.position,
            });
        }
        let (kind, time) = (kind.as_str().replace('_', " "), utc(*time_us));
        let line = format!("{position:>10}  {time:<20}  {kind:<12}  {amount:>19}  {balance:>19}  {counter_account}");
        self.out.line(line.trim_end())
    }

    fn done<T>(&mut self, reply: &Reply<T>) -> std::io::Result<()> {
        if self.request.verbose {
            note(&report::served(reply));
        }
        self.out.flush()
    }

    fn failed(&mut self, account: Option<&str>, error: &ReadError) -> Result<Exit, Stop> {
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

/// Microseconds since 1970 as `2026-11-23T03:12:32Z`, by the proleptic Gregorian calendar.
fn utc(time_us: i64) -> String {
    let seconds = time_us.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years are counted from March, in eras of 400 years of 146,097 days, so that the leap day comes last.
    let since = days + 719_468;
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month, carry) = (
        day - (153 * month + 2) / 5 + 1,
        (month + 2) % 12 + 1,
        i64::from(month >= 10),
    );
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!(
        "{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z",
        era * 400 + year + carry
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (951_868_799_999_999, "2000-02-29T23:59:59Z"),
            (1_795_403_552_000_000, "2026-11-23T03:12:32Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00Z"),
        ];
        for (time_us, expected) in table {
            assert_eq!(utc(time_us), expected);
        }
    }
}
