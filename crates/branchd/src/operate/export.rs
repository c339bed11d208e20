//! `branchd export`: prints the commands that a branch has applied, one line of JSON each.

use std::path::Path;

use bank_client::WriteOutcome;
use bank_client::operator::{AppliedAction, AppliedCommand, JournalHead, JournalLeader};
use futures::StreamExt;
use serde_json::{Value, json};

use super::failure::{FAILED, Failure, USAGE};
use super::operator_call::{for_export, on_one_thread};
use super::output::print;
use crate::api::commands;
use crate::args::{ConnectArguments, ExportArguments};
use crate::directory::DataDirectory;
use crate::file_reads::FileReads;
use crate::peers::Identity;
use crate::store::BooksFile;

/// How many bytes of lines are printed at once, at least.
const PRINTED_BYTES_MIN: usize = 64 << 10;

/// Prints the commands that a branch has applied. Asks a branch that runs, or reads the data directory of one that does
/// not.
///
/// # Errors
/// Exit code 1 if the branch does not answer or its books cannot be read, 2 if the data directory cannot be used, 3 if the
/// branch has no bank.
pub(super) fn export(arguments: &ExportArguments) -> Result<(), Failure> {
    let mut lines = Lines::default();
    let exported = on_one_thread(async {
        match (&arguments.from.branch, &arguments.from.data) {
            (Some(address), _) => from_branch(address, &arguments.connect, &mut lines).await,
            (None, Some(directory)) => from_directory(directory, &mut lines).await,
            (None, None) => Err(Failure::new(USAGE, "give --branch HOST:PORT or --data DIR")),
        }
    });
    lines.flush()?;
    exported
}

async fn from_branch(address: &str, connect: &ConnectArguments, lines: &mut Lines) -> Result<(), Failure> {
    let mut journal = for_export(address, connect)?.export(0).await?;
    lines.push(&head(&journal.head))?;
    while let Some(command) = journal.next().await? {
        lines.push(&applied(&command))?;
    }
    Ok(())
}

async fn from_directory(directory: &Path, lines: &mut Lines) -> Result<(), Failure> {
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
    // The directory is read through the messages that a running branch sends, so both ways print the same lines.
    let mut messages = commands::pages(identity, books, FileReads::default(), None, 0);
    while let Some(message) = messages.next().await {
        let message = message.map_err(|status| Failure::new(FAILED, status.message()))?;
        let unreadable = |what: String| Failure::new(FAILED, what);
        if let Some(found) = message.head {
            lines.push(&head(&JournalHead::try_from(found).map_err(unreadable)?))?;
        }
        for command in message.applied {
            lines.push(&applied(&AppliedCommand::try_from(command).map_err(unreadable)?))?;
        }
    }
    Ok(())
}

/// Lines that are printed many at a time, to spare system calls.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn push(&mut self, line: &Value) -> Result<(), Failure> {
        self.0.push_str(&format!("{line}\n"));
        if self.0.len() < PRINTED_BYTES_MIN {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        print(&std::mem::take(&mut self.0))
    }
}

fn head(head: &JournalHead) -> Value {
    let digest: String = head.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut line = json!({ "type": "branch", "branch": head.branch, "position": head.position, "digest": digest });
    if let Some(found) = &head.entries_head {
        line["entries_head"] = json!(found.to_string());
    }
    if !head.leaders.is_empty() {
        line["leaders"] = head.leaders.iter().map(leader).collect();
    }
    line
}

fn leader(leader: &JournalLeader) -> Value {
    json!({
        "term": leader.term,
        "branch": leader.branch,
        "after_position": leader.after_position,
        "from_us": leader.from_us,
    })
}

fn applied(command: &AppliedCommand) -> Value {
    let action = match &command.action {
        AppliedAction::Open { account, amount } => {
            json!({ "operation": "open", "account": account, "amount": amount })
        }
        AppliedAction::Deposit { account, amount } => {
            json!({ "operation": "deposit", "account": account, "amount": amount })
        }
        AppliedAction::Withdraw { account, amount } => {
            json!({ "operation": "withdraw", "account": account, "amount": amount })
        }
        AppliedAction::Transfer { account, to, amount } => {
            json!({ "operation": "transfer", "account": account, "to": to, "amount": amount })
        }
    };
    let (outcome, balance) = match &command.outcome {
        WriteOutcome::Accepted { balance } => (json!("accepted"), balance),
        WriteOutcome::Refused { reason, balance, .. } => {
            let reason = reason.map_or("unspecified", |reason| reason.as_str());
            (json!({ "refused": reason }), balance)
        }
    };
    json!({
        "type": "applied",
        "position": command.position,
        "request_id": command.request_id,
        "action": action,
        "outcome": outcome,
        "balance": balance,
        "to_balance": command.to_balance,
        "time_us": command.time_us,
        "applied_us": command.applied_us,
    })
}
