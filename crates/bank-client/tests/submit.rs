//! Tests streams of writes against branches that fail and hang: one request id through all retries, in one order, and
//! what is unknown is never called not applied.

mod fake;

use std::time::Duration;

use bank_client::{
    AccountName, Amount, BankFile, Branch, Client, ClientOptions, Failure, Session, Submission, SubmitOptions, Write,
    WriteOutcome,
};
use fake::{Bank, Fault};
use tonic::Code;
use uuid::Uuid;

/// The window that the fake bank grants.
const WINDOW: usize = 100;

fn options(timeout: Duration) -> ClientOptions {
    ClientOptions {
        timeout,
        failover: true,
    }
}

/// A timeout that is long enough for any machine. No test that passes waits for its end.
fn patient() -> ClientOptions {
    options(Duration::from_secs(30))
}

fn of_bank(bank: &Bank, addresses: &[std::net::SocketAddr], options: ClientOptions) -> Client {
    let branches = (1..).zip(addresses).map(|(branch, address)| Branch {
        branch,
        address: (*address).into(),
    });
    Client::of_bank(&BankFile::new(bank.id, branches.collect()).expect("a bank"), options)
}

/// Adds so many deposits of 1 to `main`.
fn add(stream: &mut Submission<'_>, count: usize) {
    for _ in 0..count {
        let write = Write::Deposit {
            account: AccountName::main(),
            amount: Amount::new(1).expect("an amount"),
        };
        stream.add(Uuid::now_v7().into(), write);
    }
}

/// The balance after each write, in order, until all writes have their outcomes.
async fn balances(stream: &mut Submission<'_>, session: &mut Session) -> Vec<i64> {
    let mut balances = Vec::new();
    while let Some(next) = stream.next(session).await.expect("outcomes") {
        balances.extend(next.outcomes.into_iter().map(|outcome| match outcome.decision {
            Some(WriteOutcome::Accepted { balance }) => balance,
            other => panic!("{other:?}"),
        }));
    }
    balances
}

#[tokio::test]
async fn a_stream_goes_on_at_the_next_branch_and_counts_every_write_once() {
    for fault in [
        Fault::Fail(Code::Unavailable, Some("not-applied")),
        Fault::Fail(Code::ResourceExhausted, None),
        Fault::FailAfter(Code::Unavailable),
        Fault::FailAfter(Code::Internal),
        Fault::FailAfter(Code::DeadlineExceeded),
    ] {
        let bank = Bank::new(0);
        let client = of_bank(&bank, &[bank.start(1), bank.start(2)], patient());
        bank.fault(1, [fault.clone()]);
        let mut session = Session::default();
        let mut stream = client
            .submit(Some(1), &session, SubmitOptions::default())
            .expect("a stream");
        add(&mut stream, 3 * WINDOW + 7);
        let balances = balances(&mut stream, &mut session).await;
        assert!(
            balances.iter().copied().eq(1..=(3 * WINDOW + 7) as i64),
            "{fault:?}: {balances:?}"
        );
        assert_eq!(session.write_position, 1 + (3 * WINDOW + 7) as u64, "{fault:?}");
        let asked: Vec<u32> = bank.calls().iter().map(|call| call.branch).collect();
        assert_eq!(asked, [1, 2], "{fault:?}");
    }
}

#[tokio::test]
async fn a_failed_stream_says_how_many_writes_are_unknown_and_may_be_continued() {
    // (what the branch does at the second group, how many writes are unknown)
    for (fault, unknown) in [
        (Fault::Fail(Code::FailedPrecondition, Some("not-applied")), 0),
        (Fault::Fail(Code::FailedPrecondition, None), WINDOW),
        (Fault::FailAfter(Code::FailedPrecondition), WINDOW),
    ] {
        let bank = Bank::new(0);
        let client = of_bank(&bank, &[bank.start(1), bank.start(2)], patient());
        bank.fault(1, [fault.clone()]);
        let mut session = Session::default();
        let mut stream = client
            .submit(None, &session, SubmitOptions::default())
            .expect("a stream");
        add(&mut stream, 2 * WINDOW + 50);
        let first = stream.next(&mut session).await.expect("outcomes").expect("some");
        assert_eq!(first.outcomes.len(), WINDOW);
        let error = stream.next(&mut session).await.expect_err("the second group fails");
        assert_eq!(
            (error.unknown, error.not_applied),
            (unknown, WINDOW + 50 - unknown),
            "{fault:?}"
        );
        assert!(matches!(error.cause, Failure::Precondition { .. }), "{error:?}");
        let rest = balances(&mut stream, &mut session).await;
        assert!(rest.iter().copied().eq(101..=250), "{fault:?}: {rest:?}");
    }
}

#[tokio::test]
async fn a_branch_that_gives_no_outcome_is_passed_over_and_in_the_end_told() {
    let bank = Bank::new(0);
    let client = of_bank(&bank, &[bank.start(1), bank.start(2)], options(Duration::from_secs(2)));
    bank.fault(1, [Fault::Hang(true)]);
    let mut session = Session::default();
    let mut stream = client
        .submit(Some(1), &session, SubmitOptions::default())
        .expect("a stream");
    add(&mut stream, 2 * WINDOW);
    let settled = balances(&mut stream, &mut session).await;
    assert!(settled.iter().copied().eq(1..=200), "{settled:?}");

    let alone = Client::at(bank.start(3).into(), options(Duration::from_millis(300)));
    bank.fault(3, [Fault::Hang(true)]);
    let mut stream = alone
        .submit(None, &session, SubmitOptions::default())
        .expect("a stream");
    add(&mut stream, 2 * WINDOW);
    assert!(stream.next(&mut session).await.expect("outcomes").is_some());
    let error = stream.next(&mut session).await.expect_err("no outcome comes");
    assert!(matches!(error.cause, Failure::TimedOut { .. }), "{error:?}");
    assert_eq!((error.unknown, error.not_applied), (WINDOW, 0));
}

#[tokio::test]
async fn nothing_is_sent_to_another_bank() {
    let (bank, other) = (Bank::new(0), Bank::new(0));
    let client = of_bank(&bank, &[other.start(1)], patient());
    let mut session = Session {
        bank_id: Some(bank.id),
        ..Session::default()
    };
    let mut stream = client
        .submit(None, &session, SubmitOptions::default())
        .expect("a stream");
    add(&mut stream, 1);
    let error = stream.next(&mut session).await.expect_err("another bank");
    assert_eq!((error.unknown, error.not_applied), (0, 1), "{error:?}");
    assert_eq!((bank.balance("main"), other.balance("main")), (0, 0));
    session.bank_id = Some(other.id);
    let mismatch = client
        .submit(None, &session, SubmitOptions::default())
        .expect_err("another session");
    assert!(matches!(mismatch, Failure::BankMismatch { .. }), "{mismatch:?}");
}
