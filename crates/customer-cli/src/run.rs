//! Runs the task of a command line and gives its exit code.

use std::io::Write;

use bank_client::PendingWrite;
use bank_types::{AccountName, CallOutcome};
use clap::CommandFactory;
use durable_file::Durability;

use crate::args::{Cli, Verb};
use crate::error::RunError;
use crate::exit::Exit;
use crate::output::{Output, note};
use crate::read::Reader;
use crate::replay::{self, Replay};
use crate::report::Line;
use crate::request::{Request, Task};
use crate::session_store::{SessionStore, SessionStoreError};
use crate::stdin;
use crate::watch::Watch;
use crate::write::write;

/// Runs the task of a command line.
pub async fn run(cli: Cli) -> Exit {
    let mut out = Output::stdout();
    if let Verb::Completions { shell } = cli.verb {
        return finish(completions(shell, &mut out));
    }
    let request = match Request::new(cli) {
        Ok(request) => request,
        Err(error) => {
            note(&error.to_string());
            return Exit::Usage;
        }
    };
    let result = match &request.task {
        Task::Replay {
            account,
            stop_with_stdin,
        } => replay(&request, (account, *stop_with_stdin), &mut out).await,
        Task::Watch {
            account,
            limit,
            lasting,
        } => {
            let watch = Watch {
                request: &request,
                account: account.as_str(),
                out: &mut out,
            };
            watch.run(*limit, *lasting).await
        }
        task => verb(&request, task, &mut out).await,
    };
    finish(result)
}

async fn verb<W: Write>(request: &Request, task: &Task, out: &mut Output<W>) -> Result<Exit, RunError> {
    let client = request.target.client(request.options);
    let mut store = match open(request, Durability::Host).await {
        Ok(store) => store,
        Err(error) => return without_session(request, task, error, out),
    };
    if let Task::Write { write: new, request_id } = task {
        let mut new = PendingWrite::new(new.clone(), request.propagation);
        if let Some(request_id) = request_id {
            new.request_id = *request_id;
        }
        return write(request, new, request_id.is_some(), &client, &mut store, out).await;
    }
    let mut reader = Reader {
        request,
        client: &client,
        store: &mut store,
        out,
    };
    reader.settle().await?;
    match task {
        Task::Query { account } => reader.query(account.as_str()).await,
        Task::Accounts => reader.accounts().await,
        Task::Statement { account, limit } => reader.statement(account.as_str(), *limit).await,
        Task::Write { .. } | Task::Watch { .. } | Task::Replay { .. } => Ok(Exit::Usage),
    }
}

async fn replay<W: Write>(
    request: &Request,
    (account, stop_with_stdin): (&AccountName, bool),
    out: &mut Output<W>,
) -> Result<Exit, RunError> {
    let content = if stop_with_stdin {
        stdin::first_line_then_watch()
    } else {
        stdin::whole()
    };
    let events = content.and_then(|content| replay::events(request, account, &content));
    let events = match events {
        Ok(events) => events,
        Err(error) => {
            note(&format!("stdin: {error}"));
            return Ok(Exit::Usage);
        }
    };
    let client = request.target.client(request.options);
    let mut store = open(request, Durability::Process).await?;
    Replay {
        request,
        client: &client,
        store: &mut store,
        out,
    }
    .run(&events)
    .await
}

async fn open(request: &Request, durability: Durability) -> Result<SessionStore, SessionStoreError> {
    match &request.session {
        Some(path) => SessionStore::open(path, request.options.timeout, durability).await,
        None => Ok(SessionStore::in_memory()),
    }
}

/// Reports that the session file cannot be used. Nothing was sent, so a write was not applied.
fn without_session<W: Write>(
    request: &Request,
    task: &Task,
    error: SessionStoreError,
    out: &mut Output<W>,
) -> Result<Exit, RunError> {
    let locked = matches!(error, SessionStoreError::Locked { .. });
    if request.json {
        let outcome = if matches!(task, Task::Write { .. }) {
            CallOutcome::NotApplied
        } else {
            CallOutcome::Failed
        };
        out.json(&Line {
            error: Some(error.to_string()),
            ..Line::new(outcome)
        })?;
        out.flush()?;
    }
    note(&error.to_string());
    Ok(match task {
        Task::Write { .. } if locked => Exit::NotApplied,
        _ if locked => Exit::Failed,
        _ => Exit::Usage,
    })
}

fn completions<W: Write>(shell: clap_complete::Shell, out: &mut Output<W>) -> Result<Exit, RunError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "customer-cli", &mut script);
    out.line(String::from_utf8_lossy(&script).trim_end())?;
    out.flush()?;
    Ok(Exit::Done)
}

fn finish(result: Result<Exit, RunError>) -> Exit {
    result.unwrap_or_else(|error| {
        note(&error.to_string());
        match error {
            RunError::Session(SessionStoreError::Corrupt { .. }) => Exit::Usage,
            RunError::Session(_) | RunError::Output(_) => Exit::Failed,
        }
    })
}
