//! `session`: shows the session, or forgets it.

use std::io::Write;
use std::path::Path;

use bank_client::{PendingWrite, Session};
use bank_types::Position;
use serde::Serialize;
use uuid::Uuid;

use crate::error::RunError;
use crate::exit::Exit;
use crate::output::Output;
use crate::session_store::SessionStore;

/// The session as a JSON object.
#[derive(Debug, Serialize)]
struct SessionLine<'a> {
    /// `None` if no session is kept.
    file: Option<&'a Path>,
    forgotten: bool,
    bank_id: Option<Uuid>,
    read_position: Position,
    write_position: Position,
    pending: Option<&'a PendingWrite>,
}

/// Shows the session of the store, and forgets it if asked.
///
/// # Errors
/// The session file cannot be removed, or stdout cannot be written.
pub fn session<W: Write>(
    mut store: SessionStore,
    forget: bool,
    json: bool,
    out: &mut Output<W>,
) -> Result<Exit, RunError> {
    let path = store.path().map(Path::to_owned);
    let begun = store.is_stored();
    if forget {
        store.forget()?;
    }
    if json {
        let Session {
            bank_id,
            read_position,
            write_position,
            pending,
        } = &store.session;
        out.json(&SessionLine {
            file: path.as_deref(),
            forgotten: forget && begun,
            bank_id: *bank_id,
            read_position: *read_position,
            write_position: *write_position,
            pending: pending.as_ref(),
        })?;
    } else {
        for line in told(path.as_deref(), &store.session, begun, forget) {
            out.line(&line)?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// The lines for people.
fn told(path: Option<&Path>, session: &Session, begun: bool, forget: bool) -> Vec<String> {
    let Some(path) = path.map(Path::display) else {
        return vec!["no session is kept".to_owned()];
    };
    if !begun {
        return vec![format!("no session yet; the next command begins one in {path}")];
    }
    let pending = session.pending.as_ref();
    let pending = pending.map(|write| format!("{} (request id {})", write.action, write.request_id));
    if forget {
        let mut lines = vec![format!("forgot the session in {path}")];
        lines.extend(pending.map(|write| format!("it is still unknown whether this write was applied: {write}")));
        return lines;
    }
    let bank = session.bank_id.map_or("none yet".to_owned(), |bank| bank.to_string());
    vec![
        format!("session  {path}"),
        format!("bank     {bank}"),
        format!("read     up to position {}", session.read_position),
        format!("wrote    up to position {}", session.write_position),
        format!("pending  {}", pending.unwrap_or("no write".to_owned())),
        "forget it with: customer-cli session --forget".to_owned(),
    ]
}
