//! Tests the client against branches that fail, hang and lie: one request id through all retries, three outcomes that
//! are never confused, failover, and no stale answer.

mod fake;

use std::time::Duration;

use bank_client::{
    AccountName, Amount, BankFile, Branch, Certainty, Client, ClientOptions, Failure, Level, Operator, PendingWrite,
    Propagation, ReadError, RefusalReason, Session, SessionBreach, Write, WriteError, WriteOutcome,
};
use fake::{Bank, Fault};
use tonic::Code;
use uuid::Uuid;

const NOT_APPLIED: Option<&str> = Some("not-applied");

/// A timeout that is long enough for any machine. No test that passes waits for its end.
fn patient() -> ClientOptions {
    ClientOptions {
        timeout: Duration::from_secs(30),
        failover: true,
    }
}

/// A timeout for tests in which the deadline passes.
fn hasty() -> ClientOptions {
    ClientOptions {
        timeout: Duration::from_millis(400),
        failover: true,
    }
}

fn at(address: std::net::SocketAddr, options: ClientOptions) -> Client {
    Client::at(address.into(), options)
}

fn of_bank(bank: &Bank, addresses: &[std::net::SocketAddr], options: ClientOptions) -> Client {
    let branches = (1..).zip(addresses).map(|(branch, address)| Branch {
        branch,
        address: (*address).into(),
    });
    Client::of_bank(&BankFile::new(bank.id, branches.collect()).expect("a bank"), options)
}

fn deposit(amount: i64) -> PendingWrite {
    PendingWrite::new(
        Write::Deposit {
            account: AccountName::main(),
            amount: Amount::new(amount).expect("an amount"),
        },
        Propagation::Quorum,
    )
}

#[tokio::test]
async fn a_session_goes_from_branch_to_branch() {
    let bank = Bank::new(0);
    let client = of_bank(&bank, &[bank.start(1), bank.start(2)], patient());
    let mut session = Session::default();
    let reply = client
        .deposit(Some(1), &mut session, Propagation::All, "main", 400)
        .await
        .expect("done");
    assert_eq!(
        (reply.position, reply.asked, reply.served_by, reply.attempts),
        (2, Some(1), 1, 1)
    );
    assert_eq!(reply.value.outcome, WriteOutcome::Accepted { balance: 400 });
    let reply = client
        .query(Some(2), &mut session, Level::Session, "main")
        .await
        .expect("read");
    assert_eq!(
        (reply.value, reply.position, reply.served_by, reply.waited_us),
        (400, 2, 2, 7)
    );
    let expected = Session {
        bank_id: Some(bank.id),
        read_position: 2,
        write_position: 2,
        pending: None,
    };
    assert_eq!(session, expected);
    client
        .query(Some(2), &mut session, Level::Eventual, "main")
        .await
        .expect("read");
    client
        .query(Some(2), &mut session, Level::Strong, "main")
        .await
        .expect("read");
    let calls = bank.calls();
    let asked: Vec<_> = calls
        .iter()
        .map(|call| (call.branch, call.min_position, call.linearizable))
        .collect();
    assert_eq!(asked, [(1, 0, false), (2, 2, false), (2, 0, false), (2, 2, true)]);
    assert_eq!(calls[0].propagation, 2);
    assert!(
        calls
            .iter()
            .all(|call| call.has_deadline && call.bank_id == bank.id.to_string())
    );
}

#[tokio::test]
async fn a_refusal_is_an_outcome_with_its_reason() {
    let bank = Bank::new(5);
    let client = at(bank.start(1), patient());
    let mut session = Session::default();
    let reply = client
        .withdraw(None, &mut session, Propagation::Quorum, "main", 6)
        .await
        .expect("decided");
    let WriteOutcome::Refused { reason, balance, .. } = reply.value.outcome else {
        panic!("accepted")
    };
    assert_eq!(
        (reason, balance, session.write_position),
        (Some(RefusalReason::InsufficientFunds), 5, 2)
    );
    let reply = client
        .open(None, &mut session, Propagation::Quorum, "rent")
        .await
        .expect("decided");
    assert_eq!(reply.value.outcome, WriteOutcome::Accepted { balance: 0 });
    let reply = client
        .transfer(None, &mut session, Propagation::Quorum, ("main", "rent"), 2)
        .await
        .expect("decided");
    assert_eq!(
        (reply.value.outcome, bank.balance("rent")),
        (WriteOutcome::Accepted { balance: 3 }, 2)
    );
}

#[tokio::test]
async fn every_retry_has_the_same_id_and_the_write_is_applied_once() {
    for code in [
        Code::Unavailable,
        Code::Unknown,
        Code::ResourceExhausted,
        Code::Internal,
        Code::Cancelled,
    ] {
        for fault in [
            Fault::Fail(code, None),
            Fault::Fail(code, NOT_APPLIED),
            Fault::FailAfter(code),
        ] {
            let bank = Bank::new(0);
            let client = at(bank.start(1), patient());
            bank.fault(1, vec![fault.clone(); 3]);
            let mut session = Session::default();
            let reply = client.write(None, &mut session, deposit(7)).await.expect("done");
            assert_eq!((reply.attempts, bank.balance("main")), (4, 7), "{fault:?}");
            assert_eq!(reply.value.repeated, matches!(fault, Fault::FailAfter(_)));
            let id = reply.value.request_id.to_string();
            assert!(
                bank.calls()
                    .iter()
                    .all(|call| call.request_id == id && call.has_deadline)
            );
            assert_eq!(session.pending, None);
        }
    }
}

#[tokio::test]
async fn what_no_retry_mends_is_asked_once() {
    for code in [
        Code::InvalidArgument,
        Code::FailedPrecondition,
        Code::Unimplemented,
        Code::PermissionDenied,
    ] {
        let bank = Bank::new(0);
        let client = at(bank.start(1), patient());
        bank.fault(
            1,
            [
                Fault::Fail(code, NOT_APPLIED),
                Fault::Fail(code, None),
                Fault::Fail(code, None),
            ],
        );
        let mut session = Session::default();
        let error = client.write(None, &mut session, deposit(7)).await.expect_err("failed");
        assert_eq!(
            (error.certainty(), error.attempts(), session.pending.clone()),
            (Certainty::NotApplied, 1, None)
        );
        let write = deposit(7);
        let error = client
            .write(None, &mut session, write.clone())
            .await
            .expect_err("failed");
        assert_eq!((error.certainty(), error.attempts()), (Certainty::Unknown, 1));
        assert_eq!(
            session.pending.as_ref().map(|pending| pending.request_id),
            Some(write.request_id)
        );
        let error = client
            .query(None, &mut session, Level::Session, "main")
            .await
            .expect_err("failed");
        assert_eq!(error.attempts(), 1);
    }
}

#[tokio::test]
async fn one_unknown_attempt_makes_the_whole_unknown() {
    let bank = Bank::new(0);
    let client = at(bank.start(1), patient());
    let unavailable = Fault::Fail(Code::Unavailable, None);
    bank.fault(1, [unavailable, Fault::Fail(Code::InvalidArgument, NOT_APPLIED)]);
    let mut session = Session::default();
    let write = deposit(7);
    let error = client
        .write(None, &mut session, write.clone())
        .await
        .expect_err("failed");
    assert_eq!((error.certainty(), error.attempts()), (Certainty::Unknown, 2));
    // Nor does one that was not applied settle a write that was unknown before.
    bank.fault(1, [Fault::Fail(Code::InvalidArgument, NOT_APPLIED)]);
    let pending = session.pending.clone().expect("pending");
    assert!(pending.in_doubt && pending.request_id == write.request_id);
    let error = client
        .write(None, &mut session, pending.clone())
        .await
        .expect_err("failed");
    assert_eq!(error.certainty(), Certainty::Unknown);
    // Another write has to wait, and is not sent.
    let calls = bank.calls().len();
    let error = client.write(None, &mut session, deposit(8)).await.expect_err("waits");
    assert!(matches!(error.cause(), Failure::Unsettled { request_id } if *request_id == write.request_id));
    assert_eq!((error.certainty(), bank.calls().len()), (Certainty::NotApplied, calls));
    // The outcome settles it.
    client.write(None, &mut session, pending).await.expect("done");
    assert_eq!((session.pending, bank.balance("main")), (None, 7));
}

#[tokio::test]
async fn an_id_that_names_another_write_settles_that_this_one_is_not_applied() {
    let bank = Bank::new(0);
    let client = at(bank.start(1), patient());
    let first = deposit(7);
    client
        .write(None, &mut Session::default(), first.clone())
        .await
        .expect("done");
    bank.fault(1, [Fault::Fail(Code::Unavailable, None)]);
    let other = PendingWrite {
        request_id: first.request_id,
        ..deposit(8)
    };
    let mut session = Session::default();
    let error = client
        .write(None, &mut session, other)
        .await
        .expect_err("another write's");
    assert!(
        matches!(
            error,
            WriteError::NotApplied {
                cause: Failure::IdInUse { .. },
                attempts: 2,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!((session.pending, bank.balance("main")), (None, 7));
}

#[tokio::test]
async fn nobody_there_is_not_applied_and_a_lost_connection_is_unknown() {
    let mut session = Session::default();
    let error = at(fake::closed(), hasty())
        .write(None, &mut session, deposit(7))
        .await
        .expect_err("nobody");
    assert!(
        matches!(
            error,
            WriteError::NotApplied {
                cause: Failure::Unreachable { .. },
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(session.pending, None);
    let error = at(fake::rude(), hasty())
        .write(None, &mut session, deposit(7))
        .await
        .expect_err("closed");
    assert_eq!(error.certainty(), Certainty::Unknown, "{error:?}");
    assert!(session.pending.is_some());
}

#[tokio::test]
async fn the_deadline_covers_all_attempts_and_leaves_the_write_unknown() {
    let bank = Bank::new(0);
    let client = at(bank.start(1), hasty());
    bank.fault(1, [Fault::Fail(Code::Unavailable, NOT_APPLIED), Fault::Hang(true)]);
    let mut session = Session::default();
    let error = client.write(None, &mut session, deposit(7)).await.expect_err("hangs");
    assert!(matches!(error, WriteError::Unknown { attempts: 2, .. }), "{error:?}");
    let pending = session.pending.clone().expect("pending");
    let reply = at(bank.start(2), patient())
        .write(None, &mut session, pending)
        .await
        .expect("settled");
    assert!(reply.value.repeated);
    assert_eq!(bank.balance("main"), 7);
}

#[tokio::test]
async fn other_branches_are_asked_where_a_bank_file_names_them() {
    let bank = Bank::new(0);
    let addresses = [fake::closed(), bank.start(2), bank.start(3)];
    let client = of_bank(&bank, &addresses, patient());
    bank.fault(
        2,
        [
            Fault::Fail(Code::Unavailable, None),
            Fault::Fail(Code::Unavailable, None),
        ],
    );
    let mut session = Session::default();
    let reply = client.write(Some(2), &mut session, deposit(7)).await.expect("done");
    assert_eq!((reply.asked, reply.served_by, reply.attempts), (Some(2), 3, 3));
    let reply = client
        .query(Some(1), &mut session, Level::Session, "main")
        .await
        .expect("read");
    assert_eq!(
        (reply.asked, reply.served_by, reply.attempts, reply.value),
        (Some(1), 2, 2, 7)
    );
    let faithful = of_bank(
        &bank,
        &addresses,
        ClientOptions {
            failover: false,
            ..hasty()
        },
    );
    let error = faithful
        .query(Some(1), &mut session, Level::Session, "main")
        .await
        .expect_err("nobody");
    assert!(
        matches!(
            error,
            ReadError::Failed {
                cause: Failure::Unreachable { .. },
                ..
            }
        ),
        "{error:?}"
    );
    let error = client
        .query(Some(9), &mut session, Level::Session, "main")
        .await
        .expect_err("unknown branch");
    assert_eq!(error.to_string(), "the bank has no branch 9; it has 1, 2, 3");
}

#[tokio::test]
async fn a_branch_that_is_behind_is_passed_over_and_the_progress_says_why() {
    let bank = Bank::new(0);
    let addresses = [bank.start(1), bank.start(2), bank.start(3)];
    let behind = || [Fault::Behind { position: 1, needed: 2 }];
    let (client, progress) = of_bank(&bank, &addresses, patient()).with_progress();
    let mut session = Session::default();
    client.write(Some(1), &mut session, deposit(7)).await.expect("done");
    bank.fault(3, behind());
    let reply = client
        .query(Some(3), &mut session, Level::Session, "main")
        .await
        .expect("read");
    assert_eq!(
        (reply.asked, reply.served_by, reply.attempts, reply.value),
        (Some(3), 1, 2, 7)
    );
    let told = progress.borrow().clone();
    let short = told.failure_of(3).map(Failure::in_short);
    assert_eq!(short.as_deref(), Some("is behind (at 1, needs 2)"));
    assert_eq!(told.asking.and_then(|at| at.branch), Some(1));
    // For a while the next calls ask it last.
    let reply = client
        .query(Some(3), &mut session, Level::Session, "main")
        .await
        .expect("read");
    assert_eq!((reply.served_by, reply.attempts), (1, 1));

    // A patient client does not ask another one, and neither does one without failover.
    let one = ClientOptions {
        failover: false,
        ..patient()
    };
    let clients = [
        of_bank(&bank, &addresses, patient()).patient(),
        of_bank(&bank, &addresses, one),
    ];
    for client in clients {
        bank.fault(3, behind());
        let error = client
            .query(Some(3), &mut session, Level::Session, "main")
            .await
            .expect_err("behind");
        assert!(matches!(error, ReadError::NotInTime { attempts: 1, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_branch_that_does_not_answer_in_its_share_is_passed_over_and_the_write_is_applied_once() {
    let bank = Bank::new(0);
    let addresses = [bank.start(1), bank.start(2)];
    let options = ClientOptions {
        timeout: Duration::from_secs(6),
        failover: true,
    };
    let client = of_bank(&bank, &addresses, options);
    bank.fault(2, [Fault::Hang(true)]);
    let mut session = Session::default();
    let reply = client.write(Some(2), &mut session, deposit(7)).await.expect("done");
    assert_eq!((reply.served_by, reply.attempts, reply.value.repeated), (1, 2, true));
    assert_eq!((bank.balance("main"), session.pending), (7, None));
    let ids: Vec<_> = bank.calls().into_iter().map(|call| call.request_id).collect();
    assert!(ids[0] == ids[1] && !ids[0].is_empty(), "{ids:?}");

    // A write that waits for every branch keeps its branch: the branch reports at the deadline who is missing.
    bank.fault(2, [Fault::Hang(false)]);
    let all = PendingWrite {
        propagation: Propagation::All,
        ..deposit(7)
    };
    let client = of_bank(&bank, &addresses, hasty());
    let error = client
        .write(Some(2), &mut Session::default(), all)
        .await
        .expect_err("hangs");
    assert_eq!((error.attempts(), bank.balance("main")), (1, 7));
}

#[tokio::test]
async fn if_no_branch_serves_the_error_is_that_of_a_branch_that_said_something() {
    let bank = Bank::new(0);
    let addresses = [bank.start(1), fake::closed(), fake::closed()];
    let client = of_bank(&bank, &addresses, hasty());
    bank.fault(1, vec![Fault::Fail(Code::Unavailable, NOT_APPLIED); 50]);
    let mut session = Session::default();
    let error = client
        .write(Some(2), &mut session, deposit(7))
        .await
        .expect_err("nobody");
    assert_eq!(error.certainty(), Certainty::NotApplied);
    assert!(error.to_string().contains("told to fail"), "{error}");
}

#[tokio::test]
async fn a_read_in_vain_says_what_the_branch_has_and_what_is_needed() {
    let bank = Bank::new(0);
    let client = of_bank(&bank, &[bank.start(1)], patient());
    let mut session = Session {
        write_position: 815,
        ..Session::default()
    };
    bank.advance(812);
    let error = client
        .query(Some(1), &mut session, Level::Session, "main")
        .await
        .expect_err("behind");
    assert!(
        error
            .to_string()
            .contains("is at 812, the session needs 815; try another branch"),
        "{error}"
    );
    let client = of_bank(&bank, &[bank.start(1)], hasty());
    bank.fault(1, [Fault::Hang(false)]);
    let error = client
        .query(Some(1), &mut session, Level::Session, "main")
        .await
        .expect_err("hangs");
    assert!(
        matches!(
            error,
            ReadError::Failed {
                cause: Failure::TimedOut { .. },
                ..
            }
        ),
        "{error:?}"
    );
    let error = client
        .query(Some(1), &mut session, Level::Eventual, "rent")
        .await
        .expect_err("no such account");
    assert!(matches!(error, ReadError::NoSuchAccount { .. }), "{error:?}");
}

#[tokio::test]
async fn a_reply_that_breaks_the_promise_is_never_shown() {
    let bank = Bank::new(0);
    let client = at(bank.start(1), patient());
    let before = Session {
        bank_id: Some(bank.id),
        read_position: 9,
        write_position: 8,
        pending: None,
    };
    let other = Uuid::now_v7();
    let breach = |error: &ReadError| match error {
        ReadError::Failed {
            cause: Failure::Breach { breach, .. },
            ..
        } => breach.clone(),
        error => panic!("{error:?}"),
    };
    let mut session = before.clone();
    bank.fault(1, [Fault::Position(8), Fault::Bank(other)]);
    let error = client
        .query(None, &mut session, Level::Session, "main")
        .await
        .expect_err("stale");
    assert_eq!(breach(&error), SessionBreach::Stale { position: 8, needed: 9 });
    let error = client
        .query(None, &mut session, Level::Eventual, "main")
        .await
        .expect_err("another bank");
    assert_eq!(
        breach(&error),
        SessionBreach::AnotherBank {
            session: bank.id,
            reply: other
        }
    );
    assert_eq!(session, before);
    for fault in [Fault::Position(9), Fault::Position(0), Fault::Bank(other), Fault::Empty] {
        let mut session = before.clone();
        bank.fault(1, [fault]);
        let error = client.write(None, &mut session, deposit(1)).await.expect_err("broken");
        assert_eq!(error.certainty(), Certainty::Unknown, "{error:?}");
        assert!(session.pending.is_some());
    }
}

#[tokio::test]
async fn a_session_of_another_bank_is_refused() {
    let bank = Bank::new(0);
    let address = bank.start(1);
    let mut session = Session {
        bank_id: Some(Uuid::now_v7()),
        ..Session::default()
    };
    let error = at(address, patient())
        .write(None, &mut session, deposit(1))
        .await
        .expect_err("refused");
    assert!(
        matches!(
            error,
            WriteError::NotApplied {
                cause: Failure::Precondition { .. },
                ..
            }
        ),
        "{error:?}"
    );
    let calls = bank.calls().len();
    let error = of_bank(&bank, &[address], patient())
        .query(None, &mut session, Level::Eventual, "main")
        .await;
    let error = error.expect_err("refused before anything is sent");
    assert!(
        matches!(
            error,
            ReadError::Failed {
                cause: Failure::BankMismatch { .. },
                attempts: 0
            }
        ),
        "{error:?}"
    );
    assert_eq!(bank.calls().len(), calls);
}

#[tokio::test]
async fn accounts_come_in_pages_and_statements_in_pieces() {
    let bank = Bank::new(10);
    let client = at(bank.start(1), patient());
    let mut session = Session::default();
    for name in ["b", "a"] {
        client
            .open(None, &mut session, Propagation::Quorum, name)
            .await
            .expect("opened");
    }
    let page = client
        .accounts(None, &mut session, Level::Session, "", 0)
        .await
        .expect("a page");
    let names: Vec<_> = page
        .value
        .accounts
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    assert_eq!((names, page.value.more, page.position), (vec!["a", "b"], true, 3));
    let page = client
        .accounts(None, &mut session, Level::Session, "b", 0)
        .await
        .expect("a page");
    assert_eq!((page.value.accounts[0].balance, page.value.more), (10, false));
    for amount in [1, 2, 3] {
        client
            .deposit(None, &mut session, Propagation::Quorum, "a", amount)
            .await
            .expect("done");
    }
    for (limit, expected) in [(0, vec![3, 2, 1]), (2, vec![3, 2])] {
        let mut statement = client
            .statement(None, &mut session, Level::Session, "a", limit)
            .await
            .expect("read");
        let mut amounts = Vec::new();
        while let Some(entry) = statement.value.next().await.expect("an entry") {
            amounts.push(entry.amount);
        }
        assert_eq!((amounts, statement.position), (expected, 6));
    }
}

#[test]
fn operations_can_be_spawned() {
    fn spawnable<T: Send>(_: T) {}
    let client = at(fake::closed(), hasty());
    let (mut a, mut b, mut c) = (Session::default(), Session::default(), Session::default());
    spawnable(client.query(None, &mut a, Level::Session, "main"));
    spawnable(client.write(None, &mut b, deposit(1)));
    spawnable(client.statement(None, &mut c, Level::Session, "main", 0));
    let secret = bank_auth::Secret::random().expect("randomness");
    let operator = Operator::at(fake::closed().into(), Duration::ZERO).with_secret(secret);
    spawnable(operator.status());
    spawnable(operator.init(&[], 0, 0));
    spawnable(operator.export(0));
}
