//! Measures what an absent branch costs the leader. Run `cargo build --release --workspace --bins`, then `cargo run
//! --release -p launcher --example away_cost [BOOKS_MIB] [DISK_MIB]`. It prints a line for each measurement, and needs
//! Linux because it reads `/proc`. With DISK_MIB each branch has a disk of that size, which only root can mount; the
//! absent branch gets a larger one before it comes back.
//!
//! One of three branches is killed. The leader's books are enlarged, and written until the journal no longer reaches
//! back to the absent branch. Then nobody writes for some seconds, then a customer deposits, then the branch comes
//! back.

use bank_client::{Client, ClientOptions, Level, Propagation, Session};
use bank_cluster::{Cluster, ClusterConfig};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const BOOKS_MIB: u32 = 90;
const IDLE: Duration = Duration::from_secs(10);
const DEPOSITS: usize = 500;
/// Size of the disk of the branch that comes back. It holds two copies of the books.
const ROOM_MIB: u32 = 1024;
/// Pause between two looks at a directory.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Unit of processor times in `/proc`, on every Linux in use.
const TICKS_PER_SECOND: f64 = 100.0;
const BACK_TIMEOUT: Duration = Duration::from_secs(60);

type Failed = Box<dyn Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let mib = arguments.next().map_or(Ok(BOOKS_MIB), |text| text.parse())?;
    let disk: Option<u32> = arguments.next().map(|text| text.parse()).transpose()?;
    let dir = tempfile::tempdir()?;
    let mut config = ClusterConfig::new(dir.path(), 1..=3)?;
    config.branch_args = ["--checkpoint-entries", "64"].map(Into::into).to_vec();
    let _disks: Vec<Disk> = match disk {
        Some(mib) => (1..=3)
            .map(|n| Disk::mount(dir.path(), n, mib))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let mut cluster = Cluster::running(config, 0).await?;
    println!("deposits with all there: {}", deposits(&cluster, 1).await?);

    let leader = leads(&cluster).await?;
    let away = leader % 3 + 1;
    cluster.kill(away).await?;
    let data = cluster.data_dir(leader)?;
    enlarge(&data.join("ledger.db"), mib)?;
    deposits(&cluster, leader).await?;
    // Wait until the work that the deposits caused is done.
    tokio::time::sleep(Duration::from_secs(1)).await;
    idle(&cluster, leader, &data).await?;
    println!("deposits with one away: {}", deposits(&cluster, leader).await?);

    if disk.is_some() {
        Disk::grow(&cluster.data_dir(away)?)?;
    }
    back(&mut cluster, leader, away).await?;
    println!("left of copies at the leader: {:?}", copies(&data));
    cluster.stop().await?;
    Ok(())
}

/// The branch that leads after a deposit.
async fn leads(cluster: &Cluster) -> Result<u32, Failed> {
    for number in cluster.numbers() {
        let mut status = Command::new(&cluster.programs().branchd);
        status.args(["status", "--json", "--branch", &cluster.address(number)?.to_string()]);
        let status: serde_json::Value = serde_json::from_slice(&status.output()?.stdout)?;
        if status["role"] == "leader" {
            return Ok(number);
        }
    }
    Err("no branch leads".into())
}

/// Deposits at one branch, one after the other, and returns the durations as text.
async fn deposits(cluster: &Cluster, branch: u32) -> Result<String, Failed> {
    let bank = cluster.bank().ok_or("the bank was not founded")?;
    let client = Client::of_bank(bank, ClientOptions::default());
    let mut session = Session::default();
    let mut taken = Vec::new();
    for _ in 0..DEPOSITS {
        let begun = Instant::now();
        client
            .deposit(Some(branch), &mut session, Propagation::default(), "main", 1)
            .await?;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    let percentile = |percent: usize| taken[(DEPOSITS * percent).div_ceil(100) - 1].as_secs_f64() * 1e3;
    Ok(format!(
        "{:.2} ms (median), {:.2} ms (99th of 100)",
        percentile(50),
        percentile(99)
    ))
}

/// Adds this many MiB to the books, as a person at a shell can.
fn enlarge(books: &Path, mib: u32) -> Result<(), Failed> {
    let books = rusqlite::Connection::open(books)?;
    books.busy_timeout(Duration::from_secs(10))?;
    books.execute_batch("CREATE TABLE padding (bytes BLOB)")?;
    // One transaction for each MiB, so that the write-ahead log stays small.
    for _ in 0..mib {
        books.execute_batch("INSERT INTO padding VALUES (zeroblob(1048576))")?;
    }
    Ok(())
}

async fn idle(cluster: &Cluster, leader: u32, data: &Path) -> Result<(), Failed> {
    let before = Cost::of(cluster, leader)?;
    let began = Instant::now();
    let mut seen = std::collections::BTreeSet::new();
    while began.elapsed() < IDLE {
        seen.extend(copies(data));
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let copies = seen
        .iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "db"));
    println!(
        "leader idle for {IDLE:?}: {} copies, {}",
        copies.count(),
        Cost::of(cluster, leader)?.since(&before)
    );
    Ok(())
}

async fn back(cluster: &mut Cluster, leader: u32, away: u32) -> Result<(), Failed> {
    let bank = cluster.bank().ok_or("the bank was not founded")?;
    let client = Client::of_bank(
        bank,
        ClientOptions {
            failover: false,
            ..ClientOptions::default()
        },
    );
    let newest = client
        .query(Some(leader), &mut Session::default(), Level::Strong, "main")
        .await?;
    let before = Cost::of(cluster, leader)?;
    let began = Instant::now();
    cluster.restart(away).await?;
    cluster.await_position(&[away], newest.position, BACK_TIMEOUT).await?;
    let took = began.elapsed();
    println!(
        "back after {:.2} s; the leader: {}",
        took.as_secs_f64(),
        Cost::of(cluster, leader)?.since(&before)
    );
    Ok(())
}

/// The files of snapshots that are being received.
fn copies(data: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(data)
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path());
    files
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("incoming-"))
        })
        .collect()
}

/// The resources that a process has used so far.
struct Cost {
    written_bytes: u64,
    processor: Duration,
    resident_kib: u64,
}

impl Cost {
    fn of(cluster: &Cluster, branch: u32) -> Result<Self, Failed> {
        let pid = cluster.pid(branch)?.ok_or("the leader has ended")?;
        let io = fs::read_to_string(format!("/proc/{pid}/io"))?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc")?;
        let field = |at: usize| -> Result<u64, Failed> {
            Ok(fields
                .split_whitespace()
                .nth(at)
                .ok_or("a field is missing in /proc")?
                .parse()?)
        };
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
        let ticks = field(11)? + field(12)?;
        Ok(Self {
            written_bytes: written.ok_or("no write_bytes in /proc")?.parse()?,
            processor: Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND),
            resident_kib: resident.ok_or("no VmRSS in /proc")?.trim().parse()?,
        })
    }

    fn since(&self, before: &Self) -> String {
        format!(
            "{:.1} MB written, {:.2} s of processor time, {} to {} MiB resident",
            (self.written_bytes - before.written_bytes) as f64 / 1e6,
            (self.processor - before.processor).as_secs_f64(),
            before.resident_kib >> 10,
            self.resident_kib >> 10
        )
    }
}

/// A file system in memory. It is unmounted when it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(dir: &Path, branch: u32, mib: u32) -> Result<Self, Failed> {
        let path = dir.join(format!("branch-{branch}/data"));
        fs::create_dir_all(&path)?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(&path);
        if !mount.status()?.success() {
            return Err("a disk of its own takes root: leave DISK_MIB out".into());
        }
        Ok(Self(path))
    }

    fn grow(path: &Path) -> Result<(), Failed> {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,size={ROOM_MIB}m")]).arg(path);
        mount.status()?;
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A lazy unmount, because a branch that is stopping may still have a file open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
