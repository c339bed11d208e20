//! `branchd export`: prints the commands that a branch has applied, one line of JSON each.

use bank_proto::v1;
use futures::StreamExt;
use serde_json::{Value, json};
use tonic::Status;

use super::failure::{FAILED, Failure, USAGE};
use super::operator_call::{on_one_thread, reach, refused};
use super::output::print;
use crate::api::commands;
use crate::args::ExportArguments;
use crate::directory::DataDirectory;
use crate::file_reads::FileReads;
use crate::peers::Identity;
use crate::store::BooksFile;

/// Prints the commands that a branch has applied. Asks a branch that runs, or reads the data directory of one that does not.
///
/// # Errors
/// Exit code 1 if the branch does not answer or its books cannot be read, 2 if the data directory cannot be used, 3 if the
/// branch has no bank.
pub(super) fn export(arguments: &ExportArguments) -> Result<(), Failure> {
    on_one_thread(async {
        let failed = |status: Status| refused(&status);
        let mut messages = match (&arguments.from.branch, &arguments.from.data) {
            (Some(address), _) => {
                let mut client = reach(address, None).await?;
                let stream = client.read_journal(v1::ReadJournalRequest { after_position: 0 }).await;
                stream.map_err(|status| refused(&status))?.into_inner().boxed()
            }
            (None, Some(directory)) => {
                let directory = DataDirectory::open_existing(directory).map_err(|error| Failure::new(USAGE, error))?;
                let Some(bank_id) = directory.bank_id() else {
                    let path = directory.path().display();
                    return Err(Failure::new(
                        USAGE,
                        format!("{path} belongs to a branch that has no bank yet"),
                    ));
                };
                let ledger = directory.ledger();
                if !ledger.exists() {
                    return Err(Failure::new(
                        FAILED,
                        format!("{} is missing: there is nothing to export", ledger.display()),
                    ));
                }
                let books = BooksFile::open(&ledger, *bank_id.as_bytes());
                let (_, books) = books.map_err(|error| Failure::new(FAILED, error))?;
                let identity = Identity {
                    bank_id,
                    branch: directory.branch(),
                    replica: directory.replica(),
                };
                commands::pages(identity, books, FileReads::default(), None, 0)
            }
            (None, None) => return Err(Failure::new(USAGE, "give --branch HOST:PORT or --data DIR")),
        };
        while let Some(message) = messages.next().await {
            let message = message.map_err(failed)?;
            let lines = message.head.iter().map(head).chain(message.applied.iter().map(applied));
            print(&lines.map(|line| format!("{line}\n")).collect::<String>())?;
        }
        Ok(())
    })
}

fn head(head: &v1::JournalHead) -> Value {
    let digest: String = head.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "type": "branch", "branch": head.branch, "position": head.position, "digest": digest })
}

fn applied(command: &v1::AppliedCommand) -> Value {
    use v1::AppliedAction;
    let action = match command.action() {
        AppliedAction::Unspecified => json!(null),
        AppliedAction::Open => json!({ "operation": "open", "account": command.account, "amount": command.amount }),
        AppliedAction::Deposit => {
            json!({ "operation": "deposit", "account": command.account, "amount": command.amount })
        }
        AppliedAction::Withdraw => {
            json!({ "operation": "withdraw", "account": command.account, "amount": command.amount })
        }
        AppliedAction::Transfer => json!({
            "operation": "transfer", "account": command.account, "to": command.to_account, "amount": command.amount,
        }),
    };
    let (outcome, balance) = match &command.outcome {
        Some(v1::applied_command::Outcome::Accepted(accepted)) => (json!("accepted"), accepted.balance),
        Some(v1::applied_command::Outcome::Refused(refused)) => {
            (json!({ "refused": reason(refused) }), refused.balance)
        }
        None => (json!(null), 0),
    };
    json!({
        "type": "applied",
        "position": command.position,
        "request_id": command.request_id,
        "action": action,
        "outcome": outcome,
        "balance": balance,
        "to_balance": command.to_balance,
        "applied_us": (command.applied_us > 0).then_some(command.applied_us),
    })
}

fn reason(refused: &v1::Refused) -> &'static str {
    match refused.reason() {
        v1::Refusal::Unspecified => "unspecified",
        v1::Refusal::InsufficientFunds => "insufficient-funds",
        v1::Refusal::NoSuchAccount => "no-such-account",
        v1::Refusal::AccountExists => "account-exists",
        v1::Refusal::Overflow => "overflow",
        v1::Refusal::SameAccount => "same-account",
    }
}
