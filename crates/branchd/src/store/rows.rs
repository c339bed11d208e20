//! Conversion between the ledger's types and database rows. A row with a wrong checksum or an impossible value is reported
//! as damage, never by a panic.

use bank_ledger::{
    Account, AccountName, Action, Amount, ChainHead, Command, Digest, Entry, Ledger, Leg, MAIN, Outcome, Position,
    Refusal, Remembered, RequestId,
};
use rusqlite::Row;

use super::checksum::{self, Table};
use super::error::Fault;

/// The columns of an entry, in the order in which [`entry`] reads them.
pub(super) const ENTRY_COLUMNS: &str = "position, request_id, kind, account, amount, balance, previous, \
                                        counter_account, counter_balance, counter_previous, time_us, checksum";

/// The columns of an account, in the order in which [`account`] reads them.
pub(super) const ACCOUNT_COLUMNS: &str = "name, balance, last_entry, next_name, checksum";

/// The columns of a refusal, in the order in which [`refused`] reads them.
pub(super) const REFUSAL_COLUMNS: &str = "number, position, request_id, kind, account, amount, counter_account, \
                                          reason, refused_account, balance, checksum";

/// The columns of a seal, in the order in which [`seal`] reads them.
pub(super) const SEAL_COLUMNS: &str = "position, entries, head, checksum";

/// The four columns of an action.
pub(super) struct ActionColumns<'a> {
    pub(super) kind: &'static str,
    pub(super) account: &'a str,
    pub(super) amount: i64,
    pub(super) counter_account: Option<&'a str>,
}

impl<'a> From<&'a Action> for ActionColumns<'a> {
    fn from(action: &'a Action) -> Self {
        let (kind, account, amount, counter_account) = match action {
            Action::Found { opening_balance } => ("found", MAIN, *opening_balance, None),
            Action::Open { account } => ("open", account.as_str(), 0, None),
            Action::Deposit { account, amount } => ("deposit", account.as_str(), amount.get(), None),
            Action::Withdraw { account, amount } => ("withdraw", account.as_str(), amount.get(), None),
            Action::Transfer { from, to, amount } => ("transfer", from.as_str(), amount.get(), Some(to.as_str())),
        };
        Self {
            kind,
            account,
            amount,
            counter_account,
        }
    }
}

/// The word that is stored for a refusal's reason.
pub(super) fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::InsufficientFunds { .. } => "insufficient-funds",
        Refusal::NoSuchAccount { .. } => "no-such-account",
        Refusal::AccountExists { .. } => "account-exists",
        Refusal::Overflow { .. } => "overflow",
        Refusal::SameAccount { .. } => "same-account",
    }
}

/// Converts a position to a column.
pub(super) fn stored(position: Position) -> Result<i64, Fault> {
    i64::try_from(position).map_err(|_| Fault::Damaged(format!("position {position} is past what a column holds")))
}

/// Converts a column to a position.
pub(super) fn position(column: i64) -> Result<Position, Fault> {
    Position::try_from(column).map_err(|_| Fault::Damaged(format!("a position is {column}")))
}

/// Converts a column to an account name.
pub(super) fn account_name(column: &str) -> Result<AccountName, Fault> {
    AccountName::new(column).map_err(|error| Fault::Damaged(error.to_string()))
}

/// An account with the name after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountRow {
    pub(super) name: AccountName,
    pub(super) account: Account,
    /// The next name in the order of names. Empty: there is none.
    pub(super) next_name: String,
}

/// Verifies a row of [`ACCOUNT_COLUMNS`] and converts it.
pub(super) fn account(row: &Row<'_>) -> Result<AccountRow, Fault> {
    checksum::verify(Table::Accounts, row)?;
    Ok(AccountRow {
        name: account_name(&row.get::<_, String>(0)?)?,
        account: Account {
            balance: row.get(1)?,
            last_entry: position(row.get(2)?)?,
        },
        next_name: row.get(3)?,
    })
}

/// The head of the chain of entries at an entry, so that old stretches of the chain can be checked by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    /// The position of the entry.
    pub(super) position: Position,
    /// The number of entries up to it.
    pub(super) entries: u64,
    /// The head after it.
    pub(super) head: ChainHead,
}

/// Verifies a row of [`SEAL_COLUMNS`] and converts it.
pub(super) fn seal(row: &Row<'_>) -> Result<Seal, Fault> {
    checksum::verify(Table::Seals, row)?;
    Ok(Seal {
        position: position(row.get(0)?)?,
        entries: position(row.get(1)?)?,
        head: ChainHead(row.get(2)?),
    })
}

/// Converts the position and digest columns of the state.
pub(super) fn ledger(column: i64, digest: &[u8]) -> Result<Ledger, Fault> {
    let bytes = <[u8; 32]>::try_from(digest)
        .map_err(|_| Fault::Damaged(format!("the digest has {} bytes, not 32", digest.len())))?;
    Ok(Ledger {
        position: position(column)?,
        digest: Digest(bytes),
    })
}

/// Verifies a row of [`ENTRY_COLUMNS`] and converts it.
pub(super) fn entry(row: &Row<'_>) -> Result<Entry, Fault> {
    checksum::verify(Table::Entries, row)?;
    entry_columns(row)
}

/// Converts the columns of an entry, without the checksum.
pub(super) fn entry_columns(row: &Row<'_>) -> Result<Entry, Fault> {
    let at = position(row.get(0)?)?;
    let context = |fault| match fault {
        Fault::Damaged(what) => Fault::Damaged(format!("the entry at {at}: {what}")),
        other => other,
    };
    let counter_account: Option<String> = row.get(7)?;
    let action = action(
        &row.get::<_, String>(2)?,
        &row.get::<_, String>(3)?,
        row.get(4)?,
        counter_account.as_deref(),
    )
    .map_err(context)?;
    let account = leg(at, row.get(5)?, row.get(6)?).map_err(context)?;
    let counter_account = match (counter_account, row.get(8)?, row.get(9)?) {
        (None, None, None) => None,
        (Some(_), Some(balance), Some(previous)) => Some(leg(at, balance, previous).map_err(context)?),
        _ => return Err(context(Fault::Damaged("half of a transfer".to_owned()))),
    };
    let request_id = row.get(1).map(RequestId)?;
    Ok(Entry {
        position: at,
        command: Command {
            request_id,
            time_us: row.get(10)?,
            action,
        },
        account,
        counter_account,
    })
}

/// A remembered refusal with its number and its request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RefusalRow {
    pub(super) number: i64,
    pub(super) request_id: RequestId,
    pub(super) refused: Remembered,
}

/// Verifies a row of [`REFUSAL_COLUMNS`] and converts it.
pub(super) fn refused(row: &Row<'_>) -> Result<RefusalRow, Fault> {
    checksum::verify(Table::Refusals, row)?;
    refusal_columns(row)
}

/// Converts the columns of a refusal, without the checksum.
pub(super) fn refusal_columns(row: &Row<'_>) -> Result<RefusalRow, Fault> {
    let counter_account: Option<String> = row.get(6)?;
    let action = action(
        &row.get::<_, String>(3)?,
        &row.get::<_, String>(4)?,
        row.get(5)?,
        counter_account.as_deref(),
    )?;
    let account = account_name(&row.get::<_, String>(8)?)?;
    let balance = row.get(9)?;
    let refusal = match row.get::<_, String>(7)?.as_str() {
        "insufficient-funds" => Refusal::InsufficientFunds { account, balance },
        "no-such-account" => Refusal::NoSuchAccount { account },
        "account-exists" => Refusal::AccountExists { account, balance },
        "overflow" => Refusal::Overflow { account, balance },
        "same-account" => Refusal::SameAccount { account, balance },
        other => return Err(Fault::Damaged(format!("a refusal's reason is {other:?}"))),
    };
    Ok(RefusalRow {
        number: row.get(0)?,
        request_id: row.get(2).map(RequestId)?,
        refused: Remembered {
            position: position(row.get(1)?)?,
            action,
            outcome: Outcome::Refused(refusal),
        },
    })
}

fn action(kind: &str, account: &str, amount: i64, counter_account: Option<&str>) -> Result<Action, Fault> {
    let sum = || Amount::new(amount).map_err(|error| Fault::Damaged(error.to_string()));
    Ok(match (kind, counter_account) {
        ("found", None) => Action::Found {
            opening_balance: amount,
        },
        ("open", None) => Action::Open {
            account: account_name(account)?,
        },
        ("deposit", None) => Action::Deposit {
            account: account_name(account)?,
            amount: sum()?,
        },
        ("withdraw", None) => Action::Withdraw {
            account: account_name(account)?,
            amount: sum()?,
        },
        ("transfer", Some(to)) => Action::Transfer {
            from: account_name(account)?,
            to: account_name(to)?,
            amount: sum()?,
        },
        _ => {
            return Err(Fault::Damaged(format!(
                "its kind is {kind:?}, with the second account {counter_account:?}"
            )));
        }
    })
}

/// Converts the columns of one account of an entry. A link must point back, so that following links always ends.
fn leg(at: Position, balance: i64, previous: i64) -> Result<Leg, Fault> {
    let previous = position(previous)?;
    if previous >= at {
        return Err(Fault::Damaged(format!("it links forward, to {previous}")));
    }
    Ok(Leg { balance, previous })
}
