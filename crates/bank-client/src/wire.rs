//! Conversions between the generated types and this crate's. A reply that lacks what the protocol promises is an error
//! in words.

use bank_proto::v1;
use bank_types::{AccountName, Amount, Position, RefusalReason, RequestId, Write};
use uuid::Uuid;

use crate::read_need::ReadNeed;
use crate::reply::{Account, AccountPage, Decision, Entry, EntryKind, StreamedOutcome, WriteOutcome};
use crate::session::PendingWrite;

/// The branch that answered, and the state that its answer comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) bank_id: Uuid,
    pub(crate) branch: u32,
    pub(crate) position: Position,
    pub(crate) waited_us: u64,
}

/// A value with the stamp of its reply.
#[derive(Debug)]
pub(crate) struct Stamped<T> {
    pub(crate) stamp: Stamp,
    pub(crate) value: T,
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
    Some(v1::WriteOptions {
        bank_id: bank_id.map(|id| id.to_string()).unwrap_or_default(),
        request_id: write.request_id.to_string(),
        propagation: v1::Propagation::from(write.propagation).into(),
    })
}

impl TryFrom<Option<v1::ReadStamp>> for Stamp {
    type Error = String;

    fn try_from(stamp: Option<v1::ReadStamp>) -> Result<Self, String> {
        let v1::ReadStamp {
            bank_id,
            branch,
            position,
            waited_us,
        } = stamp.ok_or("it has no stamp")?;
        Ok(Self {
            bank_id: bank_id_of(&bank_id)?,
            branch,
            position,
            waited_us,
        })
    }
}

impl TryFrom<(RequestId, Option<v1::WriteResult>)> for Stamped<Decision> {
    type Error = String;

    fn try_from((request_id, result): (RequestId, Option<v1::WriteResult>)) -> Result<Self, String> {
        let result = result.ok_or("it has no result")?;
        if result.position == 0 {
            return Err("its position is 0".to_owned());
        }
        let outcome = result.outcome.ok_or("it says neither accepted nor refused")?;
        let stamp = Stamp {
            bank_id: bank_id_of(&result.bank_id)?,
            branch: result.branch,
            position: result.position,
            waited_us: 0,
        };
        let value = Decision {
            request_id,
            outcome: outcome.try_into()?,
            repeated: result.repeated,
            missing_branches: result.missing_branches,
        };
        Ok(Self { stamp, value })
    }
}

impl TryFrom<v1::write_result::Outcome> for WriteOutcome {
    type Error = String;

    fn try_from(outcome: v1::write_result::Outcome) -> Result<Self, String> {
        use v1::write_result::Outcome;
        Ok(match outcome {
            Outcome::Accepted(accepted) => Self::Accepted {
                balance: not_negative(accepted.balance)?,
            },
            Outcome::Refused(refused) => Self::Refused {
                reason: RefusalReason::try_from(refused.reason()).ok(),
                balance: not_negative(refused.balance)?,
                message: refused.message,
            },
        })
    }
}

/// A write as a part of a stream.
pub(crate) fn submit_write(request_id: RequestId, write: &Write) -> v1::SubmitWrite {
    use v1::submit_write::{Action, Move, MoveBetween, Open};
    let single = |account: &AccountName, amount: Amount| Move {
        account: account.to_string(),
        amount: amount.get(),
    };
    let action = match write {
        Write::Deposit { account, amount } => Action::Deposit(single(account, *amount)),
        Write::Withdraw { account, amount } => Action::Withdraw(single(account, *amount)),
        Write::Transfer { from, to, amount } => Action::Transfer(MoveBetween {
            from_account: from.to_string(),
            to_account: to.to_string(),
            amount: amount.get(),
        }),
        Write::Open { account } => Action::Open(Open {
            account: account.to_string(),
        }),
    };
    v1::SubmitWrite {
        request_id: request_id.0.to_vec(),
        action: Some(action),
    }
}

/// The outcome of the write of a stream that has this request id.
pub(crate) fn streamed_outcome(request_id: RequestId, outcome: v1::SubmitOutcome) -> Result<StreamedOutcome, String> {
    use v1::submit_outcome::Result::{Accepted, Refused, RequestIdInUse};
    use v1::write_result::Outcome;
    if outcome.position == 0 {
        return Err("the position of an outcome is 0".to_owned());
    }
    let decision = match outcome.result.ok_or("an outcome says neither accepted nor refused")? {
        Accepted(accepted) => Some(Outcome::Accepted(accepted).try_into()?),
        Refused(refused) => Some(Outcome::Refused(refused).try_into()?),
        RequestIdInUse(_) => None,
    };
    Ok(StreamedOutcome {
        request_id,
        position: outcome.position,
        repeated: outcome.repeated,
        decision,
    })
}

impl TryFrom<v1::QueryResponse> for Stamped<i64> {
    type Error = String;

    fn try_from(response: v1::QueryResponse) -> Result<Self, String> {
        Ok(Self {
            value: not_negative(response.balance)?,
            stamp: response.stamp.try_into()?,
        })
    }
}

impl TryFrom<v1::ListAccountsResponse> for Stamped<AccountPage> {
    type Error = String;

    fn try_from(response: v1::ListAccountsResponse) -> Result<Self, String> {
        let accounts = response.accounts.into_iter().map(Account::try_from);
        let value = AccountPage {
            accounts: accounts.collect::<Result<_, _>>()?,
            more: response.more,
        };
        Ok(Self {
            value,
            stamp: response.stamp.try_into()?,
        })
    }
}

/// Checks that a page comes after the account `after`. With any other page its reader would never come to an end.
pub(crate) fn check_page(page: &AccountPage, after: &str) -> Result<(), String> {
    let in_order = page.accounts.is_sorted_by(|a, b| a.name < b.name);
    let advances = page
        .accounts
        .first()
        .map_or(!page.more, |account| account.name.as_str() > after);
    if in_order && advances {
        Ok(())
    } else {
        Err("its page does not go on from the one before".to_owned())
    }
}

impl TryFrom<v1::Account> for Account {
    type Error = String;

    fn try_from(account: v1::Account) -> Result<Self, String> {
        Ok(Self {
            name: account.name,
            balance: not_negative(account.balance)?,
        })
    }
}

impl TryFrom<v1::Entry> for Entry {
    type Error = String;

    fn try_from(entry: v1::Entry) -> Result<Self, String> {
        Ok(Self {
            position: entry.position,
            kind: entry.kind().into(),
            amount: not_negative(entry.amount)?,
            counter_account: entry.counter_account,
            balance: not_negative(entry.balance)?,
            request_id: entry.request_id,
            time_us: entry.time_us,
        })
    }
}

impl From<v1::EntryKind> for EntryKind {
    fn from(kind: v1::EntryKind) -> Self {
        match kind {
            v1::EntryKind::Open => Self::Open,
            v1::EntryKind::Deposit => Self::Deposit,
            v1::EntryKind::Withdraw => Self::Withdraw,
            v1::EntryKind::TransferOut => Self::TransferOut,
            v1::EntryKind::TransferIn => Self::TransferIn,
            v1::EntryKind::Unspecified => Self::Other,
        }
    }
}

fn not_negative(money: i64) -> Result<i64, String> {
    if money < 0 {
        Err(format!("its money is negative: {money}"))
    } else {
        Ok(money)
    }
}

/// The bank id in a reply.
pub(crate) fn bank_id_of(text: &str) -> Result<Uuid, String> {
    Uuid::try_parse(text).map_err(|_| format!("its bank id {:?} is not a UUID", text.get(..40).unwrap_or(text)))
}
