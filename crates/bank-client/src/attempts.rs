//! The attempts of one operation. They share one deadline; the first ones ask the branch that was named, later ones
//! also the others.

use std::future::Future;
use std::time::Duration;

use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use bank_types::{Certainty, Write};
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::backoff;
use crate::branches::Branches;
use crate::failure::{Attempted, Failure};

/// What one attempt works with: a connection, and the time that is left.
pub(crate) struct Attempt {
    pub(crate) stub: BankServiceClient<Channel>,
    left: Duration,
}

impl Attempt {
    /// The message as a request whose gRPC timeout is the time that is left.
    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.left);
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
    /// Whether there is more than one attempt.
    pub(crate) retries: bool,
    pub(crate) deadline: Instant,
    /// There were attempts before these, and their outcome is not known.
    pub(crate) in_doubt: bool,
}

/// Calls until there is an answer, a failure that is not retryable, or the deadline. The deadline and the pauses bound
/// the number of attempts: about 50 in 10 s.
pub(crate) async fn run<T, F>(
    branches: &Branches,
    plan: RetryPlan,
    call: impl Fn(Attempt) -> F,
) -> Result<Answered<T>, Exhausted>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut attempts = 0;
    let RetryPlan {
        first,
        failover,
        retries,
        deadline,
        mut in_doubt,
    } = plan;
    let mut route = Route::new(branches.order(first, failover));
    loop {
        attempts += 1;
        let index = route.index();
        let Attempted { failure, certainty } = match once(branches, index, deadline, &call).await {
            Ok(value) => {
                branches.answered(index);
                return Ok(Answered { value, index, attempts });
            }
            Err(attempted) => attempted,
        };
        branches.failed(index, &failure);
        tracing::debug!(attempts, %failure, ?certainty, "an attempt failed");
        in_doubt = match certainty {
            Certainty::Unknown => true,
            Certainty::NotApplied => in_doubt && !failure.excludes_earlier_attempts(),
        };
        let pause_end = Instant::now() + backoff::pause(attempts);
        if !retries || !failure.is_retryable() || pause_end >= deadline {
            let certainty = if in_doubt {
                Certainty::Unknown
            } else {
                Certainty::NotApplied
            };
            return Err(Exhausted {
                failure,
                certainty,
                attempts,
            });
        }
        route.next(&failure);
        sleep_until(pause_end).await;
    }
}

async fn once<T, F>(
    branches: &Branches,
    index: usize,
    deadline: Instant,
    call: &impl Fn(Attempt) -> F,
) -> Result<T, Attempted>
where
    F: Future<Output = Result<T, Status>>,
{
    let channel = branches.channel(index, deadline).await?;
    let attempt = Attempt {
        stub: BankServiceClient::new(channel),
        left: deadline.saturating_duration_since(Instant::now()),
    };
    let at = branches.place(index);
    let status = match timeout_at(deadline, call(attempt)).await {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(status)) => status,
        Err(_) => return Err(Attempted::sent(Failure::TimedOut { at })),
    };
    Err(Attempted::by_status(at, &status))
}

/// The order in which branches are asked: the first one twice, unless it cannot be reached, then the others in turn,
/// and so on in a circle.
struct Route {
    /// Indices of the branches. Never empty.
    order: Vec<usize>,
    step: usize,
    /// The first branch has been asked for the second time.
    asked_again: bool,
}

impl Route {
    fn new(order: Vec<usize>) -> Self {
        Self {
            order,
            step: 0,
            asked_again: false,
        }
    }

    fn index(&self) -> usize {
        self.order[self.step]
    }

    fn next(&mut self, failure: &Failure) {
        let reached = !matches!(failure, Failure::Unreachable { .. } | Failure::Silent { .. });
        if reached && self.step == 0 && !self.asked_again {
            self.asked_again = true;
            return;
        }
        self.step = (self.step + 1) % self.order.len();
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
        let at = Place {
            branch: None,
            address: address(1),
        };
        let unavailable = Failure::Unavailable {
            at: at.clone(),
            message: String::new(),
        };
        let unreachable = Failure::Unreachable {
            at: at.clone(),
            detail: String::new(),
        };
        assert_eq!(walk(&[1, 2, 0], &unavailable), [1, 1, 2, 0, 1, 2]);
        assert_eq!(walk(&[1, 2, 0], &unreachable), [1, 2, 0, 1, 2, 0]);
        assert_eq!(walk(&[1, 2, 0], &Failure::Silent { at }), [1, 2, 0, 1, 2, 0]);
        assert_eq!(walk(&[1], &unavailable), [1; 6]);
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
        branches.failed(1, &Failure::Silent { at: branches.place(1) });
        assert_eq!(
            (branches.order(1, true), branches.order(0, true)),
            (vec![2, 0, 1], vec![0, 2, 1])
        );
        assert_eq!(branches.order(1, false), [1]);
        branches.answered(1);
        assert_eq!(branches.order(1, true), [1, 2, 0]);
    }
}
