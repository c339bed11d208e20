//! A bank of real branches behind a network that can be bent, and customers that ask it, each with a session of its own.
//! Everything that they do is recorded.

use super::lesson::{Ask, BRANCHES, HELD, OPENING, Setting, Step};
use bank_check::history::{self, Fault, FaultKind, Operation};
use bank_client::{Client, ClientOptions, Decision, Level, ReadError, Reply, Session, WriteError, WriteOutcome};
use bank_cluster::clock::monotonic_us;
use bank_cluster::command_log::{self, Collected};
use bank_cluster::network::LinkSet;
use bank_cluster::network::LinkState;
use bank_cluster::{Cluster, ClusterConfig, ClusterError, Lifetime, Ports, Programs};
use std::path::Path;
use std::time::Duration;

/// Nothing in a lesson takes this long, but for what is shown to: a customer that is not answered by then is stuck.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);
/// A machine that is too busy to run the leader for so long must not change who leads in the middle of a lesson.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(2);
/// The account of all lessons.
const ACCOUNT: &str = "main";

/// The bank of one run of a lesson.
#[derive(Debug)]
pub(super) struct Stage {
    cluster: Cluster,
    client: Client,
    /// Times count from here, by the clock that branches record by too.
    origin_us: u64,
}

/// One customer in a lesson.
#[derive(Debug, Default)]
pub(super) struct Visitor {
    session: Session,
    operations: u64,
}

impl Stage {
    /// Starts a bank, and shows every customer the way to every branch, so that none pays for the connection later.
    pub(super) async fn set(programs: &Programs, dir: &Path) -> Result<Self, ClusterError> {
        let config = ClusterConfig {
            programs: programs.clone(),
            dir: dir.to_owned(),
            secret_file: None,
            branches: BRANCHES.to_vec(),
            ports: Ports::Auto,
            lifetime: Lifetime::WithLauncher,
            election_timeout: ELECTION_TIMEOUT,
            branch_args: Vec::new(),
        };
        let mut cluster = Cluster::relayed(config).await?;
        cluster.run(OPENING).await?;
        let client = client(&cluster, TIMEOUT)?;
        for branch in BRANCHES {
            // One that cannot be asked now cannot later either, where it is said.
            let _ = client
                .query(Some(branch), &mut Session::default(), Level::Eventual, ACCOUNT)
                .await;
        }
        Ok(Stage {
            cluster,
            client,
            origin_us: monotonic_us(),
        })
    }

    /// What is sent to the held branch is held back.
    pub(super) fn hold(&self) -> Fault {
        if let Some(network) = self.cluster.network() {
            network.apply(LinkSet::To(HELD), LinkState::Hold);
        }
        Fault {
            kind: FaultKind::Hold { to: HELD },
            from_us: self.now_us(),
            until_us: None,
        }
    }

    /// It goes on.
    pub(super) fn release(&self, fault: &mut Fault) {
        fault.until_us = Some(self.now_us());
        if let Some(network) = self.cluster.network() {
            network.apply(LinkSet::To(HELD), LinkState::Pass);
        }
    }

    /// Kills the held branch.
    pub(super) async fn kill(&self) -> Result<(), ClusterError> {
        self.cluster.kill(HELD).await
    }

    /// What each branch has applied. One that has not come to `position` is waited for: what is held back has to go on
    /// before.
    pub(super) async fn journals(&self, position: u64) -> Collected {
        command_log::collect(&self.cluster, position, self.origin_us).await
    }

    /// Stops the bank.
    pub(super) async fn clear(mut self) -> Result<(), ClusterError> {
        self.cluster.stop().await
    }

    /// Asks what the step asks, and waits for the answer.
    pub(super) async fn perform(&self, visitor: &mut Visitor, event: i64, step: &Step, setting: Setting) -> Operation {
        self.perform_by(&self.client, visitor, event, step, setting).await
    }

    /// The same with another deadline.
    pub(super) async fn perform_within(
        &self,
        timeout: Duration,
        visitor: &mut Visitor,
        step: &Step,
        setting: Setting,
    ) -> Result<Operation, ClusterError> {
        let client = client(&self.cluster, timeout)?;
        // The way there is not what is measured.
        let _ = client
            .query(Some(step.branch), &mut Session::default(), Level::Eventual, ACCOUNT)
            .await;
        let event = i64::try_from(visitor.operations).unwrap_or(i64::MAX) + 1;
        Ok(self.perform_by(&client, visitor, event, step, setting).await)
    }

    async fn perform_by(
        &self,
        client: &Client,
        visitor: &mut Visitor,
        event: i64,
        step: &Step,
        setting: Setting,
    ) -> Operation {
        visitor.operations += 1;
        let mut operation = asked(visitor.operations, event, step, setting);
        let (branch, session) = (Some(step.branch), &mut visitor.session);
        operation.invoked_us = self.now_us();
        match step.ask {
            Ask::Query => {
                let reply = client.query(branch, session, setting.level, ACCOUNT).await;
                operation.completed_us = self.now_us();
                read(&mut operation, reply);
            }
            Ask::Deposit(amount) => {
                let reply = client
                    .deposit(branch, session, setting.propagation, ACCOUNT, amount)
                    .await;
                operation.completed_us = self.now_us();
                written(&mut operation, reply);
            }
        }
        operation
    }

    /// Answers when it is known that the branch that was asked goes on without the answer to this step: it has answered a
    /// read that was asked after it. Of a write, a read that has seen it. The position of that read.
    pub(super) async fn meanwhile(&self, step: &Step, position: u64) -> Option<u64> {
        let needed = match step.ask {
            Ask::Query => 0,
            Ask::Deposit(_) => position + 1,
        };
        let mut onlooker = Session {
            read_position: needed,
            ..Session::default()
        };
        let reply = self
            .client
            .query(Some(step.branch), &mut onlooker, Level::MonotonicReads, ACCOUNT)
            .await;
        reply.ok().map(|reply| reply.position)
    }

    /// Microseconds since the stage was set.
    fn now_us(&self) -> u64 {
        monotonic_us().saturating_sub(self.origin_us)
    }
}

fn client(cluster: &Cluster, timeout: Duration) -> Result<Client, ClusterError> {
    let bank = cluster.bank().ok_or(ClusterError::NotFounded)?;
    Ok(Client::of_bank(
        bank,
        ClientOptions {
            timeout,
            failover: false,
        },
    ))
}

/// Before it is answered.
fn asked(sequence: u64, event: i64, step: &Step, setting: Setting) -> Operation {
    let account = ACCOUNT.to_owned();
    let action = match step.ask {
        Ask::Deposit(amount) => history::Action::Deposit { account, amount },
        Ask::Query => history::Action::Query { account },
    };
    let session = format!("customer {}", step.customer);
    Operation {
        event: Some(event),
        ..Operation::unsent(
            (step.customer, session, sequence),
            action,
            step.branch,
            (setting.level, setting.propagation),
        )
    }
}

fn read(operation: &mut Operation, reply: Result<Reply<i64>, ReadError>) {
    match reply {
        Ok(reply) => {
            answered(operation, &reply);
            operation.outcome = history::Outcome::Answered;
            operation.balance = Some(reply.value);
        }
        Err(error) => {
            operation.attempts = error.attempts();
            operation.error = Some(error.to_string());
        }
    }
}

fn written(operation: &mut Operation, reply: Result<Reply<Decision>, WriteError>) {
    let (request_id, attempts) = match reply {
        Ok(reply) => {
            answered(operation, &reply);
            let (outcome, balance) = match reply.value.outcome {
                WriteOutcome::Accepted { balance } => (history::Outcome::Accepted, balance),
                WriteOutcome::Refused {
                    reason,
                    balance,
                    message,
                    ..
                } => {
                    operation.error = Some(message);
                    // A reason that this program does not know cannot be judged.
                    (
                        reason.map_or(history::Outcome::Unknown, history::Outcome::Refused),
                        balance,
                    )
                }
            };
            (operation.outcome, operation.balance) = (outcome, Some(balance));
            operation.repeated = reply.value.repeated;
            operation.missing_branches = reply.value.missing_branches;
            (reply.value.request_id, reply.attempts)
        }
        Err(error) => {
            operation.error = Some(error.to_string());
            let (outcome, id, attempts) = match error {
                WriteError::NotApplied {
                    request_id, attempts, ..
                } => (history::Outcome::NotApplied, request_id, attempts),
                WriteError::Unknown {
                    request_id, attempts, ..
                } => (history::Outcome::Unknown, request_id, attempts),
            };
            operation.outcome = outcome;
            (id, attempts)
        }
    };
    operation.request_id = Some(request_id.to_string());
    operation.attempts = attempts;
}

fn answered<T>(operation: &mut Operation, reply: &Reply<T>) {
    operation.served_by = Some(reply.served_by);
    operation.position = Some(reply.position);
    operation.waited_us = reply.waited_us;
    operation.attempts = reply.attempts;
}
