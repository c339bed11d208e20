//! A cluster of real branches is killed, paused, restarted and dropped. Needs `branchd` beside it: `cargo build
//! --workspace`.

use bank_client::{
    AccountName, Amount, BankFile, Client, ClientOptions, Level, Operator, Propagation, Session, SubmitOptions, Write,
    WriteOutcome,
};
use bank_cluster::{Cluster, ClusterConfig, ClusterError, FOUND_TIMEOUT, Ports};
use uuid::Uuid;

async fn three(dir: &std::path::Path) -> Cluster {
    let config = ClusterConfig::new(dir, 1..=3).expect("the programs are built");
    Cluster::running(config, 0).await.expect("a bank")
}

#[tokio::test]
async fn a_killed_branch_comes_back_on_its_port_with_its_books() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = three(dir.path()).await;
    let client = Client::of_bank(cluster.bank().expect("founded"), ClientOptions::default());
    let mut session = Session::default();
    client
        .deposit(Some(3), &mut session, Propagation::Quorum, "main", 40)
        .await
        .expect("deposited");
    let (pid, address) = (cluster.pid(3).expect("known"), cluster.address(3).expect("known"));
    cluster.kill(3).await.expect("killed");
    assert_eq!(cluster.pid(3).expect("known"), None);
    client
        .deposit(Some(2), &mut session, Propagation::Quorum, "main", 2)
        .await
        .expect("deposited");
    cluster.restart(3).await.expect("back");
    assert_eq!(cluster.address(3).expect("known"), address);
    assert_ne!(cluster.pid(3).expect("known"), pid);
    cluster
        .await_position(&[3], session.write_position, FOUND_TIMEOUT)
        .await
        .expect("caught up");
    let balance = client
        .query(Some(3), &mut session, Level::Session, "main")
        .await
        .expect("answered")
        .value;
    assert_eq!(balance, 42);
    cluster.stop().await.expect("all drained");
}

#[tokio::test]
async fn a_leader_that_is_killed_doubles_and_loses_nothing_of_a_stream_of_writes() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = three(dir.path()).await;
    let client = Client::of_bank(cluster.bank().expect("founded"), ClientOptions::default());
    let mut session = Session::default();
    let address = cluster.address(1).expect("known");
    let operator = Operator::at(address.into(), FOUND_TIMEOUT);
    let leader = operator.status().await.expect("a status").leader.expect("a leader");
    let mut stream = client
        .submit(Some(leader), &session, SubmitOptions::default())
        .expect("a stream");
    let writes: i64 = 20_000;
    for _ in 0..writes {
        let write = Write::Deposit {
            account: AccountName::main(),
            amount: Amount::new(1).expect("an amount"),
        };
        stream.add(Uuid::now_v7().into(), write);
    }
    let mut balances = Vec::new();
    while let Some(next) = stream.next(&mut session).await.expect("outcomes") {
        balances.extend(next.outcomes.into_iter().map(|outcome| match outcome.decision {
            Some(WriteOutcome::Accepted { balance }) => balance,
            other => panic!("{other:?}"),
        }));
        if balances.len() as i64 > writes / 4 && cluster.pid(leader).expect("known").is_some() {
            cluster.kill(leader).await.expect("killed");
        }
    }
    assert!(
        balances.into_iter().eq(1..=writes),
        "every deposit counts once, in order"
    );
    let balance = client.query(None, &mut session, Level::Strong, "main").await;
    assert_eq!(balance.expect("answered").value, writes);
    cluster.restart(leader).await.expect("started again");
    cluster.stop().await.expect("all drained");
}

#[tokio::test]
async fn a_paused_branch_goes_on_where_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = three(dir.path()).await;
    cluster.pause(2).expect("paused");
    cluster.resume(2).expect("resumed");
    cluster.await_position(&[2], 1, FOUND_TIMEOUT).await.expect("ready");
    assert!(matches!(cluster.restart(2).await, Err(ClusterError::StillRuns(2))));
    assert!(matches!(cluster.pause(9), Err(ClusterError::NoSuchBranch(9))));
    cluster.stop().await.expect("all drained");
}

#[tokio::test]
async fn a_dropped_cluster_leaves_no_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = three(dir.path()).await;
    let pids: Vec<u32> = cluster
        .numbers()
        .iter()
        .filter_map(|&branch| cluster.pid(branch).expect("known"))
        .collect();
    assert_eq!(pids.len(), 3);
    cluster.pause(1).expect("paused");
    drop(cluster);
    for pid in pids {
        let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid");
        assert!(
            rustix::process::test_kill_process(pid).is_err(),
            "{pid:?} is still there"
        );
    }
}

#[tokio::test]
async fn a_bank_comes_up_on_other_ports_than_its_branches_know() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = three(dir.path()).await;
    let bank = cluster.bank().expect("founded").clone();
    cluster.stop().await.expect("all drained");
    let mut config = ClusterConfig::new(dir.path(), 1..=3).expect("the programs are built");
    config.ports = Ports::free(&[1, 2, 3]).await.expect("ports");
    let mut cluster = Cluster::new(config);
    cluster.start(|| ()).await.expect("started");
    cluster.recognise(bank.clone()).expect("recognised");
    let moved = BankFile::load(&cluster.bank_path()).expect("a bank file");
    assert_eq!(moved.bank_id(), bank.bank_id());
    assert_eq!(Some(&moved), cluster.bank());
    let client = Client::of_bank(&moved, ClientOptions::default());
    let mut session = Session::default();
    let deposited = client.deposit(Some(2), &mut session, Propagation::All, "main", 1).await;
    deposited.expect("all branches reach each other");
    cluster.stop().await.expect("all drained");
}
