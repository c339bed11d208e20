//! Accepts connections, finds out who opened each, and hands on those that find a place.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::authenticate::Authenticator;
use super::connection::Connection;
use super::open_files;
use crate::branch::Branch;
use crate::callers::{CloseSignal, Connections, Limits, Place};

/// How long to rest after the system refused to accept a connection: it is out of something.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Accepts connections until the branch stops. Each is handed on once it is known who opened it.
pub(super) fn accept(listener: TcpListener, branch: Arc<Branch>) -> impl Stream<Item = io::Result<Connection>> {
    let (accepted, handed_on) = mpsc::channel(1);
    let connections = branch.config.max_connections.min(open_files::connections());
    let connections = Connections::new(Limits::of(connections));
    let authenticator = Arc::new(Authenticator::new(branch.secret.clone(), branch.myself()));
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
            let (place, close_signal, patience) = connections.arrive(from);
            let arrival = Arrival {
                stream,
                from,
                place,
                close_signal,
                patience,
            };
            // On its own task, so that a connection that says nothing holds up no other. There are as many as places.
            let (branch, authenticator, accepted) = (Arc::clone(&branch), Arc::clone(&authenticator), accepted.clone());
            tokio::spawn(async move {
                match arrival.identify(&branch, &authenticator).await {
                    // Without a receiver the server has ended.
                    Ok(connection) => drop(accepted.send(Ok(connection)).await),
                    Err(error) => tracing::debug!(%from, %error, "a connection came to nothing"),
                }
            });
        }
    });
    ReceiverStream::new(handed_on)
}

/// A connection that has not said yet who opened it.
struct Arrival {
    stream: TcpStream,
    from: SocketAddr,
    place: Place,
    close_signal: CloseSignal,
    /// How long it may take.
    patience: Duration,
}

impl Arrival {
    /// Finds out who opened the connection, and whether there is a place.
    async fn identify(mut self, branch: &Branch, authenticator: &Authenticator) -> io::Result<Connection> {
        // Answers are small and waited for.
        self.stream.set_nodelay(true)?;
        let caller = tokio::select! {
            caller = tokio::time::timeout(self.patience, authenticator.authenticate(&mut self.stream)) => caller??,
            () = &mut self.close_signal => return Err(io::ErrorKind::ConnectionAborted.into()),
            () = branch.stopping() => return Err(io::ErrorKind::Interrupted.into()),
        };
        let settled = self.place.admit(caller, self.from);
        settled.map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted))?;
        let info = branch.customers.connection(caller, Some(self.place.calls()));
        let (stopping, patience) = (branch.stopping(), self.patience);
        let over = async move {
            // Either way it is over.
            let _ = tokio::time::timeout(patience, stopping).await;
        };
        Ok(Connection::new(
            self.stream,
            info,
            (self.place, self.close_signal),
            over,
        ))
    }
}
