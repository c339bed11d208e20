//! `launcher`: see `launcher --help`. All of it is in the library.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    launcher::cli::execute().await.into()
}
