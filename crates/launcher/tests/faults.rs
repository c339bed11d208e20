//! Paused branches, lost branches and concurrent requests: what stays of acknowledged writes, and what customers are
//! told.

use crate::support::bank::{Bank, Ran, assert_agree, branchd, customer, start_customer, status};
use crate::support::{PATIENCE, wait_for};
use bank_client::{Client, ClientOptions, Level, PendingWrite, Propagation, Session, WriteOutcome};
use bank_cluster::{Cluster, ClusterConfig};
use futures::future::join_all;
use std::process::Stdio;

/// A request id of a test's own.
const NAMED: &str = "01a20000-0000-7000-8000-000000000001";

#[tokio::test]
async fn a_woken_leader_knows_what_it_missed() {
    let bank = Bank::new(3).await;
    let old = bank.leader(&[1, 2, 3]);
    let others: Vec<u32> = [1, 2, 3].into_iter().filter(|branch| *branch != old).collect();
    assert_eq!(bank.session_at(old, "deposit 100").done()["balance"], 100);
    let patient = ClientOptions {
        timeout: PATIENCE,
        ..ClientOptions::default()
    };
    let client = Client::at(bank.address(old).parse().expect("an address"), patient);
    let read = async |level| client.query(None, &mut Session::default(), level, "main").await;
    assert_eq!(read(Level::Strong).await.expect("answered").value, 100);
    bank.cluster.pause(old).expect("paused");
    // A write that the paused one alone knows of.
    let write = format!(
        "--json --timeout 60s --branch {} deposit 7 --request-id {NAMED}",
        bank.address(old)
    );
    let write = start_customer(&write, Stdio::null());
    let acknowledged = bank.session_at(others[0], "--timeout 60s deposit 20").done();
    assert_eq!(acknowledged["balance"], 120);
    // Reads that begin now, and lie in its socket when it wakes up.
    let reads = join_all([Level::Strong; 5].map(read));
    let wakes = async {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        bank.cluster.resume(old).expect("resumed");
    };
    let (reads, ()) = tokio::join!(reads, wakes);
    for read in reads {
        let read = read.expect("answered");
        assert!(read.value >= 120, "{read:?}");
    }
    let read = bank.session_at(old, "--timeout 60s query").done();
    assert!(read["balance"].as_i64() >= Some(120), "{read}");
    let first = Ran::of(write.wait_with_output().expect("ended"));
    // Whatever it was told, the same id elsewhere settles it, and it is applied once.
    let again = bank
        .at(others[1], &format!("--timeout 60s deposit 7 --request-id {NAMED}"))
        .done();
    if first.code == Some(0) {
        assert_eq!(first.done()["position"], again["position"]);
    }
    let (entries, balance) = bank.entries(others[1]);
    assert_eq!((entries.iter().filter(|id| *id == NAMED).count(), balance), (1, 127));
    bank.assert_agree();
    bank.stop().await;
}

#[tokio::test]
async fn one_request_id_at_two_branches_at_once_is_one_write_with_one_reply() {
    let bank = Bank::new(3).await;
    let file = bank_client::BankFile::load(&bank.file()).expect("a bank file");
    let client = Client::of_bank(&file, ClientOptions::default());
    let rounds = 40;
    for round in 0..rounds {
        let deposit = bank_client::Write::Deposit {
            account: bank_client::AccountName::main(),
            amount: bank_client::Amount::new(3).expect("an amount"),
        };
        let write = PendingWrite::new(deposit, Propagation::Quorum);
        let (mut here, mut there) = (Session::default(), Session::default());
        let (first, second) = tokio::join!(
            client.write(Some(round % 3 + 1), &mut here, write.clone()),
            client.write(Some((round + 1) % 3 + 1), &mut there, write),
        );
        let (first, second) = (first.expect("decided"), second.expect("decided"));
        assert_eq!(first.value.outcome, second.value.outcome);
        assert_eq!(first.position, second.position);
        assert_eq!(
            first.value.outcome,
            WriteOutcome::Accepted {
                balance: 3 * i64::from(round + 1)
            }
        );
        assert!(first.value.repeated || second.value.repeated);
    }
    let (entries, balance) = bank.entries(1);
    assert_eq!((entries.len(), balance), (rounds as usize, 3 * i64::from(rounds)));
    // A refusal is remembered too, and another write under a used id is none.
    let withdraw = format!("withdraw 1000 --request-id {NAMED}");
    let (first, second) = (bank.at(1, &withdraw), bank.at(2, &withdraw));
    assert_eq!((first.code, second.code), (Some(3), Some(3)));
    assert_eq!(first.lines()[0]["position"], second.lines()[0]["position"]);
    let other = bank.at(3, &format!("withdraw 1 --request-id {NAMED}"));
    assert_eq!(other.code, Some(4), "{other:?}");
    assert!(
        other.stderr.contains("used for another write, at position"),
        "{other:?}"
    );
    bank.assert_agree();
    bank.stop().await;
}

#[tokio::test]
async fn a_write_for_all_branches_names_the_one_that_is_missing_and_stands() {
    let mut bank = Bank::new(3).await;
    assert_eq!(
        bank.at(1, "deposit 10 --propagation all")
            .done()
            .get("missing_branches"),
        None
    );
    bank.kill(3).await;
    let ran = bank.at(1, "--timeout 1s deposit 10 --propagation all");
    let done = ran.done();
    assert_eq!(done["missing_branches"], serde_json::json!([3]), "{done}");
    assert!(ran.stderr.contains("but branch 3 has not confirmed it"), "{ran:?}");
    assert_eq!(bank.at(2, "query --level eventual").done()["balance"], 20);
    bank.restart(3).await;
    let file = bank_client::BankFile::load(&bank.file()).expect("a bank file");
    let client = Client::of_bank(&file, ClientOptions::default());
    let mut session = Session {
        read_position: done["position"].as_u64().expect("a position"),
        ..Session::default()
    };
    let read = client.query(Some(3), &mut session, Level::MonotonicReads, "main").await;
    assert_eq!(read.expect("answered").value, 20);
    assert_eq!(
        bank.at(1, "deposit 1 --propagation all").done().get("missing_branches"),
        None
    );
    bank.assert_agree();
    bank.stop().await;
}

#[tokio::test]
async fn another_branch_takes_a_lost_ones_place() {
    let mut bank = Bank::new(3).await;
    assert_eq!(bank.session_at(1, "deposit 30").done()["balance"], 30);
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = ClusterConfig::new(dir.path(), [3]).expect("the programs are built");
    config.secret_file = Some(bank.secret_file());
    let mut new = Cluster::new(config);
    new.start(|| ()).await.expect("it listens");
    let address = new.address(3).expect("known").to_string();
    let secret = bank.secret_file();
    let join = format!(
        "join --secret-file {} --branch 3={address} --to {}",
        secret.display(),
        bank.address(1)
    );

    let early = branchd(&join);
    assert_eq!((early.code, early.stderr.lines().count()), (Some(3), 1), "{early:?}");
    assert!(early.stderr.contains("branch 3 still answers"), "{early:?}");
    bank.kill(3).await;
    std::fs::remove_dir_all(bank.cluster.data_dir(3).expect("known")).expect("lost");
    let joined = branchd(&join);
    assert_eq!(joined.code, Some(0), "{joined:?}");
    assert!(joined.stdout.contains("has taken the lost one's place"), "{joined:?}");

    let session = bank.path("session.json");
    let at_the_new_one = |args: &str| {
        let session = session.display();
        customer(&format!("--json --branch {address} --session {session} {args}")).done()
    };
    assert_eq!(at_the_new_one("query")["balance"], 30);
    assert_eq!(at_the_new_one("deposit 1")["balance"], 31);
    assert_agree(&[bank.address(1), bank.address(2), address.clone()]);
    // It votes: with another one dead, its vote is needed.
    let leader = wait_for("a leader", || status(&address)["leader"].as_u64());
    let dead = if leader == 1 { 1 } else { 2 };
    bank.kill(dead).await;
    assert_eq!(at_the_new_one("--timeout 60s deposit 1")["balance"], 32);
    assert_eq!(bank.session_at(3 - dead, "query").done()["balance"], 32);
    bank.restart(dead).await;
    assert_eq!(bank.session_at(dead, "query").done()["balance"], 32);
    assert_agree(&[bank.address(1), bank.address(2), address.clone()]);
    new.stop().await.expect("it drains");
    // Its predecessor is gone.
    bank.cluster.kill_all();
}
