//! Measures for how long a bank of three branches acknowledges no write after it has lost its leader. Run `cargo build
//! --release --workspace --bins`, then `cargo run --release -p launcher --example failover [ROUNDS] [kill|pause]`. It
//! prints the median, the 90th percentile, the maximum and the distribution.
//!
//! Each round kills the leader (SIGKILL) or pauses it (SIGSTOP), and deposits at once at another branch, with one
//! request id for all attempts. The time runs from before the signal to the acknowledgement. Then the branch comes
//! back. The next round begins when every branch has applied the deposit. The branches have the launcher's default
//! timeouts.

use bank_client::{Client, ClientOptions, Level, Operator, Propagation, Session};
use bank_cluster::{Cluster, ClusterConfig};
use std::error::Error;
use std::time::{Duration, Instant};

const ROUNDS: usize = 100;
const BRANCHES: u32 = 3;
/// Bound on each wait for a branch.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks for a leader.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Width of a bar of the distribution.
const BAR: Duration = Duration::from_millis(50);

type Failed = Box<dyn Error>;

#[derive(Clone, Copy, PartialEq)]
enum Loss {
    Kill,
    Pause,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let rounds = std::env::args().nth(1).map_or(Ok(ROUNDS), |text| text.parse())?;
    let loss = match std::env::args().nth(2).as_deref() {
        None | Some("kill") => Loss::Kill,
        Some("pause") => Loss::Pause,
        Some(other) => return Err(format!("{other} is neither kill nor pause").into()),
    };
    let dir = tempfile::tempdir()?;
    let mut cluster = Cluster::running(ClusterConfig::new(dir.path(), 1..=BRANCHES)?, 0).await?;
    let mut took = Vec::new();
    for round in 1..=rounds {
        let stall = lose_leader(&cluster, loss, round).await?;
        eprintln!("{round}: {} ms", stall.as_millis());
        took.push(stall);
    }
    cluster.stop().await?;
    print!("{}", told(&took));
    Ok(())
}

/// Plays one round, and returns the time until the next write was acknowledged.
async fn lose_leader(cluster: &Cluster, loss: Loss, round: usize) -> Result<Duration, Failed> {
    let leader = leader(cluster).await?;
    // The two other branches take turns.
    let other = (leader + u32::from(round.is_multiple_of(2))) % BRANCHES + 1;
    let options = ClientOptions {
        timeout: PATIENCE,
        ..ClientOptions::default()
    };
    let client = Client::of_bank(cluster.bank().ok_or("the bank was not founded")?, options);
    let mut session = Session::default();
    // The connection is open before the leader is lost.
    client.query(Some(other), &mut session, Level::Eventual, "main").await?;
    let begun = Instant::now();
    match loss {
        Loss::Kill => cluster.kill(leader).await?,
        Loss::Pause => cluster.pause(leader)?,
    }
    let written = client
        .deposit(Some(other), &mut session, Propagation::Quorum, "main", 1)
        .await?;
    let stall = begun.elapsed();
    match loss {
        Loss::Kill => cluster.restart(leader).await?,
        Loss::Pause => cluster.resume(leader)?,
    }
    cluster
        .await_position(&cluster.numbers(), written.position, PATIENCE)
        .await?;
    Ok(stall)
}

/// Waits until all branches name the same leader, and returns it.
async fn leader(cluster: &Cluster) -> Result<u32, Failed> {
    let begun = Instant::now();
    loop {
        let mut named = Vec::new();
        for branch in cluster.numbers() {
            let address = cluster.address(branch)?.to_string().parse()?;
            named.push(Operator::at(address, PATIENCE).status().await?.leader);
        }
        match named.first() {
            Some(Some(leader)) if named.iter().all(|other| *other == Some(*leader)) => return Ok(*leader),
            _ if begun.elapsed() > PATIENCE => return Err(format!("no leader that all agree on: {named:?}").into()),
            _ => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

fn told(took: &[Duration]) -> String {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    let rank = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted
            .get(rank.saturating_sub(1))
            .map_or(0, std::time::Duration::as_millis)
    };
    let mut text = format!(
        "{} rounds: median {} ms, p90 {} ms, worst {} ms\n",
        sorted.len(),
        rank(50),
        rank(90),
        rank(100)
    );
    let mut bars = std::collections::BTreeMap::<u128, usize>::new();
    for stall in &sorted {
        *bars.entry(stall.as_millis() / BAR.as_millis()).or_default() += 1;
    }
    for (bar, count) in bars {
        let from = bar * BAR.as_millis();
        text += &format!(
            "{from:>5}–{:<5} ms {count:>4} {}\n",
            from + BAR.as_millis(),
            "#".repeat(count)
        );
    }
    text
}
