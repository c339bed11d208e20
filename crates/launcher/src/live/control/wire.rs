//! What goes over a control connection, and the file that says where to connect.

use crate::live::geography::Geography;
use crate::live::status::BankStatus;
use bank_cluster::faults::FaultAction;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Largest size of the file with the [`ControlAddress`]. It has three short fields.
pub(super) const FILE_BYTES_MAX: u64 = 4096;
/// Largest request: one line. An action takes some 50 bytes, and a bank has at most 512 branches.
pub(super) const REQUEST_BYTES_MAX: u64 = 64 << 10;
/// Largest response. The longest is the status of 512 branches, some 400 bytes each.
pub(super) const RESPONSE_BYTES_MAX: u64 = 1 << 20;
/// Time for one line, or for a connection. Both ends are programs of ours on one host, which write and read at once.
pub(super) const LINE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the launcher listens, and the token that it asks for. While the launcher runs, the bank's directory holds it in
/// [`CONTROL_FILE`](crate::run::bank_files::CONTROL_FILE).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ControlAddress {
    pub(super) pid: u32,
    pub(super) port: u16,
    pub(super) token: String,
}

/// A request with the token that permits it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    pub(super) token: String,
    #[serde(rename = "order")]
    pub(super) request: ControlRequest,
}

/// A request to a live bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::live) enum ControlRequest {
    /// Report the status of the bank.
    Status,
    /// Stop the bank.
    Down,
    /// Perform these actions on the bank, in this order. If one of them is not possible, none is performed.
    Do(Vec<FaultAction>),
    /// Place the branches in regions.
    Place(Geography),
}

/// The response to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::live) enum ControlResponse {
    /// The request was carried out: one line for people.
    Done(String),
    /// The status of the bank.
    Status(BankStatus),
    /// The request was not carried out.
    Refused {
        /// Exit code for the program that asked.
        exit_code: u8,
        /// One line for people.
        message: String,
    },
}

/// Reads one line of JSON of at most `bytes_max` bytes.
pub(super) async fn read_line<T: DeserializeOwned>(stream: &mut BufReader<TcpStream>, bytes_max: u64) -> io::Result<T> {
    let mut line = String::new();
    stream.take(bytes_max).read_line(&mut line).await?;
    if line.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&line)?)
}

/// Writes a value as one line of JSON.
pub(super) async fn write_line<T: Serialize>(stream: &mut TcpStream, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}
