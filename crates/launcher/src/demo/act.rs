//! One act of a lesson: an input, run once under one setting, recorded and judged.

use super::error::DemoError;
use super::lesson::{Lesson, Setting};
use crate::input::planned_fault::{FaultEnd, Trigger, WaitingRequest};
use crate::input::{Input, Script, Visit};
use crate::run::execution::{self, Ran, RunPlan};
use crate::run::meta::Meta;
use crate::terminal::progress::Progress;
use bank_check::history::{History, Operation};
use bank_check::output::Mode;
use bank_check::{Options, Verdict, judge};
use bank_cluster::{Ports, Programs};
use std::path::Path;
use std::time::Duration;

/// A busy machine may stop the leader for a moment. The leader must not change in the middle of a lesson.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// What every act of a demonstration uses.
#[derive(Debug)]
pub struct ActContext {
    /// The programs to start.
    pub programs: Programs,
    /// The command line, for the run folders.
    pub flags: Vec<String>,
}

/// An input that was run once under one setting.
#[derive(Debug)]
pub struct Act {
    /// The setting of the run.
    pub setting: Setting,
    /// How the run was made. `faults` holds a message for each failure of the run.
    pub meta: Meta,
    /// The operations of customers, the injected faults, and the commands that each branch applied.
    pub history: History,
    /// The judge's verdicts on the history.
    pub verdicts: Vec<Verdict>,
    /// The request that was seen to wait, if one was.
    pub wait: Option<Wait>,
}

/// Proof that a request waited until the network let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Wait {
    /// The event of the request.
    pub event: i64,
    /// Position from which the same branch answered another read while the request had no answer.
    pub meanwhile_position: u64,
    /// From the question to the answer, in microseconds.
    pub took_us: u64,
    /// From the network's release to the answer, in microseconds.
    pub after_release_us: u64,
}

impl ActContext {
    /// Runs an input of the lesson in this folder, which is new or empty.
    ///
    /// # Errors
    /// The run did not come to its end, or cannot be recorded.
    pub(super) async fn play(
        &self,
        lesson: &Lesson,
        input_text: &str,
        setting: Setting,
        dir: &Path,
    ) -> Result<Act, DemoError> {
        let mut input = Input::parse(Path::new(lesson.name), input_text)?;
        let waiting = setting.waits.and_then(|event| waiting_request(&input.script, event));
        if let (Some(request), Some(hold)) = (waiting, input.faults.first_mut()) {
            hold.ends = FaultEnd::Waiting(request);
        }
        let plan = RunPlan {
            input,
            input_name: format!("lesson {}", lesson.name),
            flags: self.flags.clone(),
            input_text: input_text.to_owned(),
            ports: Ports::Auto,
            mode: Mode::Sequential,
            level: setting.level,
            propagation: setting.propagation,
            voters: 0,
            tls: false,
            keep: false,
            dir: Some(dir.to_owned()),
            timeout: setting.timeout,
            election_timeout: ELECTION_TIMEOUT,
            programs: self.programs.clone(),
        };
        let ran = execution::run(&plan, &Progress::hidden()).await?;
        let meta = Meta {
            every_read: lesson.every_read,
            ..ran.meta(&plan, failures(&ran))
        };
        let wait = setting.waits.and_then(|event| wait(event, &ran));
        ran.folder.record(&ran.history, &meta)?;
        ran.under_way.judged(None)?;
        // After a failure someone will want to look at it.
        if meta.faults.is_empty() {
            ran.folder.remove_data(&meta.branches)?;
        }
        let options = Options {
            opening: Some(meta.opening_balance),
            every_read: lesson.every_read,
            ..Options::default()
        };
        Ok(Act {
            setting,
            meta,
            verdicts: judge(&ran.history, &options),
            wait,
            history: ran.history,
        })
    }
}

/// The failures that no verdict covers: of the run, of a customer or of an event.
fn failures(ran: &Ran) -> Vec<String> {
    let customers = ran.visited.iter().filter_map(|visited| visited.failure.as_ref());
    let events = ran.history.operations.iter();
    let events = events.filter_map(|operation| operation.error.as_ref());
    let run = ran.failures.iter().chain(&ran.notes);
    run.chain(customers).chain(events).cloned().collect()
}

/// The request that the event with this id makes. `None` if the script has no such event.
fn waiting_request(script: &Script, event: u64) -> Option<WaitingRequest> {
    // The position of the opening.
    let mut position = 1;
    for (visit, Visit { customer, events }) in script.visits.iter().enumerate() {
        for (done, one) in events.iter().enumerate() {
            position += u64::from(one.action.is_write());
            if one.id == Some(event) {
                let (customer, branch) = (*customer, one.branch);
                return Some(WaitingRequest {
                    after: Trigger { visit, done, customer },
                    branch,
                    position: if one.action.is_write() { position } else { 0 },
                });
            }
        }
    }
    None
}

/// The wait of an event. `None` if the event was not seen to wait, or was answered before the network let go.
fn wait(event: u64, ran: &Ran) -> Option<Wait> {
    let event = i64::try_from(event).ok()?;
    let operation = ran.history.operations.iter().find(|one| one.event == Some(event))?;
    let seen = ran.seen_waiting.first()?;
    let released_us = ran.injected.iter().find(|one| one.fault == seen.fault)?.until_us?;
    Some(Wait {
        event,
        meanwhile_position: seen.position,
        took_us: took_us(operation),
        after_release_us: operation.completed_us.checked_sub(released_us)?,
    })
}

/// Duration of an operation, in microseconds.
pub(super) fn took_us(operation: &Operation) -> u64 {
    operation.completed_us.saturating_sub(operation.invoked_us)
}

impl Act {
    /// The verdict that the lesson is about.
    pub fn verdict(&self, lesson: &Lesson) -> Option<&Verdict> {
        self.verdicts
            .iter()
            .find(|verdict| verdict.guarantee == lesson.guarantee)
    }

    /// The run had no failure, and broke no guarantee that was promised.
    ///
    /// # Errors
    /// What was seen instead.
    pub(super) fn kept_its_promises(&self) -> Result<(), String> {
        if let Some(error) = self.meta.faults.first() {
            return Err(error.clone());
        }
        match self.verdicts.iter().find(|verdict| verdict.breaks_promise()) {
            Some(broken) => Err(format!("a promise was broken: {}", broken.failures.join("; "))),
            None => Ok(()),
        }
    }
}
