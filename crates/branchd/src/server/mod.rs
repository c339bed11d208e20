//! The server of a branch: one port for customers, operators and the other branches. Every limit that the libraries
//! leave to the server is set here.

mod accept;
mod authenticate;
mod bounds;
mod calls;
mod connection;
mod framing;
pub(crate) mod open_files;
mod permission;
mod request_body;
mod response_body;

use std::sync::Arc;
use std::time::Duration;

use bank_proto::v1::bank_service_server::BankServiceServer;
use bank_proto::v1::branch_service_server::BranchServiceServer;
use bank_proto::v1::operator_service_server::OperatorServiceServer;
use tokio::net::TcpListener;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;

use crate::api::{BankApi, BranchApi, OperatorApi};
use crate::branch::Branch;
use crate::callers::count_customer;
use crate::peers::MESSAGE_BYTES_MAX;
use accept::accept;
use calls::BoundsLayer;
use permission::PermissionLayer;

/// How many calls one connection may have in progress.
const STREAMS_PER_CONNECTION_MAX: u32 = 1024;
/// A connection that resets more streams than this before they are served is closed (CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 64;
/// The largest message of a customer or operator that is decoded, in bytes. `bounds` has tighter limits for each call.
const CUSTOMER_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// The largest header list of a request, in bytes as HTTP/2 counts them. Our clients send 400 bytes; a proxy adds some.
const HEADERS_BYTES_MAX: u32 = 8 << 10;
/// How many bytes a connection may send before this branch has read them, on one stream and on all. A leader that sends
/// entries at 80 Mbit/s over a round trip of 100 ms fills this window.
const WINDOW_BYTES: u32 = 1 << 20;
/// A connection that answers no ping is closed after both times together.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves the branch on the listener until `shutdown`, then finishes the calls in progress.
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
        .add_service(InterceptedService::new(bank, count_customer))
        .add_service(operator.max_decoding_message_size(CUSTOMER_MESSAGE_BYTES_MAX))
        .add_service(
            peer.max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
        )
        .serve_with_incoming_shutdown(connections, shutdown)
        .await
}
