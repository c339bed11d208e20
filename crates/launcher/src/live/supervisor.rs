//! Supervises a running bank: carries out the requests of other shells one after the other, reports branches that end
//! by themselves, and refreshes the table. A branch that has ended stays down until a request restarts it.

use super::control::{Call, Control, ControlRequest, ControlResponse};
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
use tokio::time::MissedTickBehavior;

/// Period of the table.
const REFRESH: Duration = Duration::from_secs(1);

/// Supervises a bank while it runs.
pub(super) struct Supervisor<'a> {
    cluster: &'a Cluster,
    dir: &'a Path,
    screen: &'a mut Screen,
    injector: Injector,
    processes: Vec<BranchProcess>,
    /// One future for each process of a branch. It yields the branch's number when the process has ended.
    ends: FuturesUnordered<LocalBoxFuture<'a, u32>>,
    /// The newest status.
    last: Option<BankStatus>,
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
            ends: numbers.iter().map(|&branch| process_end(cluster, branch)).collect(),
            processes: numbers.into_iter().map(process).collect(),
            last: None,
        }
    }

    /// Collects the status of the bank.
    pub(super) async fn status(&self) -> BankStatus {
        let sources = StatusSources {
            cluster: self.cluster,
            injector: &self.injector,
            processes: &self.processes,
            position: self.last.as_ref().map_or(0, |last| last.position),
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
        let mut refresh = tokio::time::interval(REFRESH);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = interrupts.next() => return End::Signal,
                call = control.next() => match call.request {
                    ControlRequest::Down => return End::Down(call),
                    ControlRequest::Status => call.answer(ControlResponse::Status(self.refresh().await)),
                    ControlRequest::Do(action) => {
                        tokio::select! {
                            answer = self.carry_out(action) => call.answer(answer),
                            // The call is dropped, which tells the shell that the bank stops.
                            _ = interrupts.next() => return End::Signal,
                        }
                    }
                },
                Some(branch) = self.ends.next() => self.report_end(branch).await,
                _ = refresh.tick() => drop(self.refresh().await),
            }
        }
    }

    /// Collects the status and shows it.
    async fn refresh(&mut self) -> BankStatus {
        let status = self.status().await;
        if self.screen.refreshes() {
            let apart = [String::new()].into_iter();
            self.screen.show(apart.chain(table::lines(&status, self.dir)).collect());
        } else if let Some(last) = &self.last {
            table::news(last, &status)
                .iter()
                .for_each(|news| self.screen.event(news));
        }
        self.last = Some(status.clone());
        status
    }

    async fn carry_out(&mut self, action: FaultAction) -> ControlResponse {
        let refused = |exit_code, message| ControlResponse::Refused { exit_code, message };
        if let Some(unknown) = action
            .branches()
            .find_map(|branch| self.cluster.bank()?.address(branch).err())
        {
            return refused(2, unknown.to_string());
        }
        let done = self.injector.perform(self.cluster, action).await;
        self.injector.forget_over();
        if let FaultAction::Restart(branch) = action {
            self.restarted(branch, &done);
        }
        let answer = match done {
            Ok(()) => {
                let said = describe::action(action);
                self.screen.event(&said);
                ControlResponse::Done(said)
            }
            Err(error) => refused(1, self.message(&error)),
        };
        if self.screen.refreshes() {
            self.refresh().await;
        }
        answer
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

    fn message(&self, error: &FaultError) -> String {
        match error {
            FaultError::NoNetwork => format!(
                "this bank takes no faults of the network: it has more than {} branches, which reach each other directly",
                network::BRANCHES_MAX
            ),
            error => error.to_string(),
        }
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

/// Waits until the current process of a branch has ended.
fn process_end(cluster: &Cluster, branch: u32) -> LocalBoxFuture<'_, u32> {
    async move {
        // Fails only for a branch that does not exist.
        let _ = cluster.branch_ended(branch).await;
        branch
    }
    .boxed_local()
}
