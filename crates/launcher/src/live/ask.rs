//! The short verbs of a live bank, such as `launcher status` and `launcher kill`: each sends one request to the
//! launcher that runs the bank, and prints the response.

use super::args::AskCommand;
use super::bank_dir::command;
use super::control::{self, ControlRequest};
use super::error::LiveError;
use super::{describe, table};
use crate::terminal::stdout;
use bank_cluster::faults::FaultAction;
use bank_cluster::network::LinkSet;
use std::path::Path;

/// Executes a verb; returns the exit code.
///
/// # Errors
/// The bank does not run, refuses the request, or does not answer.
pub(super) async fn execute(command: AskCommand) -> Result<u8, LiveError> {
    let (action, dir) = match command {
        AskCommand::Status(args) => return status(&args.dir.dir, args.json).await,
        AskCommand::Down(args) => return down(&args.dir.dir).await,
        AskCommand::Kill(args) => (FaultAction::Kill(args.branch), args.dir),
        AskCommand::Restart(args) => (FaultAction::Restart(args.branch), args.dir),
        AskCommand::Pause(args) => (FaultAction::Pause(args.branch), args.dir),
        AskCommand::Resume(args) => (FaultAction::Resume(args.branch), args.dir),
        AskCommand::Hold(args) => (FaultAction::Hold(args.branch), args.dir),
        AskCommand::Cut(args) => (FaultAction::Cut(args.links.ok_or_else(no_links)?), args.dir),
        AskCommand::Delay(args) => (FaultAction::Delay(args.links, args.by), args.dir),
        AskCommand::Heal(args) => (FaultAction::Heal(args.links.unwrap_or(LinkSet::All)), args.dir),
    };
    inject(action, &dir.dir).await
}

fn no_links() -> LiveError {
    let how =
        "write 2 (all that goes to and from branch 2), 1-3 (both ways between two) or, in quotes, '1>3' (one way)";
    LiveError::Usage(format!("cut what? {how}"))
}

async fn inject(action: FaultAction, dir: &Path) -> Result<u8, LiveError> {
    let done = control::perform(dir, ControlRequest::Do(action)).await?;
    let hint = match describe::undo_hint(action) {
        Some((verb, words)) => format!("; {verb} with: {}", command(&words, dir)),
        None => String::new(),
    };
    print(&format!("{done}{hint}\n"))
}

async fn status(dir: &Path, json: bool) -> Result<u8, LiveError> {
    let status = control::bank_status(dir).await?;
    if json {
        // Numbers and texts can always be written.
        return print(&format!("{}\n", serde_json::to_string(&status).unwrap_or_default()));
    }
    let lines = table::lines(&status, dir);
    print(&lines.into_iter().map(|line| line + "\n").collect::<String>())
}

async fn down(dir: &Path) -> Result<u8, LiveError> {
    let done = control::perform(dir, ControlRequest::Down).await?;
    let again = command("up", dir);
    print(&format!("{done}; its books stay, start it again with: {again}\n"))
}

fn print(text: &str) -> Result<u8, LiveError> {
    stdout::print(text).map_err(LiveError::io("stdout"))?;
    Ok(0)
}
