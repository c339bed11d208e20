//! A workload on a bank of three real branches that tests every guarantee of the judge, and the run folder that it
//! leaves. Nothing in it depends on a race.

use crate::credulous::{Counters, Customer};
use bank_check::history::{Action, Fault, FaultKind, History, Level, Operation};
use bank_cluster::network::{LinkSet, LinkState};
use bank_cluster::{Cluster, ClusterConfig, Programs, command_log};
use launcher::run::folder::{HISTORY_FILE, JOURNALS_DIR};
use std::fs;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use uuid::Uuid;

/// The branch that has the bugs that only one has. It is not the leader.
pub(crate) const AFFECTED: u32 = 3;
/// Of [`MAIN`].
const OPENING: i64 = 100;
/// It takes distinct powers of two only, so that its balance names the deposits that it holds.
const MAIN: &str = "main";
/// Everything else goes here.
const TILL: &str = "till";
/// Branch 1, where the founding begins, leads to the end, however busy the machine is.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Branches 1 to 3 in this directory, with this bug, behind relays.
pub(crate) async fn bank(dir: &Path, programs: Programs, bug: Option<&str>) -> Cluster {
    let mut config = ClusterConfig::new(dir, 1..=3).expect("the programs are built");
    config.programs = programs;
    config.election_timeout = ELECTION_TIMEOUT;
    config.branch_args = bug.map_or(Vec::new(), |bug| vec!["--planted".into(), bug.into()]);
    let mut cluster = Cluster::relayed(config).await.expect("ports");
    cluster.run(OPENING).await.expect("a bank");
    cluster
}

/// Runs the workload, and leaves what it is judged by in the directory.
pub(crate) async fn run(dir: &Path, programs: Programs, bug: Option<&str>) {
    let cluster = bank(dir, programs, bug).await;
    let counters = Counters::of(&cluster).await;
    let mut play = Play {
        cluster,
        counters,
        history: History::default(),
    };
    let (mut ann, mut bob) = (Customer::new(1), Customer::new(2));
    play.fill_main(&mut ann).await;
    // Branch 3 has all of that, and nothing of what comes next.
    play.query(&mut bob, AFFECTED, Level::Strong, MAIN).await;
    play.ask_a_branch_that_hears_nothing(&mut ann).await;
    play.fill_till(&mut bob).await;
    // Every branch comes to the end.
    play.query(&mut bob, 3, Level::Strong, TILL).await;
    play.query(&mut ann, 2, Level::Strong, MAIN).await;
    play.record(dir).await;
}

/// What is done, and what has been.
struct Play {
    cluster: Cluster,
    counters: Counters,
    history: History,
}

impl Play {
    /// Positions 2 to 5. Another branch answers each time.
    async fn fill_main(&mut self, ann: &mut Customer) {
        self.deposit(ann, 1, 2).await;
        self.query(ann, 2, Level::Session, MAIN).await;
        self.deposit(ann, 3, 4).await;
        self.deposit(ann, 1, 8).await;
        self.deposit(ann, 3, 16).await;
        self.query(ann, 2, Level::Session, MAIN).await;
    }

    /// Position 6, which branch 3 is asked for before it can know of it.
    async fn ask_a_branch_that_hears_nothing(&mut self, ann: &mut Customer) {
        self.cluster
            .network()
            .expect("relayed")
            .apply(LinkSet::To(AFFECTED), LinkState::Hold);
        let from_us = self.counters.now_us();
        self.deposit(ann, 1, 32).await;
        self.query(ann, 1, Level::Session, MAIN).await;
        let read = self.query_while_held(ann).await;
        self.done(read);
        self.history.faults.push(Fault {
            kind: FaultKind::Hold { to: AFFECTED },
            from_us,
            until_us: Some(self.counters.now_us()),
        });
    }

    /// The network goes on once there is an answer; or without one, once the branch has answered what it was asked
    /// after that, so that it is known to wait.
    async fn query_while_held(&self, ann: &mut Customer) -> Operation {
        let mut onlooker = Customer::new(0);
        let mut asked = pin!(self.counters.query(ann, AFFECTED, Level::Session, MAIN));
        let early = tokio::select! {
            biased;
            answered = &mut asked => Some(answered),
            _ = self.counters.query(&mut onlooker, AFFECTED, Level::Eventual, MAIN) => None,
        };
        self.cluster
            .network()
            .expect("relayed")
            .apply(LinkSet::To(AFFECTED), LinkState::Pass);
        match early {
            Some(answered) => answered,
            None => asked.await,
        }
    }

    /// Positions 7 to 12: a request that is asked again takes one too.
    async fn fill_till(&mut self, bob: &mut Customer) {
        let account = || TILL.to_owned();
        let open = Action::Open {
            account: account(),
            amount: 0,
        };
        let pay_in = Action::Deposit {
            account: account(),
            amount: 500,
        };
        let take = |amount| Action::Withdraw {
            account: account(),
            amount,
        };
        self.write(bob, 2, open.clone(), Uuid::now_v7()).await;
        // As if the answer had been lost on its way: the same request again, elsewhere.
        let id = Uuid::now_v7();
        self.write(bob, 2, pay_in.clone(), id).await;
        self.write(bob, 3, pay_in, id).await;
        self.write(bob, 3, open, Uuid::now_v7()).await;
        self.write(bob, 1, take(200), Uuid::now_v7()).await;
        self.write(bob, 2, take(5000), Uuid::now_v7()).await;
    }

    async fn deposit(&mut self, customer: &mut Customer, branch: u32, amount: i64) {
        let account = MAIN.to_owned();
        let deposit = Action::Deposit { account, amount };
        self.write(customer, branch, deposit, Uuid::now_v7()).await;
    }

    async fn write(&mut self, customer: &mut Customer, branch: u32, action: Action, id: Uuid) {
        let written = self.counters.write(customer, branch, action, id).await;
        self.done(written);
    }

    async fn query(&mut self, customer: &mut Customer, branch: u32, level: Level, account: &str) {
        let read = self.counters.query(customer, branch, level, account).await;
        self.done(read);
    }

    fn done(&mut self, mut operation: Operation) {
        operation.event = i64::try_from(self.history.operations.len() + 1).ok();
        self.history.operations.push(operation);
    }

    /// Stops the bank, and leaves what it is judged by.
    async fn record(mut self, folder: &Path) {
        let told = self
            .history
            .operations
            .iter()
            .filter_map(|operation| operation.position);
        let position = told.fold(1, u64::max);
        let collected = command_log::collect(&self.cluster, position, self.counters.origin_us).await;
        assert_eq!(collected.missing, [""; 0]);
        self.cluster.stop().await.expect("all drained");
        fs::create_dir_all(folder.join(JOURNALS_DIR)).expect("made");
        for journal in &collected.command_logs {
            let file = format!("{JOURNALS_DIR}/branch-{}.jsonl", journal.branch);
            fs::write(folder.join(file), journal.lines()).expect("written");
        }
        fs::write(folder.join(HISTORY_FILE), self.history.lines()).expect("written");
    }
}
