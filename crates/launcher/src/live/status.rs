//! The status of a live bank, from what each branch reports and what its launcher knows. All branches are asked at
//! once, with a short deadline: a branch that does not answer must not delay the status of the others.

use super::describe;
use super::geography::{Geography, Region};
use super::majority::Voters;
use crate::date::date_and_time;
use bank_client::operator::{BranchStatus, Role};
use bank_cluster::Cluster;
use bank_cluster::faults::Injector;
use bank_cluster::network::LinkState;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// Deadline for the status of a branch. A branch on this host that takes longer counts as silent.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Status of a live bank at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BankStatus {
    /// Id of the bank.
    pub(super) bank_id: Uuid,
    /// Path of the bank file, for `customer-cli --bank`.
    pub(super) bank_file: PathBuf,
    /// Process id of the launcher.
    pub(super) launcher_pid: u32,
    /// Newest position that a branch has reported.
    pub(super) position: u64,
    /// Branch that leads, as far as the launcher can tell.
    pub(super) leader: Option<u32>,
    /// Branches that vote, as the bank has them. Empty if no branch has answered yet.
    pub(super) voters: BTreeSet<u32>,
    /// Reason for which no write can go through. `None` while a majority of the voters is up.
    pub(super) no_majority: Option<String>,
    /// Distances between the regions in words. `None` if all branches stand at one place.
    pub(super) distances: Option<String>,
    /// Branches in the order of their start.
    pub(super) branches: Vec<BranchRow>,
    /// Whether the branches are connected through relays, so that their links can be degraded.
    #[serde(rename = "can_be_bent")]
    pub(super) has_relays: bool,
    /// Links that are cut, delayed or held.
    #[serde(rename = "bent")]
    pub(super) degraded: Vec<DegradedLinks>,
}

/// Status of one branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BranchRow {
    /// Number of the branch.
    pub(super) branch: u32,
    /// Process id. `None` while the branch is down.
    pub(super) pid: Option<u32>,
    /// Role or state.
    pub(super) state: State,
    /// Term of the branch, which rises with each election. `None` if the branch does not answer.
    pub(super) term: Option<u64>,
    /// Region in which the branch stands. `None` if all branches stand at one place.
    pub(super) region: Option<Region>,
    /// Position of the branch. `None` if the branch does not answer.
    pub(super) position: Option<u64>,
    /// Number of commands that another branch has applied and this one has not. `None` if the branch does not answer.
    pub(super) behind: Option<u64>,
    /// Number of open connections of customers. `None` if the branch does not answer.
    pub(super) customers: Option<u32>,
    /// Address of the branch.
    pub(super) address: SocketAddr,
    /// Start of the process in UTC. `None` while the branch is down.
    pub(super) up_since: Option<String>,
    /// Age of the process in seconds. `None` while the branch is down.
    pub(super) up_s: Option<u64>,
    /// How the process ended, if it was not killed on request.
    pub(super) ended: Option<String>,
    /// Path of the log.
    pub(super) log: PathBuf,
}

/// Role of a branch, or the reason why it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// The branch leads.
    Leader,
    /// The branch takes itself for the leader, but another branch was elected later, or there is no majority.
    WasLeader,
    /// The branch votes and follows the leader.
    Follower,
    /// The branch asks to be elected.
    Candidate,
    /// The branch follows the leader and does not vote.
    Learner,
    /// The branch starts or stops.
    Other,
    /// The process is paused on request.
    Paused,
    /// The process runs and does not answer.
    Silent,
    /// There is no process.
    Down,
}

/// Links between branches that are in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DegradedLinks {
    /// Description in words.
    pub(super) says: String,
    /// Each link as its sender and its receiver.
    pub(super) directions: Vec<(u32, u32)>,
    /// State of the links: `held`, `delayed` or `cut`.
    #[serde(rename = "passage")]
    pub(super) state: String,
    /// Delay in milliseconds, if the links are delayed.
    pub(super) by_ms: Option<u64>,
    /// Arguments of `launcher` that heal the links.
    pub(super) heal: String,
}

/// What the launcher knows of the branches.
#[derive(Debug)]
pub(super) struct StatusSources<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) injector: &'a Injector,
    /// The newest process of each branch.
    pub(super) processes: &'a [BranchProcess],
    /// Where the branches stand.
    pub(super) geography: &'a Geography,
    /// The status before this one.
    pub(super) last: Option<&'a BankStatus>,
}

/// The newest process of a branch.
#[derive(Debug)]
pub(super) struct BranchProcess {
    /// Number of the branch.
    pub(super) branch: u32,
    /// Start of the process.
    pub(super) began: SystemTime,
    /// How the process ended, if it was not killed on request.
    pub(super) ended: Option<String>,
}

impl State {
    /// The word for the state in the table.
    pub(super) fn word(self) -> &'static str {
        match self {
            State::Leader => "leader",
            State::WasLeader => "was leader",
            State::Follower => "follower",
            State::Candidate => "candidate",
            State::Learner => "learner",
            State::Other => "no role",
            State::Paused => "paused",
            State::Silent => "silent",
            State::Down => "down",
        }
    }
}

impl From<Role> for State {
    fn from(role: Role) -> Self {
        match role {
            Role::Leader => State::Leader,
            Role::Follower => State::Follower,
            Role::Candidate => State::Candidate,
            Role::Learner => State::Learner,
            Role::Uninitialized | Role::Other => State::Other,
        }
    }
}

impl StatusSources<'_> {
    /// Asks every branch for its status.
    pub(super) async fn collect(self) -> BankStatus {
        let now = SystemTime::now();
        let answers = join_all(self.processes.iter().map(|process| self.ask(process))).await;
        let voters = match (BranchStatus::newest(answers.iter().flatten()), self.last) {
            (Some(status), _) => status.voters(),
            (None, Some(last)) => last.voters.clone(),
            (None, None) => BTreeSet::new(),
        };
        let answered = self.processes.iter().zip(&answers).enumerate();
        let rows = answered.map(|(place, (process, answer))| self.row(place, process, answer.as_ref(), now));
        let mut branches: Vec<BranchRow> = rows.flatten().collect();
        let said = branches.iter().filter_map(|row| row.position);
        let position = said.fold(self.last.map_or(0, |last| last.position), u64::max);
        for row in &mut branches {
            row.behind = row.position.map(|at| position - at);
        }
        let network = self.cluster.network();
        let no_majority = self.no_majority(&voters, &branches);
        let leader = settle_leader(&mut branches, no_majority.is_none());
        BankStatus {
            leader,
            voters,
            no_majority,
            distances: self.geography.describe().filter(|_| network.is_some()),
            bank_id: self.cluster.bank().map(|bank| bank.bank_id()).unwrap_or_default(),
            bank_file: self.cluster.bank_path(),
            launcher_pid: std::process::id(),
            position,
            branches,
            has_relays: network.is_some(),
            degraded: self.degraded(),
        }
    }

    /// Asks a branch that runs for its status. `None` if it does not answer.
    async fn ask(&self, process: &BranchProcess) -> Option<BranchStatus> {
        let branch = process.branch;
        self.cluster.pid(branch).ok()??;
        if self.injector.is_paused(branch) {
            return None;
        }
        let operator = self.cluster.operator(branch, ANSWER_TIMEOUT).ok()?;
        operator.status().await.ok()
    }

    /// Describes why no write can go through, if there is no majority of the voters. A voter that this launcher does
    /// not run counts as running.
    fn no_majority(&self, voters: &BTreeSet<u32>, rows: &[BranchRow]) -> Option<String> {
        let of_state = |state: State| rows.iter().filter(move |row| row.state == state).map(|row| row.branch);
        let down: BTreeSet<u32> = of_state(State::Down).collect();
        let voters = Voters {
            all: voters.clone(),
            running: voters - &down,
            paused: voters & &of_state(State::Paused).collect(),
        };
        let network = self.cluster.network();
        voters.missing_majority(|from, to| network.is_none_or(|network| network.passes(from, to)))
    }

    /// Status of one branch, without `behind`. `None` if the cluster has no such branch.
    fn row(
        &self,
        place: usize,
        process: &BranchProcess,
        answer: Option<&BranchStatus>,
        now: SystemTime,
    ) -> Option<BranchRow> {
        let branch = process.branch;
        let (address, pid) = (self.cluster.address(branch).ok()?, self.cluster.pid(branch).ok()?);
        let began = pid.map(|_| process.began);
        let mut row = BranchRow {
            branch,
            pid,
            state: State::Silent,
            term: None,
            region: self.geography.region(place),
            position: None,
            behind: None,
            customers: None,
            address,
            up_since: began.map(date_and_time),
            up_s: began.map(|began| now.duration_since(began).unwrap_or_default().as_secs()),
            ended: process.ended.clone(),
            log: self.cluster.log_path(branch).ok()?,
        };
        if pid.is_none() {
            row.state = State::Down;
        } else if self.injector.is_paused(branch) {
            row.state = State::Paused;
        } else if let Some(status) = answer {
            row.state = status.role.into();
            row.term = Some(status.term);
            row.position = Some(status.position);
            row.customers = Some(status.customers);
        }
        Some(row)
    }

    fn degraded(&self) -> Vec<DegradedLinks> {
        let Some(network) = self.cluster.network() else {
            return Vec::new();
        };
        let told = network.degraded().into_iter().map(|(links, state)| {
            let (name, by) = match state {
                LinkState::Pass => ("passes", None),
                LinkState::Hold => ("held", None),
                LinkState::Delay(by) => ("delayed", Some(by)),
                LinkState::Cut => ("cut", None),
            };
            DegradedLinks {
                says: describe::links(links, state),
                directions: network.directions(links).collect(),
                state: name.to_owned(),
                by_ms: by.map(|by| u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
                heal: describe::heal_command(links),
            }
        });
        told.collect()
    }
}

/// The branch that leads: of the branches that take themselves for the leader, the one that was elected last. The others
/// have not heard of that election yet. Without a majority, no branch leads.
fn settle_leader(rows: &mut [BranchRow], majority: bool) -> Option<u32> {
    let leading = rows.iter().filter(|row| row.state == State::Leader);
    let newest = leading.max_by_key(|row| row.term).filter(|_| majority);
    let leader = newest.map(|row| row.branch);
    for row in rows {
        if row.state == State::Leader && Some(row.branch) != leader {
            row.state = State::WasLeader;
        }
    }
    leader
}
