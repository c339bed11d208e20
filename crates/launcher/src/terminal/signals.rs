//! Signals that stop the launcher: Ctrl-C, SIGTERM, and SIGHUP from a closed terminal. The first signal asks for an
//! orderly stop, the second for an immediate one.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Receives the signals that stop the launcher.
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Interrupts {
    /// Starts to receive the signals. From now on they do not end the process by themselves.
    ///
    /// # Errors
    /// The operating system reports an error.
    pub fn listen() -> io::Result<Self> {
        Ok(Interrupts {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal. Returns the exit code for it: 128 plus the number of the signal, as in shells.
    pub async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
            _ = self.hangup.recv() => 129,
        }
    }
}
