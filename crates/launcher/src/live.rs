//! A live bank: `launcher up` starts one, or finds it again, and stays; from another shell its branches are looked at,
//! killed, paused, cut off and healed, and it is stopped.
//!
//! In reading order: `args` (what was typed, checked), `bank_dir` (the bank's directory, and what is in it), `start` (how the
//! bank comes up, by what was asked for and what is there), `up` (from nothing running to everything stopped again), `ready`
//! (what is printed once the bank is up), `supervisor` (what goes on while it runs), `ask` and `control` (what
//! other shells ask, and the wire that it goes over), `status` (how the bank is), `table` and `describe` (how that is said),
//! `screen` (the terminal).

mod args;
mod ask;
mod bank_dir;
mod control;
mod describe;
mod error;
mod ready;
mod screen;
mod start;
mod status;
mod supervisor;
mod table;
mod up;

pub use args::LiveCommand;
pub use error::LiveError;

/// Does what was asked; the exit code.
///
/// # Errors
/// It was not done.
pub async fn execute(command: LiveCommand) -> Result<u8, LiveError> {
    match command {
        LiveCommand::Up(args) => up::up(args.plan()?).await,
        LiveCommand::Ask(command) => ask::execute(command).await,
    }
}
