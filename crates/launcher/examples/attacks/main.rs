//! Attacks a bank in every way that needs no secret, and measures what that costs the bank and an honest customer. Run
//! `cargo build --release --workspace --bins`, then `cargo run --release -p launcher --example attacks [NAME...]`.
//! Without names it plays all attacks, one after the other, in about a minute and a half.
//!
//! Each attack has a new bank of three branches, and goes to the branch that leads, from one thread. A customer on
//! another thread deposits there over a connection that it has, and queries over one that it opens anew, in turn. All
//! share the processors of this host, so the customer also waits for the attacker's share of them.
//!
//! The table has for each attack the growth of the memory of the branch that grew most, how often the leader changed,
//! the customer's median and worst latency before and during the attack, and what the attacker got.

mod floods;
mod frames;
#[path = "../../tests/support/attack.rs"]
#[allow(dead_code, unreachable_pub)]
mod line;

use bank_client::{Address, BankFile, Client, ClientOptions, Level, Operator, Propagation, Session};
use bank_cluster::{Cluster, ClusterConfig};
use floods::{ATTACKS, Attack, Got, Target};
use line::{Failed, resident};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const BRANCHES: u32 = 3;
/// Accounts in the books, for answers that are worth not reading.
const ACCOUNTS: u32 = 300;
const BEFORE: Duration = Duration::from_secs(1);
const ATTACK: Duration = Duration::from_secs(3);
/// The longest wait of the customer for one answer, and of this program for a branch.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

fn main() -> Result<(), Failed> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = names
        .iter()
        .find(|name| !ATTACKS.iter().any(|(known, _)| known == name))
    {
        let known: Vec<&str> = ATTACKS.iter().map(|(known, _)| *known).collect();
        return Err(format!("{unknown:?} is no attack: the attacks are {}", known.join(", ")).into());
    }
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!(
        "{:<22} {:>10} {:>8} {:>17} {:>17}  the attacker got",
        "", "memory", "leader", "before (ms)", "during (ms)"
    );
    println!(
        "{:<22} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "attack", "MiB more", "changes", "median", "worst", "median", "worst"
    );
    for (name, attack) in ATTACKS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            println!("{}", runtime.block_on(play(name, *attack))?);
        }
    }
    Ok(())
}

/// Plays one attack on a new bank, and returns its line of the table.
async fn play(name: &str, attack: Attack) -> Result<String, Failed> {
    let dir = tempfile::tempdir()?;
    let mut cluster = Cluster::running(ClusterConfig::new(dir.path(), 1..=BRANCHES)?, 0).await?;
    let (leader, term) = leader(&cluster).await?;
    let bank = cluster.bank().ok_or("the bank was not founded")?.clone();
    open_accounts(&bank, leader).await?;
    let mut pids = Vec::new();
    for branch in 1..=BRANCHES {
        pids.push(cluster.pid(branch)?.ok_or("a branch has ended")?);
    }
    let target = Target {
        at: cluster.address(leader)?,
        got: Got::default(),
    };

    let customer = Customer::begin(bank, leader);
    tokio::time::sleep(BEFORE).await;
    let idle: Vec<u64> = pids.iter().map(|pid| resident(*pid).unwrap_or_default()).collect();
    customer.phase.store(DURING, Ordering::Relaxed);
    let attacker = attacker(attack, target.clone());
    let (began, mut grown) = (Instant::now(), 0);
    while began.elapsed() < ATTACK {
        let now = pids.iter().map(|pid| resident(*pid).unwrap_or_default());
        grown = now
            .zip(&idle)
            .map(|(now, idle)| now.saturating_sub(*idle))
            .chain([grown])
            .max()
            .unwrap_or(0);
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    customer.phase.store(OVER, Ordering::Relaxed);
    attacker.join().map_err(|_| "the attacker panicked")?;
    let [before, during] = customer.ended()?;
    let (_, term_after) = self::leader(&cluster).await?;
    cluster.stop().await?;
    Ok(format!(
        "{name:<22} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8}  {}",
        grown >> 20,
        term_after - term,
        before.median(),
        before.worst(),
        during.median(),
        during.worst(),
        target.got
    ))
}

/// Attacks on a thread of its own for [`ATTACK`].
fn attacker(attack: Attack, target: Target) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => {
                let _ = runtime.block_on(async { tokio::time::timeout(ATTACK, attack(target)).await });
                // Tasks that are still under way end with their connections.
                runtime.shutdown_background();
            }
            Err(error) => eprintln!("no attack: {error}"),
        }
    })
}

/// The number of the leader, and its term.
async fn leader(cluster: &Cluster) -> Result<(u32, u64), Failed> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        for branch in 1..=BRANCHES {
            let operator = Operator::at(Address::from(cluster.address(branch)?), PATIENCE);
            if let Ok(status) = operator.status().await
                && status.leader == Some(branch)
            {
                return Ok((branch, status.term));
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Err("no branch leads".into())
}

fn client(bank: &BankFile) -> Client {
    let options = ClientOptions {
        timeout: PATIENCE,
        failover: false,
    };
    Client::of_bank(bank, options)
}

async fn open_accounts(bank: &BankFile, leader: u32) -> Result<(), Failed> {
    let (client, mut session) = (client(bank), Session::default());
    for account in 0..ACCOUNTS {
        let name = format!("an-account-with-a-rather-long-name-{account}");
        client
            .open(Some(leader), &mut session, Propagation::default(), &name)
            .await?;
    }
    Ok(())
}

const OPENING: u8 = 0;
const DURING: u8 = 1;
const OVER: u8 = 2;

/// An honest customer on a thread of its own.
struct Customer {
    phase: Arc<AtomicU8>,
    served: Arc<Mutex<[Latencies; 2]>>,
    thread: JoinHandle<Result<(), String>>,
}

/// How long the customer waited for each answer of one phase, and how many calls failed.
#[derive(Default, Clone)]
struct Latencies {
    taken: Vec<Duration>,
    failed: usize,
}

impl Customer {
    fn begin(bank: BankFile, branch: u32) -> Self {
        let phase = Arc::new(AtomicU8::new(OPENING));
        let served = Arc::new(Mutex::new([Latencies::default(), Latencies::default()]));
        let (of_thread, kept) = (Arc::clone(&phase), Arc::clone(&served));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .map_err(|error| error.to_string())?
                .block_on(deposit_and_query(&bank, branch, &of_thread, &kept));
            Ok(())
        });
        Self { phase, served, thread }
    }

    fn ended(self) -> Result<[Latencies; 2], Failed> {
        self.thread.join().map_err(|_| "the customer panicked")??;
        Ok(self.served.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

async fn deposit_and_query(bank: &BankFile, branch: u32, phase: &AtomicU8, served: &Mutex<[Latencies; 2]>) {
    let (kept, mut session) = (client(bank), Session::default());
    for turn in 0u32.. {
        let begun_in = phase.load(Ordering::Relaxed);
        if begun_in == OVER {
            return;
        }
        let begun = Instant::now();
        let done = if turn.is_multiple_of(2) {
            let deposit = kept.deposit(Some(branch), &mut session, Propagation::default(), "main", 1);
            deposit.await.map(drop).map_err(|error| error.to_string())
        } else {
            let anew = client(bank);
            let query = anew.query(Some(branch), &mut session, Level::Session, "main");
            query.await.map(drop).map_err(|error| error.to_string())
        };
        let mut served = served.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latencies) = served.get_mut(usize::from(begun_in)) {
            latencies.taken.push(begun.elapsed());
            latencies.failed += usize::from(done.is_err());
        }
        if let Err(error) = done {
            eprintln!("the customer was not served: {error}");
        }
    }
}

impl Latencies {
    fn median(&self) -> String {
        let mut taken = self.taken.clone();
        taken.sort_unstable();
        milliseconds(taken.get(taken.len() / 2).copied())
    }

    fn worst(&self) -> String {
        let worst = milliseconds(self.taken.iter().max().copied());
        match self.failed {
            0 => worst,
            failed => format!("{worst} ({failed} failed)"),
        }
    }
}

fn milliseconds(taken: Option<Duration>) -> String {
    taken.map_or("-".to_owned(), |taken| format!("{:.1}", taken.as_secs_f64() * 1e3))
}

impl std::fmt::Display for Got {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts: BTreeMap<&str, u64> = self.counts();
        let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        f.write_str(&counts.join(", "))
    }
}
