//! The listening side: one port for customers, operators and the other branches, with every limit that the libraries
//! leave to us set here.

mod bounds;
mod calls;
mod framing;
mod receiving;
mod sending;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bank_proto::v1::bank_service_server::BankServiceServer;
use bank_proto::v1::branch_service_server::BranchServiceServer;
use bank_proto::v1::operator_service_server::OperatorServiceServer;
use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::Connected;

use crate::branch::Branch;
use crate::caller::Doorkeeper;
use crate::customers::{Visitor, welcome};
use crate::peer::MESSAGE_BYTES_MAX;
use crate::permission::PermissionLayer;
use crate::service::{BankApi, BranchApi, OperatorApi};
use calls::BoundsLayer;

pub(crate) use calls::Allowance;

/// How many connections are open at once at the most; a further one is closed as soon as it is accepted. Below the
/// usual limit of 1,024 open files, with room for the branch's own.
const CONNECTIONS_MAX: usize = 900;
/// How many calls one connection may have under way.
const STREAMS_PER_CONNECTION_MAX: u32 = 1024;
/// How many streams one connection may have reset before they were served, until it is closed (CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 64;
/// The largest message from a customer or operator that is decoded, in bytes. `bounds` has the limits of each call.
const CUSTOMER_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// The largest head of a request, in bytes as HTTP/2 counts them. Ours have 400; a proxy adds some.
const HEADERS_BYTES_MAX: u32 = 8 << 10;
/// How much a connection may send that nobody here has read yet, on one stream or on all, in bytes. A leader's entries fill
/// it within a round trip where that takes 100 ms at 80 Mbit/s.
const WINDOW_BYTES: u32 = 1 << 20;
/// A connection that gives no sign of life is closed after both.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take to say who speaks, and then to send the 24 bytes with which every HTTP/2 connection
/// begins. Keepalive only watches over those that have. The handshake of a branch has limits of its own within this one.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(5);
const PREFACE_LEN: usize = 24;
/// How long to rest after the system refused to accept a connection: it is out of something.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Serves the branch on the listener until `shutdown`, then finishes what is under way.
///
/// # Errors
/// The server ended by itself.
pub(crate) async fn serve(
    branch: Arc<Branch>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let bank = BankServiceServer::new(BankApi(Arc::clone(&branch)));
    let operator = OperatorServiceServer::new(OperatorApi(Arc::clone(&branch)));
    let peer = BranchServiceServer::new(BranchApi(Arc::clone(&branch)));
    let bank = bank.max_decoding_message_size(CUSTOMER_MESSAGE_BYTES_MAX);
    let connections = accept(listener, branch);
    Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_header_list_size(HEADERS_BYTES_MAX)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .layer(PermissionLayer)
        .layer(BoundsLayer::new())
        .add_service(InterceptedService::new(bank, welcome))
        .add_service(operator.max_decoding_message_size(CUSTOMER_MESSAGE_BYTES_MAX))
        .add_service(
            peer.max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
        )
        .serve_with_incoming_shutdown(connections, shutdown)
        .await
}

/// Accepts connections until the branch stops. Each is handed on once it is known who opened it.
fn accept(listener: TcpListener, branch: Arc<Branch>) -> impl Stream<Item = io::Result<Connection>> {
    let (accepted, connections) = mpsc::channel(1);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let door = Arc::new(Doorkeeper::new(branch.secret.clone(), branch.myself()));
    tokio::spawn(async move {
        let mut stopping = std::pin::pin!(branch.stopping());
        loop {
            let next = tokio::select! {
                () = &mut stopping => return,
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
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                tracing::warn!(%from, open = CONNECTIONS_MAX, "too many connections: closed one");
                continue;
            };
            // On its own task, so that a connection that says nothing holds up no other. There are as many as places.
            let (branch, door, accepted) = (Arc::clone(&branch), Arc::clone(&door), accepted.clone());
            tokio::spawn(async move {
                match greet(&branch, &door, stream, place).await {
                    // Without a receiver the server has ended.
                    Ok(connection) => drop(accepted.send(Ok(connection)).await),
                    Err(error) => tracing::debug!(%from, %error, "a connection came to nothing"),
                }
            });
        }
    });
    ReceiverStream::new(connections)
}

/// Finds out who opened a connection.
async fn greet(
    branch: &Branch,
    door: &Doorkeeper,
    mut stream: TcpStream,
    place: OwnedSemaphorePermit,
) -> io::Result<Connection> {
    // Answers are small and waited for.
    stream.set_nodelay(true)?;
    let caller = tokio::select! {
        caller = tokio::time::timeout(PREFACE_TIMEOUT, door.recognise(&mut stream)) => caller??,
        () = branch.stopping() => return Err(io::ErrorKind::Interrupted.into()),
    };
    let visitor = branch.customers.visitor(caller);
    Ok(Connection::new(stream, visitor, place, branch.stopping()))
}

/// A connection, and its place among those that may be open.
struct Connection {
    stream: TcpStream,
    visitor: Visitor,
    /// Until it has said who speaks: what of that is still to come, in bytes, and by when.
    preface: Option<Preface>,
    _place: OwnedSemaphorePermit,
}

/// What a connection has not said yet.
struct Preface {
    /// In bytes.
    left: usize,
    /// When it is no longer waited for: its time is over, or the branch stops.
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Connection {
    fn new(
        stream: TcpStream,
        visitor: Visitor,
        place: OwnedSemaphorePermit,
        stopping: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let over = async {
            // Either way it is over.
            let _ = tokio::time::timeout(PREFACE_TIMEOUT, stopping).await;
        };
        let preface = Some(Preface {
            left: PREFACE_LEN,
            over: Box::pin(over),
        });
        Self {
            stream,
            visitor,
            preface,
            _place: place,
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Visitor;

    fn connect_info(&self) -> Visitor {
        self.visitor.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let filled = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(preface) = &mut self.preface {
            preface.left = preface.left.saturating_sub(buf.filled().len() - filled);
            if preface.left == 0 {
                self.preface = None;
            } else if preface.over.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
