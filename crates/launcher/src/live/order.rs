//! What another shell asks of a live bank, as it goes over the wire; and the short-lived verbs that ask it.

use super::args::AskCommand;
use super::control;
use super::home::command;
use super::status::BankStatus;
use super::{LiveError, table, words};
use crate::terminal::stdout;
use bank_cluster::faults::Deed;
use bank_cluster::network::Ways;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    /// How it is.
    Status,
    /// To stop.
    Down,
    /// To let something be done to it.
    Do(Told),
}

/// A deed as it is told: ways are written as people type them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub(super) enum Told {
    Kill(u32),
    Restart(u32),
    Pause(u32),
    Resume(u32),
    Hold(u32),
    Cut(String),
    Delay(String, Duration),
    Heal(Option<String>),
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// It was done: one line for people.
    Done(String),
    /// How the bank is.
    Status(BankStatus),
    /// It was not done.
    Refused {
        /// As this program exits.
        exit_code: u8,
        /// One line for people.
        message: String,
    },
}

impl Told {
    /// What is to be done.
    ///
    /// # Errors
    /// The ways are none.
    pub(super) fn deed(&self) -> Result<Deed, String> {
        Ok(match self {
            Told::Kill(branch) => Deed::Kill(*branch),
            Told::Restart(branch) => Deed::Restart(*branch),
            Told::Pause(branch) => Deed::Pause(*branch),
            Told::Resume(branch) => Deed::Resume(*branch),
            Told::Hold(branch) => Deed::Hold(*branch),
            Told::Cut(ways) => Deed::Cut(ways.parse()?),
            Told::Delay(ways, by) => Deed::Delay(ways.parse()?, *by),
            Told::Heal(None) => Deed::Heal(Ways::All),
            Told::Heal(Some(ways)) => Deed::Heal(ways.parse()?),
        })
    }
}

/// Asks the launcher that has the bank, and says what it answers; the exit code.
///
/// # Errors
/// It was not done.
pub(super) async fn execute(command: AskCommand) -> Result<u8, LiveError> {
    let typed = words::typed_ways;
    let (told, dir) = match command {
        AskCommand::Status(args) => return status(&args.dir.dir, args.json).await,
        AskCommand::Down(args) => return down(&args.dir.dir).await,
        AskCommand::Kill(args) => (Told::Kill(args.branch), args.dir),
        AskCommand::Restart(args) => (Told::Restart(args.branch), args.dir),
        AskCommand::Pause(args) => (Told::Pause(args.branch), args.dir),
        AskCommand::Resume(args) => (Told::Resume(args.branch), args.dir),
        AskCommand::Hold(args) => (Told::Hold(args.branch), args.dir),
        AskCommand::Cut(args) => (Told::Cut(typed(args.ways.ok_or_else(no_ways)?)), args.dir),
        AskCommand::Delay(args) => (Told::Delay(typed(args.ways), args.by), args.dir),
        AskCommand::Heal(args) => (Told::Heal(args.ways.map(typed)), args.dir),
    };
    done(told, dir.dir).await
}

fn no_ways() -> LiveError {
    let how =
        "write 2 (all that goes to and from branch 2), 1-3 (both ways between two) or, in quotes, '1>3' (one way)";
    LiveError::Usage(format!("cut what? {how}"))
}

async fn done(told: Told, dir: PathBuf) -> Result<u8, LiveError> {
    // Ways that were parsed once are so again.
    let undone = told.deed().ok().and_then(words::undoing);
    let Answer::Done(text) = ask(&dir, Order::Do(told)).await? else {
        return Err(other_answer());
    };
    let hint = match undone {
        Some((verb, words)) => format!("; {verb} with: {}", command(&words, &dir)),
        None => String::new(),
    };
    print(&format!("{text}{hint}\n"))
}

async fn status(dir: &Path, json: bool) -> Result<u8, LiveError> {
    let Answer::Status(status) = ask(dir, Order::Status).await? else {
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
    let Answer::Done(text) = ask(dir, Order::Down).await? else {
        return Err(other_answer());
    };
    let again = command("up", dir);
    print(&format!("{text}; its books stay, start it again with: {again}\n"))
}

async fn ask(dir: &Path, order: Order) -> Result<Answer, LiveError> {
    match control::ask(dir, order).await? {
        Answer::Refused { exit_code: 2, message } => Err(LiveError::Usage(message)),
        Answer::Refused { message, .. } => Err(LiveError::Failed(message)),
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
