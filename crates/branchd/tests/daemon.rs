//! Whole branches in this process, through the daemon's own `run`, and customers that speak with them.

mod support;

use std::time::Duration;

use bank_auth::Secret;
use bank_client::operator::{BranchStatus, LostMajority, NewBranch};
use bank_client::{BankFile, Client, ClientOptions, Failure, Level, Operator, Propagation, Session, WriteOutcome};
use bank_proto::metadata::{FATE, NOT_APPLIED};
use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use futures::FutureExt;
use tokio::time::{Instant, timeout};
use tonic::transport::Channel;
use tonic::{Code, Status};
use uuid::Uuid;

use support::{Bank, Daemon, OPENING_BALANCE, PATIENCE, Setup, new_branch, place};

#[tokio::test]
async fn a_bank_takes_writes_at_every_branch_and_reads_at_every_level() {
    let bank = Bank::found(true).await;
    let client = bank.client();
    let mut session = Session::default();
    let mut balance = OPENING_BALANCE;
    for branch in 1..=3 {
        balance += 10;
        let deposit = client.deposit(Some(branch), &mut session, Propagation::Quorum, "main", 10);
        let decided = deposit.await.expect("decided");
        assert_eq!(decided.value.outcome, WriteOutcome::Accepted { balance });
        assert_eq!(decided.served_by, branch);
    }
    for branch in 1..=3 {
        for level in Level::ALL.into_iter().filter(|level| *level != Level::Eventual) {
            let read = client.query(Some(branch), &mut session, level, "main").await;
            let read = read.unwrap_or_else(|error| panic!("{level:?} at branch {branch}: {error}"));
            assert_eq!((read.value, read.served_by), (balance, branch), "{level:?}");
        }
    }
    // A write that every branch has is read at the lowest level too.
    let everywhere = client.withdraw(Some(2), &mut session, Propagation::All, "main", balance);
    assert!(everywhere.await.expect("decided").value.missing_branches.is_empty());
    for branch in 1..=3 {
        let mut stranger = Session::default();
        let read = client.query(Some(branch), &mut stranger, Level::Eventual, "main");
        assert_eq!(read.await.expect("a balance").value, 0);
    }
}

#[tokio::test]
async fn a_fourth_branch_joins_and_serves() {
    let bank = Bank::found(true).await;
    let fourth = Daemon::start(4, &bank.setup).await;
    let joined = bank.join(&fourth).await.expect("joined");
    assert_eq!((joined.voter, joined.replaced), (false, false));
    assert_eq!(joined.bank_id, bank.file.bank_id().to_string());

    let branches = bank.daemons.iter().chain([&fourth]).map(place).collect();
    let file = BankFile::new(bank.file.bank_id(), branches).expect("a bank file");
    let client = Client::of_bank(&file, ClientOptions::default());
    let mut session = Session::default();
    let deposit = client.deposit(Some(4), &mut session, Propagation::All, "main", 10);
    let decided = deposit.await.expect("decided");
    assert_eq!((decided.served_by, decided.value.missing_branches), (4, vec![]));
    let read = client.query(Some(4), &mut session, Level::Session, "main").await;
    assert_eq!(read.expect("a balance").value, OPENING_BALANCE + 10);
    let refused = bank.join(&fourth).await;
    assert!(refused.is_ok(), "a join may be repeated: {refused:?}");
}

#[tokio::test]
async fn a_leader_that_stops_hands_over_and_comes_back() {
    let mut bank = Bank::found(true).await;
    let leader = bank.take_leader().await;
    let (client, former) = (bank.client(), leader.number);
    let other = bank.daemons[0].number;
    let mut session = Session::default();
    let writes = async {
        for _ in 0..50 {
            let deposit = client.deposit(Some(other), &mut session, Propagation::Quorum, "main", 1);
            deposit.await.expect("a write finds the next leader");
        }
    };
    let ((), stopped) = tokio::join!(writes, leader.stop());
    let led = |status: &BranchStatus| status.leader.is_some_and(|leader| leader != former);
    bank.daemons[0].until("another leader", led).await;

    let back = stopped.start(&bank.setup).await;
    let read = client.query(Some(former), &mut session, Level::Strong, "main").await;
    assert_eq!(read.expect("a balance").value, OPENING_BALANCE + 50);
    back.stop().await;
}

#[tokio::test]
async fn a_branch_that_stops_answers_the_callers_that_wait() {
    let follower = lone_follower().await;
    let mut client = follower.raw();
    let mut write = Box::pin(deposit(client.clone(), PATIENCE));
    let mut read = Box::pin(query(client.clone(), PATIENCE));
    assert!((&mut write).now_or_never().is_none() && (&mut read).now_or_never().is_none());
    // A later call on the same connection is answered: the branch has these two.
    let asked = async { client.query(v1::QueryRequest::default()).await };
    let answered = tokio::select! {
        answered = asked => answered,
        status = &mut write => panic!("{status:?}"),
        status = &mut read => panic!("{status:?}"),
    };
    answered.expect("a read that waits for nothing");

    let began = Instant::now();
    let (write, read, _) = tokio::join!(write, read, follower.stop());
    // Far below the deadline, and below the time after which the branch knows that there is no leader.
    assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
    let write = write.expect_err("there is no leader");
    assert_eq!(
        (write.code(), fate(&write)),
        (Code::Unavailable, Some(NOT_APPLIED)),
        "{write:?}"
    );
    assert!(write.message().contains("is stopping"), "{write:?}");
    let read = read.expect_err("the position never comes");
    assert!(read.message().contains("is stopping"), "{read:?}");
}

#[tokio::test]
async fn a_write_without_a_leader_is_told_so_before_its_deadline() {
    let follower = lone_follower().await;
    let client = follower.raw();
    // While an election may be under way, a write waits for it. Its caller hears in time that it was not applied.
    let short = Duration::from_millis(300);
    let told = timeout(short, deposit(client.clone(), short)).await;
    let told = told.expect("before the deadline").expect_err("there is no leader");
    assert_eq!(
        (told.code(), fate(&told)),
        (Code::Unavailable, Some(NOT_APPLIED)),
        "{told:?}"
    );

    // Once it is known that there is none, and why, a write is refused long before its deadline.
    let lost = |status: &BranchStatus| status.lost_majority.is_some();
    let status = follower.until("a lost majority", lost).await;
    assert_eq!(
        (status.leader, status.ready, status.lost_majority),
        (None, false, Some(LostMajority { reached: 1, voters: 3 }))
    );
    let began = Instant::now();
    let refused = deposit(client.clone(), PATIENCE).await.expect_err("there is no leader");
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert_eq!((refused.code(), fate(&refused)), (Code::Unavailable, Some(NOT_APPLIED)));
    let strong = strong_query(client, PATIENCE).await.expect_err("there is no leader");
    assert_eq!(strong.code(), Code::Unavailable);
    for told in [refused, strong] {
        assert!(told.message().contains("no majority: 1 of 3 voters"), "{told:?}");
    }
    follower.stop().await;
}

#[tokio::test]
async fn swapped_addresses_are_told_at_once_and_change_nothing() {
    let secret = Secret::random().expect("randomness");
    let setup = Setup {
        secret,
        hand_over: true,
        two_listeners: false,
        token_file: None,
    };
    let mut daemons = Vec::new();
    for number in 1..=3 {
        daemons.push(Daemon::start(number, &setup).await);
    }
    let right: Vec<NewBranch> = daemons.iter().map(new_branch).collect();
    let operator_at =
        |branch: &NewBranch| Operator::at(branch.address.clone(), PATIENCE).with_secret(setup.secret.clone());
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        let mut swapped = right.clone();
        (swapped[one].address, swapped[other].address) = (right[other].address.clone(), right[one].address.clone());
        // An operator asks the branch that the request calls the first.
        let began = Instant::now();
        let refused = operator_at(&swapped[0])
            .init(&swapped, 0, 0)
            .await
            .expect_err("refused");
        assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
        assert!(matches!(refused.cause, Failure::Precondition { .. }), "{refused:?}");
        let (at, found, named) = (&right[other].address, other + 1, one + 1);
        let told = format!("{at} is branch {found}, not branch {named}: check the addresses");
        assert!(refused.to_string().contains(&told), "{told}: {refused}");
    }
    for daemon in &daemons {
        assert_eq!(daemon.status().await.bank_id, None);
    }
    let joiner = operator_at(&right[0]).join(&right[0]).await.expect_err("no bank");
    assert!(
        joiner.to_string().contains("branch 1 is the branch that is to join"),
        "{joiner}"
    );
    operator_at(&right[0]).init(&right, 0, 0).await.expect("founded");
}

/// A branch of a bank of three whose others are gone, and that does not lead.
async fn lone_follower() -> Daemon {
    let mut bank = Bank::found(false).await;
    let leader = bank.take_leader().await;
    let follower = bank.daemons.pop().expect("two are left");
    let other = bank.daemons.pop().expect("one is left");
    tokio::join!(leader.stop(), other.stop());
    follower
}

/// One deposit, asked for once.
async fn deposit(mut client: BankServiceClient<Channel>, limit: Duration) -> Result<v1::WriteResult, Status> {
    let mut request = tonic::Request::new(v1::DepositRequest {
        options: Some(v1::WriteOptions {
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        }),
        account: String::new(),
        amount: 1,
    });
    request.set_timeout(limit);
    let answered = client.deposit(request).await?;
    Ok(answered.into_inner().result.expect("a result"))
}

/// One read at the level `strong`.
async fn strong_query(mut client: BankServiceClient<Channel>, limit: Duration) -> Result<v1::QueryResponse, Status> {
    let mut request = tonic::Request::new(v1::QueryRequest {
        options: Some(v1::ReadOptions {
            linearizable: true,
            ..Default::default()
        }),
        account: String::new(),
    });
    request.set_timeout(limit);
    Ok(client.query(request).await?.into_inner())
}

/// One read of what the branch will never have.
async fn query(mut client: BankServiceClient<Channel>, limit: Duration) -> Result<v1::QueryResponse, Status> {
    let mut request = tonic::Request::new(v1::QueryRequest {
        options: Some(v1::ReadOptions {
            min_position: 1_000_000,
            ..Default::default()
        }),
        account: String::new(),
    });
    request.set_timeout(limit);
    Ok(client.query(request).await?.into_inner())
}

fn fate(status: &Status) -> Option<&str> {
    status.metadata().get(FATE)?.to_str().ok()
}
