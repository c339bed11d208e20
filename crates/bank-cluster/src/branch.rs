//! One branch as a process. Starts it, reads the address that it announces, and keeps its log.

use crate::config::ClusterConfig;
use crate::error::ClusterError;
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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::ChildStdout;

/// Bound on the length of an announcement, which is one short line.
const ANNOUNCEMENT_BYTES_MAX: u64 = 4096;

/// One branch, whose process runs or has ended.
#[derive(Debug)]
pub(crate) struct BranchProcess {
    pub(crate) number: u32,
    /// The address at which the branch listens. The port may be 0 until the branch announces its address.
    pub(crate) address: SocketAddr,
    dir: PathBuf,
    /// The newest process of the branch. A task that waits for an older process keeps that one.
    started: Mutex<Arc<Started>>,
}

/// One process of a branch.
#[derive(Debug)]
struct Started {
    process: Process,
    /// The branch stops when this pipe is closed. `None` once it is closed.
    stdin: Mutex<Option<ChildStdin>>,
    /// Kept open, so that the branch can print.
    stdout: tokio::sync::Mutex<Option<BufReader<ChildStdout>>>,
}

/// The line that `branchd start --announce` prints.
#[derive(Debug, Deserialize)]
struct Announcement {
    branch: u32,
    address: SocketAddr,
}

impl BranchProcess {
    /// Starts a branch. `via` holds the relay for each other branch, if the branches reach each other through relays.
    pub(crate) fn spawn(
        config: &ClusterConfig,
        number: u32,
        listen: SocketAddr,
        via: impl Iterator<Item = (u32, SocketAddr)>,
    ) -> Result<Self, ClusterError> {
        let dir = config.dir.join(format!("branch-{number}"));
        let started = Started::spawn(config, number, &dir, listen, via)?;
        Ok(BranchProcess {
            number,
            address: listen,
            dir,
            started: Mutex::new(Arc::new(started)),
        })
    }

    /// Starts a process for a branch whose process has ended, at the same address.
    pub(crate) fn respawn(
        &self,
        config: &ClusterConfig,
        via: impl Iterator<Item = (u32, SocketAddr)>,
    ) -> Result<(), ClusterError> {
        let mut started = self.lock();
        if started.process.status().is_none() {
            return Err(ClusterError::StillRuns(self.number));
        }
        *started = Arc::new(Started::spawn(config, self.number, &self.dir, self.address, via)?);
        Ok(())
    }

    /// Waits for the announcement, and returns the address in it.
    pub(crate) async fn announced(&self, within: Duration) -> Result<SocketAddr, ClusterError> {
        let started = self.started();
        let mut line = String::new();
        if let Some(stdout) = started.stdout.lock().await.as_mut() {
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
            Ok(announcement) if announcement.branch == self.number => Ok(announcement.address),
            // The branch closed its stdout, so its process is ending.
            _ if line.is_empty() => Err(self.ended_error(started.process.ended().await)),
            _ => Err(ClusterError::Announcement {
                branch: self.number,
                line,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Started>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn started(&self) -> Arc<Started> {
        Arc::clone(&self.lock())
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

    /// The error for a process that has ended. `None` while it runs.
    pub(crate) fn failed(&self) -> Option<ClusterError> {
        self.started().process.status().map(|status| self.ended_error(status))
    }

    /// The error for a process that failed when it was told to stop. Death by SIGTERM is no failure: a process that has
    /// just been started may not handle the signal yet.
    pub(crate) fn ended_badly(&self, status: ExitStatus) -> Option<ClusterError> {
        let as_told = status.success() || status.signal() == Some(Signal::TERM.as_raw());
        (!as_told).then(|| self.ended_error(status))
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        let process = &self.started().process;
        process.status().is_none().then(|| process.pid())
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), ClusterError> {
        let sent = self.started().process.signal(signal);
        sent.map_err(|source| ClusterError::Signal {
            branch: self.number,
            source,
        })
    }

    /// Sends SIGTERM, and SIGCONT in case the process is paused.
    pub(crate) fn ask_to_stop(&self) {
        let started = self.started();
        let _ = started.process.signal(Signal::TERM);
        let _ = started.process.signal(Signal::CONT);
    }

    pub(crate) fn close_stdin(&self) {
        *self.started().stdin.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) async fn ended(&self) -> ExitStatus {
        self.started().process.ended().await
    }

    pub(crate) fn wait_until(&self, deadline: Instant) {
        self.started().process.wait_until(deadline);
    }
}

impl Started {
    fn spawn(
        config: &ClusterConfig,
        number: u32,
        dir: &Path,
        listen: SocketAddr,
        via: impl Iterator<Item = (u32, SocketAddr)>,
    ) -> Result<Self, ClusterError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| ClusterError::Start {
                branch: number,
                path,
                source,
            }
        };
        fs::create_dir_all(dir).map_err(failed(dir))?;
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
        command.arg("--secret-file").arg(config.secret_path());
        if let Some(directory) = config.certs_dir() {
            command.arg("--certs-dir").arg(directory);
        }
        command.arg("--stop-with-stdin").stdin(Stdio::piped());
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
        Ok(Started {
            process,
            stdin: Mutex::new(pipes.stdin),
            stdout: tokio::sync::Mutex::new(stdout.map(BufReader::new)),
        })
    }
}
