//! Measures deposits from many clients at once. Run `cargo build --release --workspace --bins`, then `cargo run
//! --release -p launcher --example deposit_load [CLIENTS] [SECONDS]`. It prints one line: the deposits per second, and
//! their durations.
//!
//! The bank has three branches. Each client has its own connection to one of them, and deposits again as soon as its
//! last deposit is acknowledged.

use bank_client::{Client, ClientOptions, Propagation, Session};
use bank_cluster::{Cluster, ClusterConfig};
use std::error::Error;
use std::time::{Duration, Instant};

const BRANCHES: u32 = 3;
const CLIENTS: u32 = 64;
const SECONDS: u64 = 10;
/// Time before the first deposit that counts, for connections to open and caches to fill.
const WARM_UP: Duration = Duration::from_secs(1);

type Failed = Box<dyn Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let clients = arguments.next().map_or(Ok(CLIENTS), |text| text.parse())?;
    let seconds = arguments.next().map_or(Ok(SECONDS), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let mut cluster = Cluster::running(ClusterConfig::new(dir.path(), 1..=BRANCHES)?, 0).await?;
    let counted_from = Instant::now() + WARM_UP;
    let until = counted_from + Duration::from_secs(seconds);
    let loads = (0..clients).map(|client| deposits(&cluster, client % BRANCHES + 1, counted_from, until));
    let mut taken = futures::future::try_join_all(loads).await?.concat();
    cluster.stop().await?;
    taken.sort_unstable();
    let percentile = |percent: usize| {
        let at = (taken.len() * percent).div_ceil(100).saturating_sub(1);
        taken.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    println!(
        "{clients} clients: {} deposits a second, one took {:.2} ms (median), {:.2} ms (99th of 100)",
        taken.len() as u64 / seconds,
        percentile(50),
        percentile(99)
    );
    Ok(())
}

/// Deposits at one branch until `until`, and returns the durations.
async fn deposits(cluster: &Cluster, branch: u32, from: Instant, until: Instant) -> Result<Vec<Duration>, Failed> {
    let bank = cluster.bank().ok_or("the bank was not founded")?;
    let client = Client::of_bank(bank, ClientOptions::default());
    let mut session = Session::default();
    let mut taken = Vec::new();
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(taken);
        }
        client
            .deposit(Some(branch), &mut session, Propagation::default(), "main", 1)
            .await?;
        if begun >= from {
            taken.push(begun.elapsed());
        }
    }
}
