//! The server of a branch: one listener for customers, operators and the other branches, or one for branches and one
//! for the others. Every limit that the libraries leave to the server is set here.

mod accept;
mod authenticate;
mod bounds;
mod calls;
mod connection;
mod frames;
mod framing;
mod listeners;
pub(crate) mod open_files;
mod permission;
mod request_body;
mod response_body;
mod services;
mod turns;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bank_auth::Audience;
use futures::{Stream, StreamExt, stream};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::Request;
use tower_layer::Layer;

use crate::branch::Branch;
use accept::accept;
use calls::{Bounded, BoundsLayer};
use connection::Connection;
use frames::HEADERS_BYTES_MAX;
pub use listeners::Listeners;
use permission::{Permission, PermissionLayer};
use services::Services;

/// How many calls one connection may have in progress.
const STREAMS_PER_CONNECTION_MAX: u32 = 1024;
/// A connection that resets more streams than this before they are served is closed (CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 64;
/// How many bytes a connection may send before this branch has read them, on one stream and on all. A leader that sends
/// entries at 80 Mbit/s over a round trip of 100 ms fills this window.
const WINDOW_BYTES: u32 = 1 << 20;
/// A connection that answers no ping is closed after both times together.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The services of a branch behind all checks.
type Checked = Permission<Bounded<Services>>;

/// Serves the branch on its listeners until `shutdown`, then finishes the calls in progress. Returns before `shutdown`
/// only if no connection is accepted any more.
///
/// The connections are served by hyper, without tonic's server and its router. Those put seven more layers around each
/// call, and a second timer.
pub(crate) async fn serve(branch: Arc<Branch>, listeners: Listeners, shutdown: impl Future<Output = ()>) {
    let services = BoundsLayer::new().layer(Services::new(&branch));
    let services = PermissionLayer::new(Arc::clone(&branch.access)).layer(services);
    let protocol = protocol();
    let (closing, open) = (CancellationToken::new(), TaskTracker::new());
    let mut shutdown = pin!(shutdown);
    {
        let mut accepted = pin!(accept_at(listeners, branch));
        loop {
            let connection = tokio::select! {
                () = &mut shutdown => break,
                connection = accepted.next() => connection,
            };
            let Some(connection) = connection else { break };
            open.spawn(serve_connection(
                connection,
                services.clone(),
                protocol.clone(),
                closing.clone(),
            ));
        }
    }
    closing.cancel();
    open.close();
    open.wait().await;
}

/// Accepts connections at all listeners.
fn accept_at(listeners: Listeners, branch: Arc<Branch>) -> impl Stream<Item = Connection> {
    let Listeners { customers, branches } = listeners;
    let of_customers = match branches {
        None => Audience::All,
        Some(_) => Audience::Clients,
    };
    let branches = branches.map(|branches| accept(branches, Audience::Branches, Arc::clone(&branch)));
    let customers = accept(customers, of_customers, branch);
    let branches = stream::iter(branches).flatten();
    stream::select(customers, branches)
}

/// Serves one connection until it ends. After `closing` it takes no more calls, and ends with the last one in progress.
async fn serve_connection(
    connection: Connection,
    services: Checked,
    protocol: http2::Builder<TokioExecutor>,
    closing: CancellationToken,
) {
    let info = connection.info();
    let call = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(info.clone());
        // The services are always ready.
        services.clone().call(request.map(Body::new))
    });
    let mut served = pin!(protocol.serve_connection(TokioIo::new(connection), call));
    let ended = tokio::select! {
        biased;
        ended = &mut served => ended,
        () = closing.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// HTTP/2 with the limits of a branch.
fn protocol() -> http2::Builder<TokioExecutor> {
    let mut protocol = http2::Builder::new(TokioExecutor::new());
    protocol
        .timer(TokioTimer::new())
        // No caller reads the date of an answer.
        .auto_date_header(false)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        // Each frame that was under way when its call was refused counts as such an error, over the whole life of a
        // connection. So a bound would end connections that only sent large messages. tonic's server has none either.
        .max_local_error_reset_streams(None)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .max_header_list_size(HEADERS_BYTES_MAX)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    protocol
}
