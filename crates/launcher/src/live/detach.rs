//! `launcher up --detach`: a bank in the background. This process starts another launcher, which brings the bank up in
//! the foreground, with the same terminal: its progress, questions and errors are seen, and Ctrl-C reaches it. Once the
//! bank is up, that launcher leaves the terminal: it prints where the bank is, begins a session of its own and writes
//! to a log file from then on. The pipe of its stdout ends with that, which tells this process.

use super::error::LiveError;
use crate::run::bank_files::LOG_FILE;
use crate::terminal::signals::Interrupts;
use crate::terminal::stdout;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};

/// Flag of the launcher that runs the bank. It takes the place of [`FLAG`].
pub(super) const INNER_FLAG: &str = "--detached";
/// Flag with which users ask for a bank in the background.
const FLAG: &str = "--detach";
/// Bound on the text that the other launcher prints.
const TEXT_BYTES_MAX: u64 = 64 << 10;

/// The end of the start of another launcher.
#[derive(Debug)]
pub(super) enum Detached {
    /// The bank is up, and the other launcher runs it. It printed this text.
    Up(String),
    /// The bank did not come up. The other launcher printed why, and ended with this exit code.
    Failed(u8),
}

/// The arguments of this process for the other launcher.
pub(super) fn own_arguments() -> Vec<OsString> {
    let args = std::env::args_os().skip(1);
    args.map(|arg| if arg == FLAG { INNER_FLAG.into() } else { arg })
        .collect()
}

/// Starts another launcher with these arguments, and waits until its bank is up.
///
/// # Errors
/// The launcher cannot be started.
pub(super) async fn start(args: Vec<OsString>) -> Result<Detached, LiveError> {
    // Ctrl-C reaches the other launcher by itself. This process waits for its end.
    let mut interrupts = Interrupts::listen().map_err(LiveError::io("signals"))?;
    let failed = |source| LiveError::io("another launcher")(source);
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .args(args)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut reading = std::pin::pin!(read(child.stdout.take()));
    let text = loop {
        tokio::select! {
            text = &mut reading => break text.map_err(failed)?,
            _ = interrupts.next() => terminate(&child),
        }
    };
    if !text.is_empty() {
        return Ok(Detached::Up(text));
    }
    let status = child.wait().await.map_err(failed)?;
    // As in shells, 128 plus the number of the signal.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    let code = code.and_then(|code| u8::try_from(code).ok());
    Ok(Detached::Failed(code.filter(|code| *code != 0).unwrap_or(1)))
}

async fn read(pipe: Option<ChildStdout>) -> io::Result<String> {
    let mut text = String::new();
    if let Some(pipe) = pipe {
        pipe.take(TEXT_BYTES_MAX).read_to_string(&mut text).await?;
    }
    Ok(text)
}

fn terminate(child: &Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(pid) = pid {
        // The child may have ended.
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Opens the log file of a launcher in the background.
///
/// # Errors
/// The file cannot be opened.
pub(super) fn open_log(dir: &Path) -> Result<File, LiveError> {
    let path = dir.join(LOG_FILE);
    let log = OpenOptions::new().create(true).append(true).open(&path);
    log.map_err(LiveError::io(path.display()))
}

/// Prints the text for the process that waits, and leaves the terminal: stdout and stderr become the log file.
///
/// # Errors
/// The operating system reports an error.
pub(super) fn leave(text: &str, log: &File) -> Result<(), LiveError> {
    stdout::print(&format!("{text}\n")).map_err(LiveError::io("stdout"))?;
    let nothing = File::open("/dev/null").map_err(LiveError::io("/dev/null"))?;
    let redirected = rustix::stdio::dup2_stdin(&nothing)
        .and_then(|()| rustix::stdio::dup2_stderr(log))
        // This ends the wait of the other process.
        .and_then(|()| rustix::stdio::dup2_stdout(log));
    redirected.map_err(|errno| LiveError::io("the log file")(errno.into()))?;
    // Fails only for the leader of a process group, which has no terminal to leave.
    let _ = rustix::process::setsid();
    Ok(())
}
