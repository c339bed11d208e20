//! Parse, log, run, exit code.

use std::io::Write;
use std::process::ExitCode;

use branchd::args::{Arguments, Verb};
use branchd::operate::{self, Failure};
use clap::{CommandFactory, Parser};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    operate::log(arguments.log_format);
    let done = match &arguments.verb {
        Verb::Start(start) => operate::start(start),
        Verb::Init(init) => operate::init(init),
        Verb::Export(export) => operate::export(export),
        Verb::Join(join) => operate::join(join),
        Verb::Status(status) => operate::status(status),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "branchd", &mut script);
            operate::print(&String::from_utf8_lossy(&script))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, message }) => {
            // With stderr gone, the exit code says it.
            let _ = writeln!(std::io::stderr(), "branchd: {message}");
            ExitCode::from(code)
        }
    }
}
