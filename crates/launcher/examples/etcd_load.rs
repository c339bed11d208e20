//! Puts the load of `launcher bench` on an etcd cluster, and prints the result as one JSON object with the same keys.
//! `scripts/bench-peers.sh` starts the cluster and runs this program.
//!
//! Each client has a connection of its own to one member, and calls again as soon as its last call is answered. The
//! clients are spread over the members.

mod load;

use clap::{Parser, ValueEnum};
use futures::future::try_join_all;
use load::{percentile_us, processor_us};
use serde_json::json;
use std::error::Error;
use std::time::{Duration, Instant};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

/// Longest time for a connection, and for one call. A call that takes longer counts as an error.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Length of a value in bytes: a request id and a balance.
const VALUE_LEN: usize = 24;

type Failed = Box<dyn Error + Send + Sync>;

#[derive(Parser)]
struct Arguments {
    /// Client addresses of the members, such as 127.0.0.1:2379
    #[arg(long, value_delimiter = ',', required = true)]
    members: Vec<String>,
    /// Process ids of the members, whose processor time is measured
    #[arg(long, value_delimiter = ',')]
    processes: Vec<u32>,
    #[arg(long, default_value_t = 64)]
    clients: usize,
    #[arg(long, value_enum, default_value_t = Operation::Put)]
    op: Operation,
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 10.0)]
    duration: f64,
    /// Seconds before that
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// Threads that the clients share
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Operation {
    /// Put of a value of 24 bytes
    Put,
    /// Serializable read of one key, which the member answers alone
    Range,
}

/// `etcdserverpb.PutRequest`, without the fields that are not set here.
#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `etcdserverpb.PutResponse`, whose header is not read.
#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {}

/// `etcdserverpb.RangeRequest`, without the fields that are not set here.
#[derive(Clone, PartialEq, prost::Message)]
struct RangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bool, tag = "7")]
    serializable: bool,
}

/// `etcdserverpb.RangeResponse`, whose header is not read.
#[derive(Clone, PartialEq, prost::Message)]
struct RangeResponse {
    #[prost(message, repeated, tag = "2")]
    found: Vec<KeyValue>,
}

/// `mvccpb.KeyValue`, of which only the value is read.
#[derive(Clone, PartialEq, prost::Message)]
struct KeyValue {
    #[prost(bytes = "vec", tag = "5")]
    value: Vec<u8>,
}

/// The measured part of a load: calls that begin from `from` until `until`.
#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    until: Instant,
}

impl Window {
    /// The window of a load that starts now.
    fn new(arguments: &Arguments) -> Result<Self, Failed> {
        let after = |time: Instant, seconds| {
            let duration = Duration::try_from_secs_f64(seconds)?;
            time.checked_add(duration)
                .ok_or_else(|| Failed::from("that is too long"))
        };
        let from = after(Instant::now(), arguments.warm_up)?;
        let until = after(from, arguments.duration)?;
        Ok(Self { from, until })
    }
}

#[derive(Default)]
struct Measured {
    /// Durations of the calls that were answered.
    taken: Vec<Duration>,
    errors: usize,
    last_error: Option<Status>,
}

/// A client of etcd's key-value service on one connection.
struct Client {
    grpc: Grpc<Channel>,
    /// State of the generator that chooses keys.
    random: u64,
}

fn main() -> Result<(), Failed> {
    let arguments = Arguments::parse();
    run(fill(&arguments))?;
    let window = Window::new(&arguments)?;
    let (measured, [members_us, load_us]) = std::thread::scope(|scope| {
        let arguments = &arguments;
        let threads: Vec<_> = (0..usize::from(arguments.threads))
            .map(|thread| scope.spawn(move || run(clients_of_thread(arguments, thread, window))))
            .collect();
        let used = processor_used([&arguments.processes, &[std::process::id()]], window);
        let measured = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread of the load panicked")?);
        Ok::<_, Failed>((measured.collect::<Result<Vec<_>, Failed>>()?, used))
    })?;
    let (mut taken, mut errors, mut last_error) = (Vec::new(), 0, None);
    for one in measured.into_iter().flatten() {
        taken.extend(one.taken);
        errors += one.errors;
        last_error = one.last_error.or(last_error);
    }
    if let (true, Some(error)) = (taken.is_empty(), last_error) {
        return Err(format!("no call was answered; the last error: {error}").into());
    }
    taken.sort_unstable();
    let per_operation = |us: Option<u64>| us.map(|us| rounded(us as f64 / taken.len().max(1) as f64));
    let result = json!({
        "operations": taken.len(),
        "operations_per_second": rounded(taken.len() as f64 / arguments.duration),
        "failed": errors,
        "p50_us": rounded(percentile_us(&taken, 50)),
        "p99_us": rounded(percentile_us(&taken, 99)),
        "max_us": rounded(percentile_us(&taken, 100)),
        "branch_cpu_us_per_operation": per_operation(members_us),
        "load_cpu_us_per_operation": per_operation(load_us),
    });
    println!("{result}");
    Ok(())
}

/// To a tenth.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Runs a future on this thread.
fn run<T>(future: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

/// The processor time that two groups of processes use in the window, in microseconds each.
fn processor_used(groups: [&[u32]; 2], window: Window) -> [Option<u64>; 2] {
    let at = |time: Instant| {
        std::thread::sleep(time.saturating_duration_since(Instant::now()));
        groups.map(|group| processor_us(group.iter().copied()))
    };
    let (begun, ended) = (at(window.from), at(window.until));
    [0, 1].map(|group| ended[group]?.checked_sub(begun[group]?))
}

/// Gives each key a value.
async fn fill(arguments: &Arguments) -> Result<(), Failed> {
    let mut client = Client::connected(&arguments.members[0], 0).await?;
    for key in 0..arguments.keys {
        client.put(key).await?;
    }
    Ok(())
}

/// Runs the clients of one thread: each client whose number leaves `thread` when divided by the number of threads.
async fn clients_of_thread(arguments: &Arguments, thread: usize, window: Window) -> Result<Vec<Measured>, Failed> {
    let clients = (thread..arguments.clients)
        .step_by(usize::from(arguments.threads))
        .map(async |number| {
            let member = &arguments.members[number % arguments.members.len()];
            let client = Client::connected(member, number as u64).await?;
            Ok(client.load(arguments.op, arguments.keys, window).await)
        });
    try_join_all(clients).await
}

impl Client {
    async fn connected(member: &str, number: u64) -> Result<Self, Failed> {
        let endpoint = Endpoint::from_shared(format!("http://{member}"))?;
        let channel = endpoint.connect_timeout(TIMEOUT).timeout(TIMEOUT).connect().await?;
        Ok(Self {
            grpc: Grpc::new(channel),
            random: number,
        })
    }

    /// Calls until the end of the window, one call after the other.
    async fn load(mut self, op: Operation, keys: u64, window: Window) -> Measured {
        let mut measured = Measured::default();
        loop {
            let begun = Instant::now();
            if begun >= window.until {
                return measured;
            }
            let key = self.next_random() % keys;
            let answered = match op {
                Operation::Put => self.put(key).await,
                Operation::Range => self.range(key).await,
            };
            match answered {
                _ if begun < window.from => {}
                Ok(()) => measured.taken.push(begun.elapsed()),
                Err(status) => {
                    measured.errors += 1;
                    measured.last_error = Some(status);
                }
            }
        }
    }

    async fn put(&mut self, key: u64) -> Result<(), Status> {
        let request = PutRequest {
            key: key_name(key),
            value: vec![0; VALUE_LEN],
        };
        let PutResponse {} = self.call("/etcdserverpb.KV/Put", request).await?;
        Ok(())
    }

    async fn range(&mut self, key: u64) -> Result<(), Status> {
        let request = RangeRequest {
            key: key_name(key),
            serializable: true,
        };
        let response: RangeResponse = self.call("/etcdserverpb.KV/Range", request).await?;
        match response.found.as_slice() {
            [found] if found.value.len() == VALUE_LEN => Ok(()),
            _ => Err(Status::not_found("the key has no value at this member")),
        }
    }

    async fn call<Q, R>(&mut self, path: &'static str, request: Q) -> Result<R, Status>
    where
        Q: prost::Message + 'static,
        R: prost::Message + Default + 'static,
    {
        let ready = self.grpc.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))?;
        let (path, codec) = (PathAndQuery::from_static(path), ProstCodec::<Q, R>::default());
        let response = self.grpc.unary(Request::new(request), path, codec).await?;
        Ok(response.into_inner())
    }

    /// SplitMix64, so that each client has its own row of keys, the same in every run.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

fn key_name(key: u64) -> Vec<u8> {
    format!("account-{key:03}").into_bytes()
}
