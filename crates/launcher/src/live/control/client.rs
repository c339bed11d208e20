//! The shell's end of a control connection: sends one request and waits for its response.

use super::wire::{
    ControlAddress, ControlRequest, ControlResponse, Envelope, FILE_BYTES_MAX, LINE_TIMEOUT, RESPONSE_BYTES_MAX,
    read_line, write_line,
};
use crate::live::bank_dir::command;
use crate::live::error::LiveError;
use crate::live::status::BankStatus;
use crate::run::bank_files::CONTROL_FILE;
use bank_cluster::{ANNOUNCE_TIMEOUT, STOP_TIMEOUT};
use durable_file::read_bounded;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time for an action: it may wait until another branch has restarted, and then restart one itself.
const ACTION_TIMEOUT: Duration = Duration::from_secs(2 * ANNOUNCE_TIMEOUT.as_secs() + 5);
/// Time for the status of all branches.
const STATUS_TIMEOUT: Duration = Duration::from_secs(10);
/// Time to stop the bank, until the last branch is killed.
const DOWN_TIMEOUT: Duration = Duration::from_secs(ANNOUNCE_TIMEOUT.as_secs() + 2 * STOP_TIMEOUT.as_secs());

/// Asks for the status of the bank in this directory.
///
/// # Errors
/// As for [`ask`], or the request was refused.
pub(in crate::live) async fn bank_status(dir: &Path) -> Result<BankStatus, LiveError> {
    match ask(dir, ControlRequest::Status).await? {
        ControlResponse::Status(status) => Ok(status),
        other => Err(not_done(other)),
    }
}

/// Asks the bank in this directory to do something; returns what was done, as one line for people.
///
/// # Errors
/// As for [`ask`], or the request was refused.
pub(in crate::live) async fn perform(dir: &Path, request: ControlRequest) -> Result<String, LiveError> {
    match ask(dir, request).await? {
        ControlResponse::Done(text) => Ok(text),
        other => Err(not_done(other)),
    }
}

fn not_done(response: ControlResponse) -> LiveError {
    match response {
        ControlResponse::Refused { exit_code: 2, message } => LiveError::Usage(message),
        ControlResponse::Refused { message, .. } => LiveError::Failed(message),
        ControlResponse::Done(_) | ControlResponse::Status(_) => LiveError::Failed(
            "the bank's launcher answers something else than it was asked; is it of the same version?".to_owned(),
        ),
    }
}

/// Sends a request to the launcher that runs the bank in this directory, and waits for the response.
///
/// # Errors
/// No launcher runs the bank, or it does not answer. The message says what to do.
pub(super) async fn ask(dir: &Path, request: ControlRequest) -> Result<ControlResponse, LiveError> {
    let up = command("up", dir);
    let (path, dir) = (dir.join(CONTROL_FILE), dir.display());
    let address: ControlAddress = match read_bounded(&path, FILE_BYTES_MAX) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| {
            let path = path.display();
            LiveError::Failed(format!(
                "{path} was not written by a launcher ({error}); start the bank again with: {up}"
            ))
        })?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(LiveError::Failed(format!(
                "no bank runs in {dir}; start one with: {up}"
            )));
        }
        Err(error) => return Err(LiveError::io(path.display())(error)),
    };
    let pid = address.pid;
    let gone =
        || format!("the bank in {dir} does not run: its launcher, process {pid}, is gone; start it again with: {up}");
    let stream = timeout(LINE_TIMEOUT, TcpStream::connect((Ipv4Addr::LOCALHOST, address.port))).await;
    let Ok(Ok(stream)) = stream else {
        return Err(LiveError::Failed(gone()));
    };
    let within = match request {
        ControlRequest::Status | ControlRequest::Place(_) => STATUS_TIMEOUT,
        ControlRequest::Down => DOWN_TIMEOUT,
        ControlRequest::Do(ref actions) => {
            ACTION_TIMEOUT.saturating_mul(u32::try_from(actions.len()).unwrap_or(1).max(1))
        }
    };
    let mut stream = BufReader::new(stream);
    let envelope = Envelope {
        token: address.token,
        request,
    };
    let asked = async {
        write_line(stream.get_mut(), &envelope).await?;
        read_line(&mut stream, RESPONSE_BYTES_MAX).await
    };
    match timeout(within, asked).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof || error.kind() == ErrorKind::ConnectionReset => {
            Err(LiveError::Failed(format!(
                "the launcher of the bank in {dir}, process {pid}, closed the connection: it is busy with others, or ending"
            )))
        }
        Ok(Err(error)) => Err(LiveError::Failed(format!(
            "what answers for the bank in {dir} is not its launcher ({error}); start it again with: {up}"
        ))),
        Err(_) => Err(LiveError::Failed(format!(
            "the launcher of the bank in {dir}, process {pid}, did not answer within {within:?}: it is busy, or stopped \
             (kill -CONT {pid} lets it go on)"
        ))),
    }
}
