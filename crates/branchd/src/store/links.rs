//! Checks that rows of the ledger database agree with each other. An account's balance is the balance after its newest
//! entry. An entry's balance is the balance after the previous entry of the account, changed by the entry's amount. So
//! a row that was changed on disk contradicts its neighbours.

use bank_ledger::{Account, AccountName, Action, Entry, Leg, Position};
use rusqlite::Connection;

use super::error::{Fault, missing_account};
use super::lookups::Lookups;
use super::rows::{self, AccountRow};

/// Gives the accounts with names after `after`, in the order of names and at most `limit`, to `visit`. None is missing:
/// each row names the next one. Returns whether more accounts may follow.
///
/// # Errors
/// As for [`check_account`], and the errors of `visit`.
pub(super) fn accounts_after(
    connection: &Connection,
    after: Option<&AccountName>,
    limit: usize,
    mut visit: impl FnMut(&mut Lookups<'_>, AccountRow) -> Result<(), Fault>,
) -> Result<bool, Fault> {
    let mut lookups = Lookups::new(connection)?;
    let mut next_name = lookups.name_after(after)?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM accounts WHERE name > ?1 ORDER BY name LIMIT ?2",
        rows::ACCOUNT_COLUMNS
    ))?;
    // The empty string sorts before every name.
    let mut found = statement.query((after.map_or("", AccountName::as_str), limit as i64))?;
    let mut count = 0;
    while let Some(row) = found.next()? {
        let row = rows::account(row)?;
        check_next_name(&next_name, Some(&row.name))?;
        next_name.clone_from(&row.next_name);
        visit(&mut lookups, row)?;
        count += 1;
    }
    if count == limit {
        return Ok(true);
    }
    check_next_name(&next_name, None)?;
    Ok(false)
}

/// Checks that the row that was found is the one that the row before it says is next. `next_name` is empty if no row may
/// follow.
///
/// # Errors
/// [`Fault::Damaged`], which names table and row, if it is not.
fn check_next_name(next_name: &str, found: Option<&AccountName>) -> Result<(), Fault> {
    let found = found.map_or("", AccountName::as_str);
    if found == next_name {
        return Ok(());
    }
    if next_name.is_empty() || (!found.is_empty() && found < next_name) {
        return Err(Fault::Damaged(format!(
            "table accounts, row {found}: the row before it says that {next_name:?} is next"
        )));
    }
    Err(missing_account(next_name))
}

/// Checks an account row against its newest entry, and that entry against the one before it.
///
/// # Errors
/// [`Fault::Damaged`], which names table and row, if they contradict each other; another error if the file cannot
/// be read.
pub(super) fn check_account(lookups: &mut Lookups<'_>, name: &AccountName, held: Account) -> Result<(), Fault> {
    #[cfg(feature = "planted-bugs")]
    if crate::planted::is_planted() {
        return Ok(());
    }
    let Account { balance, last_entry } = held;
    let row = || format!("table accounts, row {name}: it holds {balance}");
    let Some(entry) = lookups.entry(last_entry)? else {
        return Err(Fault::Damaged(format!(
            "{}, and the entry at {last_entry} that it links to is not there",
            row()
        )));
    };
    let Some(leg) = entry.leg_of(name) else {
        return Err(Fault::Damaged(format!(
            "{}, and the entry at {last_entry} that it links to is another account's",
            row()
        )));
    };
    if leg.balance != balance {
        return Err(Fault::Damaged(format!(
            "{}, and table entries, row {last_entry}, left {}",
            row(),
            leg.balance
        )));
    }
    check_leg(lookups, &entry, name, leg)
}

/// Checks an entry against the previous entries of its accounts, and that the index of request ids leads to it.
///
/// # Errors
/// As for [`check_account`].
pub(super) fn check_entry(lookups: &mut Lookups<'_>, entry: &Entry) -> Result<(), Fault> {
    let (first, second) = entry.command.action.accounts();
    check_leg(lookups, entry, &first, entry.account)?;
    if let (Some(second), Some(leg)) = (second, entry.counter_account) {
        check_leg(lookups, entry, &second, leg)?;
    }
    check_index(lookups, entry)
}

fn check_index(lookups: &mut Lookups<'_>, entry: &Entry) -> Result<(), Fault> {
    // A planted bug decides one request id twice.
    #[cfg(feature = "planted-bugs")]
    if crate::planted::is_planted() {
        return Ok(());
    }
    match lookups.entry_by_id(&entry.command.request_id)? {
        Some(found) if found.position == entry.position => Ok(()),
        _ => Err(Fault::Damaged(format!(
            "table entries, row {}: the index of request ids does not lead to it",
            entry.position
        ))),
    }
}

/// Checks an entry's effect on one account against the account's previous entry.
///
/// # Errors
/// As for [`check_account`].
pub(super) fn check_leg(lookups: &mut Lookups<'_>, entry: &Entry, name: &AccountName, leg: Leg) -> Result<(), Fault> {
    #[cfg(feature = "planted-bugs")]
    if crate::planted::is_planted() {
        return Ok(());
    }
    let at = entry.position;
    let before = match leg.previous {
        0 => 0,
        previous => match lookups.entry(previous)?.and_then(|before| before.leg_of(name)) {
            Some(before) => before.balance,
            None => {
                return Err(Fault::Damaged(format!(
                    "table entries, row {at}: it links account {name} to {previous}, which is not its entry"
                )));
            }
        },
    };
    let left = moved(entry, name, leg.previous).and_then(|moved| before.checked_add(moved));
    if left == Some(leg.balance) {
        return Ok(());
    }
    Err(Fault::Damaged(format!(
        "table entries, row {at}: it left {} in account {name}, which held {before} before it",
        leg.balance
    )))
}

/// The amount by which an entry changes an account. `None`: an entry of this kind cannot have this link.
fn moved(entry: &Entry, name: &AccountName, previous: Position) -> Option<i64> {
    let opens = previous == 0;
    match &entry.command.action {
        Action::Found { opening_balance } => opens.then_some(*opening_balance),
        Action::Open { .. } => opens.then_some(0),
        Action::Deposit { amount, .. } => (!opens).then_some(amount.get()),
        Action::Withdraw { amount, .. } => (!opens).then_some(-amount.get()),
        Action::Transfer { from, amount, .. } if from == name => (!opens).then_some(-amount.get()),
        Action::Transfer { amount, .. } => (!opens).then_some(amount.get()),
    }
}
