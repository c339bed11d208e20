//! `customer-cli`: parse, log, run, exit code.

use std::process::ExitCode;

use customer_cli::args::Cli;
use customer_cli::exit::Exit;
use customer_cli::output::note;
use customer_cli::run::run;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::of_this_process();
    log(cli.shared.verbose);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            note(&format!("cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    runtime.block_on(run(cli)).into()
}

/// Writes logs to stderr. RUST_LOG chooses them; without it, `--verbose` shows failed attempts.
fn log(verbose: bool) {
    let default = if verbose { "warn,bank_client=debug" } else { "off" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
