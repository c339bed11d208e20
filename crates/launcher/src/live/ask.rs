//! The short-lived verbs: each asks the launcher that has a live bank, and says what it answers.

use super::args::AskCommand;
use super::bank_dir::command;
use super::control;
use super::control_message::{ControlRequest, ControlResponse};
use super::error::LiveError;
use super::{describe, table};
use crate::terminal::stdout;
use bank_cluster::faults::FaultAction;
use bank_cluster::network::LinkSet;
use std::path::{Path, PathBuf};

/// Asks the launcher that has the bank, and says what it answers; the exit code.
///
/// # Errors
/// It was not done.
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
    done(action, dir.dir).await
}

fn no_links() -> LiveError {
    let how =
        "write 2 (all that goes to and from branch 2), 1-3 (both ways between two) or, in quotes, '1>3' (one way)";
    LiveError::Usage(format!("cut what? {how}"))
}

async fn done(action: FaultAction, dir: PathBuf) -> Result<u8, LiveError> {
    let ControlResponse::Done(text) = ask(&dir, ControlRequest::Do(action)).await? else {
        return Err(other_answer());
    };
    let hint = match describe::undo_hint(action) {
        Some((verb, words)) => format!("; {verb} with: {}", command(&words, &dir)),
        None => String::new(),
    };
    print(&format!("{text}{hint}\n"))
}

async fn status(dir: &Path, json: bool) -> Result<u8, LiveError> {
    let ControlResponse::Status(status) = ask(dir, ControlRequest::Status).await? else {
        return Err(other_answer());
    };
    if json {
        // Numbers and texts can always be written.
        return print(&format!("{}\n", serde_json::to_string(&status).unwrap_or_default()));
    }
    let lines = table::lines(&status, dir);
    print(&lines.into_iter().map(|line| line + "\n").collect::<String>())
}

async fn down(dir: &Path) -> Result<u8, LiveError> {
    let ControlResponse::Done(text) = ask(dir, ControlRequest::Down).await? else {
        return Err(other_answer());
    };
    let again = command("up", dir);
    print(&format!("{text}; its books stay, start it again with: {again}\n"))
}

async fn ask(dir: &Path, request: ControlRequest) -> Result<ControlResponse, LiveError> {
    match control::ask(dir, request).await? {
        ControlResponse::Refused { exit_code: 2, message } => Err(LiveError::Usage(message)),
        ControlResponse::Refused { message, .. } => Err(LiveError::Failed(message)),
        answer => Ok(answer),
    }
}

fn other_answer() -> LiveError {
    LiveError::Failed("the bank's launcher answers something else than it was asked; is it of the same version?".into())
}

fn print(text: &str) -> Result<u8, LiveError> {
    stdout::print(text).map_err(LiveError::io("stdout"))?;
    Ok(0)
}
