//! Asks an address whether a process listens there.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a host may take to accept or refuse a connection. A leader is probed once for each suspicion. A host that
/// does not answer in this time may be slow, and then the silence of the leader decides.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);
/// How long a relay may take to close a connection whose target is gone.
const HANG_UP_TIMEOUT: Duration = Duration::from_millis(20);

/// Whether nothing listens at the address, or behind a relay at the address, although the host answers.
pub(super) async fn is_gone(address: &str) -> bool {
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => {
            // A branch waits for the other side to speak first. A relay hangs up if nothing listens behind it.
            let hung_up = timeout(HANG_UP_TIMEOUT, stream.peek(&mut [0])).await;
            matches!(hung_up, Ok(Ok(0) | Err(_)))
        }
        Ok(Err(error)) => error.kind() == io::ErrorKind::ConnectionRefused,
        Err(_) => false,
    }
}
