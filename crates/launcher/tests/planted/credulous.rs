//! Customers that check no reply. They send the positions of their session, as `bank-client` does. So each wrong answer
//! of a branch gets into the history, and must be found by the judge.

use crate::support::PATIENCE;
use bank_check::history::{Action, Level, Operation, Outcome, Propagation, RefusalReason};
use bank_client::Session;
use bank_cluster::Cluster;
use bank_cluster::clock::monotonic_us;
use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use bank_proto::v1::write_result;
use std::collections::BTreeMap;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

type Stub = BankServiceClient<Channel>;

/// One customer.
pub(crate) struct Customer {
    number: u64,
    sequence: u64,
    session: Session,
}

impl Customer {
    pub(crate) fn new(number: u64) -> Self {
        Customer {
            number,
            sequence: 0,
            session: Session::default(),
        }
    }
}

/// The branches, as customers reach them: over one connection each, so that what is asked first arrives first, and is
/// looked at first by a branch, which serves on one thread.
pub(crate) struct Counters {
    stubs: BTreeMap<u32, Stub>,
    pub(crate) origin_us: u64,
}

impl Counters {
    pub(crate) async fn of(cluster: &Cluster) -> Self {
        let mut stubs = BTreeMap::new();
        for branch in cluster.numbers() {
            let address = cluster.address(branch).expect("known");
            let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
            let channel = endpoint.connect().await.expect("it accepts");
            stubs.insert(branch, BankServiceClient::new(channel));
        }
        Counters {
            stubs,
            origin_us: monotonic_us(),
        }
    }

    fn stub(&self, branch: u32) -> Stub {
        self.stubs.get(&branch).expect("a branch of the bank").clone()
    }

    pub(crate) fn now_us(&self) -> u64 {
        monotonic_us() - self.origin_us
    }

    /// Asks for a balance.
    pub(crate) async fn query(&self, customer: &mut Customer, branch: u32, level: Level, account: &str) -> Operation {
        let account = account.to_owned();
        let mut operation = self.begun(
            customer,
            branch,
            Action::Query {
                account: account.clone(),
            },
        );
        operation.level = level;
        let options = v1::ReadOptions {
            bank_id: String::new(),
            min_position: customer.session.seen(),
            linearizable: level == Level::Strong,
        };
        let request = within(v1::QueryRequest {
            options: Some(options),
            account,
        });
        let reply = self.stub(branch).query(request).await.expect("answered").into_inner();
        operation.completed_us = self.now_us();
        let stamp = reply.stamp.expect("a stamp");
        customer.session.read_position = customer.session.read_position.max(stamp.position);
        operation.outcome = Outcome::Answered;
        operation.served_by = Some(stamp.branch);
        operation.balance = Some(reply.balance);
        operation.position = Some(stamp.position);
        operation.waited_us = stamp.waited_us;
        operation
    }

    /// Has a write decided, or decided again where the id is one that it has used.
    pub(crate) async fn write(&self, customer: &mut Customer, branch: u32, action: Action, id: Uuid) -> Operation {
        let mut operation = self.begun(customer, branch, action.clone());
        operation.request_id = Some(id.to_string());
        let result = send(self.stub(branch), action, id).await;
        operation.completed_us = self.now_us();
        customer.session.write_position = customer.session.write_position.max(result.position);
        let (outcome, balance) = match result.outcome.expect("an outcome") {
            write_result::Outcome::Accepted(accepted) => (Outcome::Accepted, accepted.balance),
            write_result::Outcome::Refused(refused) => (Outcome::Refused(why(refused.reason())), refused.balance),
        };
        operation.outcome = outcome;
        operation.served_by = Some(result.branch);
        operation.balance = Some(balance);
        operation.position = Some(result.position);
        operation.repeated = result.repeated;
        operation
    }

    fn begun(&self, customer: &mut Customer, branch: u32, action: Action) -> Operation {
        customer.sequence += 1;
        let session = format!("customer-{}", customer.number);
        Operation {
            invoked_us: self.now_us(),
            outcome: Outcome::Unknown,
            attempts: 1,
            ..Operation::unsent(
                (customer.number, session, customer.sequence),
                action,
                branch,
                (Level::Session, Propagation::Quorum),
            )
        }
    }
}

fn why(reason: v1::Refusal) -> RefusalReason {
    match reason {
        v1::Refusal::InsufficientFunds => RefusalReason::InsufficientFunds,
        v1::Refusal::AccountExists => RefusalReason::AccountExists,
        other => panic!("nothing here is refused for {other:?}"),
    }
}

async fn send(mut stub: Stub, action: Action, id: Uuid) -> v1::WriteResult {
    let options = Some(v1::WriteOptions {
        bank_id: String::new(),
        request_id: id.to_string(),
        propagation: v1::Propagation::Quorum.into(),
    });
    let result = match action {
        Action::Deposit { account, amount } => {
            let request = within(v1::DepositRequest {
                options,
                account,
                amount,
            });
            stub.deposit(request).await.expect("decided").into_inner().result
        }
        Action::Withdraw { account, amount } => {
            let request = within(v1::WithdrawRequest {
                options,
                account,
                amount,
            });
            stub.withdraw(request).await.expect("decided").into_inner().result
        }
        Action::Open { account, .. } => {
            let request = within(v1::OpenAccountRequest { options, account });
            stub.open_account(request).await.expect("decided").into_inner().result
        }
        Action::Query { .. } | Action::Transfer { .. } => panic!("{action:?} is not written here"),
    };
    result.expect("a result")
}

fn within<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}
