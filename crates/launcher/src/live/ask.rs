//! The short verbs of a live bank, such as `launcher status` and `launcher kill`: each sends one request to the
//! launcher that runs the bank, and prints the response.

use super::args::{AskCommand, BranchArgs, DelayArgs};
use super::bank_dir::command;
use super::control::{self, ControlRequest};
use super::error::LiveError;
use super::naming::{BranchName, Ways};
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
    match command {
        AskCommand::Status(args) => status(&args.dir.dir, args.json).await,
        AskCommand::Down(args) => down(&args.dir.dir).await,
        AskCommand::Delay(args) => delay(args).await,
        AskCommand::Kill(args) => at_branches(args, FaultAction::Kill).await,
        AskCommand::Restart(args) => at_branches(args, FaultAction::Restart).await,
        AskCommand::Pause(args) => at_branches(args, FaultAction::Pause).await,
        AskCommand::Resume(args) => at_branches(args, FaultAction::Resume).await,
        AskCommand::Hold(args) => at_branches(args, FaultAction::Hold).await,
        AskCommand::Cut(args) if args.ways.is_empty() => Err(no_ways()),
        AskCommand::Cut(args) => on_ways(&args.ways, &args.dir.dir, FaultAction::Cut).await,
        AskCommand::Heal(args) if args.ways.is_empty() => {
            inject(vec![FaultAction::Heal(LinkSet::All)], &args.dir.dir).await
        }
        AskCommand::Heal(args) => on_ways(&args.ways, &args.dir.dir, FaultAction::Heal).await,
    }
}

async fn delay(args: DelayArgs) -> Result<u8, LiveError> {
    let dir = &args.dir.dir;
    if let Some(geography) = args.geo {
        let done = control::perform(dir, ControlRequest::Place(geography)).await?;
        return print(&format!("{done}\n"));
    }
    let by = args.by.unwrap_or_default();
    on_ways(args.ways.as_slice(), dir, |links| FaultAction::Delay(links, by)).await
}

fn no_ways() -> LiveError {
    let how =
        "write 2 (all that goes to and from branch 2), 1-3 (both ways between two) or, in quotes, '1>3' (one way)";
    LiveError::Usage(format!("cut what? {how}"))
}

/// Has an action performed at each of these branches.
async fn at_branches(args: BranchArgs, action: fn(u32) -> FaultAction) -> Result<u8, LiveError> {
    let dir = &args.dir.dir;
    let leader = match args.branches.contains(&BranchName::Leader) {
        true => Some(leader(dir).await?),
        false => None,
    };
    let numbers = args.branches.iter().filter_map(|name| name.number(leader));
    inject(once_each(numbers.map(action)), dir).await
}

/// Has an action performed on each of these ways.
async fn on_ways(ways: &[Ways], dir: &Path, action: impl Fn(LinkSet) -> FaultAction) -> Result<u8, LiveError> {
    let leader = match ways.iter().any(Ways::name_leader) {
        true => Some(leader(dir).await?),
        false => None,
    };
    let links: Result<Vec<LinkSet>, String> = ways.iter().map(|ways| ways.links(leader)).collect();
    inject(once_each(links.map_err(LiveError::Usage)?.into_iter().map(action)), dir).await
}

fn once_each(actions: impl Iterator<Item = FaultAction>) -> Vec<FaultAction> {
    let mut once = Vec::new();
    for action in actions {
        if !once.contains(&action) {
            once.push(action);
        }
    }
    once
}

/// The branch that leads now.
async fn leader(dir: &Path) -> Result<u32, LiveError> {
    let status = control::bank_status(dir).await?;
    status.leader.ok_or_else(|| {
        let why = status
            .no_majority
            .unwrap_or_else(|| "an election may be under way".to_owned());
        LiveError::Failed(format!(
            "no branch leads at the moment: {why}; see: {}",
            command("status", dir)
        ))
    })
}

/// Has all of these actions performed, or none.
async fn inject(actions: Vec<FaultAction>, dir: &Path) -> Result<u8, LiveError> {
    control::perform(dir, ControlRequest::Do(actions.clone())).await?;
    let line = |action: FaultAction| {
        let hint = match describe::undo_hint(action) {
            Some((verb, words)) => format!("; {verb} with: {}", command(&words, dir)),
            None => String::new(),
        };
        format!("{}{hint}\n", describe::action(action))
    };
    print(&actions.into_iter().map(line).collect::<String>())
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
