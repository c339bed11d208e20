//! Replays a list of events as one customer, one after the other. Each outcome is printed as one JSON line as soon as
//! it is known.
//!
//! A session does not start a write before the outcome of the previous one is known. After a write whose outcome is
//! unknown at its deadline nothing more is sent.

use std::io::Write;

use bank_client::{Decision, PendingWrite, Reply, WriteOutcome};
use bank_types::{AccountName, CallOutcome, Interface, OperationRecord, WriteResult};

use crate::asker::Asker;
use crate::clock::monotonic_us;
use crate::error::RunError;
use crate::events::{self, Defaults, Event, EventTask, EventsError};
use crate::exit::Exit;
use crate::output::{Output, note};
use crate::report;
use crate::request::Request;
use crate::session_store::SessionStore;
use crate::target::Target;
use crate::write::settle;

/// A replay.
pub struct Replay<'a, W: Write> {
    /// The checked command line.
    pub request: &'a Request,
    /// Client of the bank.
    pub asker: &'a Asker,
    /// The session.
    pub store: &'a mut SessionStore,
    /// Output for the records.
    pub out: &'a mut Output<W>,
}

/// Reads and checks the events in the content of stdin.
///
/// # Errors
/// Names the first line that is wrong.
pub fn events(request: &Request, account: &AccountName, content: &[u8]) -> Result<Vec<Event>, EventsError> {
    let known = match &request.target {
        Target::Bank { bank, .. } => bank.branches().iter().map(|one| one.branch).collect(),
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
    /// Does every event.
    ///
    /// # Errors
    /// The session file or stdout cannot be written.
    pub async fn run(mut self, events: &[Event]) -> Result<Exit, RunError> {
        let mut exit = Exit::Done;
        let mut stopped = settle(self.asker, self.request.target.branch(), self.store)
            .await?
            .map(|error| {
                exit = Exit::Unknown;
                format!("not sent: the session's earlier write is {error}")
            });
        for (seq, event) in events.iter().enumerate() {
            let invoked_us = monotonic_us();
            let record = match &stopped {
                Some(why) => OperationRecord {
                    error: Some(why.clone()),
                    ..self.unsent(seq, event)
                },
                None => self.one(seq, event).await,
            };
            if let (None, CallOutcome::Unknown, Some(request_id)) = (&stopped, record.outcome, record.request_id) {
                stopped = Some(format!(
                    "not sent: it is unknown whether the write {request_id} before it was applied"
                ));
            }
            exit = exit.max(exit_of(record.outcome));
            self.out.json(&OperationRecord {
                invoked_us,
                completed_us: monotonic_us(),
                ..record
            })?;
            self.out.flush()?;
            if self.out.closed() {
                self.store.save_synced()?;
                return Ok(Exit::NobodyReads);
            }
        }
        self.store.save_synced()?;
        Ok(exit)
    }

    /// Does one event. The record is complete but for its times.
    async fn one(&mut self, seq: usize, event: &Event) -> OperationRecord {
        let record = self.unsent(seq, event);
        let record = match &event.task {
            EventTask::Query { .. } => self.query(record).await,
            EventTask::Write { write, request_id, .. } => {
                let mut pending = PendingWrite::new(write.clone(), self.request.propagation);
                if let Some(request_id) = request_id {
                    pending.request_id = *request_id;
                }
                self.store.session.pending = Some(pending.clone());
                if let Err(error) = self.store.save() {
                    self.store.session.pending = None;
                    return OperationRecord {
                        error: Some(format!("not sent: {error}")),
                        ..record
                    };
                }
                self.write(record, pending).await
            }
        };
        if let Err(error) = self.store.save() {
            // The session in memory is right, and the next write is not sent before the file is.
            note(&error.to_string());
        }
        record
    }

    async fn query(&mut self, record: OperationRecord) -> OperationRecord {
        let (branch, session) = (Some(record.branch), &mut self.store.session);
        let account = record.account.as_str();
        match self.asker.client.query(branch, session, record.level, account).await {
            Ok(reply) => OperationRecord {
                outcome: CallOutcome::Answered,
                balance: Some(reply.value),
                ..served(record, &reply)
            },
            Err(error) => OperationRecord {
                outcome: CallOutcome::Failed,
                attempts: error.attempts(),
                error: Some(error.to_string()),
                ..record
            },
        }
    }

    async fn write(&mut self, record: OperationRecord, write: PendingWrite) -> OperationRecord {
        let record = OperationRecord {
            request_id: Some(write.request_id),
            ..record
        };
        let (branch, session) = (Some(record.branch), &mut self.store.session);
        match self.asker.client.write(branch, session, write).await {
            Ok(reply) => decided(record, &reply),
            Err(error) => OperationRecord {
                outcome: error.certainty().into(),
                attempts: error.attempts(),
                error: Some(error.to_string()),
                ..record
            },
        }
    }

    /// The record of an event that was not sent.
    fn unsent(&self, seq: usize, event: &Event) -> OperationRecord {
        let level = event.level.unwrap_or(self.request.level);
        let (interface, account) = match &event.task {
            EventTask::Query { account } => (Interface::Query, account),
            EventTask::Write { interface, write, .. } => (*interface, write.account()),
        };
        let unsent = OperationRecord::unsent(seq, interface, event.branch, account.clone(), level);
        let unsent = OperationRecord {
            id: event.id.clone(),
            ..unsent
        };
        match &event.task {
            EventTask::Query { .. } => unsent,
            EventTask::Write { request_id, .. } => OperationRecord {
                result: Some(WriteResult::Fail),
                request_id: *request_id,
                propagation: Some(self.request.propagation),
                ..unsent
            },
        }
    }
}

fn served<T>(record: OperationRecord, reply: &Reply<T>) -> OperationRecord {
    OperationRecord {
        position: Some(reply.position),
        served_by: Some(reply.served_by),
        bank_id: Some(reply.bank_id),
        waited_us: reply.waited_us,
        attempts: reply.attempts,
        ..record
    }
}

fn decided(record: OperationRecord, reply: &Reply<Decision>) -> OperationRecord {
    if let Some(missing) = report::missing(reply) {
        note(&format!("warning: {missing}"));
    }
    let Decision {
        request_id,
        outcome,
        repeated,
        missing_branches,
    } = reply.value.clone();
    let served = OperationRecord {
        request_id: Some(request_id),
        repeated,
        missing_branches,
        ..served(record, reply)
    };
    match outcome {
        WriteOutcome::Accepted { balance } => OperationRecord {
            result: Some(WriteResult::Success),
            outcome: CallOutcome::Accepted,
            balance: Some(balance),
            ..served
        },
        WriteOutcome::Refused {
            reason,
            message,
            balance,
        } => OperationRecord {
            outcome: CallOutcome::Refused,
            balance: Some(balance),
            reason,
            error: Some(report::refusal(reason, &message)),
            ..served
        },
    }
}

/// Exit code of one event. A refusal within a replay is not a failure of the replay.
fn exit_of(outcome: CallOutcome) -> Exit {
    match outcome {
        CallOutcome::Unknown => Exit::Unknown,
        CallOutcome::NotApplied => Exit::NotApplied,
        CallOutcome::Failed => Exit::Failed,
        CallOutcome::Answered | CallOutcome::Accepted | CallOutcome::Refused => Exit::Done,
    }
}
