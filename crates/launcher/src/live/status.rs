//! The status of a live bank, from what each branch reports and what its launcher knows. All branches are asked at
//! once, with a short deadline: a branch that does not answer must not delay the status of the others.

use super::describe;
use crate::date::date_and_time;
use bank_client::operator::{Operator, Role};
use bank_cluster::Cluster;
use bank_cluster::faults::Injector;
use bank_cluster::network::LinkState;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
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
    /// Newest position in all earlier statuses.
    pub(super) position: u64,
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
        let rows = join_all(self.processes.iter().map(|process| self.row(process, now))).await;
        let mut branches: Vec<BranchRow> = rows.into_iter().flatten().collect();
        let said = branches.iter().filter_map(|row| row.position);
        let position = said.fold(self.position, u64::max);
        for row in &mut branches {
            row.behind = row.position.map(|at| position - at);
        }
        let network = self.cluster.network();
        BankStatus {
            bank_id: self.cluster.bank().map(|bank| bank.bank_id()).unwrap_or_default(),
            bank_file: self.cluster.bank_path(),
            launcher_pid: std::process::id(),
            position,
            branches,
            has_relays: network.is_some(),
            degraded: self.degraded(),
        }
    }

    /// Status of one branch, without `behind`. `None` if the cluster has no such branch.
    async fn row(&self, process: &BranchProcess, now: SystemTime) -> Option<BranchRow> {
        let branch = process.branch;
        let (address, pid) = (self.cluster.address(branch).ok()?, self.cluster.pid(branch).ok()?);
        let began = pid.map(|_| process.began);
        let mut row = BranchRow {
            branch,
            pid,
            state: State::Silent,
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
        } else if let Ok(status) = Operator::at(address.into(), ANSWER_TIMEOUT).status().await {
            row.state = status.role.into();
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
