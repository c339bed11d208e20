//! Branches that are absent until the journal no longer reaches back to them. Meanwhile they cost the leader nothing.
//! When they come back they receive a snapshot of the books.

use crate::support::bank::{Bank, Ran, start_customer, status};
use crate::support::wait_for;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The least there is, so that few writes are many.
const FLAGS: &str = "--checkpoint-entries 64";
/// Past two checkpoints, the first of which is then purged.
const WRITES: usize = 160;

/// What the leader says, once for each branch that is away and each time that the reason is another.
const TAKES_NONE: &str = "needs a whole copy of the books, and takes none yet";
/// What it says at the beginning of each copy.
const SENDING: &str = "sending the whole books to a branch";

async fn bank(branches: u32) -> Bank {
    let dir = tempfile::tempdir().expect("a directory");
    Bank::with(branches, dir, FLAGS).await
}

/// As many journal entries: each waits for the one before.
fn write(bank: &Bank, at: u32) {
    let args = format!("--bank {} replay", bank.file().display());
    let mut customer = start_customer(&args, Stdio::piped());
    let event = format!("{{\"interface\":\"deposit\",\"branch\":{at},\"money\":1}}\n");
    let mut stdin = customer.stdin.take().expect("piped");
    stdin.write_all(event.repeat(WRITES).as_bytes()).expect("told");
    drop(stdin);
    let ran = Ran::of(customer.wait_with_output().expect("ended"));
    assert_eq!((ran.code, ran.lines().len()), (Some(0), WRITES), "{ran:?}");
}

/// How often a branch has logged this.
fn said(bank: &Bank, branch: u32, words: &str) -> usize {
    let log = bank.cluster.log_path(branch).expect("known");
    fs::read_to_string(log).expect("a log").matches(words).count()
}

fn await_said(bank: &Bank, branch: u32, words: &str, times: usize) {
    wait_for(words, || (said(bank, branch, words) >= times).then_some(()));
}

/// The files of a branch that are no part of it for good.
fn scratch(data: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(data).expect("listed").flatten().map(|file| file.path());
    let passing = |path: &PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        ![
            "branch.json",
            "journal",
            "secret",
            "LOCK",
            "ledger.db",
            "ledger.db-shm",
            "ledger.db-wal",
        ]
        .contains(&name.as_str())
    };
    files.filter(passing).collect()
}

fn data(bank: &Bank, branch: u32) -> PathBuf {
    bank.cluster.data_dir(branch).expect("known")
}

fn assert_clean(bank: &Bank, branch: u32) {
    let found = scratch(&data(bank, branch));
    assert!(found.is_empty(), "branch {branch}: {found:?}");
}

/// How much a process has had written to disks so far, in bytes, where the system tells.
fn written(bank: &Bank, branch: u32) -> Option<u64> {
    let pid = bank.cluster.pid(branch).expect("known").expect("runs");
    let io = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "))?;
    line.parse().ok()
}

/// Makes the books of a branch larger by so many bytes, from beside it.
fn enlarge(data: &Path, bytes: u64) {
    let books = rusqlite::Connection::open(data.join("ledger.db")).expect("opened");
    books.busy_timeout(Duration::from_secs(10)).expect("set");
    let padding = format!("CREATE TABLE padding (bytes BLOB); INSERT INTO padding VALUES (zeroblob({bytes}))");
    books.execute_batch(&padding).expect("written");
}

#[tokio::test]
async fn branches_that_are_away_cost_their_leader_nothing_and_are_sent_the_books_when_they_are_back() {
    let mut bank = bank(5).await;
    let all = [1, 2, 3, 4, 5];
    let leader = bank.leader(&all);
    let away: Vec<u32> = all.into_iter().filter(|branch| *branch != leader).take(2).collect();
    for branch in &away {
        bank.kill(*branch).await;
    }
    write(&bank, leader);
    await_said(&bank, leader, TAKES_NONE, 2);

    // An idle leader, with nobody there: as many looks as ten tries would take, and more.
    let before = written(&bank, leader);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        assert_clean(&bank, leader);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    if let (Some(before), Some(after)) = (before, written(&bank, leader)) {
        assert!(after - before < 64 << 10, "{} bytes", after - before);
    }
    assert_eq!(said(&bank, leader, SENDING), 0);
    assert_eq!(said(&bank, leader, TAKES_NONE), 2, "one line for each that is away");

    for branch in &away {
        bank.restart(*branch).await;
    }
    let position = status(&bank.address(leader))["position"].clone();
    for branch in &away {
        wait_for("the position of the leader", || {
            assert_clean(&bank, leader);
            (status(&bank.address(*branch))["position"] == position).then_some(())
        });
    }
    assert_eq!(said(&bank, leader, SENDING), 2);
    bank.assert_agree();
    for branch in all {
        assert_clean(&bank, branch);
    }
    bank.stop().await;
}

/// How much the books are enlarged by: receiving and installing them takes many times longer than finding that it goes
/// on.
const LARGE: u64 = 16 << 20;

#[tokio::test]
async fn a_copy_that_is_cut_short_leaves_nothing_at_either_side() {
    let mut bank = bank(3).await;
    let leader = bank.leader(&[1, 2, 3]);
    let (away, third) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    bank.kill(away).await;
    write(&bank, leader);
    enlarge(&data(&bank, leader), LARGE);
    await_said(&bank, leader, TAKES_NONE, 1);
    let comes = || wait_for("a copy that comes", || scratch(&data(&bank, away)).pop());

    // The receiver dies.
    bank.cluster.restart(away).await.expect("back");
    comes();
    bank.kill(away).await;
    assert_clean(&bank, leader);
    let left = scratch(&data(&bank, away));
    bank.cluster.restart(away).await.expect("back");
    wait_for("the end of a copy of before", || {
        left.iter().all(|file| !file.exists()).then_some(())
    });

    // The sender dies.
    comes();
    bank.cluster.pause(away).expect("paused");
    bank.kill(leader).await;
    bank.cluster.resume(away).expect("resumed");
    wait_for("a receiver without scratch", || {
        scratch(&data(&bank, away)).is_empty().then_some(())
    });
    bank.at(third, "deposit 1").done();
    bank.restart(leader).await;
    bank.assert_agree();
    for branch in [1, 2, 3] {
        assert_clean(&bank, branch);
    }
    bank.stop().await;
}

/// A file system of its own, gone with this value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount one.
    fn at(path: PathBuf, mib: u64) -> Option<Self> {
        fs::create_dir_all(&path).expect("made");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(&path);
        let mounted = mount.stdout(Stdio::null()).stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(path))
    }

    /// Takes up all room but so many bytes.
    fn fill(&self, bytes_left: u64) -> PathBuf {
        let found = rustix::fs::statvfs(&self.0).expect("asked");
        let taken = (found.f_bavail * found.f_frsize).saturating_sub(bytes_left);
        let filler = self.0.join("filler");
        fs::write(&filler, vec![1; usize::try_from(taken).expect("small")]).expect("filled");
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn full_disks_stop_no_leader_and_are_told_by_the_branch_that_has_no_room() {
    let dir = tempfile::tempdir().expect("a directory");
    let small = |branch: u32| SmallDisk::at(dir.path().join(format!("branch-{branch}/data")), 128);
    let disks: Option<Vec<SmallDisk>> = (1..=3).map(small).collect();
    let Some(disks) = disks else {
        println!("skipped: mounting a small file system takes root on Linux");
        return;
    };
    let mut bank = Bank::with(3, dir, FLAGS).await;
    let leader = bank.leader(&[1, 2, 3]);
    let away = leader % 3 + 1;
    let disk = |branch: u32| &disks[branch as usize - 1];
    bank.kill(away).await;
    write(&bank, leader);
    enlarge(&data(&bank, leader), 24 << 20);
    await_said(&bank, leader, TAKES_NONE, 1);

    // The leader has room for writes and none for a copy. The branch that is back has room for one copy, and needs two.
    disk(leader).fill(20 << 20);
    let filler = disk(away).fill(40 << 20);
    bank.restart(away).await;
    await_said(&bank, leader, "are needed to take the books: make room there", 1);
    assert_eq!(said(&bank, leader, SENDING), 0);
    fs::remove_file(filler).expect("removed");
    let position = status(&bank.address(leader))["position"].clone();
    wait_for("the position of the leader", || {
        (status(&bank.address(away))["position"] == position).then_some(())
    });
    assert_eq!(said(&bank, leader, SENDING), 1);
    assert_eq!(status(&bank.address(leader))["role"], "leader");
    assert!(bank.cluster.ended(leader).expect("known").is_none());
    bank.at(leader, "deposit 1").done();
    bank.stop().await;
    drop(disks);
}
