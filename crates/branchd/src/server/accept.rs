//! Accepts connections, identifies the caller of each, and passes on the connections that get a place.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bank_auth::Audience;
use futures::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::authenticate::Authenticator;
use super::connection::Connection;
use super::open_files;
use crate::branch::Branch;
use crate::callers::{CloseSignal, Connections, Limits, Place};

/// The pause after the system failed to accept a connection, for example because no file descriptor was left.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Accepts connections of these callers until the branch stops. The stream yields each connection once its caller is
/// identified.
pub(super) fn accept(
    listener: TcpListener,
    audience: Audience,
    branch: Arc<Branch>,
) -> impl Stream<Item = Connection> + Unpin {
    let (accepted, incoming) = mpsc::channel(1);
    let connections = branch.config.max_connections.min(open_files::connections());
    let limits = Limits::of(connections, audience);
    let limits = match branch.config.max_connections_per_address {
        Some(connections) => limits.per_address(connections),
        None => limits,
    };
    let connections = Connections::new(limits);
    let (secret, certificates) = (branch.secret.clone(), branch.certificates.clone());
    let authenticator = Arc::new(Authenticator::new(branch.myself(), audience, secret, certificates));
    tokio::spawn(async move {
        let mut stopping = std::pin::pin!(branch.stopping());
        let mut close_stalled = std::pin::pin!(connections.close_stalled());
        loop {
            let next = tokio::select! {
                () = &mut stopping => return,
                () = &mut close_stalled => return,
                next = listener.accept() => next,
            };
            let (stream, from) = match next {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_REST).await;
                    continue;
                }
            };
            let (place, close_signal, limit) = connections.arrive(from);
            let arrival = Arrival {
                stream,
                from,
                place,
                close_signal,
                limit,
            };
            // On its own task, so that a silent connection does not delay others. The places bound the number of tasks.
            let (branch, authenticator, accepted) = (Arc::clone(&branch), Arc::clone(&authenticator), accepted.clone());
            tokio::spawn(async move {
                match arrival.identify(&branch, &authenticator).await {
                    // Sending fails only after the server has ended.
                    Ok(connection) => drop(accepted.send(connection).await),
                    Err(error) => tracing::debug!(%from, %error, "a connection was not taken"),
                }
            });
        }
    });
    ReceiverStream::new(incoming)
}

/// A connection whose caller is not identified yet.
struct Arrival {
    stream: TcpStream,
    from: SocketAddr,
    place: Place,
    close_signal: CloseSignal,
    /// How long each step of the arrival may take.
    limit: Duration,
}

impl Arrival {
    /// Identifies the caller and takes a place of the caller's kind.
    async fn identify(mut self, branch: &Branch, authenticator: &Authenticator) -> io::Result<Connection> {
        // Answers are small, and callers wait for them.
        self.stream.set_nodelay(true)?;
        let identified = tokio::select! {
            identified = tokio::time::timeout(self.limit, authenticator.authenticate(self.stream, self.from)) => {
                identified?.map_err(io::Error::other)?
            }
            () = &mut self.close_signal => return Err(io::ErrorKind::ConnectionAborted.into()),
            () = branch.stopping() => return Err(io::ErrorKind::Interrupted.into()),
        };
        let admitted = self.place.admit(identified.caller, self.from);
        admitted.map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted))?;
        let info = branch
            .customers
            .connection(identified.caller, identified.peer.clone(), Some(self.place.calls()));
        let info = info.over(identified.encryption);
        let (stopping, limit) = (branch.stopping(), self.limit);
        let preface_over = async move {
            // The result does not matter: the time is over, or the branch stops.
            let _ = tokio::time::timeout(limit, stopping).await;
        };
        let connection = Connection::new(identified.stream, info, (self.place, self.close_signal), preface_over);
        Ok(match (&branch.certificates, identified.peer) {
            (Some(certificates), Some(peer)) => connection.until(certificates.clone().over(peer)),
            _ => connection,
        })
    }
}
