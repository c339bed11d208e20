//! A child process that never outlives its owner: killed when dropped, unless it is left on purpose. Waiting for it
//! works with and without a runtime, and takes no polling: a small thread waits for each child's end.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The waiting thread only waits.
const WAITER_STACK_BYTES: usize = 64 << 10;
/// A killed process is gone at once unless it hangs in the kernel; nobody waits longer for that.
const KILL_WAIT: Duration = Duration::from_secs(2);

/// A running or ended child.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    shared: Arc<Shared>,
    left: AtomicBool,
}

#[derive(Debug)]
struct Shared {
    /// Locked while it is signalled and while it is reaped, so that no signal ever reaches another process that was
    /// given the same pid.
    child: Mutex<Child>,
    ended: Condvar,
    status: watch::Sender<Option<ExitStatus>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pipes of a child, as far as the command asked for them.
#[derive(Debug)]
pub struct Pipes {
    /// Closing it is how a branch is told to stop.
    pub stdin: Option<std::process::ChildStdin>,
    /// What the child prints.
    pub stdout: Option<std::process::ChildStdout>,
}

impl Process {
    /// Starts a child in a process group of its own: a Ctrl-C at the shell reaches the launcher alone, which then
    /// stops its children in its own order.
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
        let process = Process {
            pid,
            shared,
            left: AtomicBool::new(false),
        };
        if let Err(error) = waiter.spawn(move || wait(pid, &waited)) {
            let mut child = process.shared.lock();
            let _ = child.kill();
            let _ = child.wait();
            process.shared.status.send_replace(Some(ExitStatus::default()));
            return Err(error);
        }
        Ok((process, pipes))
    }

    /// Its number in this host.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// How it ended, if it has.
    pub fn status(&self) -> Option<ExitStatus> {
        *self.shared.status.borrow()
    }

    /// Sends a signal, unless it has ended.
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

    /// Answers when it has ended.
    pub async fn ended(&self) -> ExitStatus {
        let mut status = self.shared.status.subscribe();
        match status.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or_default(),
            // The sender lives in `self`.
            Err(_) => ExitStatus::default(),
        }
    }

    /// Waits, without a runtime, until it has ended or the time is up.
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

    /// Lets it run on after this value is gone.
    pub fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.left.load(Ordering::Relaxed) && self.status().is_none() {
            let _ = self.signal(Signal::KILL);
            self.wait_until(Instant::now() + KILL_WAIT);
        }
    }
}

/// Waits for the end without reaping, then reaps under the lock.
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
    async fn the_end_is_told_with_and_without_a_runtime() {
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
            .expect("a signal to an ended process goes nowhere");
        assert!(process.ended().await.success());
    }

    #[test]
    fn a_dropped_process_is_gone() {
        let (process, _pipes) = cat();
        let pid = process.pid;
        drop(process);
        assert_eq!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH));
    }

    #[tokio::test]
    async fn a_left_process_lives_on() {
        let (process, pipes) = cat();
        let shared = Arc::clone(&process.shared);
        process.leave();
        drop(process);
        assert_eq!(*shared.status.borrow(), None);
        drop(pipes.stdin);
        assert!(shared.status.subscribe().wait_for(Option::is_some).await.is_ok());
    }

    #[tokio::test]
    async fn signals_arrive() {
        let (process, _pipes) = cat();
        process.signal(Signal::TERM).expect("sent");
        assert_eq!(process.ended().await.signal(), Some(Signal::TERM.as_raw()));
    }
}
