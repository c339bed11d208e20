//! Between the generated types and this crate's. A reply that lacks what the protocol promises is an error, in words.

use bank_proto::v1;
use uuid::Uuid;

use crate::level::{Propagation, ReadNeed};
use crate::reply::{Account, AccountPage, Decision, Entry, EntryKind, Outcome, Refusal};
use crate::session::PendingWrite;

/// Who answered a read, from which state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) bank_id: Uuid,
    pub(crate) branch: u32,
    pub(crate) position: u64,
    pub(crate) waited_us: u64,
}

pub(crate) fn read_options(bank_id: Option<Uuid>, need: ReadNeed) -> Option<v1::ReadOptions> {
    let bank_id = bank_id.map(|id| id.to_string()).unwrap_or_default();
    Some(v1::ReadOptions {
        bank_id,
        min_position: need.min_position,
        linearizable: need.linearizable,
    })
}

pub(crate) fn write_options(bank_id: Option<Uuid>, write: &PendingWrite) -> Option<v1::WriteOptions> {
    let propagation = match write.propagation {
        Propagation::Quorum => v1::Propagation::Quorum,
        Propagation::All => v1::Propagation::All,
    };
    Some(v1::WriteOptions {
        bank_id: bank_id.map(|id| id.to_string()).unwrap_or_default(),
        request_id: write.request_id.to_string(),
        propagation: propagation.into(),
    })
}

pub(crate) fn stamp(stamp: Option<v1::ReadStamp>) -> Result<Stamp, String> {
    let v1::ReadStamp {
        bank_id,
        branch,
        position,
        waited_us,
    } = stamp.ok_or("it has no stamp")?;
    Ok(Stamp {
        bank_id: bank(&bank_id)?,
        branch,
        position,
        waited_us,
    })
}

/// The decision, and who took the call: bank, branch, position.
pub(crate) fn decision(request_id: Uuid, result: Option<v1::WriteResult>) -> Result<(Stamp, Decision), String> {
    let result = result.ok_or("it has no result")?;
    if result.position == 0 {
        return Err("its position is 0".to_owned());
    }
    let outcome = match result.outcome.ok_or("it says neither accepted nor refused")? {
        v1::write_result::Outcome::Accepted(v1::Accepted { balance: found }) => Outcome::Accepted {
            balance: balance(found)?,
        },
        v1::write_result::Outcome::Refused(v1::Refused {
            reason,
            message,
            balance: found,
        }) => Outcome::Refused {
            reason: refusal(reason),
            message,
            balance: balance(found)?,
        },
    };
    let stamp = Stamp {
        bank_id: bank(&result.bank_id)?,
        branch: result.branch,
        position: result.position,
        waited_us: 0,
    };
    let decision = Decision {
        request_id,
        outcome,
        repeated: result.repeated,
        missing_branches: result.missing_branches,
    };
    Ok((stamp, decision))
}

pub(crate) fn balance_and_stamp(response: v1::QueryResponse) -> Result<(i64, Stamp), String> {
    Ok((balance(response.balance)?, stamp(response.stamp)?))
}

/// A page that comes after the account `after`: anything else would have its reader go round for ever.
pub(crate) fn page_and_stamp(response: v1::ListAccountsResponse, after: &str) -> Result<(AccountPage, Stamp), String> {
    let accounts = response
        .accounts
        .into_iter()
        .map(account)
        .collect::<Result<Vec<_>, _>>()?;
    let in_order = accounts.is_sorted_by(|a, b| a.name < b.name);
    let advances = accounts
        .first()
        .map_or(!response.more, |account| account.name.as_str() > after);
    if !in_order || !advances {
        return Err("its page does not go on from the one before".to_owned());
    }
    Ok((
        AccountPage {
            accounts,
            more: response.more,
        },
        stamp(response.stamp)?,
    ))
}

fn account(account: v1::Account) -> Result<Account, String> {
    Ok(Account {
        name: account.name,
        balance: balance(account.balance)?,
    })
}

pub(crate) fn entry(entry: v1::Entry) -> Result<Entry, String> {
    let kind = match v1::EntryKind::try_from(entry.kind) {
        Ok(v1::EntryKind::Open) => EntryKind::Open,
        Ok(v1::EntryKind::Deposit) => EntryKind::Deposit,
        Ok(v1::EntryKind::Withdraw) => EntryKind::Withdraw,
        Ok(v1::EntryKind::TransferOut) => EntryKind::TransferOut,
        Ok(v1::EntryKind::TransferIn) => EntryKind::TransferIn,
        Ok(v1::EntryKind::Unspecified) | Err(_) => EntryKind::Other,
    };
    Ok(Entry {
        position: entry.position,
        kind,
        amount: balance(entry.amount)?,
        counter_account: entry.counter_account,
        balance: balance(entry.balance)?,
        request_id: entry.request_id,
        time_us: entry.time_us,
    })
}

fn balance(balance: i64) -> Result<i64, String> {
    if balance < 0 {
        Err(format!("its money is negative: {balance}"))
    } else {
        Ok(balance)
    }
}

pub(crate) fn bank(bank_id: &str) -> Result<Uuid, String> {
    Uuid::try_parse(bank_id)
        .map_err(|_| format!("its bank id {:?} is not a UUID", bank_id.get(..40).unwrap_or(bank_id)))
}

fn refusal(reason: i32) -> Refusal {
    match v1::Refusal::try_from(reason) {
        Ok(v1::Refusal::InsufficientFunds) => Refusal::InsufficientFunds,
        Ok(v1::Refusal::NoSuchAccount) => Refusal::NoSuchAccount,
        Ok(v1::Refusal::AccountExists) => Refusal::AccountExists,
        Ok(v1::Refusal::SameAccount) => Refusal::SameAccount,
        Ok(v1::Refusal::Overflow) => Refusal::Overflow,
        Ok(v1::Refusal::Unspecified) | Err(_) => Refusal::Other,
    }
}
