//! Conversion of commands between the ledger's type and the protocol's message.
//!
//! Both types come from other crates, so these are functions and not `From` and `TryFrom` implementations.

use bank_ledger::{AccountName, Action, Amount, Command, RequestId};
use bank_proto::v1;

use super::malformed::Malformed;

pub(crate) fn command_to_wire(command: &Command) -> v1::Command {
    use v1::command::{Found, Move, MoveBetween, Open};
    let action = match &command.action {
        Action::Found { opening_balance } => v1::command::Action::Found(Found {
            opening_balance: *opening_balance,
        }),
        Action::Open { account } => v1::command::Action::Open(Open {
            account: account.to_string(),
        }),
        Action::Deposit { account, amount } => v1::command::Action::Deposit(Move {
            account: account.to_string(),
            amount: amount.get(),
        }),
        Action::Withdraw { account, amount } => v1::command::Action::Withdraw(Move {
            account: account.to_string(),
            amount: amount.get(),
        }),
        Action::Transfer { from, to, amount } => v1::command::Action::Transfer(MoveBetween {
            from_account: from.to_string(),
            to_account: to.to_string(),
            amount: amount.get(),
        }),
    };
    v1::Command {
        request_id: command.request_id.0.to_vec(),
        time_us: command.time_us,
        action: Some(action),
    }
}

/// Converts a message to a command.
///
/// # Errors
/// A field is missing, or an account name, an amount or the request id is invalid.
pub(crate) fn command_from_wire(command: v1::Command) -> Result<Command, Malformed> {
    let name = |text: &str| AccountName::new(text).map_err(|error| Malformed(error.to_string()));
    let amount = |value: i64| Amount::new(value).map_err(|error| Malformed(error.to_string()));
    let id: [u8; 16] = command
        .request_id
        .as_slice()
        .try_into()
        .map_err(|_| Malformed("a request id is not 16 bytes".into()))?;
    let action = match command
        .action
        .ok_or_else(|| Malformed::missing("action in a command"))?
    {
        v1::command::Action::Found(found) => Action::Found {
            opening_balance: found.opening_balance,
        },
        v1::command::Action::Open(open) => Action::Open {
            account: name(&open.account)?,
        },
        v1::command::Action::Deposit(m) => Action::Deposit {
            account: name(&m.account)?,
            amount: amount(m.amount)?,
        },
        v1::command::Action::Withdraw(m) => Action::Withdraw {
            account: name(&m.account)?,
            amount: amount(m.amount)?,
        },
        v1::command::Action::Transfer(m) => Action::Transfer {
            from: name(&m.from_account)?,
            to: name(&m.to_account)?,
            amount: amount(m.amount)?,
        },
    };
    Ok(Command {
        request_id: RequestId(id),
        time_us: command.time_us,
        action,
    })
}
