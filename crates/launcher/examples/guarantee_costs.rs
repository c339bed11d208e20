//! Measures the cost of each guarantee. Run `cargo build --release --workspace --bins`, then
//! `cargo run --release -p launcher --example guarantee_costs [ROUNDS]`. It prints the table of `docs/CONSISTENCY.md`.
//!
//! A customer deposits at one branch, reads there, then reads at the next branch. Each round begins one branch further.
//! The deposit and the last read are timed. All combinations take turns within a round, each with its own session, so
//! that other load on the machine affects all of them.

use bank_client::{Client, ClientOptions, Level, Propagation, Session};
use bank_cluster::network::{LinkSet, LinkState};
use bank_cluster::{Cluster, ClusterConfig};
use std::error::Error;
use std::time::{Duration, Instant};

/// Delay of each message between branches, in one direction.
const DELAY: Duration = Duration::from_millis(20);
/// Many times the round trip, so that a slow network does not look like a lost leader.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);
const ROUNDS: usize = 50;

/// A bank to measure.
struct Setup {
    branches: u32,
    delay: Option<Duration>,
}

/// The measurements of one combination of level and propagation at one bank.
#[derive(Default)]
struct Measured {
    writes: Vec<Duration>,
    reads: Vec<Duration>,
    /// Number of reads that did not show the customer's own deposit.
    past: usize,
}

type Failed = Box<dyn Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let rounds = std::env::args().nth(1).map_or(Ok(ROUNDS), |text| text.parse())?;
    let setups = [3, 10].map(|branches| [None, Some(DELAY)].map(|delay| Setup { branches, delay }));
    let mut columns = Vec::new();
    for setup in setups.as_flattened() {
        eprintln!("{} …", setup.title());
        columns.push((setup.title(), measure(setup, rounds).await?));
    }
    print!("{}", table(&columns));
    Ok(())
}

fn combinations() -> impl Iterator<Item = (Propagation, Level)> {
    let levels = |propagation| Level::ALL.map(|level| (propagation, level));
    Propagation::ALL.into_iter().flat_map(levels)
}

async fn measure(setup: &Setup, rounds: usize) -> Result<Vec<Measured>, Failed> {
    let dir = tempfile::tempdir()?;
    let mut config = ClusterConfig::new(dir.path(), 1..=setup.branches)?;
    config.election_timeout = ELECTION_TIMEOUT;
    let mut cluster = match setup.delay {
        Some(_) => Cluster::relayed(config).await?,
        None => Cluster::new(config),
    };
    cluster.run(0).await?;
    if let (Some(network), Some(delay)) = (cluster.network(), setup.delay) {
        network.apply(LinkSet::All, LinkState::Delay(delay));
    }
    let options = ClientOptions {
        failover: false,
        ..ClientOptions::default()
    };
    let client = Client::of_bank(cluster.bank().ok_or("the bank was not founded")?, options);
    // Open the connections before anything is timed.
    for branch in 1..=setup.branches {
        let at = Some(branch);
        client
            .query(at, &mut Session::default(), Level::Eventual, "main")
            .await?;
    }
    let mut measured: Vec<(Session, Measured)> = combinations().map(|_| Default::default()).collect();
    for (round, _) in (0..setup.branches).cycle().zip(0..rounds) {
        let (here, there) = (round + 1, (round + 1) % setup.branches + 1);
        for ((propagation, level), (session, measured)) in combinations().zip(&mut measured) {
            let begun = Instant::now();
            let written = client.deposit(Some(here), session, propagation, "main", 1).await?;
            measured.writes.push(begun.elapsed());
            client.query(Some(here), session, level, "main").await?;
            let begun = Instant::now();
            let read = client.query(Some(there), session, level, "main").await?;
            measured.reads.push(begun.elapsed());
            measured.past += usize::from(read.position < written.position);
        }
    }
    cluster.stop().await?;
    Ok(measured.into_iter().map(|(_, measured)| measured).collect())
}

impl Setup {
    fn title(&self) -> String {
        let delay = self
            .delay
            .map(|delay| format!(", {} ms between them", delay.as_millis()));
        format!("{} branches{}", self.branches, delay.unwrap_or_default())
    }
}

impl Measured {
    /// The cell of the table, such as `1.2 / 0.3 to 20.4`: the median write, the median read and its 95th percentile;
    /// and the number of reads that saw the past.
    fn cell(&self) -> String {
        let past = match self.past {
            0 => String::new(),
            past => format!("; {past} of {} saw the past", self.reads.len()),
        };
        let (write, read) = (percentile(&self.writes, 50), percentile(&self.reads, 50));
        format!("{write} / {read} to {}{past}", percentile(&self.reads, 95))
    }
}

/// The percentile in milliseconds, by the nearest-rank method.
fn percentile(durations: &[Duration], percent: usize) -> String {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    let value = sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default();
    format!("{:.1}", value.as_secs_f64() * 1e3)
}

fn table(columns: &[(String, Vec<Measured>)]) -> String {
    let titles: String = columns.iter().map(|(title, _)| format!(" {title} |")).collect();
    let rules = " --- |".repeat(columns.len());
    let mut text = format!("| write waits for | read at level |{titles}\n| --- | --- |{rules}\n");
    for (row, (propagation, level)) in combinations().enumerate() {
        let cells = columns.iter().filter_map(|(_, measured)| measured.get(row));
        let cells: String = cells.map(|measured| format!(" {} |", measured.cell())).collect();
        text += &format!("| `{}` | `{}` |{cells}\n", propagation.as_str(), level.as_str());
    }
    text
}
