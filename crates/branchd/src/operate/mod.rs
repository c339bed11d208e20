//! The verbs of the command line. A verb prints its result on stdout, or fails with an exit code and a line on stderr.

mod bank_answers;
mod bank_status;
mod bank_table;
mod cert;
mod export;
mod failure;
mod init;
mod join;
mod operator_call;
mod output;
mod promote;
mod remove;
mod secret;
mod start;
mod status;
mod token;
mod verify;
mod words;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tracing_subscriber::EnvFilter;

use cert::cert;
use export::export;
use failure::Failure;
use init::init;
use join::join;
use output::print;
use promote::promote;
use remove::remove;
use secret::secret;
use start::start;
use status::status;
use token::token;
use verify::verify;

use crate::args::{Arguments, LogFormat, Verb};

/// Runs the verb that the command line names, and returns the exit code.
pub fn command_line() -> ExitCode {
    let arguments = Arguments::parse();
    log(arguments.log_format);
    let done = match &arguments.verb {
        Verb::Start(verb) => start(verb),
        Verb::Init(verb) => init(verb),
        Verb::Cert(verb) => cert(verb),
        Verb::Export(verb) => export(verb),
        Verb::Join(verb) => join(verb),
        Verb::Promote(verb) => promote(verb),
        Verb::Remove(verb) => remove(verb),
        Verb::Status(verb) => status(verb),
        Verb::Secret(verb) => secret(verb),
        Verb::Token(verb) => token(verb),
        Verb::Verify(verb) => verify(verb),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "branchd", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, message }) => {
            // If stderr is closed, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "branchd: {message}");
            ExitCode::from(code)
        }
    }
}

/// Writes log lines to stderr. RUST_LOG filters them.
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
