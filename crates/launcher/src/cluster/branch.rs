//! One branch as a process: started, its announcement read, its log kept.

use super::{ClusterConfig, ClusterError, Lifetime};
use crate::last_line::last_line;
use crate::process::Process;
use rustix::process::Signal;
use serde::Deserialize;
use std::fs::{self, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::ChildStdout;

/// An announcement is one short line.
const ANNOUNCEMENT_BYTES_MAX: u64 = 4096;

/// One branch, running or ended.
#[derive(Debug)]
pub(super) struct BranchProcess {
    pub(super) number: u32,
    /// Where it listens; with port 0 until it has announced a better one.
    pub(super) address: SocketAddr,
    dir: PathBuf,
    process: Process,
    /// The branch stops when it is closed. None for one that can be kept.
    stdin: Option<ChildStdin>,
    /// Held open, so that the branch can print.
    stdout: Option<BufReader<ChildStdout>>,
}

/// The line that `branchd start --announce` prints.
#[derive(Debug, Deserialize)]
struct Announcement {
    branch: u32,
    address: SocketAddr,
}

impl BranchProcess {
    /// `via`: where it has to reach other branches, if not where they listen.
    pub(super) fn spawn(
        config: &ClusterConfig,
        number: u32,
        listen: SocketAddr,
        via: impl Iterator<Item = (u32, SocketAddr)>,
    ) -> Result<Self, ClusterError> {
        let dir = config.dir.join(format!("branch-{number}"));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| ClusterError::Start {
                branch: number,
                path,
                source,
            }
        };
        fs::create_dir_all(&dir).map_err(failed(&dir))?;
        let log_path = dir.join("log");
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)
            .map_err(failed(&log_path))?;
        let program = &config.programs.branchd;
        let mut command = Command::new(program);
        command.args([
            "start",
            "--id",
            &number.to_string(),
            "--listen",
            &listen.to_string(),
            "--election-timeout",
            &format!("{}ms", config.election_timeout.as_millis()),
            "--announce",
            "--data",
        ]);
        command.arg(dir.join("data")).stdout(Stdio::piped()).stderr(log);
        match config.lifetime {
            Lifetime::WithLauncher => command.arg("--stop-with-stdin").stdin(Stdio::piped()),
            Lifetime::Kept => command.stdin(Stdio::null()),
        };
        for (to, address) in via {
            command.args(["--via", &format!("{to}={address}")]);
        }
        command.args(&config.branch_args);
        let (process, pipes) = Process::spawn(&mut command).map_err(failed(program))?;
        let stdout = pipes
            .stdout
            .map(ChildStdout::from_std)
            .transpose()
            .map_err(failed(program))?;
        Ok(BranchProcess {
            number,
            address: listen,
            dir,
            process,
            stdin: pipes.stdin,
            stdout: stdout.map(BufReader::new),
        })
    }

    /// Waits for the announcement and takes the address from it.
    pub(super) async fn announced(&mut self, within: Duration) -> Result<(), ClusterError> {
        let mut line = String::new();
        if let Some(stdout) = &mut self.stdout {
            let mut bounded = stdout.take(ANNOUNCEMENT_BYTES_MAX);
            if tokio::time::timeout(within, bounded.read_line(&mut line))
                .await
                .is_err()
            {
                return Err(ClusterError::Silent {
                    branch: self.number,
                    within,
                    log: self.log_path(),
                });
            }
        }
        match serde_json::from_str::<Announcement>(&line) {
            Ok(announcement) if announcement.branch == self.number => {
                self.address = announcement.address;
                Ok(())
            }
            // It closed its stdout, so it is ending.
            _ if line.is_empty() => Err(self.ended_error(self.process.ended().await)),
            _ => Err(ClusterError::Announcement {
                branch: self.number,
                line,
            }),
        }
    }

    fn ended_error(&self, status: ExitStatus) -> ClusterError {
        let log = self.log_path();
        ClusterError::Ended {
            branch: self.number,
            status,
            last_words: last_line(&log),
            log,
        }
    }

    /// The error that it has ended, if it has.
    pub(super) fn failed(&self) -> Option<ClusterError> {
        self.process.status().map(|status| self.ended_error(status))
    }

    /// The error that it ended otherwise than it was told to, if it did. One that had only just been started may not
    /// have listened to SIGTERM yet.
    pub(super) fn ended_badly(&self, status: ExitStatus) -> Option<ClusterError> {
        let as_told = status.success() || status.signal() == Some(Signal::TERM.as_raw());
        (!as_told).then(|| self.ended_error(status))
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.status().is_none().then(|| self.process.pid())
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<(), ClusterError> {
        self.process.signal(signal).map_err(|source| ClusterError::Signal {
            branch: self.number,
            source,
        })
    }

    /// SIGTERM, and SIGCONT for one that was paused.
    pub(super) fn ask_to_stop(&self) {
        let _ = self.process.signal(Signal::TERM);
        let _ = self.process.signal(Signal::CONT);
    }

    pub(super) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub(super) async fn ended(&self) -> ExitStatus {
        self.process.ended().await
    }

    pub(super) fn wait_until(&self, deadline: Instant) {
        self.process.wait_until(deadline);
    }

    /// Lets it run on; its process's number, if it runs.
    pub(super) fn leave(self) -> Option<u32> {
        let pid = self.pid();
        self.process.leave();
        pid
    }
}
