//! Runs the task of a command line and gives its exit code.

use std::io::Write;

use bank_client::PendingWrite;
use bank_types::{AccountName, CallOutcome};
use durable_file::Durability;

use crate::args::{Cli, Verb, command};
use crate::asker::Asker;
use crate::error::RunError;
use crate::exit::Exit;
use crate::import::run::import;
use crate::output::{Output, note};
use crate::read::Reader;
use crate::replay::{self, Replay};
use crate::report::{self, Line};
use crate::request::{Request, Task};
use crate::session_place::{self, OpenError};
use crate::session_store::SessionStoreError;
use crate::session_verb::session;
use crate::stdin;
use crate::version;
use crate::watch::Watch;
use crate::write::write;

/// Runs the task of a command line.
pub async fn run(cli: Cli) -> Exit {
    let mut out = Output::stdout();
    match cli.verb {
        Verb::Completions { shell } => return finish(completions(shell, &mut out)),
        Verb::Version => return finish(version(&mut out)),
        _ => {}
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
        Task::Import { source, format } => import(&request, source, *format, &mut out).await,
        task => verb(&request, task, &mut out).await,
    };
    finish(result)
}

async fn verb<W: Write>(request: &Request, task: &Task, out: &mut Output<W>) -> Result<Exit, RunError> {
    let asker = Asker::new(request.client(), request.json);
    if let Task::Session { forget } = task {
        let store = match session_place::open_of_any_bank(request, &asker, Durability::Host).await {
            Ok(store) => store,
            Err(error) => return without_session((request, &asker), task, error, out),
        };
        return session(store, *forget, request.json, out);
    }
    let mut store = match session_place::open(request, &asker, Durability::Host).await {
        Ok(store) => store,
        Err(error) => return without_session((request, &asker), task, error, out),
    };
    if let Task::Write { write: new, request_id } = task {
        let mut new = PendingWrite::new(new.clone(), request.propagation);
        if let Some(request_id) = request_id {
            new.request_id = *request_id;
        }
        return write(request, new, request_id.is_some(), &asker, &mut store, out).await;
    }
    let mut reader = Reader {
        request,
        asker: &asker,
        store: &mut store,
        out,
    };
    reader.settle().await?;
    match task {
        Task::Query { account } => reader.query(account.as_str()).await,
        Task::Accounts => reader.accounts().await,
        Task::Statement { account, limit } => reader.statement(account.as_str(), *limit).await,
        Task::Write { .. } | Task::Watch { .. } | Task::Import { .. } | Task::Replay { .. } | Task::Session { .. } => {
            Ok(Exit::Usage)
        }
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
    // The records tell what the branch of each event answers, so that one gets the whole deadline.
    let client = request.client().patient();
    // Waits are normal in a replay, and its output is JSON.
    let asker = Asker::new(client, true);
    let mut store = session_place::open(request, &asker, Durability::Process).await?;
    Replay {
        request,
        asker: &asker,
        store: &mut store,
        out,
    }
    .run(&events)
    .await
}

/// Reports that the session file cannot be used. Nothing was sent, so a write was not applied.
fn without_session<W: Write>(
    (request, asker): (&Request, &Asker),
    task: &Task,
    error: OpenError,
    out: &mut Output<W>,
) -> Result<Exit, RunError> {
    let in_vain = match &error {
        OpenError::Store(SessionStoreError::Locked { .. }) => Some(Exit::Failed),
        OpenError::Bank(cause) => Some(cause.into()),
        _ => None,
    };
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
    if let OpenError::Bank(cause) = &error {
        report::note_failed(request, asker, cause.place());
    }
    Ok(match (task, in_vain) {
        (Task::Write { .. }, Some(Exit::Failed)) => Exit::NotApplied,
        (_, Some(exit)) => exit,
        (_, None) => Exit::Usage,
    })
}

fn completions<W: Write>(shell: clap_complete::Shell, out: &mut Output<W>) -> Result<Exit, RunError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "customer-cli", &mut script);
    out.line(String::from_utf8_lossy(&script).trim_end())?;
    out.flush()?;
    Ok(Exit::Done)
}

fn version<W: Write>(out: &mut Output<W>) -> Result<Exit, RunError> {
    out.line(&format!("customer-cli {}", version::text()))?;
    out.flush()?;
    Ok(Exit::Done)
}

fn finish(result: Result<Exit, RunError>) -> Exit {
    result.unwrap_or_else(|error| {
        note(&error.to_string());
        match error {
            RunError::Open(
                OpenError::AnotherBank { .. }
                | OpenError::NoPlace(_)
                | OpenError::Store(SessionStoreError::Corrupt { .. } | SessionStoreError::AnotherKind { .. }),
            ) => Exit::Usage,
            RunError::Open(_) | RunError::Session(_) | RunError::Record(_) | RunError::Output(_) => Exit::Failed,
        }
    })
}
