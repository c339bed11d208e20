//! Supervises a running bank: carries out the requests of other shells one after the other, reports branches that end
//! by themselves, and looks at the bank once a second, or more often while no branch leads. A branch that has ended stays
//! down until a request restarts it.

use super::control::{Call, Control, ControlRequest, ControlResponse};
use super::geography::Geography;
use super::screen::Screen;
use super::status::{BankStatus, BranchProcess, StatusSources};
use super::{describe, table};
use crate::terminal::signals::Interrupts;
use bank_check::history::FaultKind;
use bank_cluster::faults::{FaultAction, FaultError, Injector};
use bank_cluster::{Cluster, ClusterError, network};
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use std::path::Path;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Time between two looks at the bank.
const REFRESH: Duration = Duration::from_secs(1);
/// Time between two looks while an election may be under way, so that its end is reported with the right time.
const REFRESH_ELECTION: Duration = Duration::from_millis(100);

/// Supervises a bank while it runs.
pub(super) struct Supervisor<'a> {
    cluster: &'a Cluster,
    dir: &'a Path,
    screen: &'a mut Screen,
    injector: Injector,
    geography: Geography,
    processes: Vec<BranchProcess>,
    /// One future for each process of a branch. It yields the branch's number when the process has ended.
    ends: FuturesUnordered<LocalBoxFuture<'a, u32>>,
    /// The newest status.
    last: Option<BankStatus>,
    /// Time of the next look at the bank.
    next_look: Instant,
}

/// Why the bank has to stop.
pub(super) enum End {
    /// A signal came.
    Signal,
    /// Another shell asked for it, and waits for the response.
    Down(Call),
}

impl<'a> Supervisor<'a> {
    /// Supervises branches that have just been started.
    pub(super) fn new(cluster: &'a Cluster, dir: &'a Path, screen: &'a mut Screen) -> Self {
        let began = SystemTime::now();
        let process = |branch| BranchProcess {
            branch,
            began,
            ended: None,
        };
        let numbers = cluster.numbers();
        Supervisor {
            cluster,
            dir,
            screen,
            injector: Injector::new(0),
            geography: Geography::default(),
            ends: numbers.iter().map(|&branch| process_end(cluster, branch)).collect(),
            processes: numbers.into_iter().map(process).collect(),
            last: None,
            next_look: Instant::now(),
        }
    }

    /// Collects the status of the bank.
    pub(super) async fn status(&self) -> BankStatus {
        let sources = StatusSources {
            cluster: self.cluster,
            injector: &self.injector,
            processes: &self.processes,
            geography: &self.geography,
            last: self.last.as_ref(),
        };
        sources.collect().await
    }

    /// Prints that the bank is up: this text, and the status of the bank.
    pub(super) async fn announce(&mut self, text: &str) {
        self.screen.print(text);
        let status = self.status().await;
        if !self.screen.refreshes() {
            self.screen
                .print(&format!("\n{}\n", table::lines(&status, self.dir).join("\n")));
        }
        self.last = Some(status);
    }

    /// Notes an event.
    pub(super) fn log(&mut self, event: &str) {
        self.screen.event(event);
    }

    /// Runs until the bank has to stop.
    pub(super) async fn supervise(mut self, control: &mut Control, interrupts: &mut Interrupts) -> End {
        loop {
            tokio::select! {
                _ = interrupts.next() => return End::Signal,
                call = control.next() => match call.request {
                    ControlRequest::Down => return End::Down(call),
                    ControlRequest::Status => call.answer(ControlResponse::Status(self.refresh().await)),
                    ControlRequest::Place(ref geography) => {
                        let answer = self.place_on_request(geography.clone()).await;
                        call.answer(answer);
                    }
                    ControlRequest::Do(ref actions) => {
                        let actions = actions.clone();
                        tokio::select! {
                            answer = self.carry_out(actions) => call.answer(answer),
                            // The call is dropped, which tells the shell that the bank stops.
                            _ = interrupts.next() => return End::Signal,
                        }
                    }
                },
                Some(branch) = self.ends.next() => self.report_end(branch).await,
                () = tokio::time::sleep_until(self.next_look) => drop(self.refresh().await),
            }
        }
    }

    /// Collects the status, shows it, and reports what has changed.
    async fn refresh(&mut self) -> BankStatus {
        let status = self.status().await;
        if let Some(last) = &self.last {
            table::news(last, &status)
                .iter()
                .for_each(|news| self.screen.event(news));
        }
        if self.screen.refreshes() {
            let apart = [String::new()].into_iter();
            self.screen.show(apart.chain(table::lines(&status, self.dir)).collect());
        }
        let electing = status.leader.is_none() && status.no_majority.is_none() && status.has_relays;
        self.next_look = Instant::now() + if electing { REFRESH_ELECTION } else { REFRESH };
        self.last = Some(status.clone());
        status
    }

    /// Places the branches in regions. Does nothing in a bank without relays.
    pub(super) fn place(&mut self, geography: Geography) {
        if let Some(network) = self.cluster.network() {
            geography.apply(network, &self.cluster.numbers());
            self.geography = geography;
        }
    }

    /// Places the branches in regions, and reports it.
    async fn place_on_request(&mut self, geography: Geography) -> ControlResponse {
        if self.cluster.network().is_none() {
            return refused(2, no_network());
        }
        self.place(geography);
        let distances = self.geography.describe();
        let said = distances.unwrap_or_else(|| "all branches stand at one place, without distances".to_owned());
        self.screen.event(&said);
        self.refresh().await;
        ControlResponse::Done(said)
    }

    /// Performs the actions if all of them are possible now. Reports each, and shows the bank after them.
    async fn carry_out(&mut self, actions: Vec<FaultAction>) -> ControlResponse {
        let named = actions.iter().flat_map(|action| action.branches());
        let unknown = named.map(|branch| self.cluster.bank()?.address(branch).err());
        if let Some(unknown) = unknown.flatten().next() {
            return refused(2, unknown.to_string());
        }
        let possible = actions
            .iter()
            .try_for_each(|&action| self.injector.check(self.cluster, action));
        if let Err(error) = possible {
            return refused(1, message(&error));
        }
        let mut done = Vec::with_capacity(actions.len());
        for action in actions {
            if let Err(error) = self.perform(action).await {
                done.push(message(&error));
                self.refresh().await;
                return refused(1, done.join("; "));
            }
            done.push(describe::action(action));
        }
        self.refresh().await;
        ControlResponse::Done(done.join("\n"))
    }

    async fn perform(&mut self, action: FaultAction) -> Result<(), FaultError> {
        let done = self.injector.perform(self.cluster, action).await;
        self.injector.forget_over();
        if let FaultAction::Restart(branch) = action {
            self.restarted(branch, &done);
        }
        if done.is_ok() {
            self.screen.event(&describe::action(action));
        }
        done
    }

    /// Notes the new process of a branch, if the restart started one.
    fn restarted(&mut self, branch: u32, done: &Result<(), FaultError>) {
        let still_ran = matches!(done, Err(FaultError::Cluster(ClusterError::StillRuns(_))));
        let Some(process) = self.processes.iter_mut().find(|process| process.branch == branch) else {
            return;
        };
        if still_ran {
            return;
        }
        process.began = SystemTime::now();
        process.ended = done.as_ref().err().map(FaultError::to_string);
        self.ends.push(process_end(self.cluster, branch));
    }

    /// Reports the end of a process, unless it was killed on request or reported before.
    async fn report_end(&mut self, branch: u32) {
        let Some(process) = self.processes.iter_mut().find(|process| process.branch == branch) else {
            return;
        };
        let killed = self
            .injector
            .open()
            .any(|fault| fault.kind == FaultKind::Kill { branch });
        if killed || process.ended.is_some() {
            return;
        }
        if let Ok(Some(error)) = self.cluster.ended(branch) {
            process.ended = Some(error.to_string());
            self.screen.event(&error.to_string());
        }
        self.refresh().await;
    }
}

fn refused(exit_code: u8, message: String) -> ControlResponse {
    ControlResponse::Refused { exit_code, message }
}

fn message(error: &FaultError) -> String {
    match error {
        FaultError::NoNetwork => no_network(),
        error => error.to_string(),
    }
}

/// The message for a bank whose network cannot be changed.
pub(super) fn no_network() -> String {
    format!(
        "this bank takes no faults of the network and no regions: it has more than {} branches, which reach each other \
         directly",
        network::BRANCHES_MAX
    )
}

/// Waits until the current process of a branch has ended.
fn process_end(cluster: &Cluster, branch: u32) -> LocalBoxFuture<'_, u32> {
    async move {
        // Fails only for a branch that does not exist.
        let _ = cluster.branch_ended(branch).await;
        branch
    }
    .boxed_local()
}
