//! How a live bank is: what each branch says of itself, and what its launcher knows of it. All branches are asked at once,
//! and none is waited for long: one that stands still must not hide how the others are.

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

/// A branch on this host that has not said by then how it is stands still.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// A live bank at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BankStatus {
    /// The bank.
    pub(super) bank_id: Uuid,
    /// For `customer-cli --bank`.
    pub(super) bank_file: PathBuf,
    /// Its launcher's process.
    pub(super) launcher_pid: u32,
    /// The newest position that any branch has said.
    pub(super) position: u64,
    /// In the order in which they were started.
    pub(super) branches: Vec<BranchRow>,
    /// Whether links between branches can be degraded: whether they lead through relays.
    #[serde(rename = "can_be_bent")]
    pub(super) has_relays: bool,
    /// The links on which bytes do not simply pass.
    #[serde(rename = "bent")]
    pub(super) degraded: Vec<DegradedLinks>,
}

/// A branch of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BranchRow {
    pub(super) branch: u32,
    /// None while it is down.
    pub(super) pid: Option<u32>,
    pub(super) state: State,
    /// What it has applied, as it last said.
    pub(super) position: Option<u64>,
    /// How many commands it has not applied that another branch has.
    pub(super) behind: Option<u64>,
    /// Customers' connections. None where it does not say.
    pub(super) customers: Option<u32>,
    pub(super) address: SocketAddr,
    /// When its process was started, in UTC. None while it is down.
    pub(super) up_since: Option<String>,
    /// How long ago that was, in seconds.
    pub(super) up_s: Option<u64>,
    /// How it ended, where it did so by itself.
    pub(super) ended: Option<String>,
    pub(super) log: PathBuf,
}

/// What a branch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    Leader,
    Follower,
    Candidate,
    /// It does not vote.
    Learner,
    /// It is about to end, or has not begun.
    Other,
    /// On purpose.
    Paused,
    /// It runs, and does not answer.
    Silent,
    /// It does not run.
    Down,
}

/// Some links that are in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DegradedLinks {
    /// In words.
    pub(super) says: String,
    /// Each from one branch to another.
    pub(super) directions: Vec<(u32, u32)>,
    /// `held`, `delayed` or `cut`.
    #[serde(rename = "passage")]
    pub(super) state: String,
    /// Of what is delayed.
    pub(super) by_ms: Option<u64>,
    /// The words that undo it, after `launcher`.
    pub(super) heal: String,
}

/// What is known of the branches beside what they say.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) injector: &'a Injector,
    /// When each branch's process was started, and how it ended by itself.
    pub(super) lives: &'a [Life],
    /// The newest position of all looks before this one.
    pub(super) position: u64,
}

/// The newest process of a branch.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) branch: u32,
    pub(super) began: SystemTime,
    /// How it ended, where it did so by itself.
    pub(super) ended: Option<String>,
}

impl State {
    /// The word for it.
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

impl Known<'_> {
    /// Asks every branch.
    pub(super) async fn look(self) -> BankStatus {
        let now = SystemTime::now();
        let rows = join_all(self.lives.iter().map(|life| self.row(life, now))).await;
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

    /// None of a branch that there is not.
    async fn row(&self, life: &Life, now: SystemTime) -> Option<BranchRow> {
        let branch = life.branch;
        let (address, pid) = (self.cluster.address(branch).ok()?, self.cluster.pid(branch).ok()?);
        let began = pid.map(|_| life.began);
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
            ended: life.ended.clone(),
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
