//! `launcher logs`: prints the log of a branch, or of a launcher in the background, and follows it.

use super::args::LogsArgs;
use super::bank_dir::branch_dirs;
use super::error::LiveError;
use crate::run::bank_files::LOG_FILE;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

/// Pause before the next look at the end of a log.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Size of a read.
const CHUNK_BYTES: usize = 64 << 10;

/// Prints a log; returns the exit code.
///
/// # Errors
/// There is no such log, or it cannot be read.
pub(super) async fn logs(args: LogsArgs) -> Result<u8, LiveError> {
    let dir = &args.dir.dir;
    let path = match args.branch {
        Some(branch) => dir.join(format!("branch-{branch}/log")),
        None => dir.join(LOG_FILE),
    };
    let mut log = match File::open(&path) {
        Ok(log) => log,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_log(dir, args.branch)),
        Err(error) => return Err(LiveError::io(path.display())(error)),
    };
    loop {
        if !copy(&mut log).map_err(LiveError::io(path.display()))? || !args.follow {
            return Ok(0);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            _ = tokio::signal::ctrl_c() => return Ok(0),
        }
    }
}

/// Copies the rest of a log to stdout. False if the reader of stdout has ended.
fn copy(log: &mut File) -> io::Result<bool> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut stdout = io::stdout().lock();
    loop {
        let length = log.read(&mut chunk)?;
        let written = stdout.write_all(chunk.get(..length).unwrap_or_default());
        match written.and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
            written => written?,
        }
        if length == 0 {
            return Ok(true);
        }
    }
}

fn no_log(dir: &Path, branch: Option<u32>) -> LiveError {
    let branches: Vec<String> = branch_dirs(dir).iter().map(u32::to_string).collect();
    let shown = dir.display();
    match (branch, branches.as_slice()) {
        (_, []) => LiveError::Usage(format!("there is no bank in {shown}; name its directory with --dir")),
        (Some(branch), branches) => LiveError::Usage(format!(
            "there is no log of branch {branch} in {shown}; it has logs of the branches {}",
            branches.join(", ")
        )),
        (None, branches) => LiveError::Usage(format!(
            "there is no {LOG_FILE} in {shown}, because no launcher ran there in the background; name a branch: {}",
            branches.join(", ")
        )),
    }
}
