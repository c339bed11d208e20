//! A child process that is killed when its owner is dropped. A small thread waits for the end of each child, so that one
//! can wait with and without an async runtime, and nothing is polled.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Stack of the waiting thread, which needs very little.
const WAITER_STACK_BYTES: usize = 64 << 10;
/// Bound on the wait for a killed process, which may hang in the kernel.
const KILL_WAIT: Duration = Duration::from_secs(2);

/// A child process that runs or has ended.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Locked while the child is signalled and while it is reaped. Otherwise a signal might reach another process that
    /// got the same pid.
    child: Mutex<Child>,
    ended: Condvar,
    status: watch::Sender<Option<ExitStatus>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pipes of a child. A pipe is there if the command asked for it.
#[derive(Debug)]
pub struct Pipes {
    /// The child's stdin. A branch stops when it is closed.
    pub stdin: Option<std::process::ChildStdin>,
    /// The child's stdout.
    pub stdout: Option<std::process::ChildStdout>,
}

impl Process {
    /// Starts a child in a process group of its own. So a Ctrl-C at the shell reaches only this process, which stops
    /// its children in order.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<(Self, Pipes)> {
        let mut child = command.process_group(0).spawn()?;
        let pipes = Pipes {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
        };
        let pid = Pid::from_child(&child);
        let status = watch::Sender::new(None);
        let shared = Arc::new(Shared {
            child: Mutex::new(child),
            ended: Condvar::new(),
            status,
        });
        let waited = Arc::clone(&shared);
        let waiter = std::thread::Builder::new()
            .name("wait".to_owned())
            .stack_size(WAITER_STACK_BYTES);
        let process = Process { pid, shared };
        if let Err(error) = waiter.spawn(move || wait(pid, &waited)) {
            let mut child = process.shared.lock();
            let _ = child.kill();
            let _ = child.wait();
            process.shared.status.send_replace(Some(ExitStatus::default()));
            return Err(error);
        }
        Ok((process, pipes))
    }

    /// The pid.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The exit status. `None` while the child runs.
    pub fn status(&self) -> Option<ExitStatus> {
        *self.shared.status.borrow()
    }

    /// Sends a signal. Does nothing if the child has ended.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let _not_reaped_meanwhile = self.shared.lock();
        match self.status() {
            Some(_) => Ok(()),
            None => Ok(rustix::process::kill_process(self.pid, signal)?),
        }
    }

    /// Waits until the child has ended.
    pub async fn ended(&self) -> ExitStatus {
        let mut status = self.shared.status.subscribe();
        match status.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or_default(),
            // The sender lives in `self`.
            Err(_) => ExitStatus::default(),
        }
    }

    /// Blocks the thread until the child has ended or the deadline has passed.
    pub fn wait_until(&self, deadline: Instant) -> Option<ExitStatus> {
        let child = self.shared.lock();
        let left = deadline.saturating_duration_since(Instant::now());
        drop(
            self.shared
                .ended
                .wait_timeout_while(child, left, |_| self.status().is_none()),
        );
        self.status()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.status().is_none() {
            let _ = self.signal(Signal::KILL);
            self.wait_until(Instant::now() + KILL_WAIT);
        }
    }
}

/// Waits for the end of the child without reaping it, then reaps it under the lock.
fn wait(pid: Pid, shared: &Shared) {
    while let Err(rustix::io::Errno::INTR) =
        rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {}
    let mut child = shared.lock();
    let status = child.wait().unwrap_or_default();
    shared.status.send_replace(Some(status));
    shared.ended.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;

    fn cat() -> (Process, Pipes) {
        Process::spawn(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null())).expect("cat runs")
    }

    #[tokio::test]
    async fn one_can_wait_with_and_without_a_runtime() {
        let (process, pipes) = cat();
        assert_eq!(process.status(), None);
        drop(pipes.stdin);
        assert!(process.ended().await.success());
        assert!(
            process
                .wait_until(Instant::now())
                .is_some_and(|status| status.success())
        );
        process
            .signal(Signal::KILL)
            .expect("a signal to an ended process does nothing");
        assert!(process.ended().await.success());
    }

    #[test]
    fn a_dropped_process_is_killed() {
        let (process, _pipes) = cat();
        let pid = process.pid;
        drop(process);
        assert_eq!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH));
    }

    #[tokio::test]
    async fn signals_arrive() {
        let (process, _pipes) = cat();
        process.signal(Signal::TERM).expect("sent");
        assert_eq!(process.ended().await.signal(), Some(Signal::TERM.as_raw()));
    }
}
