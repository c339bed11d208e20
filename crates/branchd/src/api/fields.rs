//! Checks of the fields of customers' requests. Each error names the field and says what is wrong with it.

use bank_ledger::{AccountName, Amount};
use tonic::Status;
use uuid::Uuid;

use crate::branch::Bank;

pub(super) fn invalid(what: &str, why: impl std::fmt::Display) -> Status {
    Status::invalid_argument(format!("{what}: {why}"))
}

/// The name of an account. An empty text stands for `main`.
pub(super) fn account(field: &str, text: &str) -> Result<AccountName, Status> {
    if text.is_empty() {
        Ok(AccountName::main())
    } else {
        named_account(field, text)
    }
}

pub(super) fn named_account(field: &str, text: &str) -> Result<AccountName, Status> {
    AccountName::new(text).map_err(|error| invalid(field, error))
}

/// The two accounts of a transfer, which differ.
pub(super) fn payer_and_payee(from: &str, to: &str) -> Result<(AccountName, AccountName), Status> {
    let from = account("from_account", from)?;
    let to = named_account("to_account", to)?;
    if from == to {
        return Err(invalid(
            "to_account",
            format!("{to} is also the account that pays: name another account"),
        ));
    }
    Ok((from, to))
}

pub(super) fn amount(minor_units: i64) -> Result<Amount, Status> {
    Amount::new(minor_units).map_err(|error| invalid("amount", error))
}

/// Refuses a session of another bank, before anything is done for it.
pub(super) fn check_bank(bank: &Bank, asked: &str) -> Result<(), Status> {
    if asked.is_empty() {
        return Ok(());
    }
    let asked: Uuid = asked
        .parse()
        .map_err(|_| invalid("bank_id", format!("{:?} is not a UUID", shortened(asked))))?;
    let (branch, here) = (bank.identity.branch, bank.identity.bank_id);
    if asked == here {
        return Ok(());
    }
    Err(Status::failed_precondition(format!(
        "the session belongs to bank {asked}, branch {branch} to bank {here}: use another session, or a branch of that bank"
    )))
}

/// Refuses writes until the branch has applied the opening of the bank, which must be the first command.
pub(super) fn check_opened(bank: &Bank) -> Result<(), Status> {
    if bank.books.position() > 0 {
        return Ok(());
    }
    let branch = bank.identity.branch;
    Err(Status::unavailable(format!(
        "branch {branch} has not applied the opening of the bank yet: try again"
    )))
}

/// The beginning of a text, enough to recognise it in a message.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
