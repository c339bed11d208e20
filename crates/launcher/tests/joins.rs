//! Operators join, promote, remove and replace branches. Each operation is cut short by the death of each party, and is
//! completed by running the command again.

use crate::support::bank::{Bank, assert_agree, branchd, customer, start_branchd, status};
use crate::support::wait_for;
use bank_cluster::{Cluster, ClusterConfig};
use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use tonic::transport::Endpoint;

/// A branch on an empty data directory that has no bank yet.
struct Fresh {
    cluster: Cluster,
    number: u32,
    secret: PathBuf,
    _dir: tempfile::TempDir,
}

impl Fresh {
    async fn start(number: u32, bank: &Bank) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = ClusterConfig::new(dir.path(), [number]).expect("the programs are built");
        config.secret_file = Some(bank.secret_file());
        let mut cluster = Cluster::new(config);
        cluster.start(|| ()).await.expect("it listens");
        Self {
            cluster,
            number,
            secret: bank.secret_file(),
            _dir: dir,
        }
    }

    fn address(&self) -> String {
        self.cluster.address(self.number).expect("known").to_string()
    }

    fn join(&self, to: &str) -> String {
        let (number, address, secret) = (self.number, self.address(), self.secret.display());
        format!("join --json --secret-file {secret} --branch {number}={address} --to {to}")
    }
}

/// What a branch says of the bank's branches with this number.
fn of_number(at: &str, number: u32) -> Vec<Value> {
    let status = status(at);
    let branches = status["branches"].as_array().expect("branches").iter();
    branches.filter(|b| b["branch"] == number).cloned().collect()
}

/// Number, address and whether it votes, of every branch.
fn members(at: &str) -> Vec<(u64, String, bool)> {
    let status = status(at);
    let member = |b: &Value| {
        let address = b["address"].as_str().expect("an address").to_owned();
        (b["branch"].as_u64().expect("a number"), address, b["voter"] == true)
    };
    status["branches"]
        .as_array()
        .expect("branches")
        .iter()
        .map(member)
        .collect()
}

/// Branch 3 is dead, and a successor for it is enlisted that can do nothing yet, since it is paused; the command that
/// waits for it runs. Branch 1 and 2 are alive.
async fn half_joined(bank: &Bank, successor: &Fresh) -> std::process::Child {
    bank.kill(3).await;
    let leader = bank.leader(&[1, 2]);
    let other = 3 - leader;
    // While the leader sleeps nothing can be enlisted.
    bank.cluster.pause(leader).expect("paused");
    let command = start_branchd(&successor.join(&bank.address(other)), Stdio::null());
    wait_for("the successor's bank", || {
        status(&successor.address())["bank_id"].is_string().then_some(())
    });
    successor.cluster.pause(3).expect("paused");
    bank.cluster.resume(leader).expect("resumed");
    wait_for("the successor among the branches", || {
        (of_number(&bank.address(other), 3).len() == 2).then_some(())
    });
    command
}

#[tokio::test]
async fn a_join_that_lost_its_command_and_its_leader_is_finished_all_the_same() {
    let mut bank = Bank::new(3).await;
    assert_eq!(bank.session_at(1, "deposit 30").done()["balance"], 30);
    let old = bank.address(3);
    let successor = Fresh::start(3, &bank).await;
    let mut command = half_joined(&bank, &successor).await;

    // Where it stands.
    let leader = bank.leader(&[1, 2]);
    let joining = of_number(&bank.address(leader), 3);
    let joiner = joining
        .iter()
        .find(|b| b["address"] == successor.address())
        .expect("it is there");
    assert_eq!(
        (&joiner["voter"], &joiner["joining"]["to_vote"]),
        (&false.into(), &true.into()),
        "{joiner}"
    );
    assert_eq!(joiner["joining"]["replaces"], old, "{joiner}");
    assert!(joiner["joining"]["entries_of"].as_u64() > Some(0), "{joiner}");
    let told = branchd(&format!("status --branch {}", bank.address(leader))).stdout;
    assert!(
        told.contains(&format!("is to vote in place of the one at {old}")),
        "{told}"
    );

    // The command dies, and the leader dies. The successor wakes up, and nobody asks for anything.
    command.kill().expect("killed");
    command.wait().expect("gone");
    bank.kill(leader).await;
    successor.cluster.resume(3).expect("resumed");
    bank.restart(leader).await;
    wait_for("the end of the join", || {
        let of_number = of_number(&bank.address(3 - leader), 3);
        (of_number.len() == 1 && of_number[0]["voter"] == true).then_some(())
    });
    let again = branchd(&successor.join(&bank.address(leader))).done();
    assert_eq!(
        (&again["voter"], &again["replaced"]),
        (&true.into(), &true.into()),
        "{again}"
    );

    let expected = [
        (1, bank.address(1), true),
        (2, bank.address(2), true),
        (3, successor.address(), true),
    ];
    wait_for("the same branches everywhere", || {
        let at = [bank.address(1), bank.address(2), successor.address()];
        at.iter().all(|at| members(at) == expected).then_some(())
    });
    assert_eq!(bank.session_at(1, "--timeout 30s deposit 1").done()["balance"], 31);
    assert_agree(&[bank.address(1), bank.address(2), successor.address()]);

    // The one that was replaced starts again.
    bank.restart(3).await;
    assert_out(
        &bank,
        3,
        &format!("branch 3 was replaced by the one at {}", successor.address()),
    )
    .await;
    // Its customers find another branch.
    let file = bank.file();
    let moved = customer(&format!("--json --bank {} --branch 3 deposit 1", file.display()));
    assert_eq!(moved.done()["balance"], 32);
    bank.cluster.kill_all();
}

/// A branch says that it is out, is not ready, and serves no customer.
async fn assert_out(bank: &Bank, branch: u32, why: &str) {
    let address = bank.address(branch);
    let out = wait_for("a branch that knows that it is out", || {
        let status = status(&address);
        status["removed"].is_string().then_some(status)
    });
    assert_eq!((&out["removed"], &out["ready"]), (&why.into(), &false.into()), "{out}");
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let mut stub = BankServiceClient::new(endpoint.connect().await.expect("it listens"));
    let query = stub.query(v1::QueryRequest::default()).await.map(drop);
    let accounts = stub.list_accounts(v1::ListAccountsRequest::default()).await.map(drop);
    let statement = stub.read_statement(v1::ReadStatementRequest::default()).await.map(drop);
    let options = v1::WriteOptions {
        request_id: uuid::Uuid::new_v4().to_string(),
        ..Default::default()
    };
    let deposit = v1::DepositRequest {
        options: Some(options),
        amount: 1,
        ..Default::default()
    };
    let deposit = stub.deposit(deposit).await.map(drop);
    for refused in [query, accounts, statement, deposit.clone()] {
        let refused = refused.expect_err("it serves nobody");
        assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused}");
        assert_eq!(refused.message(), format!("{why}: ask another branch"));
    }
    let deposit = deposit.expect_err("refused");
    assert_eq!(deposit.metadata().get("bank-fate").expect("told"), "not-applied");
    let log = bank.cluster.log_path(branch).expect("known");
    let log = std::fs::read_to_string(log).expect("a log");
    let told = log.lines().filter(|line| line.contains("serves no customer any more"));
    assert_eq!(told.count(), 1, "{log}");
}

#[tokio::test]
async fn a_lost_joiner_blocks_nobody_and_is_superseded() {
    let mut bank = Bank::new(3).await;
    let lost = Fresh::start(3, &bank).await;
    let mut command = half_joined(&bank, &lost).await;
    lost.cluster.kill(3).await.expect("killed");

    let further = Fresh::start(4, &bank).await;
    let joined = branchd(&further.join(&bank.address(1))).done();
    assert_eq!(
        (&joined["voter"], &joined["replaced"]),
        (&false.into(), &false.into()),
        "{joined}"
    );
    // The one that waits for the lost one is told that it waits for nothing.
    let successor = Fresh::start(3, &bank).await;
    let joined = branchd(&successor.join(&bank.address(2))).done();
    assert_eq!(
        (&joined["voter"], &joined["replaced"]),
        (&true.into(), &true.into()),
        "{joined}"
    );
    let ended = command.wait().expect("it ends");
    assert_eq!(ended.code(), Some(3));

    let promote = |branch: u32| {
        let (to, secret) = (bank.address(1), bank.secret_file());
        branchd(&format!(
            "promote {branch} --json --to {to} --secret-file {}",
            secret.display()
        ))
    };
    let promoted = promote(4).done();
    assert_eq!(promoted["voters"], serde_json::json!([1, 2, 3, 4]));
    assert_eq!(promote(9).code, Some(3));
    let at = [bank.address(1), bank.address(2), successor.address(), further.address()];
    assert_eq!(bank.session_at(1, "--timeout 30s deposit 1").done()["balance"], 1);
    assert_agree(&at);
    bank.cluster.kill_all();
}

#[tokio::test]
async fn branches_are_removed_until_one_is_left() {
    let mut bank = Bank::new(3).await;
    assert_eq!(bank.session_at(1, "deposit 30").done()["balance"], 30);
    let (addresses, secret) = (bank.addresses(), bank.secret_file());
    let remove = |branch: u32, to: u32| {
        let to = &addresses[to as usize - 1];
        branchd(&format!(
            "remove {branch} --json --to {to} --secret-file {}",
            secret.display()
        ))
    };
    bank.kill(3).await;
    let refused = remove(2, 1);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("but only 1 answer: start 3"), "{refused:?}");
    let unknown = remove(9, 2);
    assert!(
        unknown.code == Some(3) && unknown.stderr.contains("it has 1, 2, 3"),
        "{unknown:?}"
    );
    let removed = remove(3, 2).done();
    assert_eq!(removed["branch"], 3);
    bank.restart(3).await;
    assert_out(&bank, 3, "branch 3 was taken out of the bank").await;

    // The leader hands over first. It is asked itself, and hears of it.
    let leader = bank.leader(&[1, 2]);
    let left = 3 - leader;
    assert_eq!(remove(leader, leader).done()["branch"], leader);
    assert_eq!(
        members(&bank.address(left)),
        [(u64::from(left), bank.address(left), true)]
    );
    assert_eq!(bank.session_at(left, "--timeout 30s deposit 1").done()["balance"], 31);
    assert_out(&bank, leader, &format!("branch {leader} was taken out of the bank")).await;
    let last = remove(left, left);
    assert!(
        last.code == Some(3) && last.stderr.contains("the only one that votes"),
        "{last:?}"
    );
    bank.cluster.kill_all();
}

/// What a branch had acknowledged and not applied, and what was decided while it was away, is told.
#[tokio::test]
async fn a_branch_that_was_away_says_when_it_has_caught_up() {
    let mut bank = Bank::new(3).await;
    let leader = bank.leader(&[1, 2, 3]);
    let away = leader % 3 + 1;
    bank.kill(away).await;
    assert_eq!(bank.session_at(leader, "deposit 30").done()["balance"], 30);
    bank.restart(away).await;
    assert_eq!(bank.session_at(away, "query").done()["balance"], 30);
    let log = bank.cluster.log_path(away).expect("known");
    wait_for("the word that it has caught up", || {
        let log = std::fs::read_to_string(&log).expect("a log");
        log.contains("this branch has caught up with").then_some(())
    });
    assert_eq!(status(&bank.address(away))["behind"], 0);
    bank.stop().await;
}
