//! A disk whose syncs of the books fail below SQLite, in a real process: the branch ends within a moment, with one line that
//! names the files; nothing is tried again, and the others serve on.

use crate::planted;
use crate::support::bank::{Bank, customer};
use launcher::cluster::{Cluster, ClusterConfig};
use std::fs;

/// So many deposits in a row make the write-ahead log grow past its bound many times over.
const DEPOSITS_MAX: usize = 60_000;

/// Deposits of one customer, all at this branch.
fn deposits(branch: u32) -> String {
    let event = format!("{{\"interface\":\"deposit\",\"branch\":{branch},\"money\":1}}\n");
    event.repeat(DEPOSITS_MAX)
}

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

        let events = bank.path("events.jsonl");
        fs::write(&events, deposits(leader)).expect("written");
        let customers: Vec<_> = (0..8)
            .map(|number| {
                let mut customer = std::process::Command::new(&bank.cluster.programs().customer_cli);
                customer.args(["--bank".as_ref(), bank.cluster.bank_path().as_os_str()]);
                customer
                    .arg("--session")
                    .arg(bank.path(&format!("session-{number}.json")))
                    .arg("replay");
                customer.stdin(fs::File::open(&events).expect("there"));
                customer
                    .stdout(std::process::Stdio::null())
                    .stderr(std::process::Stdio::null());
                customer.spawn().expect("customer-cli runs")
            })
            .collect();
        let status = bank.cluster.branch_ended(failing).await.expect("a branch");
        for mut customer in customers {
            customer.kill().expect("killed");
            customer.wait().expect("ended");
        }
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
