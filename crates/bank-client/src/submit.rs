//! A stream of writes. It is begun again at the next branch after a failure, and the writes without an outcome are sent
//! again in their order, under the same request ids.
//!
//! Writes are sent and decided in the order in which they were added. So the writes of unknown outcome are always the
//! first of those without an outcome.

use std::collections::VecDeque;
use std::time::Duration;

use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use bank_types::{Certainty, Propagation, RequestId, Write};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};
use uuid::Uuid;

use crate::attempts::share_end;
use crate::backoff;
use crate::client::Client;
use crate::failure::{Attempted, Failure, Place};
use crate::reply::{Outcomes, StreamedOutcome};
use crate::session::Session;
use crate::wire;

/// The most writes in one message. A branch takes no more.
const MESSAGE_LEN_MAX: usize = 1024;
/// How long a stream may rest and still be used. A branch ends a stream that rests for 60 s.
const REST_MAX: Duration = Duration::from_secs(30);

/// Options of a stream of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmitOptions {
    /// The most writes that are sent and have no outcome, at least 1. A branch may grant fewer.
    pub window: u32,
    /// Branches that the outcomes wait for.
    pub propagation: Propagation,
}

impl Default for SubmitOptions {
    /// The window is the largest that a branch grants.
    fn default() -> Self {
        Self {
            window: 8192,
            propagation: Propagation::default(),
        }
    }
}

/// Why a stream has no further outcome.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{cause}")]
pub struct SubmitError {
    /// Failure of the last attempt.
    #[source]
    pub cause: Failure,
    /// Number of attempts since the last outcome.
    pub attempts: u32,
    /// How many writes may have been applied: the first of those without an outcome.
    pub unknown: usize,
    /// How many writes were not applied: all others without an outcome. A write that was not sent is one of them.
    pub not_applied: usize,
}

/// A stream of writes of one session. Dropping it leaves the writes without an outcome unknown.
#[derive(Debug)]
pub struct Submission<'a> {
    client: &'a Client,
    bank_id: Option<Uuid>,
    options: SubmitOptions,
    /// Index of the branch that is asked next, unless it was silent or slow a moment ago.
    next: usize,
    /// Index of the branch that was asked last.
    asked: usize,
    /// Writes without an outcome, in order.
    open: VecDeque<(RequestId, Write)>,
    /// How many of them were sent on the present stream. The first ones.
    sent: usize,
    /// How many of them may have been applied by an earlier stream. The first ones.
    in_doubt: usize,
    line: Option<Line>,
}

/// A stream that a branch has accepted.
#[derive(Debug)]
struct Line {
    /// When it was begun, or gave its last outcomes.
    used: Instant,
    begun: v1::SubmitBegun,
    bank_id: Uuid,
    requests: mpsc::Sender<v1::SubmitRequest>,
    responses: Streaming<v1::SubmitResponse>,
}

impl Client {
    /// Begins a stream of writes, which first asks this branch. Nothing is sent before [`Submission::next`].
    ///
    /// # Errors
    /// The bank file does not have the branch, or the session belongs to another bank.
    pub fn submit(
        &self,
        branch: Option<u32>,
        session: &Session,
        options: SubmitOptions,
    ) -> Result<Submission<'_>, Failure> {
        let first = self.branches.find(branch)?;
        Ok(Submission {
            client: self,
            bank_id: self.bank_of(session)?,
            options,
            next: first,
            asked: first,
            open: VecDeque::new(),
            sent: 0,
            in_doubt: 0,
            line: None,
        })
    }
}

impl Submission<'_> {
    /// Adds a write under this request id. It is sent by [`Self::next`] once the window has room.
    pub fn add(&mut self, request_id: RequestId, write: Write) {
        self.open.push_back((request_id, write));
    }

    /// Number of writes without an outcome. A caller that adds writes while it is below the window keeps the stream
    /// busy.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether every write has its outcome.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Sends what the window has room for, and waits for the next outcomes. `None` if every write has its outcome. The
    /// client's timeout bounds this call, with all its attempts. The session takes the position of each decision.
    ///
    /// A call that is cancelled loses nothing.
    ///
    /// # Errors
    /// [`SubmitError`]. The writes without an outcome stay. Another call sends them again.
    pub async fn next(&mut self, session: &mut Session) -> Result<Option<Outcomes>, SubmitError> {
        let deadline = Instant::now() + self.client.options.timeout;
        let mut attempts = 0;
        while !self.open.is_empty() {
            attempts += 1;
            let failure = match self.attempt(deadline, session).await {
                Ok(outcomes) => return Ok(Some(outcomes)),
                Err(attempted) => self.broken(attempted),
            };
            tracing::debug!(attempts, %failure, "a stream of writes failed");
            // A branch that was not asked yet is asked at once.
            let pause = if (attempts as usize) < self.order().len() {
                Duration::ZERO
            } else {
                backoff::pause(attempts)
            };
            let pause_end = Instant::now() + pause;
            if !self.client.retries || !failure.is_retryable() || pause_end >= deadline {
                return Err(SubmitError {
                    cause: failure,
                    attempts,
                    unknown: self.in_doubt,
                    not_applied: self.open.len() - self.in_doubt,
                });
            }
            sleep_until(pause_end).await;
        }
        Ok(None)
    }

    /// Sends the writes that were not sent yet, and waits for outcomes.
    async fn attempt(&mut self, deadline: Instant, session: &mut Session) -> Result<Outcomes, Attempted> {
        let share_end = self.share_end(deadline);
        let rested = |line: &mut Line| self.sent == 0 && line.used.elapsed() > REST_MAX;
        self.line.take_if(rested);
        let line = match self.line.take() {
            Some(line) => line,
            None => self.begin(share_end).await?,
        };
        let line = self.line.insert(line);
        let window = line.begun.window as usize;
        while self.sent < self.open.len().min(window) {
            let end = self.open.len().min(window).min(self.sent + MESSAGE_LEN_MAX);
            let writes = self.open.range(self.sent..end);
            let writes = writes.map(|(id, write)| wire::submit_write(*id, write)).collect();
            let part = v1::submit_request::Part::Writes(v1::SubmitWrites { writes });
            self.sent = end;
            // The channel has room for a whole window. If the stream has ended, the next answer says why.
            let _ = line.requests.try_send(v1::SubmitRequest { part: Some(part) });
        }
        let at = self.client.branches.place(self.asked);
        let message = match timeout_at(share_end, line.responses.message()).await {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => {
                let detail = "the stream ended before its last outcome".to_owned();
                return Err(Attempted::sent(Failure::Lost { at, detail }));
            }
            Ok(Err(status)) => return Err(Attempted::by_status(at, &status)),
            Err(_) => return Err(Attempted::sent(Failure::TimedOut { at })),
        };
        self.client.branches.answered(self.asked);
        line.used = Instant::now();
        let outcomes = taken(message, self.open.iter().take(self.sent).map(|(id, _)| *id));
        let (outcomes, missing_branches) =
            outcomes.map_err(|what| Attempted::sent(Failure::Malformed { at: at.clone(), what }))?;
        let bank_id = line.bank_id;
        for outcome in outcomes.iter().filter(|outcome| outcome.decision.is_some()) {
            let saw = session.saw_write(bank_id, outcome.position, outcome.repeated);
            saw.map_err(|breach| Attempted::sent(Failure::Breach { at: at.clone(), breach }))?;
        }
        self.open.drain(..outcomes.len());
        self.sent -= outcomes.len();
        self.in_doubt = self.in_doubt.saturating_sub(outcomes.len());
        Ok(Outcomes {
            served_by: line.begun.branch,
            bank_id,
            outcomes,
            missing_branches,
        })
    }

    /// Begins a stream at the next branch.
    async fn begin(&mut self, share_end: Instant) -> Result<Line, Attempted> {
        let branches = &self.client.branches;
        self.asked = self.order()[0];
        let at = branches.place(self.asked);
        let channel = branches.channel(self.asked, share_end).await?;
        let (requests, receiver) = mpsc::channel(self.options.window as usize + 1);
        let begin = self.begin_message(share_end.saturating_duration_since(Instant::now()));
        let _ = requests.try_send(begin);
        let begun = async {
            let mut stub = BankServiceClient::new(channel);
            let mut request = Request::new(ReceiverStream::new(receiver));
            if let Some(token) = branches.token() {
                token.authorize(&mut request);
            }
            let mut responses = stub.submit(request).await?.into_inner();
            Ok((responses.message().await?, responses))
        };
        let (first, responses) = match timeout_at(share_end, begun).await {
            Ok(Ok(begun)) => begun,
            // No write was sent.
            Ok(Err(status)) => return Err(Attempted::unsent(Attempted::by_status(at, &status).failure)),
            Err(_) => return Err(Attempted::unsent(Failure::TimedOut { at })),
        };
        let malformed = |at: &Place, what: String| Attempted::unsent(Failure::Malformed { at: at.clone(), what });
        let Some(v1::submit_response::Part::Begun(begun)) = first.and_then(|first| first.part) else {
            return Err(malformed(&at, "its stream does not begin with its terms".to_owned()));
        };
        let bank_id = wire::bank_id_of(&begun.bank_id).map_err(|what| malformed(&at, what))?;
        if begun.window == 0 || begun.window > self.options.window {
            return Err(malformed(&at, format!("it grants a window of {}", begun.window)));
        }
        Ok(Line {
            used: Instant::now(),
            begun,
            bank_id,
            requests,
            responses,
        })
    }

    fn begin_message(&self, share: Duration) -> v1::SubmitRequest {
        // A branch that can give no outcome in time says why before the time is over.
        let timeout_ms = u32::try_from(share.mul_f64(0.9).as_millis()).unwrap_or(u32::MAX);
        let begin = v1::SubmitBegin {
            bank_id: self.bank_id.map(|id| id.to_string()).unwrap_or_default(),
            propagation: v1::Propagation::from(self.options.propagation).into(),
            window: self.options.window,
            timeout_ms: timeout_ms.max(1),
        };
        v1::SubmitRequest {
            part: Some(v1::submit_request::Part::Begin(begin)),
        }
    }

    /// The end of the time for the next outcomes at one branch.
    fn share_end(&self, deadline: Instant) -> Instant {
        // A branch reports at its deadline which branches have not confirmed a write.
        let patient = self.client.patient || self.options.propagation == Propagation::All;
        if patient || !self.client.retries || self.order().len() == 1 {
            deadline
        } else {
            share_end(Instant::now(), deadline)
        }
    }

    /// Records that the present stream has failed, or that none could be begun.
    fn broken(&mut self, Attempted { failure, certainty }: Attempted) -> Failure {
        self.line = None;
        let slow = self.client.options.failover && matches!(failure, Failure::TimedOut { .. });
        self.client.branches.failed(self.asked, &failure, slow);
        if certainty == Certainty::Unknown {
            self.in_doubt = self.in_doubt.max(self.sent);
        }
        self.sent = 0;
        let branches = self.order().len();
        if branches > 1 {
            self.next = (self.asked + 1) % branches;
        }
        failure
    }

    /// Indices of the branches that may be asked, in the order in which they are asked. Never empty.
    fn order(&self) -> Vec<usize> {
        self.client.branches.order(self.next, self.client.options.failover)
    }
}

/// The outcomes in a message, for the writes that were sent.
fn taken(
    message: v1::SubmitResponse,
    sent: impl ExactSizeIterator<Item = RequestId>,
) -> Result<(Vec<StreamedOutcome>, Vec<u32>), String> {
    let Some(v1::submit_response::Part::Outcomes(v1::SubmitOutcomes {
        outcomes,
        missing_branches,
    })) = message.part
    else {
        return Err("a message of its stream has no outcomes".to_owned());
    };
    if outcomes.is_empty() || outcomes.len() > sent.len() {
        return Err(format!(
            "it gives {} outcomes for {} writes",
            outcomes.len(),
            sent.len()
        ));
    }
    let outcomes = sent
        .zip(outcomes)
        .map(|(id, outcome)| wire::streamed_outcome(id, outcome));
    Ok((outcomes.collect::<Result<_, _>>()?, missing_branches))
}
