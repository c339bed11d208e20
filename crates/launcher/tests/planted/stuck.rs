//! Stuck books do not stall the bank: a leader whose disk fails hands the lead to a branch whose disk works.

use super::planted;
use crate::support::PATIENCE;
use crate::support::bank::status;
use crate::support::lead::{address, make_lead};
use crate::workload::AFFECTED;
use bank_client::{Client, ClientOptions, Propagation, Session};
use bank_cluster::{Cluster, ClusterConfig};
use std::fs;

/// The deposit that the books of the affected branch get stuck over.
const STUCK_OVER: i64 = 4_242;

#[tokio::test]
async fn a_leader_whose_books_are_stuck_hands_over_and_says_so_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = ClusterConfig::new(dir.path(), 1..=3).expect("the programs are built");
    config.programs = planted();
    config.branch_args = vec!["--planted".into(), "stuck-books".into()];
    let cluster = Cluster::running(config, 0).await.expect("a bank");
    make_lead(&cluster, AFFECTED).await;

    let options = ClientOptions {
        timeout: PATIENCE,
        failover: false,
    };
    let client = Client::of_bank(cluster.bank().expect("founded"), options);
    let mut session = Session::default();
    for amount in [STUCK_OVER, 1] {
        let deposited = client
            .deposit(Some(1), &mut session, Propagation::Quorum, "main", amount)
            .await;
        deposited.expect("another branch decides it");
    }
    // The books of the branch that led are stuck still: it was not waited for.
    let stuck = status(&address(&cluster, AFFECTED));
    assert!(stuck["position"].as_u64() < Some(session.write_position), "{stuck}");
    assert_ne!(status(&address(&cluster, 1))["leader"], AFFECTED);
    let log = fs::read_to_string(cluster.log_path(AFFECTED).expect("known")).expect("a log");
    assert_eq!(
        log.matches("is to lead instead of this one: its books").count(),
        1,
        "{log}"
    );
    // It would be stuck over its end too.
    cluster.kill(AFFECTED).await.expect("killed");
}
