//! Joins that are cut short at each step, on branches in this process. The bank finishes them, whichever branch dies.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bank_auth::Secret;
use tokio::net::TcpListener;
use tokio::sync::MutexGuard;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{found, join, remove};
use crate::address::BranchAddress;
use crate::branch::{Bank, Branch};
use crate::branch_client::{FoundingRequest, MembershipChange, adopt};
use crate::config::{Config, Timing};
use crate::directory::secret::SecretSource;
use crate::reconfiguration::plan::{has_caught_up, is_joining};
use crate::replication::engine::Replica;
use crate::replication::membership::{Change, Seats};
use crate::server;

/// How long a test waits for a state, at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// The secret of every bank in these tests.
static SECRET: LazyLock<Secret> = LazyLock::new(|| Secret::random().expect("randomness"));
/// Five branches vote, and one of them is lost. If a leader dies too, three are left.
const VOTERS: u32 = 5;
const LOST: u32 = 5;

/// A branch that serves in this process.
struct Running {
    branch: Arc<Branch>,
    server: JoinHandle<()>,
    _data: tempfile::TempDir,
}

impl Running {
    async fn start(number: u32) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let branch = open(number, data.path(), "127.0.0.1:0").await;
        Self {
            server: branch.1,
            branch: branch.0,
            _data: data,
        }
    }

    fn bank(&self) -> &Bank {
        self.branch.bank().expect("a bank")
    }

    fn place(&self) -> BranchAddress {
        BranchAddress {
            branch: self.branch.config.branch,
            address: self.branch.address.clone(),
            peer_address: None,
        }
    }

    fn leads(&self) -> bool {
        !self.server.is_finished() && self.branch.bank().is_ok_and(|bank| bank.engine.is_leader())
    }

    /// Stops the branch. It answers nothing any more.
    async fn die(&self) {
        self.branch.stop();
        self.server.abort();
        self.branch.close().await;
    }
}

async fn open(number: u32, data: &Path, listen: &str) -> (Arc<Branch>, JoinHandle<()>) {
    let listener = TcpListener::bind(listen).await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let config = Config {
        branch: number,
        data: data.to_owned(),
        secret: SecretSource::Given {
            secret: SECRET.clone(),
            from: "a test".to_owned(),
        },
        timing: Timing {
            election_timeout: Duration::from_millis(300),
        },
        insecure: false,
        via: Default::default(),
        accept_moved: false,
        max_connections: 100,
        max_connections_per_address: None,
        checkpoint_entries: 8192,
        scrub_rows_per_second: 0,
        tls: None,
        client_cert_auth: false,
        token_file: None,
        hand_over: false,
    };
    let branch = Arc::new(Branch::open(config, address, None).await.expect("it opens"));
    let serving = server::serve(Arc::clone(&branch), listener.into(), branch.stopping());
    let server = tokio::spawn(serving);
    (branch, server)
}

async fn until<T>(what: &str, mut state: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = state() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what} never came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A bank of five branches, one of which is lost, and a successor that has adopted the bank and is not enlisted yet.
struct Cut {
    branches: Vec<Running>,
    successor: Running,
}

impl Cut {
    async fn new() -> Self {
        let branches = futures::future::join_all((1..=VOTERS).map(Running::start)).await;
        let request = FoundingRequest {
            branches: branches.iter().map(Running::place).collect(),
            opening_balance: 7,
            voters: Some(VOTERS),
        };
        found(&branches[0].branch, request).await.expect("founded");
        let cut = Self {
            branches,
            successor: Running::start(LOST).await,
        };
        cut.lost().die().await;
        let (first, bank_id) = (&cut.branches[0], cut.branches[0].bank().identity.bank_id);
        adopt(&first.branch.peers, &cut.successor.place(), bank_id)
            .await
            .expect("adopted");
        cut
    }

    fn lost(&self) -> &Running {
        &self.branches[LOST as usize - 1]
    }

    fn new_replica(&self) -> Replica {
        Replica {
            id: self.successor.branch.directory.replica(),
            branch: LOST,
            address: self.successor.branch.address.clone(),
            ..Replica::default()
        }
    }

    /// Stops every leader from continuing a join while the guards are held.
    async fn held(&self) -> Vec<MutexGuard<'_, ()>> {
        let locks = self
            .branches
            .iter()
            .map(|running| running.bank().members.hold_changes());
        futures::future::join_all(locks).await
    }

    async fn leader(&self) -> &Running {
        until("a leader", || {
            let leads = |running: &&Running| running.leads() && running.bank().engine.progress(PATIENCE).is_some();
            self.branches.iter().chain([&self.successor]).find(leads)
        })
        .await
    }

    /// Lets the leader record the join, while no leader continues it.
    async fn enlisted(&self) {
        let enlist = MembershipChange::Enlist {
            new: self.new_replica(),
            position: 0,
        };
        let leader = self.leader().await;
        let began = Instant::now();
        while let Err(status) = self.record(leader, &enlist).await {
            assert!(began.elapsed() < PATIENCE, "{status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn record(&self, leader: &Running, change: &MembershipChange) -> Result<(), String> {
        let MembershipChange::Enlist { new, position } = change else {
            return Err("no join".to_owned());
        };
        let seats = leader.bank().engine.seats();
        match crate::reconfiguration::plan::enlist(&seats, new, *position) {
            Ok(crate::reconfiguration::plan::Plan::Done) => Ok(()),
            Ok(crate::reconfiguration::plan::Plan::Change { change, .. }) => {
                let changed = leader.bank().engine.change(&seats, change, PATIENCE).await;
                changed.map_err(|error| error.to_string())
            }
            other => Err(format!("{other:?}")),
        }
    }

    async fn caught_up(&self) {
        let (leader, id) = (self.leader().await, self.new_replica().id);
        until("the successor with the whole log", || {
            let progress = leader.bank().engine.progress(PATIENCE)?;
            (has_caught_up(&progress, id) && progress.matched.get(&id) == Some(&progress.last)).then_some(())
        })
        .await;
    }

    /// Begins the exchange of voters, and does not finish it.
    async fn exchanging(&self) {
        let engine = &self.leader().await.bank().engine;
        let mut voters = engine.seats().voters;
        voters.remove(&self.lost().branch.directory.replica());
        voters.insert(self.new_replica().id);
        engine.begin_exchange(voters).await;
    }

    /// Waits for the state in which every join must end, however it was cut short.
    async fn assert_finished(&self) {
        let (new, lost) = (self.new_replica().id, self.lost().branch.directory.replica());
        let seats = until("the end of the join", || {
            let mut all = self.branches.iter().chain([&self.successor]);
            let seats = all.find(|running| running.leads())?.bank().engine.committed_seats();
            let done = !seats.exchanging && seats.replicas.iter().all(|replica| !is_joining(&seats, replica));
            (done && seats.voters.contains(&new)).then_some(seats)
        })
        .await;
        assert!(!seats.replicas.iter().any(|replica| replica.id == lost), "{seats:?}");
        assert_eq!(numbers(&seats), [1, 2, 3, 4, 5], "one replica of each number");
        assert_eq!(seats.voters.len(), VOTERS as usize, "{seats:?}");
        let leader = self.leader().await;
        let command = bank_ledger::Command {
            request_id: bank_ledger::RequestId(*uuid::Uuid::new_v4().as_bytes()),
            time_us: 0,
            action: bank_ledger::Action::Deposit {
                account: bank_ledger::AccountName::main(),
                amount: bank_ledger::Amount::new(1).expect("an amount"),
            },
        };
        let applied = leader.bank().writer.submit(command, Instant::now() + PATIENCE).await;
        let position = applied.expect("writes go on").position;
        let successor = self.successor.bank();
        let reached = successor.reads.wait_position(position, Instant::now() + PATIENCE).await;
        reached.expect("the successor has it");
        assert_eq!(successor.books.ledger().digest, leader.bank().books.ledger().digest);
    }
}

fn numbers(seats: &Seats) -> Vec<u32> {
    seats.replicas.iter().map(|replica| replica.branch).collect()
}

/// The step at which a join is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Enlisted,
    CaughtUp,
    Exchanging,
}

#[tokio::test]
async fn a_leader_that_dies_at_any_step_is_followed_by_one_that_goes_on() {
    let rows = [At::Enlisted, At::CaughtUp, At::Exchanging].map(|at| async move {
        let cut = Cut::new().await;
        // No leader continues the join, as if each died before it did anything.
        let held = futures::future::join_all(cut.branches.iter().map(|running| running.bank().members.hold_changes()));
        let held = held.await;
        cut.enlisted().await;
        if at != At::Enlisted {
            cut.caught_up().await;
        }
        if at == At::Exchanging {
            cut.exchanging().await;
        }
        cut.leader().await.die().await;
        drop(held);
        cut.assert_finished().await;
    });
    futures::future::join_all(rows).await;
}

#[tokio::test]
async fn a_joiner_that_dies_at_any_step_never_votes_and_blocks_nobody() {
    let rows = [At::Enlisted, At::CaughtUp, At::Exchanging].map(|at| async move {
        let cut = Cut::new().await;
        let held = cut.held().await;
        cut.enlisted().await;
        if at != At::Enlisted {
            cut.caught_up().await;
        }
        if at == At::Exchanging {
            cut.exchanging().await;
        }
        cut.successor.die().await;
        drop(held);
        superseded(cut, at).await;
    });
    futures::future::join_all(rows).await;
}

/// After the joiner's death, other branches join, and one of them has the joiner's number.
async fn superseded(cut: Cut, at: At) {
    let dead = cut.new_replica().id;
    let leader = cut.leader().await;
    // Another branch joins meanwhile.
    let further = Running::start(9).await;
    let joined = join(&cut.branches[1].branch, further.place(), Instant::now() + PATIENCE).await;
    assert!(!joined.expect("nobody blocks it").voter);
    let seats = leader.bank().engine.committed_seats();
    // If the voters were being exchanged already, the joiner had been promoted. It then is a lost voter like any other.
    let votes = seats.voters.contains(&dead);
    assert_eq!(votes, at == At::Exchanging, "a dead joiner does not vote: {seats:?}");

    // A branch with the same number, another address and an empty directory replaces the dead joiner.
    let cut = Cut {
        branches: cut.branches,
        successor: Running::start(LOST).await,
    };
    let place = cut.successor.place();
    let joined = join(&cut.branches[2].branch, place.clone(), Instant::now() + PATIENCE).await;
    let joined = joined.expect("it joins");
    assert!(joined.voter && joined.replaced, "{joined:?}");
    let again = join(&cut.branches[3].branch, place, Instant::now() + PATIENCE).await;
    let again = again.expect("it has joined");
    assert!(again.voter && again.replaced, "{again:?}");
    further.die().await;
    let removed = remove(&cut.branches[1].branch, 9).await;
    removed.expect("a learner may always be removed");
    cut.assert_finished().await;
}

#[tokio::test]
async fn a_change_for_another_membership_is_not_made() {
    let cut = Cut::new().await;
    let engine = &cut.leader().await.bank().engine;
    let old = engine.seats();
    cut.enlisted().await;
    let changed = engine.change(&old, Change::default(), PATIENCE).await;
    assert_eq!(changed, Err(crate::replication::membership::ChangeError::Overtaken));
}
