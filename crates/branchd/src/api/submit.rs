//! A customer's stream of writes. The writes that have arrived are queued together, at most one group of a stream at a
//! time, so that a stream's writes are decided in their order. The first write without a decision ends the stream.
//!
//! One task serves a stream: it reads, waits for a group and answers in turn. While the customer reads no outcomes, it
//! does neither, so a stream holds no more writes than its window.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bank_ledger::{Action, Applied, Command, Outcome, RequestId};
use bank_proto::v1;
use bank_proto::v1::submit_request::Part;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::{Status, Streaming};

use super::error;
use super::fields::{account, amount, check_bank, check_opened, invalid, named_account, payer_and_payee};
use super::outcome::refused;
use crate::access::Grant;
use crate::branch::Branch;
use crate::callers::{Quota, QuotaPermit};
use crate::clock;
use crate::writes::error::WriteError;
use crate::writes::queue::BATCH_LEN_MAX;

/// The largest window. It has room for several groups: one is decided while the next ones are on their way.
const WINDOW_MAX: u32 = 8 * BATCH_LEN_MAX as u32;
/// How many writes all streams together may have without an outcome. A write takes about 200 bytes, so these take 25 MB.
const STREAMED_WRITES_MAX: u32 = 128 << 10;
/// How many groups of all streams may be in the write queue at once. They fill both slots twice, and take no more than
/// a quarter of the queue, so calls with one write find room.
const GROUPS_MAX: usize = 4;
/// How long a write may take if the customer does not say.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// The longest time that a customer may allow for a write.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// How long a stream may rest: no write comes, and none waits.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// What all streams of this branch share.
pub(super) struct Submissions {
    /// Writes without an outcome.
    streamed: Quota,
    /// Groups in the write queue.
    groups: Arc<Semaphore>,
}

impl Submissions {
    pub(super) fn new() -> Self {
        Self {
            streamed: Quota::new(STREAMED_WRITES_MAX),
            groups: Arc::new(Semaphore::new(GROUPS_MAX)),
        }
    }

    /// Serves one stream, whose writes need this grant. `connection` is the quota of its connection for writes without an
    /// outcome.
    pub(super) fn serve(
        &self,
        branch: Arc<Branch>,
        grant: Grant,
        connection: Quota,
        requests: Streaming<v1::SubmitRequest>,
    ) -> BoxStream<'static, Result<v1::SubmitResponse, Status>> {
        let quotas = (connection, self.streamed.clone());
        let groups = Arc::clone(&self.groups);
        let begun = async move {
            let (submission, begun) = Submission::begin(branch, grant, groups, quotas, requests)
                .await
                .map_err(error::not_applied)?;
            let outcomes = futures::stream::try_unfold(submission, |mut submission| async move {
                let outcomes = submission.next().await?;
                Ok(outcomes.map(|outcomes| (outcomes, submission)))
            });
            Ok::<_, Status>(futures::stream::once(std::future::ready(Ok(begun))).chain(outcomes))
        };
        futures::stream::once(begun).try_flatten().boxed()
    }
}

/// One stream after its first message.
struct Submission {
    branch: Arc<Branch>,
    groups: Arc<Semaphore>,
    requests: Streaming<v1::SubmitRequest>,
    grant: Grant,
    terms: Terms,
    /// Writes that have arrived and are in no group yet.
    waiting: VecDeque<Command>,
    /// The group that is being decided, and its length.
    group: Option<(BoxFuture<'static, Decided>, usize)>,
    /// How many writes have arrived.
    arrived: u64,
    /// Set once no further message is read: how the stream ends after its last outcome.
    end: Option<Result<(), Status>>,
    /// When the stream ends if it rests until then.
    idle_until: Instant,
    /// The units of the window.
    _held: QuotaPermit,
}

/// What the writes of a stream have in common.
#[derive(Debug, Clone, Copy)]
struct Terms {
    window: usize,
    timeout: Duration,
    propagation: v1::Propagation,
}

/// What became of a group.
struct Decided {
    outcomes: v1::SubmitOutcomes,
    /// Why the writes after these outcomes have none.
    failed: Option<Status>,
}

impl Submission {
    /// Reads the first message of the stream.
    async fn begin(
        branch: Arc<Branch>,
        grant: Grant,
        groups: Arc<Semaphore>,
        (connection, all): (Quota, Quota),
        mut requests: Streaming<v1::SubmitRequest>,
    ) -> Result<(Self, v1::SubmitResponse), Status> {
        let first = requests.message().await?.and_then(|first| first.part);
        let Some(Part::Begin(begin)) = first else {
            return Err(invalid(
                "begin",
                "missing: it is the first message of a stream of writes",
            ));
        };
        let bank = branch.bank()?;
        check_bank(bank, &begin.bank_id)?;
        let propagation = v1::Propagation::try_from(begin.propagation)
            .map_err(|_| invalid("propagation", format!("there is no {}", begin.propagation)))?;
        if begin.window == 0 {
            return Err(invalid(
                "window",
                "it is 0: give how many writes may be without an outcome",
            ));
        }
        check_opened(bank)?;
        bank.standing.check_now()?;
        let window = begin.window.min(WINDOW_MAX);
        let held = Quota::take_both(&connection, &all, window).map_err(|_| {
            Status::resource_exhausted(
                "too many writes of streams are without an outcome at this branch: try again in a moment, or with a \
                 smaller window",
            )
        })?;
        let begun = v1::SubmitBegun {
            bank_id: bank.identity.bank_id.to_string(),
            branch: bank.identity.branch,
            window,
        };
        let terms = Terms {
            window: window as usize,
            timeout: match begin.timeout_ms {
                0 => TIMEOUT_DEFAULT,
                given => Duration::from_millis(given.into()).min(TIMEOUT_MAX),
            },
            propagation,
        };
        let submission = Self {
            groups,
            requests,
            grant,
            terms,
            waiting: VecDeque::new(),
            group: None,
            arrived: 0,
            end: None,
            idle_until: Instant::now() + IDLE_MAX,
            _held: held,
            branch,
        };
        let begun = v1::submit_response::Part::Begun(begun);
        Ok((submission, v1::SubmitResponse { part: Some(begun) }))
    }

    /// The next outcomes. `None`: the stream has ended well.
    ///
    /// # Errors
    /// The status says what is known of all writes that have no outcome.
    async fn next(&mut self) -> Result<Option<v1::SubmitResponse>, Status> {
        loop {
            self.form_group();
            if self.group.is_none()
                && let Some(end) = self.end.take()
            {
                return end.map(|()| None);
            }
            let group = self.group.as_mut().map(|(group, _)| group);
            let rests = group.is_none();
            let decided = async {
                match group {
                    Some(group) => group.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // What has arrived is read first, so that the next group is as large as it can be.
                biased;
                message = self.requests.message(), if self.end.is_none() => self.take(message),
                decided = decided => {
                    if let Some(outcomes) = self.decided(decided) {
                        return Ok(Some(outcomes));
                    }
                }
                () = self.branch.stopping(), if rests => {
                    let branch = self.branch.config.branch;
                    return Err(WriteError::Stopping { branch }.into());
                }
                () = sleep_until(self.idle_until), if rests => return Err(idle()),
            }
        }
    }

    /// Submits the writes that have arrived, unless a group is being decided.
    fn form_group(&mut self) {
        if self.group.is_some() || self.waiting.is_empty() {
            return;
        }
        let len = self.waiting.len().min(BATCH_LEN_MAX);
        let commands = self.waiting.drain(..len).collect();
        let group = decide(Arc::clone(&self.branch), Arc::clone(&self.groups), self.terms, commands);
        self.group = Some((Box::pin(group), len));
    }

    /// Takes the result of a group. Returns its outcomes, if it has any.
    fn decided(&mut self, Decided { outcomes, failed }: Decided) -> Option<v1::SubmitResponse> {
        self.group = None;
        self.idle_until = Instant::now() + IDLE_MAX;
        if let Some(status) = failed {
            // The writes after it are not submitted: they would be decided before it.
            self.waiting.clear();
            self.end = Some(Err(status));
        }
        let part = v1::submit_response::Part::Outcomes(outcomes);
        match &part {
            v1::submit_response::Part::Outcomes(outcomes) if outcomes.outcomes.is_empty() => None,
            _ => Some(v1::SubmitResponse { part: Some(part) }),
        }
    }

    /// Takes a message, or the end of the customer's side.
    fn take(&mut self, message: Result<Option<v1::SubmitRequest>, Status>) {
        self.idle_until = Instant::now() + IDLE_MAX;
        let taken = match message {
            Ok(None) => {
                self.end = Some(Ok(()));
                return;
            }
            Ok(Some(v1::SubmitRequest { part })) => self.take_writes(part),
            Err(status) => Err(status),
        };
        // The writes that came before still get their outcomes.
        self.end = taken.err().map(|status| Err(error::not_applied(status)));
    }

    fn take_writes(&mut self, part: Option<Part>) -> Result<(), Status> {
        let writes = match part {
            Some(Part::Writes(v1::SubmitWrites { writes })) if !writes.is_empty() => writes,
            Some(Part::Begin(_)) => return Err(invalid("begin", "it comes once, as the first message of the stream")),
            Some(Part::Writes(_)) | None => return Err(invalid("writes", "the message has none")),
        };
        if writes.len() > BATCH_LEN_MAX {
            let why = format!("{} in one message: send at most {BATCH_LEN_MAX}", writes.len());
            return Err(invalid("writes", why));
        }
        let in_group = self.group.as_ref().map_or(0, |(_, len)| *len);
        let (open, window) = (self.waiting.len() + in_group + writes.len(), self.terms.window);
        if open > window {
            return Err(Status::resource_exhausted(format!(
                "{open} writes of the stream have no outcome, and its window is {window}: wait for outcomes before you \
                 send more"
            )));
        }
        // A stream can last for long, and its token or certificate does not have to.
        self.grant = self.branch.access.renew(&self.grant)?;
        let (now_us, before) = (clock::now_us(), self.waiting.len());
        for write in writes {
            self.arrived += 1;
            let command = command(write, now_us)
                .map_err(|status| invalid(&format!("write {} of the stream", self.arrived), status.message()))?;
            if let Err(denial) = self.branch.access.check_write(&self.grant, &command.action) {
                // No write of the message is submitted, so that a client that may not send some of its writes can see
                // to that before it has sent half of them.
                self.waiting.truncate(before);
                return Err(denial.into());
            }
            self.waiting.push_back(command);
        }
        Ok(())
    }
}

/// Submits a group, and waits for its outcomes.
async fn decide(branch: Arc<Branch>, groups: Arc<Semaphore>, terms: Terms, commands: Vec<Command>) -> Decided {
    let failed = |status| Decided {
        outcomes: v1::SubmitOutcomes::default(),
        failed: Some(status),
    };
    let deadline = Instant::now() + terms.timeout;
    let bank = match branch.bank() {
        Ok(bank) => bank,
        Err(unavailable) => return failed(error::not_applied(unavailable.into())),
    };
    if let Err(removed) = bank.standing.check_now() {
        return failed(error::not_applied(removed.into()));
    }
    let Ok(Ok(turn)) = timeout_at(deadline, groups.acquire()).await else {
        let (branch, max) = (bank.identity.branch, GROUPS_MAX * BATCH_LEN_MAX);
        return failed(WriteError::Overloaded { branch, max }.into());
    };
    let everywhere = terms.propagation == v1::Propagation::All;
    let place = everywhere.then(|| bank.propagation.place()).transpose();
    let group = place.and_then(|place| Ok((place, bank.writer.submit_group(commands, deadline)?)));
    let (_place, answers) = match group {
        Ok((place, group)) => (place, group.outcomes().await),
        Err(error) => return failed(error.into()),
    };
    drop(turn);
    let (outcomes, failed) = outcomes(answers);
    let missing_branches = match outcomes.iter().map(|outcome| outcome.position).max() {
        Some(position) if everywhere => bank.propagation.everywhere(position, deadline).await,
        _ => Vec::new(),
    };
    Decided {
        outcomes: v1::SubmitOutcomes {
            outcomes,
            missing_branches,
        },
        failed: failed.map(Status::from),
    }
}

/// The outcomes up to the first write without a decision, and an error that is true of all writes from that one on.
fn outcomes(answers: Vec<Result<Applied, WriteError>>) -> (Vec<v1::SubmitOutcome>, Option<WriteError>) {
    let mut outcomes = Vec::with_capacity(answers.len());
    let mut failed: Option<WriteError> = None;
    for answer in answers {
        match (answer, &failed) {
            (Ok(applied), None) => outcomes.push(outcome(&applied)),
            (Err(error), None) => failed = Some(error),
            // No definite error is true of a write that was applied, or may have been.
            (Ok(_), Some(known)) if !known.may_be_applied() => failed = Some(WriteError::Unknown),
            (Err(error), Some(known)) if error.may_be_applied() && !known.may_be_applied() => failed = Some(error),
            _ => {}
        }
    }
    (outcomes, failed)
}

fn outcome(applied: &Applied) -> v1::SubmitOutcome {
    use v1::submit_outcome::Result;
    let result = match &applied.outcome {
        Outcome::Accepted { balance } => Result::Accepted(v1::Accepted { balance: *balance }),
        Outcome::Refused(refusal) => Result::Refused(refused(refusal)),
        Outcome::IdReused => Result::RequestIdInUse(v1::RequestIdInUse {}),
    };
    v1::SubmitOutcome {
        position: applied.position,
        repeated: applied.repeated,
        result: Some(result),
    }
}

/// Checks one write of a stream.
fn command(write: v1::SubmitWrite, time_us: i64) -> Result<Command, Status> {
    use v1::submit_write::Action as Asked;
    let id = write.request_id.as_slice().try_into();
    let id = id.map_err(|_| {
        let len = write.request_id.len();
        invalid("request_id", format!("it has {len} bytes, and a UUID has 16"))
    })?;
    let action = match write.action.ok_or_else(|| invalid("action", "missing"))? {
        Asked::Deposit(paid) => Action::Deposit {
            account: account("account", &paid.account)?,
            amount: amount(paid.amount)?,
        },
        Asked::Withdraw(taken) => Action::Withdraw {
            account: account("account", &taken.account)?,
            amount: amount(taken.amount)?,
        },
        Asked::Transfer(moved) => {
            let (from, to) = payer_and_payee(&moved.from_account, &moved.to_account)?;
            Action::Transfer {
                from,
                to,
                amount: amount(moved.amount)?,
            }
        }
        Asked::Open(open) => Action::Open {
            account: named_account("account", &open.account)?,
        },
    };
    Ok(Command {
        request_id: RequestId(id),
        time_us,
        action,
    })
}

fn idle() -> Status {
    error::not_applied(Status::deadline_exceeded(format!(
        "no write came for {} s: end a stream that has no more writes, and begin another one later",
        IDLE_MAX.as_secs()
    )))
}
