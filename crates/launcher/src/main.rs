//! `launcher`: see `launcher --help`. All of it is in the library.

use clap::Parser;
use launcher::cli::{Cli, execute};
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    execute(Cli::parse()).await.into()
}
