//! Works through a list of events as one customer: one after the other, one JSON line each, as soon as it is known.
//!
//! A session does not start its next write before the last is known: after a write whose outcome is unknown at its
//! deadline nothing more is sent.

use std::io::Write;

use bank_client::{Action, Client, Decision, Fate, Level, Outcome, PendingWrite, Propagation, Reply};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::monotonic_us;
use crate::events::{self, Defaults, Event, EventTask, EventsError};
use crate::exit::Exit;
use crate::output::{Output, note};
use crate::report;
use crate::request::{Request, Target};
use crate::run::Stop;
use crate::session_store::SessionStore;
use crate::write::settle;

/// Of a replay: what was asked for, whom it asks, what it has seen, where it prints.
pub struct Replay<'a, W: Write> {
    /// What was asked for.
    pub request: &'a Request,
    /// Whom to ask.
    pub client: &'a Client,
    /// What was seen.
    pub store: &'a mut SessionStore,
    /// Where to print.
    pub out: &'a mut Output<W>,
}

/// What became of one event, as JSON.
#[derive(Debug, Serialize)]
struct EventLine<'a> {
    /// The event's place in the input, from 0.
    seq: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: &'a Option<Value>,
    interface: &'static str,
    /// The branch that the event names.
    branch: u32,
    account: &'a str,
    #[serde(flatten)]
    result: EventResult,
    level: Level,
    /// Of a write.
    #[serde(skip_serializing_if = "Option::is_none")]
    propagation: Option<Propagation>,
    /// Microseconds of the host's monotonic clock, which all its processes share.
    invoked_us: u64,
    completed_us: u64,
}

/// What became of it. What does not apply is left out.
#[derive(Debug, Default, Serialize)]
struct EventResult {
    /// Of a write: `success` or `fail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
    /// `answered`, `accepted`, `refused`, `not-applied`, `unknown` or `failed`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bank_id: Option<Uuid>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_branches: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    waited_us: u64,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The events that stdin holds, all of them checked.
///
/// # Errors
/// What is wrong, and at which line.
pub fn events(request: &Request, account: &str, content: &[u8]) -> Result<Vec<Event>, EventsError> {
    let known = match &request.target {
        Target::Bank(bank, _) => bank.branches().iter().map(|one| one.branch).collect(),
        Target::Address(_) => Vec::new(),
    };
    events::parse(
        content,
        Defaults {
            account,
            branch: request.target.branch(),
            known: &known,
        },
    )
}

impl<W: Write> Replay<'_, W> {
    /// Does all the events say.
    ///
    /// # Errors
    /// The session file or stdout cannot be written.
    pub async fn run(mut self, events: &[Event]) -> Result<Exit, Stop> {
        let mut exit = Exit::Done;
        let mut stopped = settle(self.client, self.request.target.branch(), self.store)
            .await?
            .map(|error| {
                exit = Exit::Unknown;
                format!("not sent: the session's earlier write is {error}")
            });
        for (seq, event) in events.iter().enumerate() {
            let invoked_us = monotonic_us();
            let result = match &stopped {
                Some(why) => not_sent(event, why),
                None => self.one(event).await,
            };
            if stopped.is_none() && result.outcome == "unknown" {
                let request_id = result.request_id.unwrap_or_default();
                stopped = Some(format!(
                    "not sent: it is unknown whether the write {request_id} before it was applied"
                ));
            }
            exit = exit.max(exit_of(&result));
            let line = self.line(seq, event, result, invoked_us);
            self.out.json(&line)?;
            self.out.flush()?;
            if self.out.closed() {
                self.store.save_synced()?;
                return Ok(Exit::NobodyReads);
            }
        }
        self.store.save_synced()?;
        Ok(exit)
    }

    async fn one(&mut self, event: &Event) -> EventResult {
        let result = match &event.task {
            EventTask::Query { account } => self.query(event, account).await,
            EventTask::Write { action, request_id, .. } => {
                let mut write = PendingWrite::new(action.clone(), self.request.propagation);
                if let Some(request_id) = request_id {
                    write.request_id = *request_id;
                }
                self.store.session.pending = Some(write.clone());
                if let Err(error) = self.store.save() {
                    self.store.session.pending = None;
                    return not_sent(event, &format!("not sent: {error}"));
                }
                self.write(event.branch, write).await
            }
        };
        if let Err(error) = self.store.save() {
            // The session in memory is right, and the next write is not sent before the file is.
            note(&error.to_string());
        }
        result
    }

    async fn query(&mut self, event: &Event, account: &str) -> EventResult {
        let level = event.level.unwrap_or(self.request.level);
        match self
            .client
            .query(Some(event.branch), &mut self.store.session, level, account)
            .await
        {
            Ok(reply) => EventResult {
                outcome: "answered",
                balance: Some(reply.value),
                ..served(&reply)
            },
            Err(error) => EventResult {
                outcome: "failed",
                attempts: error.attempts(),
                error: Some(error.to_string()),
                ..EventResult::default()
            },
        }
    }

    async fn write(&mut self, branch: u32, write: PendingWrite) -> EventResult {
        let request_id = Some(write.request_id);
        match self.client.write(Some(branch), &mut self.store.session, write).await {
            Ok(reply) => decided(&reply),
            Err(error) => EventResult {
                result: Some("fail"),
                outcome: report::fate(error.fate()),
                request_id,
                attempts: error.attempts(),
                error: Some(error.to_string()),
                ..EventResult::default()
            },
        }
    }

    fn line<'a>(&self, seq: usize, event: &'a Event, result: EventResult, invoked_us: u64) -> EventLine<'a> {
        let (interface, account) = match &event.task {
            EventTask::Query { account } => ("query", account),
            EventTask::Write {
                interface,
                action: Action::Deposit { account, .. } | Action::Withdraw { account, .. } | Action::Open { account },
                ..
            } => (*interface, account),
            EventTask::Write {
                interface,
                action: Action::Transfer { from, .. },
                ..
            } => (*interface, from),
        };
        let level = event.level.unwrap_or(self.request.level);
        let propagation = match event.task {
            EventTask::Query { .. } => None,
            EventTask::Write { .. } => Some(self.request.propagation),
        };
        let (id, branch) = (&event.id, event.branch);
        EventLine {
            seq,
            id,
            interface,
            branch,
            account,
            result,
            level,
            propagation,
            invoked_us,
            completed_us: monotonic_us(),
        }
    }
}

fn served<T>(reply: &Reply<T>) -> EventResult {
    EventResult {
        position: Some(reply.position),
        served_by: Some(reply.served_by),
        bank_id: Some(reply.bank_id),
        waited_us: reply.waited_us,
        attempts: reply.attempts,
        ..EventResult::default()
    }
}

fn decided(reply: &Reply<Decision>) -> EventResult {
    if let Some(missing) = report::missing(reply) {
        note(&format!("warning: {missing}"));
    }
    let Decision {
        request_id,
        outcome,
        repeated,
        missing_branches,
    } = reply.value.clone();
    let served = EventResult {
        request_id: Some(request_id),
        repeated,
        missing_branches,
        ..served(reply)
    };
    match outcome {
        Outcome::Accepted { balance } => EventResult {
            result: Some("success"),
            outcome: "accepted",
            balance: Some(balance),
            ..served
        },
        Outcome::Refused {
            reason,
            message,
            balance,
        } => EventResult {
            result: Some("fail"),
            outcome: "refused",
            balance: Some(balance),
            reason: Some(reason.as_str()),
            error: Some(report::refusal(reason, &message)),
            ..served
        },
    }
}

/// An event that was not sent. A query that was not has changed nothing either.
fn not_sent(event: &Event, why: &str) -> EventResult {
    let (result, request_id) = match &event.task {
        EventTask::Query { .. } => (None, None),
        EventTask::Write { request_id, .. } => (Some("fail"), *request_id),
    };
    let outcome = report::fate(Fate::NotApplied);
    EventResult {
        result,
        outcome,
        request_id,
        error: Some(why.to_owned()),
        ..EventResult::default()
    }
}

/// A refusal within a replay is an outcome like another.
fn exit_of(result: &EventResult) -> Exit {
    match result.outcome {
        "unknown" => Exit::Unknown,
        "not-applied" => Exit::NotApplied,
        "failed" => Exit::Failed,
        _ => Exit::Done,
    }
}
