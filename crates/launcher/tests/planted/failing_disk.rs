//! A disk whose syncs of the books fail below SQLite, in a real process. The branch ends within a moment, with one line
//! that names the files. It repeats nothing, and the other branches go on.

use crate::planted;
use crate::support::PATIENCE;
use crate::support::bank::{Bank, customer};
use bank_cluster::{Cluster, ClusterConfig};
use std::fs;

/// A few make the write-ahead log grow past the bound that it has here.
const DEPOSITS_MAX: usize = 100;

#[tokio::test]
async fn a_failed_sync_of_the_books_ends_the_branch_at_once() {
    for file in ["ledger.db-wal", "ledger.db"] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = ClusterConfig::new(dir.path(), 1..=3).expect("the programs are built");
        config.programs = planted();
        let cluster = Cluster::running(config, 100).await.expect("a bank");
        let bank = Bank { cluster, dir };
        let leader = bank.leader(&[1, 2, 3]);
        let failing = leader % 3 + 1;
        let data = bank.cluster.data_dir(failing).expect("known");
        fs::write(data.join(format!("{file}.fail-sync")), "every time").expect("ordered");

        fs::write(data.join("ledger.db.small-log"), "").expect("ordered");
        let ended = || bank.cluster.ended(failing).expect("a branch").is_some();
        let deposits = (0..DEPOSITS_MAX).take_while(|_| !ended());
        for _ in deposits {
            bank.at(leader, "deposit 1").done();
        }
        let ended = tokio::time::timeout(PATIENCE, bank.cluster.branch_ended(failing)).await;
        let status = ended.expect("it ends").expect("a branch");
        assert_eq!(status.code(), Some(1), "{file}");
        let log = fs::read_to_string(bank.cluster.log_path(failing).expect("known")).expect("a log");
        let last = log.lines().last().expect("a line");
        for words in ["ledger.db-wal", "the disk failed", "1034", "start the branch again"] {
            assert!(last.contains(words), "{file}: {last}");
        }
        assert!(!last.contains("engine"), "{file}: {last}");
        let failed = fs::read_to_string(data.join(format!("{file}.failed-syncs"))).expect("noted");
        assert_eq!(failed.lines().count(), 1, "{file}: it was tried again");

        let other = 6 - leader - failing;
        let address = bank.address(other);
        let served = customer(&format!("--json --branch {address} query --level strong"));
        assert_eq!(served.code, Some(0), "{served:?}");
        fs::remove_file(data.join(format!("{file}.fail-sync"))).expect("repaired");
        bank.cluster.restart(failing).await.expect("it starts again");
        bank.assert_agree();
    }
}
