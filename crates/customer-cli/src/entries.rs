//! The entries of an account, one line each: in columns for people, or as JSON for programs.

use std::io::{self, Write};

use bank_client::operator::{AppliedAction, AppliedCommand};
use bank_client::{Entry, Reply, WriteOutcome};
use bank_types::{CallOutcome, Position, RefusalReason};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::output::Output;

/// An entry as a JSON object.
#[derive(Debug, Serialize)]
struct EntryLine<'a> {
    outcome: CallOutcome,
    account: &'a str,
    position: Position,
    kind: &'static str,
    amount: i64,
    balance: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    counter_account: &'a str,
    request_id: &'a str,
    time_us: i64,
    branch: u32,
    bank_id: Uuid,
    /// Position of the state that the entry was read from.
    read_position: Position,
}

/// The head of the columns. A row fits 80 columns if the amounts have 11 digits and the other account has 8 letters at
/// most.
pub fn head() -> String {
    columns("position", "time", "kind", "amount", "balance", "with")
}

fn columns(position: &str, time: &str, kind: &str, amount: &str, balance: &str, with: &str) -> String {
    let line = format!("{position:>8}  {time:<20}  {kind:<12}  {amount:>11}  {balance:>11}  {with}");
    line.trim_end().to_owned()
}

/// Prints an entry of this account. The reply names the branch that showed it and the state that it comes from.
///
/// # Errors
/// Stdout cannot be written.
pub fn print<W: Write, T>(
    out: &mut Output<W>,
    json: bool,
    account: &str,
    reply: &Reply<T>,
    entry: &Entry,
) -> io::Result<()> {
    let Entry {
        position,
        kind,
        amount,
        counter_account,
        balance,
        request_id,
        time_us,
    } = entry;
    if json {
        return out.json(&EntryLine {
            outcome: CallOutcome::Answered,
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
    let (kind, time) = (kind.as_str().replace('-', " "), utc(*time_us));
    let (position, amount, balance) = (position.to_string(), amount.to_string(), balance.to_string());
    out.line(&columns(&position, &time, &kind, &amount, &balance, counter_account))
}

/// A refused write as a JSON object.
#[derive(Debug, Serialize)]
struct RefusalLine<'a> {
    outcome: CallOutcome,
    account: &'a str,
    position: Position,
    kind: &'static str,
    amount: i64,
    balance: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    counter_account: &'a str,
    reason: Option<RefusalReason>,
    request_id: &'a str,
    branch: u32,
    bank_id: Uuid,
}

/// Prints a write on this account that the bank refused. It has a position and no entry. The reply names the branch that
/// told it.
///
/// # Errors
/// Stdout cannot be written.
pub fn print_refusal<W: Write, T>(
    out: &mut Output<W>,
    json: bool,
    account: &str,
    reply: &Reply<T>,
    refused: &AppliedCommand,
) -> io::Result<()> {
    let WriteOutcome::Refused { reason, balance, .. } = refused.outcome else {
        return Ok(());
    };
    let (kind, amount, counter_account) = match &refused.action {
        AppliedAction::Open { amount, .. } => ("open", *amount, ""),
        AppliedAction::Deposit { amount, .. } => ("deposit", *amount, ""),
        AppliedAction::Withdraw { amount, .. } => ("withdraw", *amount, ""),
        AppliedAction::Transfer { amount, to, .. } => ("transfer-out", *amount, to.as_str()),
    };
    let position = refused.position;
    if json {
        return out.json(&RefusalLine {
            outcome: CallOutcome::Refused,
            account,
            position,
            kind,
            amount,
            balance,
            counter_account,
            reason,
            request_id: &refused.request_id,
            branch: reply.served_by,
            bank_id: reply.bank_id,
        });
    }
    let kind = kind.replace('-', " ");
    let why = reason.map_or("", RefusalReason::as_str).replace('-', " ");
    out.line(&format!(
        "{position:>8}  refused: {kind} {amount}, {why}, balance {balance}"
    ))
}

/// Formats microseconds since 1970 as `2026-11-23T03:12:32Z`. A time outside of the calendar's years -9999 to 9999
/// stays a number.
fn utc(time_us: i64) -> String {
    match Timestamp::from_microsecond(time_us) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => format!("{time_us} us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_fits_80_columns() {
        let time = utc(1_795_403_552_000_000);
        let row = columns(
            "99999999",
            &time,
            "transfer out",
            "99999999999",
            "99999999999",
            "overhead",
        );
        assert!(row.len() <= 80 && head().len() <= 80, "{}", row.len());
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (951_868_799_999_999, "2000-02-29T23:59:59Z"),
            (1_795_403_552_000_000, "2026-11-23T03:12:32Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00Z"),
            (i64::MAX, "9223372036854775807 us"),
        ];
        for (time_us, expected) in table {
            assert_eq!(utc(time_us), expected);
        }
    }
}
