//! Real branches behind relays: a degraded network, and what it does to reads and writes. Needs `branchd` beside it:
//! `cargo build --workspace`.

use bank_client::{Client, ClientOptions, Level, Propagation, ReadError, Session};
use bank_cluster::network::{LinkSet, LinkState};
use bank_cluster::{Cluster, ClusterConfig, FOUND_TIMEOUT};
use std::time::{Duration, Instant};

const DELAY: Duration = Duration::from_millis(60);

#[tokio::test]
async fn a_branch_that_is_cut_off_misses_writes_and_catches_up_once_healed() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = ClusterConfig::new(dir.path(), 1..=3).expect("the programs are built");
    let mut cluster = Cluster::relayed(config).await.expect("ports");
    cluster.run(0).await.expect("a bank");
    let options = ClientOptions {
        timeout: Duration::from_secs(10),
        failover: false,
    };
    let client = Client::of_bank(cluster.bank().expect("founded"), options);
    let impatient = Client::of_bank(
        cluster.bank().expect("founded"),
        ClientOptions {
            timeout: Duration::from_millis(200),
            ..options
        },
    );
    let network = cluster.network().expect("relayed");
    let mut session = Session::default();

    network.apply(LinkSet::Around(3), LinkState::Cut);
    let deposited = client
        .deposit(Some(1), &mut session, Propagation::Quorum, "main", 7)
        .await;
    let position = deposited.expect("a quorum is left").position;
    let read = impatient.query(Some(3), &mut session, Level::Session, "main").await;
    assert!(
        matches!(&read, Err(ReadError::NotInTime { position: 1, needed, .. }) if *needed == position),
        "{read:?}"
    );
    network.apply(LinkSet::All, LinkState::Pass);
    cluster
        .await_position(&[3], position, FOUND_TIMEOUT)
        .await
        .expect("caught up");

    // A write at branch 3 goes to the leader and back. The delay applies to the way there.
    network.apply(LinkSet::From(3), LinkState::Delay(DELAY));
    let began = Instant::now();
    let deposited = client.deposit(Some(3), &mut session, Propagation::All, "main", 7).await;
    assert!(deposited.expect("only slow").value.missing_branches.is_empty());
    assert!(began.elapsed() >= DELAY, "{:?}", began.elapsed());

    // A relay works on after its branch has been killed and restarted.
    cluster.kill(2).await.expect("killed");
    cluster.restart(2).await.expect("back");
    cluster
        .await_position(&[1, 2, 3], session.write_position, FOUND_TIMEOUT)
        .await
        .expect("all there");
    cluster.stop().await.expect("all drained");
}
