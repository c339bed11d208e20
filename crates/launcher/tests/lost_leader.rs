//! The leader is dead, cut off in one or both directions, or out of disk space. The bank goes on under another leader,
//! no write is lost or applied twice, and a branch that reaches no leader says so.

use crate::support::bank::status;
use crate::support::lead::{address, leader, make_lead};
use crate::support::{PATIENCE, wait_for};
use bank_client::{Client, ClientOptions, Level, Propagation, Session};
use bank_cluster::network::{LinkSet, LinkState};
use bank_cluster::{Cluster, ClusterConfig};
use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use futures::future::try_join_all;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// How long a write may take where the bank can take it: much less than the 20 s in which it used not to.
const DEADLINE: Duration = Duration::from_secs(15);

fn log(cluster: &Cluster, branch: u32) -> String {
    fs::read_to_string(cluster.log_path(branch).expect("known")).expect("a log")
}

/// Shows what the branches said, where a test fails.
struct Logs(PathBuf);

impl Drop for Logs {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for branch in 1..=3 {
            let log = fs::read_to_string(self.0.join(format!("branch-{branch}/log"))).unwrap_or_default();
            println!("branch {branch}:\n{log}");
        }
    }
}

/// A client that asks the named branch only.
fn client(cluster: &Cluster, timeout: Duration) -> Client {
    let options = ClientOptions {
        timeout,
        failover: false,
    };
    Client::of_bank(cluster.bank().expect("founded"), options)
}

async fn relayed(dir: &Path) -> Cluster {
    let config = ClusterConfig::new(dir, 1..=3).expect("the programs are built");
    let mut cluster = Cluster::relayed(config).await.expect("ports");
    cluster.run(0).await.expect("a bank");
    cluster
}

#[tokio::test]
async fn a_killed_leader_is_replaced_as_soon_as_it_is_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let _logs = Logs(dir.path().to_owned());
    let mut config = ClusterConfig::new(dir.path(), 1..=3).expect("the programs are built");
    // The silence alone would not do within the deadline.
    config.election_timeout = DEADLINE;
    let mut cluster = Cluster::running(config, 0).await.expect("a bank");
    let (mut session, rounds) = (Session::default(), 3);
    for round in 1..=rounds {
        let old = leader(&cluster, &[1, 2, 3]);
        let other = old % 3 + 1;
        cluster.kill(old).await.expect("killed");
        let client = client(&cluster, DEADLINE);
        let deposited = client
            .deposit(Some(other), &mut session, Propagation::Quorum, "main", 1)
            .await;
        let deposited = deposited.expect("the others go on");
        assert_eq!(deposited.position, round + 1);
        cluster.restart(old).await.expect("back");
        let reached = cluster.await_position(&[1, 2, 3], round + 1, PATIENCE).await;
        reached.expect("caught up");
    }
    let balance = client(&cluster, PATIENCE)
        .query(Some(1), &mut session, Level::Strong, "main")
        .await;
    assert_eq!(balance.expect("answered").value, i64::try_from(rounds).expect("few"));
    let noticed = [1, 2, 3].map(|branch| log(&cluster, branch).matches("the leader is gone").count());
    assert!(
        noticed.iter().sum::<usize>() >= usize::try_from(rounds).expect("few"),
        "{noticed:?}"
    );
    cluster.stop().await.expect("all drained");
}

#[tokio::test]
async fn a_leader_that_hears_nobody_gives_up_the_lead_and_the_others_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let _logs = Logs(dir.path().to_owned());
    let mut cluster = relayed(dir.path()).await;
    let old = leader(&cluster, &[1, 2, 3]);
    let network = cluster.network().expect("relayed");
    // It is heard, and hears nobody.
    network.apply(LinkSet::To(old), LinkState::Cut);
    let mut session = Session::default();
    let deposited = client(&cluster, DEADLINE)
        .deposit(Some(old % 3 + 1), &mut session, Propagation::Quorum, "main", 7)
        .await;
    deposited.expect("the others go on");
    wait_for("the end of its lead", || {
        (status(&address(&cluster, old))["role"] != "leader").then_some(())
    });
    let said = log(&cluster, old);
    assert_eq!(said.matches("gives up the lead").count(), 1, "{said}");
    network.apply(LinkSet::All, LinkState::Pass);
    let reached = cluster
        .await_position(&[1, 2, 3], session.write_position, PATIENCE)
        .await;
    reached.expect("caught up");
    cluster.stop().await.expect("all drained");
}

/// A leader of two that hears nobody gives up the lead, and is elected again: nobody else has its newest entries.
#[tokio::test]
async fn a_leader_that_gave_up_the_lead_may_lead_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let _logs = Logs(dir.path().to_owned());
    let config = ClusterConfig::new(dir.path(), 1..=2).expect("the programs are built");
    let mut cluster = Cluster::running(config, 0).await.expect("a bank");
    let old = leader(&cluster, &[1, 2]);
    cluster.kill(3 - old).await.expect("killed");
    // Taken by the one that is left, or refused; it cannot be acknowledged.
    let mut session = Session::default();
    let alone = client(&cluster, Duration::from_millis(100))
        .deposit(Some(old), &mut session, Propagation::Quorum, "main", 1)
        .await;
    let written = alone.expect_err("there is no quorum");
    wait_for("the end of its lead", || {
        (status(&address(&cluster, old))["role"] != "leader").then_some(())
    });
    cluster.restart(3 - old).await.expect("back");
    let client = client(&cluster, PATIENCE);
    let mut another = Session::default();
    let deposited = client
        .deposit(Some(3 - old), &mut another, Propagation::Quorum, "main", 2)
        .await;
    assert!(deposited.is_ok(), "{deposited:?}, after {written:?}");
    cluster.stop().await.expect("all drained");
}

async fn stub(cluster: &Cluster, branch: u32) -> BankServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", address(cluster, branch))).expect("an address");
    BankServiceClient::new(endpoint.connect().await.expect("it accepts"))
}

/// A strong read with this deadline, asked of one branch as plain gRPC.
async fn strong_read(cluster: &Cluster, branch: u32, deadline: Duration) -> Result<(), Status> {
    let options = v1::ReadOptions {
        linearizable: true,
        ..v1::ReadOptions::default()
    };
    let mut request = Request::new(v1::QueryRequest {
        options: Some(options),
        ..v1::QueryRequest::default()
    });
    request.set_timeout(deadline);
    stub(cluster, branch).await.query(request).await.map(drop)
}

/// A deposit, likewise.
async fn deposit(cluster: &Cluster, branch: u32, deadline: Duration) -> Result<(), Status> {
    let options = v1::WriteOptions {
        request_id: uuid::Uuid::now_v7().to_string(),
        ..v1::WriteOptions::default()
    };
    let mut request = Request::new(v1::DepositRequest {
        amount: 5,
        options: Some(options),
        ..v1::DepositRequest::default()
    });
    request.set_timeout(deadline);
    stub(cluster, branch).await.deposit(request).await.map(drop)
}

#[tokio::test]
async fn a_branch_that_reaches_no_leader_says_so_at_once_and_another_is_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let _logs = Logs(dir.path().to_owned());
    let mut cluster = relayed(dir.path()).await;
    let lonely = leader(&cluster, &[1, 2, 3]) % 3 + 1;
    let network = cluster.network().expect("relayed");
    // Heard by nobody and hearing nobody; then hearing the leader, and not reaching it.
    for links in [LinkSet::Around(lonely), LinkSet::From(lonely)] {
        network.apply(links, LinkState::Cut);
        // What was under way when the connections broke is in doubt; what comes later is not.
        let early = tokio::time::timeout(PATIENCE / 4, deposit(&cluster, lonely, PATIENCE)).await;
        early
            .expect("long before the deadline")
            .expect_err("there is no leader");
        let answer = tokio::time::timeout(PATIENCE / 4, deposit(&cluster, lonely, PATIENCE)).await;
        let refused = answer
            .expect("long before the deadline")
            .expect_err("there is no leader");
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        let fate = refused.metadata().get("bank-fate").and_then(|fate| fate.to_str().ok());
        assert_eq!(fate, Some("not-applied"), "{refused:?}");
        assert!(!refused.message().contains("applied"), "{refused:?}");
        let read = tokio::time::timeout(PATIENCE / 4, strong_read(&cluster, lonely, PATIENCE)).await;
        let refused = read.expect("long before the deadline").expect_err("there is no leader");
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");

        let failover = ClientOptions {
            timeout: DEADLINE,
            failover: true,
        };
        let anyone = Client::of_bank(cluster.bank().expect("founded"), failover);
        let mut session = Session::default();
        let deposited = anyone
            .deposit(Some(lonely), &mut session, Propagation::Quorum, "main", 1)
            .await;
        assert_ne!(deposited.expect("the others take it").served_by, lonely);
        network.apply(LinkSet::All, LinkState::Pass);
        let reached = cluster
            .await_position(&[lonely], session.write_position, PATIENCE)
            .await;
        reached.expect("caught up");
    }
    let client = client(&cluster, PATIENCE);
    let deposited = client
        .deposit(Some(lonely), &mut Session::default(), Propagation::Quorum, "main", 1)
        .await;
    deposited.expect("it reaches the leader again");
    cluster.stop().await.expect("all drained");
}

/// A small file system of its own, in memory; gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`: this process may not mount one.
    fn mounted(at: PathBuf) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(&at);
        let mounted = mount.output().is_ok_and(|ran| ran.status.success());
        mounted.then_some(SmallDisk(at))
    }

    /// Fills it up, but for this many bytes.
    fn fill(&self, but_for: u64) {
        use std::io::Write;
        let path = self.0.join("filler");
        let mut filler = File::create(&path).expect("created");
        while filler.write_all(&[0; 4096]).is_ok() {}
        let filled = filler.metadata().expect("known").len();
        filler.set_len(filled.saturating_sub(but_for)).expect("cut");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// How many writes fill what the journal has reserved ahead, and how many of them are under way at once.
const FILLING: usize = 4_000;
const AT_ONCE: usize = 250;

#[tokio::test]
async fn a_leader_whose_disk_is_full_hands_over_and_no_write_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let _logs = Logs(dir.path().to_owned());
    let mut config = ClusterConfig::new(dir.path(), 1..=3).expect("the programs are built");
    // The journals move to the small disks.
    config.branch_args = vec!["--accept-moved".into()];
    let mut cluster = Cluster::running(config, 0).await.expect("a bank");
    let old = leader(&cluster, &[1, 2, 3]);
    cluster.stop_branch(old).await.expect("stopped");
    let Some(disk) = move_journal(&cluster.data_dir(old).expect("known")) else {
        println!("skipped: a file system can be mounted by root on Linux only");
        return cluster.stop().await.expect("all drained");
    };
    cluster.restart(old).await.expect("back");
    make_lead(&cluster, old).await;
    disk.fill(600 << 10);
    let (from, to) = ("x".repeat(64), "y".repeat(64));
    let client = client(&cluster, DEADLINE);
    for _ in 0..FILLING / AT_ONCE {
        let writes = (0..AT_ONCE).map(async |_| {
            let mut session = Session::default();
            let branch = Some(old % 3 + 1);
            client
                .transfer(branch, &mut session, Propagation::Quorum, (&from, &to), 1)
                .await
        });
        // There is no such account: each is decided, and takes room.
        let decided = try_join_all(writes).await;
        decided.expect("none is refused for want of room");
    }
    let said = log(&cluster, old);
    assert_eq!(
        said.matches("is to lead instead of this one: its disk is full").count(),
        1,
        "{said}"
    );
    assert_ne!(leader(&cluster, &[1, 2, 3]), old);
    cluster.kill(old).await.expect("killed");
    drop(disk);
}

/// Moves the journal of a branch that is stopped to a small disk of its own.
fn move_journal(data: &Path) -> Option<SmallDisk> {
    let (journal, aside) = (data.join("journal"), data.join("journal.aside"));
    fs::rename(&journal, &aside).expect("moved");
    fs::create_dir(&journal).expect("made");
    let disk = SmallDisk::mounted(journal.clone());
    if disk.is_some() {
        for entry in fs::read_dir(&aside).expect("listed") {
            let from = entry.expect("listed").path();
            fs::copy(&from, journal.join(from.file_name().expect("named"))).expect("copied");
        }
    } else {
        fs::remove_dir(&journal).expect("removed");
        fs::rename(&aside, &journal).expect("moved back");
    }
    disk
}
