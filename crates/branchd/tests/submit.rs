//! Streams of writes to whole branches in this process: their order, rubbish in them, and branches that stop.

// Each file of tests uses another part of it.
#[allow(dead_code)]
mod support;

use std::collections::BTreeMap;

use bank_client::{
    Account, AccountName, Amount, Level, Propagation, RequestId, Session, Submission, SubmitOptions, Write,
    WriteOutcome,
};
use bank_proto::metadata::{FATE, NOT_APPLIED};
use bank_proto::v1;
use bank_proto::v1::submit_request::Part;
use bank_proto::v1::submit_write::{Action, Move};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use support::{Bank, Daemon, OPENING_BALANCE, PATIENCE, Setup};

fn name(text: &str) -> AccountName {
    AccountName::new(text).expect("a name")
}

fn deposit(amount: i64) -> Write {
    Write::Deposit {
        account: name("rent"),
        amount: Amount::new(amount).expect("an amount"),
    }
}

fn id(number: u128) -> RequestId {
    Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + number).into()
}

/// Sends the writes that a stream has, and returns what became of them: position, repeated, and the balance of an accepted
/// one.
async fn settle(stream: &mut Submission<'_>, session: &mut Session) -> Vec<(u64, bool, Option<i64>)> {
    let mut settled = Vec::new();
    while let Some(next) = stream.next(session).await.expect("outcomes") {
        assert_eq!(next.missing_branches, Vec::<u32>::new());
        settled.extend(next.outcomes.into_iter().map(|outcome| {
            let balance = match outcome.decision {
                Some(WriteOutcome::Accepted { balance }) => Some(balance),
                _ => None,
            };
            (outcome.position, outcome.repeated, balance)
        }));
    }
    settled
}

#[tokio::test]
async fn a_stream_is_decided_in_its_order_and_once_at_every_branch() {
    let bank = Bank::found(true).await;
    let client = bank.client();
    let mut session = Session::default();
    let writes = || {
        let open = Write::Open { account: name("rent") };
        let withdraw = Write::Withdraw {
            account: name("rent"),
            amount: Amount::new(10).expect("an amount"),
        };
        let transfer = Write::Transfer {
            from: AccountName::main(),
            to: name("rent"),
            amount: Amount::new(3).expect("an amount"),
        };
        // Each write depends on the ones before it.
        let deposits = (0..3000).map(|_| deposit(1));
        [withdraw.clone(), open, withdraw.clone(), transfer]
            .into_iter()
            .chain(deposits)
            .chain([withdraw])
    };
    let mut first = Vec::new();
    for branch in 1..=3 {
        let options = SubmitOptions {
            propagation: if branch == 3 {
                Propagation::All
            } else {
                Propagation::Quorum
            },
            ..SubmitOptions::default()
        };
        let mut stream = client.submit(Some(branch), &session, options).expect("a stream");
        for (number, write) in writes().enumerate() {
            stream.add(id(number as u128), write);
        }
        let settled = settle(&mut stream, &mut session).await;
        assert_eq!(settled.len(), writes().count());
        if branch == 1 {
            assert!(settled.is_sorted_by(|a, b| a.0 < b.0), "{settled:?}");
            assert_eq!(
                settled[..4].iter().map(|one| one.2).collect::<Vec<_>>(),
                [None, Some(0), None, Some(OPENING_BALANCE - 3)]
            );
            assert_eq!(settled.last().and_then(|one| one.2), Some(3 + 3000 - 10));
            first = settled;
            continue;
        }
        let again = settled
            .iter()
            .map(|(position, repeated, balance)| (*position, !repeated, *balance));
        assert!(again.eq(first.iter().copied()), "at branch {branch}");
    }
    assert_eq!(session.write_position, first.last().expect("some").0);
    let read = client.query(Some(2), &mut session, Level::Session, "rent").await;
    assert_eq!(read.expect("a balance").value, 2993);
}

#[tokio::test]
async fn a_leader_that_stops_doubles_and_loses_nothing_of_a_stream() {
    let mut bank = Bank::found(true).await;
    let leader = bank.take_leader().await;
    let client = bank.client();
    let mut session = Session::default();
    let mut stream = client
        .submit(Some(leader.number), &session, SubmitOptions::default())
        .expect("a stream");
    stream.add(id(0), Write::Open { account: name("rent") });
    assert_eq!(settle(&mut stream, &mut session).await.len(), 1);
    for number in 1..=20_000 {
        stream.add(id(number), deposit(1));
    }
    let (settled, _) = tokio::join!(settle(&mut stream, &mut session), leader.stop());
    assert_eq!(settled.len(), 20_000);
    let balances = settled.iter().map(|(_, _, balance)| balance.expect("accepted"));
    assert!(balances.eq(1..=20_000), "every deposit counts once, in order");
    let page = client
        .accounts(None, &mut session, Level::Strong, "", 0)
        .await
        .expect("accounts");
    let accounts: BTreeMap<String, i64> = page
        .value
        .accounts
        .into_iter()
        .map(|Account { name, balance }| (name, balance))
        .collect();
    assert_eq!(
        accounts,
        BTreeMap::from([("main".to_owned(), OPENING_BALANCE), ("rent".to_owned(), 20_000)])
    );
}

fn request(part: Part) -> v1::SubmitRequest {
    v1::SubmitRequest { part: Some(part) }
}

fn begin(window: u32) -> v1::SubmitRequest {
    request(Part::Begin(v1::SubmitBegin {
        window,
        ..v1::SubmitBegin::default()
    }))
}

fn deposits(ids: impl IntoIterator<Item = u128>, amount: i64) -> v1::SubmitRequest {
    let account = String::new();
    let deposit = Move { account, amount };
    let writes = ids.into_iter().map(|number| v1::SubmitWrite {
        request_id: id(number).0.to_vec(),
        action: Some(Action::Deposit(deposit.clone())),
    });
    request(Part::Writes(v1::SubmitWrites {
        writes: writes.collect(),
    }))
}

/// Everything that a branch answers to these messages: its terms, its outcomes, and how the stream ends.
async fn answered(
    daemon: &Daemon,
    messages: Vec<v1::SubmitRequest>,
) -> (Option<v1::SubmitBegun>, Vec<v1::SubmitOutcome>, Result<(), Status>) {
    let sent = daemon.raw().submit(tokio_stream::iter(messages)).await;
    let mut answers = sent.expect("a stream").into_inner();
    let (mut begun, mut outcomes) = (None, Vec::new());
    loop {
        match timeout(PATIENCE, next(&mut answers)).await.expect("in time") {
            Ok(Some(v1::submit_response::Part::Begun(terms))) => begun = Some(terms),
            Ok(Some(v1::submit_response::Part::Outcomes(more))) => outcomes.extend(more.outcomes),
            Ok(None) => return (begun, outcomes, Ok(())),
            Err(status) => return (begun, outcomes, Err(status)),
        }
    }
}

async fn next(answers: &mut Streaming<v1::SubmitResponse>) -> Result<Option<v1::submit_response::Part>, Status> {
    Ok(answers.message().await?.map(|answer| answer.part.expect("a part")))
}

#[tokio::test]
async fn rubbish_in_a_stream_is_told_and_what_came_before_it_is_decided() {
    let bank = Bank::found(true).await;
    let elsewhere = request(Part::Begin(v1::SubmitBegin {
        bank_id: Uuid::from_u128(7).to_string(),
        window: 1,
        ..v1::SubmitBegin::default()
    }));
    let no_propagation = request(Part::Begin(v1::SubmitBegin {
        propagation: 77,
        window: 1,
        ..v1::SubmitBegin::default()
    }));
    let short_id = request(Part::Writes(v1::SubmitWrites {
        writes: vec![v1::SubmitWrite {
            request_id: vec![7; 15],
            action: None,
        }],
    }));
    // (messages, window that is granted, outcomes, code, text)
    let table = [
        (vec![], None, 0, Code::InvalidArgument, "begin: missing"),
        (vec![deposits([1], 1)], None, 0, Code::InvalidArgument, "begin: missing"),
        (
            vec![v1::SubmitRequest::default()],
            None,
            0,
            Code::InvalidArgument,
            "begin: missing",
        ),
        (vec![begin(0)], None, 0, Code::InvalidArgument, "window: it is 0"),
        (
            vec![elsewhere],
            None,
            0,
            Code::FailedPrecondition,
            "the session belongs to bank",
        ),
        (
            vec![no_propagation],
            None,
            0,
            Code::InvalidArgument,
            "propagation: there is no 77",
        ),
        (
            vec![begin(u32::MAX), begin(1)],
            Some(8192),
            0,
            Code::InvalidArgument,
            "begin: it comes once",
        ),
        (
            vec![begin(5), deposits([], 1)],
            Some(5),
            0,
            Code::InvalidArgument,
            "writes: the message has none",
        ),
        (
            vec![begin(2000), deposits(0..1025, 1)],
            Some(2000),
            0,
            Code::InvalidArgument,
            "1025 in one message",
        ),
        (
            vec![begin(2), deposits(10..13, 1)],
            Some(2),
            0,
            Code::ResourceExhausted,
            "its window is 2",
        ),
        (
            vec![begin(9), deposits([20], 1), short_id],
            Some(9),
            1,
            Code::InvalidArgument,
            "write 2 of the stream: request_id",
        ),
        (
            vec![begin(9), deposits([21], 1), deposits([22, 23], 0)],
            Some(9),
            1,
            Code::InvalidArgument,
            "write 2 of the stream: amount",
        ),
    ];
    for (messages, window, outcomes, code, text) in table {
        let shown = format!("{messages:?}");
        let (begun, decided, ended) = answered(&bank.daemons[0], messages).await;
        let status = ended.expect_err(&shown);
        let fate = status.metadata().get(FATE).and_then(|fate| fate.to_str().ok());
        assert_eq!((status.code(), fate), (code, Some(NOT_APPLIED)), "{shown}: {status:?}");
        assert!(status.message().contains(text), "{shown}: {status:?}");
        assert_eq!(
            (begun.map(|begun| begun.window), decided.len()),
            (window, outcomes),
            "{shown}"
        );
    }
    // A request id of another write is no error of the stream.
    let messages = vec![begin(9), deposits([30], 1), deposits([30], 2), deposits([30, 31], 1)];
    let (_, decided, ended) = answered(&bank.daemons[0], messages).await;
    ended.expect("a good end");
    let results: Vec<_> = decided
        .iter()
        .map(|one| (one.repeated, one.result.clone().expect("a result")))
        .collect();
    let accepted = |balance| v1::submit_outcome::Result::Accepted(v1::Accepted { balance });
    let balance = OPENING_BALANCE + 3;
    assert_eq!(results[0], (false, accepted(balance)));
    assert!(
        matches!(results[1].1, v1::submit_outcome::Result::RequestIdInUse(_)),
        "{results:?}"
    );
    assert_eq!(decided[1].position, decided[0].position);
    assert_eq!(
        results[2..],
        [(true, accepted(balance)), (false, accepted(balance + 1))]
    );

    let setup = Setup {
        secret: bank_auth::Secret::random().expect("randomness"),
        hand_over: true,
        two_listeners: false,
        token_file: None,
    };
    let (begun, _, ended) = answered(&Daemon::start(9, &setup).await, vec![begin(1)]).await;
    assert_eq!(
        (begun, ended.expect_err("no bank").code()),
        (None, Code::FailedPrecondition)
    );
}

#[tokio::test]
async fn a_stream_that_rests_ends_when_its_branch_stops() {
    let mut bank = Bank::found(true).await;
    let daemon = bank.daemons.remove(2);
    let (requests, receiver) = tokio::sync::mpsc::channel(2);
    for message in [begin(9), deposits([1, 2], 1)] {
        requests.send(message).await.expect("room");
    }
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = daemon.raw().submit(stream).await.expect("a stream").into_inner();
    let begun = next(&mut answers).await.expect("an answer");
    assert!(matches!(begun, Some(v1::submit_response::Part::Begun(_))), "{begun:?}");
    let mut decided = 0;
    while decided < 2 {
        match next(&mut answers).await.expect("an answer") {
            Some(v1::submit_response::Part::Outcomes(more)) => decided += more.outcomes.len(),
            other => panic!("{other:?}"),
        }
    }
    let (ended, _) = tokio::join!(next(&mut answers), daemon.stop());
    let status = ended.expect_err("it stops");
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(status.metadata().get(FATE).expect("a fate"), NOT_APPLIED);
    assert!(status.message().contains("is stopping"), "{status:?}");
}
