//! A client without the bank's secret makes each call that only branches and operators may make. All are refused. A
//! branch with the secret cannot act in the name of another branch.

use crate::support::bank::{Bank, branchd, status};
use crate::support::{PATIENCE, wait_for};
use bank_auth::{BranchIdentity, Party};
use bank_cluster::{Cluster, ClusterConfig};
use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use bank_proto::v1::branch_service_client::BranchServiceClient;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use bank_tls::{Connector, Proof};
use serde_json::Value;
use std::path::Path;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use uuid::Uuid;

const FORGED: i64 = 1_000_000;
/// A term after which no election would be possible.
const LAST_TERM: u64 = 1 << 62;

/// A client's connection, as anyone can open it.
async fn anyone(address: &str) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("it listens")
}

/// A connection with the bank's secret.
async fn with_secret(bank: &Bank, branch: u32, me: BranchIdentity) -> Channel {
    let connector = Connector {
        address: bank.address(branch),
        branch,
        bank: None,
        me: Party::Branch(me),
        proof: Proof::Secret(bank_auth::file::read(&bank.secret_file()).expect("a secret")),
        connect_timeout: PATIENCE,
        observer: None,
    };
    let endpoint = Endpoint::from_static("http://branch");
    endpoint
        .connect_with_connector(connector)
        .await
        .expect("it knows the secret")
}

/// What an attacker with a look at a branch's disk knows of it.
fn replica(data: &Path) -> u64 {
    let text = std::fs::read_to_string(data.join("branch.json")).expect("read");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    u64::from_str_radix(file["replica"].as_str().expect("a replica"), 16).expect("an id")
}

/// What must not move, at every branch.
fn state(bank: &Bank) -> Vec<Value> {
    let at = |branch: u32| {
        let status = status(&bank.address(branch));
        let kept = ["bank_id", "leader", "term", "position", "digest", "branches"];
        let mut state: Value = kept.iter().map(|key| (*key, status[*key].clone())).collect();
        state["balance"] = bank.at(branch, "query --level eventual").done()["balance"].clone();
        state
    };
    bank.cluster.numbers().into_iter().map(at).collect()
}

/// A bank of three branches with 100 in its books, known to all.
async fn bank_at_rest() -> Bank {
    let bank = Bank::new(3).await;
    bank.at(1, "deposit 100 --propagation all").done();
    bank.assert_agree();
    wait_for("one leader known to all", || {
        let state = state(&bank);
        let agreed = state[0]["leader"].as_u64() > Some(0) && state.iter().all(|other| *other == state[0]);
        agreed.then_some(())
    });
    bank
}

/// Calls of the branches' service with forged content, from one branch to another.
struct Forger {
    stub: BranchServiceClient<Channel>,
    bank_id: Uuid,
    term: u64,
    /// Whom the forger speaks for.
    from: BranchIdentity,
    /// Whom it speaks to.
    to: BranchIdentity,
}

impl Forger {
    fn peer(&self) -> Option<v1::Peer> {
        Some(v1::Peer {
            format: 2,
            bank_id: self.bank_id.as_bytes().to_vec(),
            from_branch: self.from.branch,
            to_replica: self.to.replica,
        })
    }

    fn vote(&self, term: u64, committed: bool) -> Option<v1::Vote> {
        Some(v1::Vote {
            leader_id: self.leader_id(term),
            committed,
        })
    }

    fn leader_id(&self, term: u64) -> Option<v1::LeaderId> {
        Some(v1::LeaderId {
            term,
            replica: self.from.replica,
        })
    }

    fn log_id(&self, index: u64) -> Option<v1::LogId> {
        Some(v1::LogId {
            leader_id: self.leader_id(self.term),
            index,
        })
    }

    fn vote_request(&self, term: u64) -> v1::VoteRequest {
        v1::VoteRequest {
            peer: self.peer(),
            vote: self.vote(term, false),
            last_log_id: self.log_id(1000),
            leadership_transfer: true,
        }
    }

    fn deposit(&self) -> v1::Command {
        let deposit = v1::command::Move {
            account: "main".to_owned(),
            amount: FORGED,
        };
        v1::Command {
            request_id: Uuid::new_v4().as_bytes().to_vec(),
            time_us: 0,
            action: Some(v1::command::Action::Deposit(deposit)),
        }
    }

    fn append_request(&self) -> v1::AppendRequest {
        let batch = v1::Batch {
            commands: vec![self.deposit()],
            ..Default::default()
        };
        v1::AppendRequest {
            peer: self.peer(),
            vote: self.vote(self.term + 1, true),
            previous: None,
            entries: vec![v1::LogEntry {
                log_id: self.log_id(0),
                payload: Some(v1::log_entry::Payload::Batch(batch)),
            }],
            committed: self.log_id(0),
        }
    }

    /// Every call of the service, and what became of it.
    async fn all(&self) -> Vec<(&'static str, Result<(), Status>)> {
        let mut stub = self.stub.clone();
        let header = v1::SnapshotHeader {
            peer: self.peer(),
            vote: self.vote(self.term + 1, true),
            last_log_id: self.log_id(1000),
            last_membership: Some(v1::StoredMembership::default()),
            length: 3,
        };
        let parts = [
            v1::install_snapshot_request::Part::Header(header),
            v1::install_snapshot_request::Part::Chunk(vec![1, 2, 3]),
        ];
        let parts = parts.map(|part| v1::InstallSnapshotRequest { part: Some(part) });
        let offer = v1::OfferSnapshotRequest {
            peer: self.peer(),
            vote: self.vote(self.term + 1, true),
            length: 3,
        };
        let adopt = v1::AdoptRequest {
            format: 2,
            bank_id: self.bank_id.as_bytes().to_vec(),
            branch: self.to.branch,
        };
        let pre_vote = v1::PreVoteRequest {
            request: Some(self.vote_request(LAST_TERM)),
        };
        let transfer = v1::TransferLeaderRequest {
            peer: self.peer(),
            from_leader: self.vote(self.term, true),
            to_replica: self.to.replica,
            last_log_id: None,
        };
        let forward = v1::ForwardRequest {
            peer: self.peer(),
            commands: vec![self.deposit()],
        };
        let read_index = v1::ReadIndexRequest { peer: self.peer() };
        let compare = v1::CompareRequest {
            peer: self.peer(),
            position: 1,
            digest: vec![0; 32],
        };
        let await_position = v1::AwaitPositionRequest {
            peer: self.peer(),
            position: 0,
        };
        let removal = v1::ChangeMembersRequest {
            peer: self.peer(),
            change: Some(v1::change_members_request::Change::Remove(self.to.branch)),
        };
        let ask = v1::AskMembershipRequest { peer: self.peer() };
        let append = stream_of([self.append_request()]);
        vec![
            ("adopt", stub.adopt(adopt).await.map(drop)),
            ("vote", stub.vote(self.vote_request(LAST_TERM)).await.map(drop)),
            (
                "vote, one step",
                stub.vote(self.vote_request(self.term + 1)).await.map(drop),
            ),
            ("pre-vote", stub.pre_vote(pre_vote).await.map(drop)),
            ("append", stub.append(append).await.map(drop)),
            ("transfer leader", stub.transfer_leader(transfer).await.map(drop)),
            ("offer snapshot", stub.offer_snapshot(offer).await.map(drop)),
            (
                "install snapshot",
                stub.install_snapshot(stream_of(parts)).await.map(drop),
            ),
            ("forward", stub.forward(forward).await.map(drop)),
            ("read index", stub.read_index(read_index).await.map(drop)),
            ("compare", stub.compare(compare).await.map(drop)),
            ("await position", stub.await_position(await_position).await.map(drop)),
            ("change members", stub.change_members(removal).await.map(drop)),
            ("ask membership", stub.ask_membership(ask).await.map(drop)),
        ]
    }
}

fn stream_of<T: Send + 'static>(
    items: impl IntoIterator<Item = T, IntoIter: Send + 'static>,
) -> impl futures::Stream<Item = T> + Send {
    futures::stream::iter(items)
}

fn identity(bank: &Bank, branch: u32) -> BranchIdentity {
    let data = bank.cluster.data_dir(branch).expect("known");
    BranchIdentity {
        branch,
        replica: replica(&data),
    }
}

fn bank_id(bank: &Bank) -> Uuid {
    let status = status(&bank.address(1));
    status["bank_id"].as_str().expect("an id").parse().expect("a UUID")
}

fn assert_denied(what: &str, replicas: &[u64], outcome: Result<(), Status>) {
    let refused = outcome.expect_err(what);
    assert_eq!(refused.code(), Code::PermissionDenied, "{what}: {refused:?}");
    let said = refused.message();
    let names_a_replica = |id: &u64| said.contains(&id.to_string()) || said.contains(&format!("{id:x}"));
    assert!(!replicas.iter().any(names_a_replica), "{what}: {said}");
}

#[tokio::test]
async fn without_the_secret_no_call_of_a_branch_or_an_operator_moves_anything() {
    let bank = bank_at_rest().await;
    let before = state(&bank);
    let term = before[0]["term"].as_u64().expect("a term");
    let all: Vec<BranchIdentity> = (1..=3).map(|branch| identity(&bank, branch)).collect();
    let replicas: Vec<u64> = all.iter().map(|one| one.replica).collect();
    for (at, to) in all.iter().enumerate() {
        let channel = anyone(&bank.address(to.branch)).await;
        let forger = Forger {
            stub: BranchServiceClient::new(channel.clone()),
            bank_id: bank_id(&bank),
            term,
            from: all[(at + 1) % 3],
            to: *to,
        };
        for (what, outcome) in forger.all().await {
            assert_denied(what, &replicas, outcome);
        }
        let mut operator = OperatorServiceClient::new(channel);
        let elsewhere = v1::BranchAddress {
            branch: 4,
            address: "127.0.0.1:9".to_owned(),
            peer_address: String::new(),
        };
        let init = v1::InitRequest {
            branches: vec![elsewhere.clone()],
            opening_balance: FORGED,
            voters: 0,
        };
        let join = v1::JoinRequest {
            branch: Some(elsewhere),
        };
        assert_denied("init", &replicas, operator.init(init).await.map(drop));
        assert_denied("join", &replicas, operator.join(join).await.map(drop));
        let promote = v1::PromoteRequest { branch: to.branch };
        assert_denied("promote", &replicas, operator.promote(promote).await.map(drop));
        let remove = v1::RemoveRequest { branch: to.branch };
        assert_denied("remove", &replicas, operator.remove(remove).await.map(drop));
        // What anyone may look at stays open.
        operator.get_status(v1::GetStatusRequest {}).await.expect("open to all");
    }
    assert_eq!(state(&bank), before);
    let channel = anyone(&bank.address(2)).await;
    let deposit = v1::DepositRequest {
        options: Some(v1::WriteOptions {
            request_id: Uuid::now_v7().to_string(),
            ..Default::default()
        }),
        account: String::new(),
        amount: 1,
    };
    BankServiceClient::new(channel)
        .deposit(deposit)
        .await
        .expect("the bank takes writes");
    bank.assert_agree();
    bank.stop().await;
}

#[tokio::test]
async fn without_the_secret_a_fresh_branch_is_not_spoiled() {
    let bank = bank_at_rest().await;
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = ClusterConfig::new(dir.path(), [4]).expect("the programs are built");
    config.secret_file = Some(bank.secret_file());
    let mut fresh = Cluster::new(config);
    fresh.start(|| ()).await.expect("it listens");
    let address = fresh.address(4).expect("known").to_string();
    // It answers once it has its directory.
    assert_eq!(status(&address)["bank_id"], Value::Null);
    let to = BranchIdentity {
        branch: 4,
        replica: replica(&fresh.data_dir(4).expect("known")),
    };
    let channel = anyone(&address).await;
    let forger = Forger {
        stub: BranchServiceClient::new(channel.clone()),
        bank_id: Uuid::new_v4(),
        term: 1,
        from: identity(&bank, 1),
        to,
    };
    for (what, outcome) in forger.all().await {
        assert_denied(what, &[to.replica], outcome);
    }
    let init = v1::InitRequest {
        branches: vec![v1::BranchAddress {
            branch: 4,
            address: address.clone(),
            peer_address: String::new(),
        }],
        opening_balance: FORGED,
        voters: 1,
    };
    let outcome = OperatorServiceClient::new(channel).init(init).await;
    assert_denied("init", &[to.replica], outcome.map(drop));
    assert_eq!(status(&address)["bank_id"], Value::Null);
    let secret = bank.secret_file();
    let join = format!(
        "join --secret-file {} --branch 4={address} --to {}",
        secret.display(),
        bank.address(1)
    );
    let joined = branchd(&join);
    assert_eq!(joined.code, Some(0), "{joined:?}");
    fresh.stop().await.expect("it drains");
    bank.stop().await;
}

#[tokio::test]
async fn a_branch_with_another_banks_secret_is_refused_by_name() {
    let bank = bank_at_rest().await;
    let before = state(&bank);
    let dir = tempfile::tempdir().expect("a directory");
    let mut other = Cluster::new(ClusterConfig::new(dir.path(), [4]).expect("the programs are built"));
    other.start(|| ()).await.expect("it listens");
    let address = other.address(4).expect("known").to_string();
    let join = |secret: &Path, to: &str| {
        branchd(&format!(
            "join --secret-file {} --branch 4={address} --to {to}",
            secret.display()
        ))
    };
    let refused = join(&bank.secret_file(), &bank.address(1));
    assert_eq!(
        (refused.code, refused.stderr.lines().count()),
        (Some(3), 1),
        "{refused:?}"
    );
    let said = format!("branch 4 at {address} has another secret: give both the same secret file");
    assert!(refused.stderr.contains(&said), "{refused:?}");
    let refused = join(&dir.path().join("bank.secret"), &bank.address(1));
    assert_eq!(
        (refused.code, refused.stderr.lines().count()),
        (Some(3), 1),
        "{refused:?}"
    );
    let said = format!("the branch at {} has another secret", bank.address(1));
    assert!(refused.stderr.contains(&said), "{refused:?}");
    assert_eq!(state(&bank), before);
    other.stop().await.expect("it drains");
    bank.stop().await;
}

#[tokio::test]
async fn a_branch_does_not_speak_for_another_and_does_not_use_up_the_terms() {
    let bank = bank_at_rest().await;
    let before = state(&bank);
    let term = before[0]["term"].as_u64().expect("a term");
    let (first, second, third) = (identity(&bank, 1), identity(&bank, 2), identity(&bank, 3));
    let forger = |stub: Channel, from| Forger {
        stub: BranchServiceClient::new(stub),
        bank_id: bank_id(&bank),
        term,
        from,
        to: first,
    };
    // Branch 2, in the name of branch 3: its number, then its replica.
    let channel = with_secret(&bank, 1, second).await;
    let as_third = forger(channel.clone(), third);
    let refused = as_third
        .stub
        .clone()
        .vote(as_third.vote_request(term + 1))
        .await
        .expect_err("another's name");
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    let third_replica = BranchIdentity {
        branch: 2,
        replica: third.replica,
    };
    let as_third = forger(channel.clone(), third_replica);
    let refused = as_third
        .stub
        .clone()
        .vote(as_third.vote_request(term + 1))
        .await
        .expect_err("another's vote");
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let mut answers = as_third
        .stub
        .clone()
        .append(stream_of([as_third.append_request()]))
        .await;
    let refused = match &mut answers {
        Ok(answers) => answers.get_mut().message().await.expect_err("another's entries"),
        Err(refused) => refused.clone(),
    };
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    // In its own name, with terms far away.
    let own = forger(channel, second);
    for far in [LAST_TERM, 1 << 47, term + (1 << 25), u64::MAX] {
        let refused = own.stub.clone().vote(own.vote_request(far)).await.expect_err("too far");
        assert_eq!(refused.code(), Code::InvalidArgument, "{far}: {refused:?}");
    }
    assert_eq!(state(&bank), before);
    bank.at(3, "deposit 1").done();
    bank.assert_agree();
    bank.stop().await;
}
