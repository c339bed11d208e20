//! Measures what overload by customers costs a bank. Run `cargo build --release --workspace --bins`, then `cargo run
//! --release -p launcher --example overload ATTACK [N]`. Each attack runs on a new bank of three branches, and prints
//! its measurements.
//!
//! - `waits [N]`: N reads wait at the leader. Measures its memory and the duration of deposits.
//! - `unfinished [N]`: N unfinished requests of 0.9 MB, then of 60 kB, on one connection to the leader.
//! - `votes [N]`: N votes of 15 MB on one connection to the leader, as a branch with the bank's secret sends them.
//! - `unread [N]`: N pages of accounts on one connection whose answers are not read.
//! - `idle [N]`: N idle connections to each branch, and the leader is killed. Measures the time until the next deposit
//!   is acknowledged.

#[path = "../tests/support/attack.rs"]
#[allow(dead_code, unreachable_pub)]
mod attack;

use attack::{Call, Failed, Line, QUERY, VOTE, query, resident, unfinished};
use bank_auth::{BranchIdentity, Party};
use bank_client::{Address, Client, ClientOptions, Operator, Propagation, Session};
use bank_cluster::{Cluster, ClusterConfig, SECRET_FILE};
use bank_proto::v1;
use bank_tls::{Connector, Proof};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const BRANCHES: u32 = 3;
const USAGE: &str = "say which attack: waits, unfinished, votes, unread or idle";
const CALLS_PER_LINE: usize = 512;
const DEPOSITS: usize = 300;
/// Duration of the measurement of memory after an attack, and after its connections are closed.
const LOOK: Duration = Duration::from_secs(8);
const ROUNDS: usize = 10;

/// Number of calls by gRPC code. -1 stands for a call without a code.
type Codes = Arc<Mutex<BTreeMap<i32, usize>>>;

struct Attacked {
    cluster: Cluster,
    leader: u32,
    address: SocketAddr,
    pid: u32,
    dir: tempfile::TempDir,
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised)?;
    let mut arguments = std::env::args().skip(1);
    let attack = arguments.next().ok_or(USAGE)?;
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<usize>());
    let mut bank = Attacked::new().await?;
    println!("before: {} MB", bank.memory());
    match attack.as_str() {
        "waits" => waits(&bank, number(20_000)?).await?,
        "unfinished" => {
            let calls = number(800)?;
            for len in [900_000, 60_000] {
                println!("{calls} requests of {len} bytes, all but the last byte sent:");
                let line = Line::open(bank.address).await?;
                begun(&bank, line, QUERY, calls, len).await?;
            }
        }
        "votes" => {
            let line = bank.as_branch().await?;
            begun(&bank, line, VOTE, number(60)?, 15_000_000).await?;
        }
        "unread" => unread(&bank, number(1000)?).await?,
        "idle" => idle(&mut bank, number(900)?).await?,
        _ => return Err(USAGE.into()),
    }
    bank.cluster.stop().await?;
    Ok(())
}

impl Attacked {
    async fn new() -> Result<Self, Failed> {
        let dir = tempfile::tempdir()?;
        let cluster = Cluster::running(ClusterConfig::new(dir.path(), 1..=BRANCHES)?, 0).await?;
        let status = Operator::at(Address::from(cluster.address(1)?), LOOK).status().await?;
        let leader = status.leader.ok_or("no leader")?;
        Ok(Self {
            leader,
            address: cluster.address(leader)?,
            pid: cluster.pid(leader)?.ok_or("it has ended")?,
            cluster,
            dir,
        })
    }

    fn memory(&self) -> u64 {
        resident(self.pid).unwrap_or_default() >> 20
    }

    /// Prints the maximum of the leader's memory over [`LOOK`], and its memory at the end.
    async fn watch(&self, what: &str) {
        let (began, mut most) = (Instant::now(), 0);
        while began.elapsed() < LOOK {
            most = most.max(self.memory());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        println!("{what}: {most} MB at most, then {} MB", self.memory());
    }

    async fn as_branch(&self) -> Result<Line, Failed> {
        let connector = Connector {
            address: self.address.to_string(),
            branch: self.leader,
            bank: None,
            me: Party::Branch(BranchIdentity {
                branch: BRANCHES + 1,
                replica: 7,
            }),
            proof: Proof::Secret(bank_auth::file::read(&self.dir.path().join(SECRET_FILE))?),
            connect_timeout: LOOK,
            observer: None,
        };
        Line::over(connector.dial().await?).await
    }

    /// Deposits at the leader, one after the other, and prints the durations.
    async fn deposits(&self, what: &str) -> Result<(), Failed> {
        let client = self.client(false)?;
        let (mut session, mut taken) = (Session::default(), Vec::new());
        for _ in 0..DEPOSITS {
            let begun = Instant::now();
            let done = client.deposit(Some(self.leader), &mut session, Propagation::default(), "main", 1);
            done.await?;
            taken.push(begun.elapsed());
        }
        println!("{what}: a deposit takes {}", milliseconds(taken));
        Ok(())
    }

    fn client(&self, failover: bool) -> Result<Client, Failed> {
        let bank = self.cluster.bank().ok_or("the bank was not founded")?;
        let options = ClientOptions {
            timeout: Duration::from_secs(60),
            failover,
        };
        Ok(Client::of_bank(bank, options))
    }
}

async fn waits(bank: &Attacked, calls: usize) -> Result<(), Failed> {
    bank.deposits("before").await?;
    let codes = Codes::default();
    let (mut lines, mut left) = (Vec::new(), calls);
    while left > 0 {
        let mut line = Line::open(bank.address).await?;
        let these = left.min(CALLS_PER_LINE);
        for _ in 0..these {
            count(&codes, line.ask(QUERY, &query(u64::MAX)).await?);
        }
        lines.push(line);
        left -= these;
    }
    println!(
        "{calls} reads asked for: {} MB; ended so far, by code: {}",
        bank.memory(),
        said(&codes)
    );
    bank.deposits("under attack").await?;
    drop(lines);
    bank.watch("once the connections are closed").await;
    Ok(())
}

/// Begins requests, and finishes none of them.
async fn begun(bank: &Attacked, mut line: Line, path: &str, calls: usize, len: usize) -> Result<(), Failed> {
    let codes = Codes::default();
    let sending = async {
        for _ in 0..calls {
            let mut call = line.call(path).await?;
            // A refused call reads no more bytes, so the send may time out.
            let _ = tokio::time::timeout(LOOK, call.send(unfinished(len, len - 1), false)).await;
            count(&codes, call);
        }
        Ok::<_, Failed>(())
    };
    let (sent, ()) = tokio::join!(sending, bank.watch("under attack"));
    sent?;
    bank.watch("later").await;
    println!("ended, by code: {}", said(&codes));
    drop(line);
    bank.watch("once the connection is closed").await;
    Ok(())
}

async fn unread(bank: &Attacked, calls: usize) -> Result<(), Failed> {
    let client = bank.client(false)?;
    let mut session = Session::default();
    for account in 0..1000 {
        let name = format!("an-account-with-a-rather-long-name-{account}");
        client
            .open(Some(bank.leader), &mut session, Propagation::default(), &name)
            .await?;
    }
    let mut line = Line::that_takes_nothing(bank.address).await?;
    let mut kept = Vec::new();
    for _ in 0..calls {
        kept.push(
            line.ask("/bank.v1.BankService/ListAccounts", &v1::ListAccountsRequest::default())
                .await?,
        );
    }
    bank.watch("under attack").await;
    let began = Instant::now();
    while !line.is_closed() && began.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("the connection was closed: {}", line.is_closed());
    bank.watch("afterwards").await;
    Ok(())
}

async fn idle(bank: &mut Attacked, connections: usize) -> Result<(), Failed> {
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        let mut lines = Vec::new();
        for branch in 1..=BRANCHES {
            for _ in 0..connections {
                lines.extend(Line::open(bank.cluster.address(branch)?).await);
            }
        }
        let status = Operator::at(Address::from(bank.address), LOOK).status().await?;
        let leader = status.leader.ok_or("no leader")?;
        let client = bank.client(true)?;
        let mut session = Session::default();
        let begun = Instant::now();
        bank.cluster.kill(leader).await?;
        let other = leader % BRANCHES + 1;
        let done = client.deposit(Some(other), &mut session, Propagation::default(), "main", 1);
        done.await?;
        taken.push(begun.elapsed());
        bank.cluster.restart(leader).await?;
        bank.address = bank.cluster.address(other)?;
    }
    println!(
        "{connections} idle connections to each branch: a killed leader is replaced in {}",
        milliseconds(taken)
    );
    Ok(())
}

/// Counts the gRPC code with which a call ends.
fn count(codes: &Codes, call: Call) {
    let codes = Arc::clone(codes);
    tokio::spawn(async move {
        let code = call.ended().await.map_or(-1, |ended| ended.code);
        *codes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(code)
            .or_default() += 1;
    });
}

fn said(codes: &Codes) -> String {
    format!("{:?}", codes.lock().unwrap_or_else(PoisonError::into_inner))
}

fn milliseconds(mut taken: Vec<Duration>) -> String {
    taken.sort_unstable();
    let at = |percent: usize| {
        let rank = (taken.len() * percent).div_ceil(100).saturating_sub(1);
        taken.get(rank).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    format!(
        "{:.1} ms (median), {:.1} ms (95th of 100), {:.1} ms (worst)",
        at(50),
        at(95),
        at(100)
    )
}
