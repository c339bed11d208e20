//! Live banks. `launcher up` starts a bank, or an existing one again, and runs until it is stopped. Commands from other
//! shells show the bank, kill, pause or cut off its branches, undo that, and stop the bank.
//!
//! In reading order: `args` checks the arguments, with branches as `naming` reads them; `bank_dir` is the directory of a
//! bank, `start` decides how the bank comes up, and `fresh` deletes the old one first. `up` is the whole life of the bank,
//! `detach` lets it run in the background, `keep` does so with the bank of a run, and `ready` is the text once it is up.
//! `supervisor` carries out requests while it runs, `ask` and `control` connect other shells, `status` collects the state
//! of the bank with `majority` and `geography`, `table` and `describe` put it into words, and `screen` shows it. `logs`
//! prints log files.

mod args;
mod ask;
mod bank_dir;
mod control;
mod describe;
mod detach;
mod error;
mod fresh;
mod geography;
mod keep;
mod logs;
mod majority;
mod naming;
mod ready;
mod screen;
mod start;
mod status;
mod supervisor;
mod table;
mod up;

pub use args::LiveCommand;
pub use error::LiveError;
pub use keep::{keep, kept_text};

/// Executes a command; returns the exit code.
///
/// # Errors
/// The command was not carried out.
pub async fn execute(command: LiveCommand) -> Result<u8, LiveError> {
    match command {
        LiveCommand::Up(args) if args.detach => up::detach().await,
        LiveCommand::Up(args) => up::up(args.plan()?).await,
        LiveCommand::Logs(args) => logs::logs(args).await,
        LiveCommand::Ask(command) => ask::execute(command).await,
    }
}
