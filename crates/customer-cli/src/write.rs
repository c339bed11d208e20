//! Sends one write. The write is in the session file before it is sent, and an earlier write whose outcome is unknown
//! is settled first.
//!
//! A command that repeats the earlier write sends only that one, under its old request id, and shows its outcome. With
//! any other command, the earlier write is settled first, and then the new one is sent.

use bank_client::{Decision, PendingWrite, Reply, WriteError, WriteOutcome};
use bank_types::CallOutcome;

use crate::asker::Asker;
use crate::error::RunError;
use crate::exit::Exit;
use crate::output::{Output, note};
use crate::report::{self, Line};
use crate::request::{Request, SessionChoice};
use crate::session_store::{SessionStore, SessionStoreError};

/// Sends the write, or settles the pending one that it repeats.
///
/// # Errors
/// The session file or stdout cannot be written.
pub async fn write<W: std::io::Write>(
    request: &Request,
    write: PendingWrite,
    named: bool,
    asker: &Asker,
    store: &mut SessionStore,
    out: &mut Output<W>,
) -> Result<Exit, RunError> {
    let earlier = store.session.pending.clone();
    if let Some(earlier) = earlier
        .as_ref()
        .filter(|earlier| earlier.request_id == write.request_id)
        && earlier.action != write.action
    {
        let text = format!(
            "not sent: its request id is that of the earlier {}; give it one of its own",
            earlier.action
        );
        not_sent(request, &write, text, out)?;
        return Ok(Exit::Usage);
    }
    let settles = earlier.filter(|earlier| repeats(earlier, &write, named));
    let settled = settles.is_some();
    let write = match settles {
        Some(earlier) => PendingWrite {
            propagation: write.propagation,
            ..earlier
        },
        None => {
            if let Some(error) = settle(asker, request.target.branch(), store).await? {
                let text = format!("not sent, because an earlier write must be settled first: {error}");
                return not_sent(request, &write, text, out);
            }
            write
        }
    };
    store.session.pending = Some(write.clone());
    if let Err(error) = store.save() {
        return not_sent(request, &write, format!("not sent: {error}"), out);
    }
    let sending = asker
        .client
        .write(request.target.branch(), &mut store.session, write.clone());
    let result = asker.waiting(0, sending).await;
    let saved = store.save();
    if settled && result.is_ok() {
        note(&format!(
            "this settled the earlier {}, whose outcome was unknown; no second write was sent (run the command again to send one)",
            write.action
        ));
    }
    let exit = match &result {
        Ok(reply) => decided(request, &write, settled, (reply, asker), out)?,
        Err(error) => undecided(request, &write, (error, asker), out)?,
    };
    out.flush()?;
    saved?;
    Ok(exit)
}

/// Whether the command repeats the write whose outcome is unknown. `named` says that the customer gave the request id.
fn repeats(earlier: &PendingWrite, write: &PendingWrite, named: bool) -> bool {
    if named {
        earlier.request_id == write.request_id
    } else {
        earlier.action == write.action
    }
}

/// Settles the session's pending write, if there is one, and reports its outcome on stderr. Returns the error if the
/// outcome is still unknown.
///
/// # Errors
/// The session file cannot be written.
pub async fn settle(
    asker: &Asker,
    branch: Option<u32>,
    store: &mut SessionStore,
) -> Result<Option<WriteError>, SessionStoreError> {
    let Some(earlier) = store.session.pending.clone() else {
        return Ok(None);
    };
    let sending = asker.client.write(branch, &mut store.session, earlier.clone());
    let result = asker.waiting(0, sending).await;
    store.save()?;
    let what = format!("the earlier {}, whose outcome was unknown,", earlier.action);
    match result {
        Ok(reply) => match &reply.value.outcome {
            WriteOutcome::Accepted { .. } => note(&format!("{what} is accepted, at position {}", reply.position)),
            WriteOutcome::Refused { reason, message, .. } => {
                note(&format!("{what} is refused: {}", report::refusal(*reason, message)));
            }
        },
        Err(WriteError::NotApplied { cause, .. }) => note(&format!("{what} was not applied: {cause}")),
        Err(error @ WriteError::Unknown { .. }) => {
            note(&format!("{what} is still unknown: {}", error.cause()));
            return Ok(Some(error));
        }
    }
    Ok(None)
}

fn decided<W: std::io::Write>(
    request: &Request,
    write: &PendingWrite,
    settled: bool,
    (reply, asker): (&Reply<Decision>, &Asker),
    out: &mut Output<W>,
) -> Result<Exit, RunError> {
    if let Some(missing) = report::missing(reply) {
        note(&format!("warning: {missing}"));
    }
    report::note_served(request, asker, reply);
    if request.json {
        out.json(&Line {
            settled,
            passed_over: report::passed_over(asker, reply),
            ..Line::decided(reply, &write.action, write.propagation)
        })?;
    } else {
        out.line(&report::told(reply, &write.action))?;
    }
    Ok(match reply.value.outcome {
        WriteOutcome::Accepted { .. } => Exit::Done,
        WriteOutcome::Refused { .. } => Exit::Refused,
    })
}

fn undecided<W: std::io::Write>(
    request: &Request,
    write: &PendingWrite,
    (error, asker): (&WriteError, &Asker),
    out: &mut Output<W>,
) -> Result<Exit, RunError> {
    if request.json {
        out.json(&Line::undecided(write.request_id, &write.action, error))?;
    }
    let text = match (error, &request.session) {
        (WriteError::Unknown { cause, request_id, .. }, SessionChoice::None) => {
            format!("unknown whether it was applied: {cause}; to ask again, repeat it with --request-id {request_id}")
        }
        (WriteError::Unknown { cause, .. }, _) => {
            format!("unknown whether it was applied: {cause}; the same command in the same session asks again")
        }
        (WriteError::NotApplied { .. }, _) => error.to_string(),
    };
    note(&format!("{}: {text}", write.action));
    report::note_failed(request, asker, error.cause().place());
    Ok(error.into())
}

fn not_sent<W: std::io::Write>(
    request: &Request,
    write: &PendingWrite,
    text: String,
    out: &mut Output<W>,
) -> Result<Exit, RunError> {
    note(&format!("{}: {text}", write.action));
    if request.json {
        out.json(&Line::unsent(
            write.request_id,
            &write.action,
            CallOutcome::NotApplied,
            text,
        ))?;
        out.flush()?;
    }
    Ok(Exit::NotApplied)
}
