//! The attacks. Each goes on until it is dropped.

use super::frames;
use super::line::{Failed, Line, QUERY, query, unfinished};
use bank_proto::v1;
use futures::future::{LocalBoxFuture, join_all};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) type Attack = fn(Target) -> LocalBoxFuture<'static, ()>;

/// All attacks, by name.
pub(super) const ATTACKS: &[(&str, Attack)] = &[
    ("silent-connections", |to| Box::pin(held(to, 2000, Vec::new(), None))),
    ("half-handshakes", |to| Box::pin(held(to, 2000, half_handshake(), None))),
    ("tls-hellos", |to| Box::pin(held(to, 2000, tls_hello(), None))),
    ("slow-headers", |to| {
        Box::pin(held(to, 1000, slow_header(), Some(Duration::from_millis(100))))
    }),
    ("connections", |to| Box::pin(held(to, 4000, frames::begin(), None))),
    ("unfinished-requests", |to| Box::pin(unfinished_requests(to))),
    ("waiting-reads", |to| Box::pin(waiting_reads(to))),
    ("slow-readers", |to| Box::pin(slow_readers(to))),
    ("large-messages", |to| Box::pin(large_messages(to))),
    ("rapid-resets", |to| {
        Box::pin(poured(to, frames::begin(), |n| frames::resets(1 + 1024 * n, 512)))
    }),
    ("pings", |to| {
        Box::pin(poured(to, frames::begin(), |_| frames::ping().repeat(2048)))
    }),
    ("settings", |to| {
        Box::pin(poured(to, frames::begin(), |_| frames::settings().repeat(2048)))
    }),
    ("huge-headers", |to| {
        Box::pin(poured(to, frames::begin(), |n| frames::huge_header(1 + 2 * n)))
    }),
    ("endless-headers", |to| {
        let begin = [frames::begin(), frames::endless_header()].concat();
        Box::pin(poured(to, begin, |_| frames::continuation()))
    }),
    ("random-bytes", |to| Box::pin(poured(to, Vec::new(), |_| random()))),
];

/// How many connections pour bytes at once.
const POURING: usize = 64;
/// How many connections make calls that need many.
const LINES: usize = 16;
/// How many calls each of them makes: more than may be in progress.
const CALLS: usize = 1000;
/// The pause before another try, where the branch accepts no connection.
const AGAIN: Duration = Duration::from_millis(10);

/// The attacked branch, and what the attacker got of it.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) at: SocketAddr,
    pub(super) got: Got,
}

/// Counts what the attacker got.
#[derive(Clone, Default)]
pub(super) struct Got(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Got {
    fn count(&self, what: &'static str) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(what)
            .or_default() += 1;
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Keeps so many connections open that have sent `begin`, and then a byte after each pause. One that is closed is opened
/// again.
async fn held(to: Target, connections: usize, begin: Vec<u8>, pause: Option<Duration>) {
    let one = || async {
        loop {
            if let Ok(mut stream) = TcpStream::connect(to.at).await {
                to.got.count("connections");
                let _ = hold(&mut stream, &begin, pause).await;
                to.got.count("closed");
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    join_all((0..connections).map(|_| one())).await;
}

/// Returns when the branch has closed the connection.
async fn hold(stream: &mut TcpStream, begin: &[u8], pause: Option<Duration>) -> std::io::Result<()> {
    stream.write_all(begin).await?;
    let (mut from, mut into) = stream.split();
    let dripping = async {
        match pause {
            None => std::future::pending().await,
            Some(pause) => loop {
                tokio::time::sleep(pause).await;
                into.write_all(&[0]).await?;
            },
        }
    };
    tokio::select! {
        closed = taken(&mut from) => closed,
        closed = dripping => closed,
    }
}

/// Takes all that the branch sends, up to the end.
async fn taken(from: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<()> {
    let mut answers = vec![0; 16 << 10];
    while from.read(&mut answers).await? > 0 {}
    Ok(())
}

/// Sends `begin` and then without end what `more` makes, from its first to its last call on the connection.
async fn poured(to: Target, begin: Vec<u8>, more: fn(u32) -> Vec<u8>) {
    let one = || async {
        loop {
            if let Ok(mut stream) = TcpStream::connect(to.at).await {
                to.got.count("connections");
                let (mut from, mut into) = stream.split();
                let pouring = async {
                    into.write_all(&begin).await?;
                    for n in 0..1 << 20 {
                        into.write_all(&more(n)).await?;
                        to.got.count("parts sent");
                    }
                    Ok(())
                };
                let _: std::io::Result<()> = tokio::select! {
                    closed = taken(&mut from) => closed,
                    closed = pouring => closed,
                };
                to.got.count("closed");
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    join_all((0..POURING).map(|_| one())).await;
}

/// Makes calls on many connections, `CALLS` on each, and makes them again when all have ended.
async fn called(
    to: &Target,
    open: impl AsyncFn() -> Result<Line, Failed>,
    call: impl AsyncFn(&mut Line) -> Result<super::line::Call, Failed>,
) {
    let one = || async {
        loop {
            if let Ok(mut line) = open().await {
                to.got.count("connections");
                let mut calls = Vec::new();
                for _ in 0..CALLS {
                    match call(&mut line).await {
                        Ok(call) => calls.push(ended(to, call)),
                        Err(_) => break,
                    }
                }
                join_all(calls).await;
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    join_all((0..LINES).map(|_| one())).await;
}

async fn ended(to: &Target, call: super::line::Call) {
    to.got.count("calls");
    to.got.count(match call.ended().await {
        Err(_) => "cut off",
        Ok(ended) => match ended.code {
            0 => "answered",
            4 => "too late",
            7 => "denied",
            8 => "refused (exhausted)",
            11 => "refused (too large)",
            _ => "failed",
        },
    });
}

async fn unfinished_requests(to: Target) {
    let begun = async |line: &mut Line| {
        let mut call = line.call(QUERY).await?;
        // A call that was refused takes no bytes.
        let sent = call.send(unfinished(60_000, 59_999), false);
        let _ = tokio::time::timeout(Duration::from_millis(50), sent).await;
        Ok(call)
    };
    called(&to, async || Line::open(to.at).await, begun).await;
}

async fn waiting_reads(to: Target) {
    let asked = async |line: &mut Line| line.ask(QUERY, &query(u64::MAX)).await;
    called(&to, async || Line::open(to.at).await, asked).await;
}

async fn slow_readers(to: Target) {
    let listing = async |line: &mut Line| {
        line.ask("/bank.v1.BankService/ListAccounts", &v1::ListAccountsRequest::default())
            .await
    };
    called(&to, async || Line::that_takes_nothing(to.at).await, listing).await;
}

async fn large_messages(to: Target) {
    let begun = async |line: &mut Line| {
        let mut call = line.call(QUERY).await?;
        let sent = call.send(unfinished(4 << 20, 64 << 10), false);
        let _ = tokio::time::timeout(Duration::from_millis(50), sent).await;
        Ok(call)
    };
    called(&to, async || Line::open(to.at).await, begun).await;
}

fn half_handshake() -> Vec<u8> {
    let mut begun = bank_auth::messages::MAGIC.to_vec();
    begun.extend([0, 1, 0, 0]);
    begun
}

/// The beginning of a ClientHello of 512 bytes.
fn tls_hello() -> Vec<u8> {
    let mut begun = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    begun.resize(200, 7);
    begun
}

fn slow_header() -> Vec<u8> {
    [frames::begin(), frames::slow_header()].concat()
}

/// Bytes of no protocol. The first is not that of TLS or of the handshake.
fn random() -> Vec<u8> {
    (0..4096).map(|_| fastrand::u8(..)).collect()
}
