//! The attempts of one operation. They share one deadline. The first ones ask the branch that was named, later ones also
//! the others.
//!
//! While another branch can be asked, an attempt gets a share of the time that is left. A branch that says that it is
//! behind, or does not answer in its share, is passed over.

use std::future::Future;
use std::time::Duration;

use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use bank_types::{Certainty, Write};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::backoff;
use crate::branches::Branches;
use crate::failure::{Attempted, Failure};
use crate::progress::Progress;
use crate::security::Token;

/// One attempt gets this part of the time that is left: a third, so that three branches can be asked in turn.
const SHARES: u32 = 3;
/// Longest share. A branch that is well answers in milliseconds, and an election is over within a second.
const SHARE_MAX: Duration = Duration::from_secs(2);
/// Shortest share. A branch that is well and busy answers within it.
const SHARE_MIN: Duration = Duration::from_millis(50);

/// What one attempt works with: a connection, and the time for its answer.
pub(crate) struct Attempt {
    pub(crate) stub: BankServiceClient<Channel>,
    token: Option<Token>,
    /// Time for this attempt.
    share: Duration,
    /// Time for the whole operation.
    left: Duration,
}

impl Attempt {
    /// The message as a request whose gRPC timeout is the time for this attempt. So a branch that cannot serve in that
    /// time says why before the time is over.
    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        self.timed(message, self.share)
    }

    /// The message as a request for a stream, whose gRPC timeout is the time for the whole operation.
    pub(crate) fn stream_request<M>(&self, message: M) -> Request<M> {
        self.timed(message, self.left)
    }

    /// A request that tells the branch how long it may take, in whole milliseconds. HTTP/2 sends a header that it has
    /// sent before as one byte, and a rounded time is the same in most requests.
    fn timed<M>(&self, message: M, timeout: Duration) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(whole_millis(timeout));
        if let Some(token) = &self.token {
            token.authorize(&mut request);
        }
        request
    }

    /// Sends a write.
    pub(crate) async fn write(
        mut self,
        write: Write,
        options: Option<v1::WriteOptions>,
    ) -> Result<Option<v1::WriteResult>, Status> {
        match write {
            Write::Deposit { account, amount } => {
                let request = self.request(v1::DepositRequest {
                    options,
                    account: account.into(),
                    amount: amount.get(),
                });
                Ok(self.stub.deposit(request).await?.into_inner().result)
            }
            Write::Withdraw { account, amount } => {
                let request = self.request(v1::WithdrawRequest {
                    options,
                    account: account.into(),
                    amount: amount.get(),
                });
                Ok(self.stub.withdraw(request).await?.into_inner().result)
            }
            Write::Transfer { from, to, amount } => {
                let message = v1::TransferRequest {
                    options,
                    from_account: from.into(),
                    to_account: to.into(),
                    amount: amount.get(),
                };
                let request = self.request(message);
                Ok(self.stub.transfer(request).await?.into_inner().result)
            }
            Write::Open { account } => {
                let request = self.request(v1::OpenAccountRequest {
                    options,
                    account: account.into(),
                });
                Ok(self.stub.open_account(request).await?.into_inner().result)
            }
        }
    }
}

/// An answer, the index of the branch that gave it, and the number of attempts.
pub(crate) struct Answered<T> {
    pub(crate) value: T,
    pub(crate) index: usize,
    pub(crate) attempts: u32,
}

/// The result of attempts that got no answer: the failure of the last one, what all of them say of a write, and their
/// number.
pub(crate) struct Exhausted {
    pub(crate) failure: Failure,
    pub(crate) certainty: Certainty,
    pub(crate) attempts: u32,
}

/// How the attempts of one operation are made.
pub(crate) struct RetryPlan {
    /// Index of the branch to ask first.
    pub(crate) first: usize,
    /// Whether other branches may be asked.
    pub(crate) failover: bool,
    /// Whether a branch gets the whole deadline even if another one can be asked.
    pub(crate) patient: bool,
    /// Whether there is more than one attempt.
    pub(crate) retries: bool,
    pub(crate) deadline: Instant,
    /// There were attempts before these, and their outcome is not known.
    pub(crate) in_doubt: bool,
}

/// Calls until there is an answer, a failure that is not retryable, or the deadline. The deadline and the pauses bound
/// the number of attempts: about 50 in 10 s. `report` is called with the progress after each change.
pub(crate) async fn run<T, F>(
    branches: &Branches,
    plan: RetryPlan,
    report: Option<&watch::Sender<Progress>>,
    call: impl Fn(Attempt) -> F,
) -> Result<Answered<T>, Exhausted>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut attempts = 0;
    let RetryPlan {
        first,
        failover,
        patient,
        retries,
        deadline,
        mut in_doubt,
    } = plan;
    let mut route = Route::new(branches.order(first, failover));
    let passes_over = !patient && retries && route.order.len() > 1;
    let mut progress = Progress::default();
    loop {
        attempts += 1;
        let index = route.index();
        progress.asking = Some(branches.place(index));
        tell(report, &progress);
        let now = Instant::now();
        let share_end = if passes_over {
            share_end(now, deadline)
        } else {
            deadline
        };
        let Attempted { failure, certainty } = match once(branches, index, (share_end, deadline), &call).await {
            Ok(value) => {
                branches.answered(index);
                return Ok(Answered { value, index, attempts });
            }
            Err(attempted) => attempted,
        };
        let slow = passes_over && (failure.is_behind() || matches!(failure, Failure::TimedOut { .. }));
        branches.failed(index, &failure, slow);
        progress.failed(failure.clone());
        tell(report, &progress);
        tracing::debug!(attempts, %failure, ?certainty, "an attempt failed");
        in_doubt = match certainty {
            Certainty::Unknown => true,
            Certainty::NotApplied => in_doubt && !failure.excludes_earlier_attempts(),
        };
        let certainty = if in_doubt {
            Certainty::Unknown
        } else {
            Certainty::NotApplied
        };
        let exhausted = |failure| Exhausted {
            failure,
            certainty,
            attempts,
        };
        if !retries || !(slow || failure.is_retryable()) {
            return Err(exhausted(failure));
        }
        // A branch that was not asked yet is asked at once.
        let pause = if route.next(&failure) {
            Duration::ZERO
        } else {
            backoff::pause(attempts)
        };
        let pause_end = Instant::now() + pause;
        if pause_end >= deadline {
            let failure = progress.worth_telling().cloned().unwrap_or(failure);
            return Err(exhausted(failure));
        }
        sleep_until(pause_end).await;
    }
}

fn tell(report: Option<&watch::Sender<Progress>>, progress: &Progress) {
    if let Some(report) = report {
        report.send_replace(progress.clone());
    }
}

/// The end of an attempt's share of the time until the deadline.
pub(crate) fn share_end(now: Instant, deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(now);
    deadline.min(now + (left / SHARES).clamp(SHARE_MIN, SHARE_MAX))
}

/// The time, rounded up to whole milliseconds. A branch answers at least a tenth of a short time early, so it still
/// answers in time. A time below ten milliseconds is not changed.
fn whole_millis(time: Duration) -> Duration {
    if time < Duration::from_millis(10) {
        return time;
    }
    let nanos = u64::from(time.subsec_nanos() % 1_000_000);
    time + Duration::from_nanos((1_000_000 - nanos) % 1_000_000)
}

/// One attempt at one branch. It ends at the end of its share; the deadline is that of the whole operation.
async fn once<T, F>(
    branches: &Branches,
    index: usize,
    (share_end, deadline): (Instant, Instant),
    call: &impl Fn(Attempt) -> F,
) -> Result<T, Attempted>
where
    F: Future<Output = Result<T, Status>>,
{
    let channel = branches.channel(index, share_end).await?;
    let now = Instant::now();
    let attempt = Attempt {
        stub: BankServiceClient::new(channel),
        token: branches.token(),
        share: share_end.saturating_duration_since(now),
        left: deadline.saturating_duration_since(now),
    };
    let at = branches.place(index);
    let status = match timeout_at(share_end, call(attempt)).await {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(status)) => status,
        Err(_) => return Err(Attempted::sent(Failure::TimedOut { at })),
    };
    Err(Attempted::by_status(at, &status))
}

/// The order in which branches are asked: the first one twice, unless it cannot be reached or is slow, then the others
/// in turn, and so on in a circle.
struct Route {
    /// Indices of the branches. Never empty.
    order: Vec<usize>,
    step: usize,
    /// The first branch has been asked for the second time.
    asked_again: bool,
    /// Every branch has been asked.
    all_asked: bool,
}

impl Route {
    fn new(order: Vec<usize>) -> Self {
        Self {
            order,
            step: 0,
            asked_again: false,
            all_asked: false,
        }
    }

    fn index(&self) -> usize {
        self.order[self.step]
    }

    /// Goes on to the next branch. Returns whether that one was not asked yet.
    fn next(&mut self, failure: &Failure) -> bool {
        let passed_over = matches!(
            failure,
            Failure::Unreachable { .. } | Failure::Silent { .. } | Failure::TimedOut { .. } | Failure::Behind { .. }
        );
        if !passed_over && self.step == 0 && !self.asked_again {
            self.asked_again = true;
            return false;
        }
        self.step = (self.step + 1) % self.order.len();
        self.all_asked |= self.step == 0;
        !self.all_asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank_file::{BankFile, Branch};
    use crate::failure::Place;
    use bank_types::Address;

    fn address(port: u32) -> Address {
        format!("h:{port}").parse().expect("an address")
    }

    fn walk(order: &[usize], failure: &Failure) -> Vec<usize> {
        let mut route = Route::new(order.to_vec());
        let next = |_| {
            let index = route.index();
            route.next(failure);
            index
        };
        (0..6).map(next).collect()
    }

    #[test]
    fn the_branch_asked_comes_first_and_the_others_in_turn() {
        let place = || Place {
            branch: None,
            address: address(1),
        };
        let unavailable = Failure::Unavailable {
            at: place(),
            message: String::new(),
        };
        let unreachable = Failure::Unreachable {
            at: place(),
            detail: String::new(),
        };
        assert_eq!(walk(&[1, 2, 0], &unavailable), [1, 1, 2, 0, 1, 2]);
        assert_eq!(walk(&[1, 2, 0], &unreachable), [1, 2, 0, 1, 2, 0]);
        assert_eq!(walk(&[1, 2, 0], &Failure::Silent { at: place() }), [1, 2, 0, 1, 2, 0]);
        assert_eq!(walk(&[1], &unavailable), [1; 6]);
        let behind = Failure::Behind {
            at: place(),
            position: 1,
            needed: 2,
        };
        for slow in [behind, Failure::TimedOut { at: place() }] {
            assert_eq!(walk(&[1, 2, 0], &slow), [1, 2, 0, 1, 2, 0]);
        }
        let mut route = Route::new(vec![1, 2]);
        let new: Vec<bool> = (0..4).map(|_| route.next(&unavailable)).collect();
        assert_eq!(new, [false, true, false, false]);
    }

    #[test]
    fn an_attempt_gets_a_third_of_the_time_that_is_left_within_bounds() {
        let now = Instant::now();
        //   left ms  share ms
        for (left, share) in [
            (60_000, 2_000),
            (10_000, 2_000),
            (3_000, 1_000),
            (90, 50),
            (20, 20),
            (0, 0),
        ] {
            let end = share_end(now, now + Duration::from_millis(left));
            assert_eq!(end - now, Duration::from_millis(share), "{left} ms");
        }
    }

    #[test]
    fn a_request_has_a_timeout_in_whole_milliseconds() {
        for (given_us, told_us) in [
            (1_999_987, 2_000_000),
            (2_000_000, 2_000_000),
            (10_001, 11_000),
            (10_000, 10_000),
            (9_999, 9_999),
            (0, 0),
        ] {
            let told = whole_millis(Duration::from_micros(given_us));
            assert_eq!(told, Duration::from_micros(told_us), "{given_us}");
        }
    }

    #[test]
    fn a_silent_branch_is_asked_last_until_it_answers() {
        let bank = (1..=3)
            .map(|branch| Branch {
                branch,
                address: address(branch),
            })
            .collect();
        let branches = Branches::of_bank(&BankFile::new(uuid::Uuid::nil(), bank).expect("a bank"));
        assert_eq!(
            (branches.order(1, true), branches.order(1, false)),
            (vec![1, 2, 0], vec![1])
        );
        branches.failed(1, &Failure::Silent { at: branches.place(1) }, false);
        assert_eq!(
            (branches.order(1, true), branches.order(0, true)),
            (vec![2, 0, 1], vec![0, 2, 1])
        );
        assert_eq!(branches.order(1, false), [1]);
        branches.answered(1);
        assert_eq!(branches.order(1, true), [1, 2, 0]);
        branches.failed(1, &Failure::TimedOut { at: branches.place(1) }, true);
        assert_eq!(branches.order(1, true), [2, 0, 1]);
    }
}
