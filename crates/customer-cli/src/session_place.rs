//! Where a session is kept if the command line names no file: beside the bank file, or in the state directory of the
//! user under the id of the bank.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use bank_client::ReadError;
use bank_types::Address;
use durable_file::Durability;
use thiserror::Error;
use uuid::Uuid;

use crate::asker::{Asker, present_state};
use crate::output::note;
use crate::request::{Request, SessionChoice};
use crate::session_store::{SessionStore, SessionStoreError};
use crate::target::Target;

/// Largest file that holds a bank id.
const KNOWN_LEN_MAX: u64 = 64;

/// A session that cannot be opened. Nothing was sent but a read.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The session file cannot be used.
    #[error(transparent)]
    Store(#[from] SessionStoreError),
    /// The bank at an address is not known, because its branch does not answer.
    #[error(transparent)]
    Bank(#[from] ReadError),
    /// The session belongs to another bank than the bank file.
    #[error(
        "the session in {} belongs to bank {session}, but the bank file is of bank {bank}; forget the session with: \
         customer-cli {flag}session --forget",
        path.display()
    )]
    AnotherBank {
        /// The session file.
        path: PathBuf,
        /// Bank of the session.
        session: Uuid,
        /// Bank of the bank file.
        bank: Uuid,
        /// The flag that names the session file, with a space after it.
        flag: String,
    },
    /// There is no place for a session file.
    #[error("{0}; name a file with --session, or go without a session with --no-session")]
    NoPlace(String),
}

/// Opens the session of a request. It must belong to the bank that the request names.
///
/// # Errors
/// [`OpenError`].
pub async fn open(request: &Request, asker: &Asker, durability: Durability) -> Result<SessionStore, OpenError> {
    let store = open_of_any_bank(request, asker, durability).await?;
    if let (Some(session), Target::Bank { bank, .. }, Some(path)) =
        (store.session.bank_id, &request.target, store.path())
        && session != bank.bank_id()
    {
        return Err(OpenError::AnotherBank {
            path: path.to_owned(),
            session,
            bank: bank.bank_id(),
            flag: match &request.session {
                SessionChoice::File(file) => format!("--session {} ", file.display()),
                _ => String::new(),
            },
        });
    }
    Ok(store)
}

/// Opens the session of a request, of whichever bank it is.
///
/// # Errors
/// [`OpenError`], but not [`OpenError::AnotherBank`].
pub async fn open_of_any_bank(
    request: &Request,
    asker: &Asker,
    durability: Durability,
) -> Result<SessionStore, OpenError> {
    let open = async |path: &Path| {
        let opening = SessionStore::open(path, request.options.timeout, durability);
        let waits = async || format!("waiting for the session in {}, which another run uses…", path.display());
        asker.telling(opening, waits).await
    };
    match (&request.session, &request.target) {
        (SessionChoice::None, _) => Ok(SessionStore::in_memory()),
        (SessionChoice::File(path), _) => Ok(open(path).await?),
        (SessionChoice::OfBank, Target::Bank { bank, path, .. }) => {
            let beside = beside(path);
            match open(&beside).await {
                Err(error) if error.is_forbidden() => {
                    let path = of_bank(bank.bank_id())?;
                    if !path.exists() {
                        note(&format!(
                            "{} cannot be written, so the session is kept in {}",
                            beside.display(),
                            path.display()
                        ));
                    }
                    Ok(open(&path).await?)
                }
                opened => Ok(opened?),
            }
        }
        (SessionChoice::OfBank, Target::Address(address)) => {
            let bank = bank_at(request, asker, address).await?;
            Ok(open(&of_bank(bank)?).await?)
        }
    }
}

/// The session file beside a bank file: `bank.session.json` beside `bank.json`.
fn beside(bank: &Path) -> PathBuf {
    let mut name = bank.file_stem().unwrap_or_default().to_owned();
    name.push(".session.json");
    bank.with_file_name(name)
}

/// The session file of a bank in the state directory, which is made if it is missing.
fn of_bank(bank: Uuid) -> Result<PathBuf, OpenError> {
    Ok(state_directory()?.join(format!("{bank}.session.json")))
}

/// The bank of the customer's certificate, or else what the branch at an address answers. Reports if it was another bank
/// the last time.
async fn bank_at(request: &Request, asker: &Asker, address: &Address) -> Result<Uuid, OpenError> {
    let bank = match request.security.bank_id() {
        Some(bank) => bank,
        None => {
            let state = present_state(&asker.client, request.task.account());
            asker.waiting(0, state).await?.bank_id
        }
    };
    let name = address
        .as_str()
        .replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "_");
    let known = state_directory()?.join(format!("{name}.bank"));
    let before = durable_file::read_bounded(&known, KNOWN_LEN_MAX).ok();
    let before = before.and_then(|content| Uuid::try_parse_ascii(content.trim_ascii()).ok());
    if before == Some(bank) {
        return Ok(bank);
    }
    if let Some(before) = before {
        note(&format!(
            "another bank answers at {address} than the last time: {bank}, not {before}; it has a session of its own"
        ));
    }
    // The file only serves the note, so a run goes on without it.
    let _ = durable_file::replace(&known, format!("{bank}\n").as_bytes(), Durability::Process);
    Ok(bank)
}

/// `passbook` in the state directory of the user, made if it is missing.
fn state_directory() -> Result<PathBuf, OpenError> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    let directory = state.ok_or_else(|| {
        OpenError::NoPlace("no session can be kept, because neither XDG_STATE_HOME nor HOME names a directory".into())
    })?;
    let directory = directory.join("passbook");
    make(&directory)
        .map_err(|error| OpenError::NoPlace(format!("no session can be kept in {}: {error}", directory.display())))?;
    Ok(directory)
}

fn make(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_file_has_the_name_of_the_bank_file() {
        for (bank, session) in [
            ("bank.json", "bank.session.json"),
            ("outputs/bank/bank.json", "outputs/bank/bank.session.json"),
            ("/etc/town", "/etc/town.session.json"),
        ] {
            assert_eq!(beside(Path::new(bank)), Path::new(session));
        }
    }
}
