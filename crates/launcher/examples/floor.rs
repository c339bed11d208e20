//! Measures what no replicated write on this host can avoid. Run `cargo run --release -p launcher --example floor [DIR]`.
//! It writes a file in DIR, or in the current directory, and removes it.
//!
//! - One sync: 4 KiB and fdatasync, in a file that was filled with zeros before.
//! - One round trip: a call over gRPC on the loopback interface, whose answer is the request. Client and server have a
//!   thread each.
//! - The processor time of such a call, in client and server together: one client, then many.

mod load;

use load::{percentile_us, processor_us};
use std::error::Error;
use std::future::{Ready, ready};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileExt;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

const BLOCK_LEN: usize = 4096;
const BLOCKS: usize = 4096;
const CALLS_TIME: Duration = Duration::from_secs(5);
const CLIENTS: usize = 64;
/// Length of a message in bytes: about that of a deposit.
const MESSAGE_LEN: usize = 64;
const PATH: &str = "/floor.Echo/Call";

type Failed = Box<dyn Error + Send + Sync>;

#[derive(Clone, PartialEq, prost::Message)]
struct Bytes {
    #[prost(bytes = "vec", tag = "1")]
    bytes: Vec<u8>,
}

/// A gRPC service with one call, which returns its request.
#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "floor.Echo";
}

impl UnaryService<Bytes> for Echo {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let codec = ProstCodec::<Bytes, Bytes>::default();
        Box::pin(async move { Ok(tonic::server::Grpc::new(codec).unary(Echo, request).await) })
    }
}

fn main() -> Result<(), Failed> {
    let dir = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let synced = syncs(dir.as_ref())?;
    println!(
        "4 KiB and fdatasync in a filled file: {:.0} us (median), {:.0} us (99th of 100)",
        percentile_us(&synced, 50),
        percentile_us(&synced, 99)
    );
    let address = served()?;
    for clients in [1, CLIENTS] {
        let before = processor_us([std::process::id()]);
        let called = calls(address, clients)?;
        let after = processor_us([std::process::id()]);
        print!(
            "gRPC on loopback, {clients} clients: {:.0} us (median), {:.0} a second",
            percentile_us(&called, 50),
            called.len() as f64 / CALLS_TIME.as_secs_f64()
        );
        match after.zip(before) {
            Some((after, before)) => println!(
                ", {:.1} us of processor time a call",
                after.saturating_sub(before) as f64 / called.len() as f64
            ),
            None => println!(),
        }
    }
    Ok(())
}

/// Writes and syncs each block of a file that is there already. Returns the sorted durations.
fn syncs(dir: &std::path::Path) -> Result<Vec<Duration>, Failed> {
    let mut file = tempfile::tempfile_in(dir)?;
    for _ in 0..BLOCKS {
        file.write_all(&[0; BLOCK_LEN])?;
    }
    file.sync_all()?;
    let mut taken = Vec::new();
    for block in 0..BLOCKS {
        let begun = Instant::now();
        file.write_all_at(&[1; BLOCK_LEN], (block * BLOCK_LEN) as u64)?;
        file.sync_data()?;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    Ok(taken)
}

/// Serves [`Echo`] on a thread of its own until the program ends.
fn served() -> Result<SocketAddr, Failed> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?).with_nodelay(Some(true));
            Server::builder()
                .add_service(Echo)
                .serve_with_incoming(incoming)
                .await?;
            Ok::<_, Failed>(())
        })
    });
    Ok(address)
}

/// Calls from clients with a connection each, one call after the other. Returns the sorted durations.
fn calls(address: SocketAddr, clients: usize) -> Result<Vec<Duration>, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let until = Instant::now() + CALLS_TIME;
    let load = (0..clients).map(|_| client(address, until));
    let mut taken = runtime.block_on(futures::future::try_join_all(load))?.concat();
    taken.sort_unstable();
    Ok(taken)
}

async fn client(address: SocketAddr, until: Instant) -> Result<Vec<Duration>, Failed> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    let mut grpc = Grpc::new(endpoint.timeout(CALLS_TIME).connect().await?);
    let mut taken = Vec::new();
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(taken);
        }
        let request = Bytes {
            bytes: vec![0; MESSAGE_LEN],
        };
        grpc.ready().await?;
        let codec = ProstCodec::<Bytes, Bytes>::default();
        let called = grpc
            .unary(Request::new(request), PathAndQuery::from_static(PATH), codec)
            .await;
        called?;
        taken.push(begun.elapsed());
    }
}
