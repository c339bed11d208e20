//! Tests the calls of an operator against a branch that answers from a table.

use std::pin::Pin;
use std::time::Duration;

use bank_client::operator::{AppliedAction, JoinProgress, NewBranch, Role};
use bank_client::{Failure, Operator, RefusalReason, WriteOutcome};
use bank_proto::v1;
use bank_proto::v1::operator_service_server::{OperatorService, OperatorServiceServer};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, iter};
use tonic::{Request, Response, Status};

const BANK: &str = "0190a5d0-0000-7000-8000-000000000001";
const TIMEOUT: Duration = Duration::from_secs(30);

struct FakeBranch;

fn led(branch: u32) -> v1::JournalLeader {
    v1::JournalLeader {
        term: 2,
        branch,
        after_position: 4,
        from_us: 5,
    }
}

#[tonic::async_trait]
impl OperatorService for FakeBranch {
    type ReadJournalStream = Pin<Box<dyn Stream<Item = Result<v1::ReadJournalResponse, Status>> + Send>>;

    async fn init(&self, request: Request<v1::InitRequest>) -> Result<Response<v1::InitResponse>, Status> {
        let request = request.into_inner();
        assert_eq!((request.opening_balance, request.voters), (400, 1));
        assert_eq!(request.branches[0].address, "h:1");
        Ok(Response::new(v1::InitResponse {
            bank_id: BANK.to_owned(),
            voters: vec![1],
            position: 1,
        }))
    }

    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinResponse>, Status> {
        match request.into_inner().branch.expect("a branch").branch {
            4 => Ok(Response::new(v1::JoinResponse {
                bank_id: BANK.to_owned(),
                voter: false,
                replaced: true,
                position: 7,
            })),
            _ => Err(Status::deadline_exceeded("it has 3 of 9 entries")),
        }
    }

    async fn promote(&self, _: Request<v1::PromoteRequest>) -> Result<Response<v1::PromoteResponse>, Status> {
        Ok(Response::new(v1::PromoteResponse {
            bank_id: "no bank".to_owned(),
            voters: vec![1, 4],
        }))
    }

    async fn remove(&self, request: Request<v1::RemoveRequest>) -> Result<Response<v1::RemoveResponse>, Status> {
        let branch = request.into_inner().branch;
        Err(Status::failed_precondition(format!("there is no branch {branch}")))
    }

    async fn read_journal(
        &self,
        request: Request<v1::ReadJournalRequest>,
    ) -> Result<Response<Self::ReadJournalStream>, Status> {
        let after = request.into_inner().after_position;
        let command = |position, outcome| v1::AppliedCommand {
            position,
            request_id: BANK.to_owned(),
            action: v1::AppliedAction::Withdraw.into(),
            account: "main".to_owned(),
            amount: 5,
            outcome: Some(outcome),
            ..v1::AppliedCommand::default()
        };
        let accepted = v1::applied_command::Outcome::Accepted(v1::Accepted { balance: 2 });
        let refused = v1::applied_command::Outcome::Refused(v1::Refused {
            reason: v1::Refusal::InsufficientFunds.into(),
            message: "too little".to_owned(),
            balance: 2,
        });
        let head = v1::JournalHead {
            bank_id: BANK.to_owned(),
            branch: 1,
            position: after + 2,
            digest: vec![7; 32],
            leaders: vec![led(0), led(3)],
            entries_head: None,
        };
        let messages = [
            v1::ReadJournalResponse {
                head: Some(head),
                applied: vec![command(after + 1, accepted)],
            },
            v1::ReadJournalResponse {
                head: None,
                applied: vec![command(after + 2, refused)],
            },
        ];
        Ok(Response::new(Box::pin(iter(messages.map(Ok)))))
    }

    async fn get_status(&self, _: Request<v1::GetStatusRequest>) -> Result<Response<v1::GetStatusResponse>, Status> {
        let joining = v1::JoinProgress {
            to_vote: true,
            entries: Some(3),
            ..v1::JoinProgress::default()
        };
        Ok(Response::new(v1::GetStatusResponse {
            bank_id: BANK.to_owned(),
            branch: 1,
            role: v1::Role::Learner.into(),
            branches: vec![v1::BranchStatus {
                branch: 4,
                joining: Some(joining),
                ..v1::BranchStatus::default()
            }],
            removed: "it was replaced".to_owned(),
            ..v1::GetStatusResponse::default()
        }))
    }
}

/// Serves the fake branch until the test's runtime ends.
async fn operator() -> Operator {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = tonic::transport::Server::builder()
        .serve_with_incoming(OperatorServiceServer::new(FakeBranch), TcpListenerStream::new(listener));
    tokio::spawn(served);
    Operator::at(address.into(), TIMEOUT)
}

fn new(branch: u32) -> NewBranch {
    let address = format!("h:{branch}").parse().expect("an address");
    NewBranch {
        branch,
        address,
        peer_address: None,
    }
}

#[tokio::test]
async fn calls_that_change_the_bank_are_answered_in_domain_types() {
    let operator = operator().await;
    let founded = operator.init(&[new(1)], 400, 1).await.expect("founded");
    assert_eq!(
        (founded.bank_id.to_string().as_str(), founded.voters, founded.position),
        (BANK, vec![1], 1)
    );
    let joined = operator.join(&new(4)).await.expect("joined");
    assert_eq!((joined.voter, joined.replaced, joined.position), (false, true, 7));
    let malformed = operator.promote(4).await.expect_err("not a bank id");
    assert!(matches!(malformed.cause, Failure::Malformed { .. }), "{malformed:?}");
}

#[tokio::test]
async fn failures_keep_the_message_of_the_branch() {
    let operator = operator().await;
    let refused = operator.remove(9).await.expect_err("refused").cause;
    assert!(matches!(refused, Failure::Precondition { .. }), "{refused:?}");
    assert_eq!(refused.branch_message(), Some("there is no branch 9"));
    let late = operator.join(&new(5)).await.expect_err("late").cause;
    assert!(matches!(late, Failure::Unfinished { .. }), "{late:?}");
    assert_eq!(late.branch_message(), Some("it has 3 of 9 entries"));
}

#[tokio::test]
async fn a_status_has_what_the_branch_leaves_out_as_none() {
    let status = operator().await.status().await.expect("a status");
    assert_eq!((status.role, status.leader, status.position), (Role::Learner, None, 0));
    assert_eq!(status.removed.as_deref(), Some("it was replaced"));
    let joining = JoinProgress {
        to_vote: true,
        replaces: None,
        entries: Some(3),
        entries_of: None,
        answers: None,
        exchanging: false,
    };
    assert_eq!(status.branches[0].joining, Some(joining));
}

#[tokio::test]
async fn a_journal_is_read_command_by_command() {
    let mut journal = operator().await.export(7).await.expect("a journal");
    assert_eq!((journal.head.branch, journal.head.position), (1, 9));
    let leaders: Vec<_> = journal.head.leaders.iter().map(|leader| leader.branch).collect();
    assert_eq!(leaders, [None, Some(3)], "a branch that left the bank has no number");
    let first = journal.next().await.expect("read").expect("a command");
    assert_eq!((first.position, first.applied_us), (8, None));
    assert_eq!(first.outcome, WriteOutcome::Accepted { balance: 2 });
    let second = journal.next().await.expect("read").expect("a command");
    let withdraw = AppliedAction::Withdraw {
        account: "main".to_owned(),
        amount: 5,
    };
    assert_eq!(second.action, withdraw);
    assert!(matches!(
        second.outcome,
        WriteOutcome::Refused {
            reason: Some(RefusalReason::InsufficientFunds),
            ..
        }
    ));
    assert_eq!(journal.next().await.expect("read"), None);
}
