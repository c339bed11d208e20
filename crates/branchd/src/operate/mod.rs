//! The verbs of the command line: each ends in an exit code.

mod export;
mod init;
mod join;
mod promote;
mod remove;
mod start;
mod status;
mod token;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use bank_auth::{Connector, DialError, Party, Secret};
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use clap::{CommandFactory, Parser};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tracing_subscriber::EnvFilter;

use export::export;
use init::init;
use join::join;
use promote::promote;
use remove::remove;
use start::start;
use status::status;
use token::{given_secret, token};

use crate::args::{Arguments, LogFormat, Verb};

/// It failed.
const FAILED: u8 = 1;
/// Wrong usage or input.
const USAGE: u8 = 2;
/// The bank said no.
const REFUSED: u8 = 3;

/// How long a branch may take to be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may take to say how it is.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to found a bank, or to take a branch into it: longer than it gives itself.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(330);

/// Does what the command line says, and returns the exit code.
pub fn command_line() -> ExitCode {
    let arguments = Arguments::parse();
    log(arguments.log_format);
    let done = match &arguments.verb {
        Verb::Start(verb) => start(verb),
        Verb::Init(verb) => init(verb),
        Verb::Export(verb) => export(verb),
        Verb::Join(verb) => join(verb),
        Verb::Promote(verb) => promote(verb),
        Verb::Remove(verb) => remove(verb),
        Verb::Status(verb) => status(verb),
        Verb::Token(verb) => token(verb),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "branchd", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, message }) => {
            // With stderr gone, the exit code says it.
            let _ = writeln!(io::stderr(), "branchd: {message}");
            ExitCode::from(code)
        }
    }
}

/// Why a verb did not do what it was told.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// One line for stderr.
    pub message: String,
}

impl Failure {
    fn new(code: u8, message: impl ToString) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }
}

/// Sends log lines to stderr; RUST_LOG says which.
fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("branchd=info,openraft=error"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Text => lines
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()) && no_color_unset())
            .init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}

fn no_color_unset() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints text on stdout; a reader that has gone away is no failure.
///
/// # Errors
/// It cannot be written: a full disk, say.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(FAILED, format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

fn on_one_thread<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Failure::new(FAILED, format!("cannot start a runtime: {error}")))?
        .block_on(work)
}

/// Connects to a branch: with the bank's secret as an operator, who may change the bank; without as anyone, who may look.
async fn reach(address: &str, secret: Option<Secret>) -> Result<OperatorServiceClient<Channel>, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| Failure::new(USAGE, error))?;
    let channel = match secret {
        None => {
            let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
            endpoint.connect().await
        }
        Some(secret) => {
            let connector = Connector {
                address: address.to_owned(),
                branch: 0,
                me: Party::Operator,
                secret,
                connect_timeout: CONNECT_TIMEOUT,
                observer: None,
            };
            endpoint.connect_with_connector(connector).await
        }
    };
    channel
        .map(OperatorServiceClient::new)
        .map_err(|error| match DialError::refusal_in(&error) {
            Some(refusal) => Failure::new(REFUSED, refusal),
            None => Failure::new(
                FAILED,
                format!("no branch answers at {address}: is it started, and is this its address?"),
            ),
        })
}

/// A request with a limit.
fn within<T>(limit: Duration, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(limit);
    request
}

fn refused(status: &Status) -> Failure {
    let code = match status.code() {
        Code::InvalidArgument => USAGE,
        Code::FailedPrecondition | Code::PermissionDenied => REFUSED,
        _ => FAILED,
    };
    Failure::new(code, status.message())
}
