//! Input that the bank's own clients never send: bytes that are not gRPC, messages that are not requests, impossible
//! sessions. The branch survives each, reports the error where the protocol allows it, and goes on.

use crate::support::bank::{Bank, customer, status};
use crate::support::{PATIENCE, wait_for};
use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

type Stub = BankServiceClient<Channel>;

async fn stub(bank: &Bank) -> Stub {
    let endpoint = Endpoint::from_shared(format!("http://{}", bank.address(1))).expect("an address");
    BankServiceClient::new(endpoint.connect().await.expect("it accepts"))
}

fn connect(bank: &Bank) -> TcpStream {
    let stream = TcpStream::connect(bank.address(1)).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream.set_write_timeout(Some(PATIENCE)).expect("set");
    stream
}

/// It is the same process, with the same books, and takes a deposit.
struct Sound {
    bank: Bank,
    pid: Option<u32>,
    position: i64,
}

impl Sound {
    async fn new() -> Self {
        let bank = Bank::new(1).await;
        let pid = bank.cluster.pid(1).expect("known");
        Sound { bank, pid, position: 1 }
    }

    /// Nothing has been applied since the last time, and a deposit is.
    fn check(&mut self, after: &str) {
        let done = self.bank.at(1, "deposit 1").done();
        self.position += 1;
        assert_eq!(done["position"], self.position, "{after}");
        assert_eq!(self.bank.cluster.pid(1).expect("known"), self.pid, "{after}");
    }
}

fn hello() -> Vec<u8> {
    let hello = bank_auth::messages::ClientHello {
        from: bank_auth::Party::Operator,
        to_branch: 0,
        nonce: [7; 32],
    };
    hello.encode().to_vec()
}

#[tokio::test]
async fn bytes_that_are_no_grpc_harm_nobody() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut state = seed | 1;
    // xorshift64, after Marsaglia.
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = |len| (0..len / 8).flat_map(|_| random()).collect::<Vec<u8>>();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let a_frame_of_16_mb = [&preface[..], &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat();
    let a_tls_hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &bytes(504)].concat();
    let inputs: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("a few random bytes", bytes(64)),
        ("many random bytes", bytes(1 << 20)),
        ("HTTP/1", b"GET / HTTP/1.1\r\nHost: branch\r\n\r\n".to_vec()),
        (
            "an HTTP/1 post",
            b"POST /bank.v1.BankService/Query HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\n012345678".to_vec(),
        ),
        ("an HTTP/2 preface alone", preface.to_vec()),
        ("half of the preface", preface[..10].to_vec()),
        ("random frames", [&preface[..], &bytes(4096)].concat()),
        ("a frame of 16 MB", a_frame_of_16_mb),
        ("a TLS hello", a_tls_hello),
        ("text", b"deposit 100\n".repeat(100)),
        ("half a handshake", bank_auth::messages::MAGIC.to_vec()),
        (
            "a handshake of random bytes",
            [&bank_auth::messages::MAGIC[..], &bytes(512)].concat(),
        ),
        ("a handshake without the secret", [hello(), bytes(32)].concat()),
    ];
    let mut sound = Sound::new().await;
    for (what, input) in inputs {
        // Dropped at once, and kept open until the branch has closed it or has nothing more to say.
        let mut dropped = connect(&sound.bank);
        let _ = dropped.write_all(&input);
        drop(dropped);
        let mut kept = connect(&sound.bank);
        let _ = kept.write_all(&input);
        let _ = kept.shutdown(std::net::Shutdown::Write);
        let _ = kept.take(1 << 20).read_to_end(&mut Vec::new());
        sound.check(what);
    }
    sound.bank.stop().await;
}

/// A frame of HTTP/2 on stream 0.
fn frame(kind: u8, flags: u8, content: &[u8]) -> Vec<u8> {
    let len = u8::try_from(content.len()).expect("short");
    [&[0, 0, len, kind, flags, 0, 0, 0, 0], content].concat()
}

#[tokio::test]
async fn a_flood_of_frames_without_a_call_is_ended_and_some_are_not() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let begin = [&preface[..], &frame(4, 0, &[])].concat();
    let mut sound = Sound::new().await;
    for (what, frame) in [
        ("PING", frame(6, 0, &[7; 8])),
        ("answers to no PING", frame(6, 1, &[7; 8])),
        ("SETTINGS", frame(4, 0, &[])),
        ("WINDOW_UPDATE", frame(8, 0, &[0, 0, 0, 1])),
        ("an unknown type", frame(77, 0, &[1])),
    ] {
        let mut flood = connect(&sound.bank);
        flood.write_all(&begin).expect("sent");
        let mut answers = flood.try_clone().expect("a handle");
        let read = std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
        // As many as any client sends at once.
        flood.write_all(&frame.repeat(100)).expect("sent");
        sound.check(what);
        let frames = frame.repeat(1000);
        let ended = (0..1000).any(|_| flood.write_all(&frames).is_err());
        assert!(ended, "a flood of {what} goes on");
        // Only the end of the connection ends the reading.
        let _ = read.join().expect("it ended");
        sound.check(what);
    }
    sound.bank.stop().await;
}

fn deposit(change: impl FnOnce(&mut v1::DepositRequest, &mut v1::WriteOptions)) -> v1::DepositRequest {
    let mut options = v1::WriteOptions {
        request_id: uuid::Uuid::now_v7().to_string(),
        ..v1::WriteOptions::default()
    };
    let mut request = v1::DepositRequest {
        amount: 5,
        ..v1::DepositRequest::default()
    };
    change(&mut request, &mut options);
    request.options = Some(options);
    request
}

#[tokio::test]
async fn malformed_writes_are_refused_by_name_and_not_applied() {
    let mut sound = Sound::new().await;
    let mut stub = stub(&sound.bank).await;
    let no_options = v1::DepositRequest {
        options: None,
        ..deposit(|_, _| ())
    };
    let table = [
        ("propagation", deposit(|_, options| options.propagation = 7)),
        ("propagation", deposit(|_, options| options.propagation = -1)),
        ("request_id", deposit(|_, options| options.request_id.clear())),
        (
            "request_id",
            deposit(|_, options| options.request_id = "7".repeat(5000)),
        ),
        ("request_id", no_options),
        ("amount", deposit(|request, _| request.amount = -5)),
        ("amount", deposit(|request, _| request.amount = 0)),
        ("amount", deposit(|request, _| request.amount = i64::MIN)),
        (
            "account",
            deposit(|request, _| request.account = "ma\u{1b}[2Jin".into()),
        ),
        ("account", deposit(|request, _| request.account = "main\0".into())),
        ("account", deposit(|request, _| request.account = "m\u{202e}ain".into())),
        ("account", deposit(|request, _| request.account = "m".repeat(10_000))),
        ("bank_id", deposit(|_, options| options.bank_id = "main".into())),
    ];
    for (field, request) in table {
        let refused = stub.deposit(request.clone()).await.expect_err("refused");
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
        let said = refused.message();
        assert!(said.contains(field) && said.len() < 400, "{field}: {said}");
        assert!(!said.chars().any(|c| c.is_control() || c == '\u{202e}'), "{said:?}");
        assert_eq!(fate(&refused), Some("not-applied"), "{refused:?}");
        sound.check(field);
    }
    drop(stub);
    sound.bank.stop().await;
}

fn fate(status: &Status) -> Option<&str> {
    status.metadata().get("bank-fate")?.to_str().ok()
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_the_connection_serves_on() {
    let mut sound = Sound::new().await;
    let mut stub = stub(&sound.bank).await;
    let large = deposit(|request, _| request.account = "m".repeat((4 << 20) + 1));
    let refused = stub.deposit(large).await.expect_err("refused");
    assert!(
        matches!(refused.code(), Code::OutOfRange | Code::ResourceExhausted),
        "{refused:?}"
    );
    sound.check("4 MiB and 1");
    let done = stub.deposit(deposit(|_, _| ())).await.expect("done").into_inner();
    assert_eq!(done.result.map(|result| result.position), Some(3));
    drop(stub);
    sound.bank.stop().await;
}

#[tokio::test]
async fn sessions_that_cannot_be() {
    let mut sound = Sound::new().await;
    let mut stub = stub(&sound.bank).await;
    let reader = stub.clone();
    let query = |options: v1::ReadOptions, deadline: Duration| {
        let mut request = Request::new(v1::QueryRequest {
            options: Some(options),
            ..v1::QueryRequest::default()
        });
        request.set_timeout(deadline);
        let mut stub = reader.clone();
        async move { stub.query(request).await.expect_err("not served") }
    };
    // Of another bank: at once, however long the deadline is and however far ahead it claims to be.
    let other = uuid::Uuid::now_v7().to_string();
    let began = Instant::now();
    let foreign = v1::ReadOptions {
        bank_id: other.clone(),
        min_position: 1000,
        linearizable: false,
    };
    let refused = query(foreign, PATIENCE).await;
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    let here = status(&sound.bank.address(1))["bank_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert!(
        refused.message().contains(&other) && refused.message().contains(&here),
        "{refused:?}"
    );
    assert!(began.elapsed() < PATIENCE / 2);
    let write = deposit(|_, options| options.bank_id.clone_from(&other));
    let refused = stub.deposit(write).await.expect_err("refused");
    assert_eq!(
        (refused.code(), fate(&refused)),
        (Code::FailedPrecondition, Some("not-applied"))
    );
    sound.check("another bank's session");
    // Ahead of the journal: it waits, then says how far it is and how far it would have to be.
    let ahead = v1::ReadOptions {
        min_position: 815,
        ..v1::ReadOptions::default()
    };
    let deadline = Duration::from_millis(300);
    let began = Instant::now();
    let late = query(ahead, deadline).await;
    // It answers a little before the caller's own deadline, so that the answer still arrives.
    assert!(began.elapsed() >= deadline / 2, "it did not wait");
    assert_eq!(late.code(), Code::DeadlineExceeded, "{late:?}");
    assert!(
        late.message().contains("at position 2") && late.message().contains("needs 815"),
        "{late:?}"
    );
    sound.check("a session ahead of the journal");
    // The same by the program.
    let session = sound.bank.path("ahead.json");
    let written =
        format!(r#"{{"version":1,"bank_id":"{here}","read_position":815,"write_position":0,"pending":null}}"#);
    std::fs::write(&session, written).expect("written");
    let read = format!(
        "--branch {} --session {} --timeout 500ms query",
        sound.bank.address(1),
        session.display()
    );
    let ran = customer(&read);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("is at 3, the session needs 815"), "{ran:?}");
    // A foreign session, by the program: refused by the bank.
    std::fs::write(
        &session,
        std::fs::read_to_string(&session).expect("read").replace(&here, &other),
    )
    .expect("written");
    let ran = customer(&read);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains(&other) && ran.stderr.contains(&here), "{ran:?}");
    drop(stub);
    sound.bank.stop().await;
}

#[tokio::test]
async fn a_read_that_waits_for_what_is_to_come_is_sent_away_by_a_branch_that_stops() {
    let mut bank = Bank::new(1).await;
    let (mut waits, mut asks) = {
        let stub = stub(&bank).await;
        (stub.clone(), stub)
    };
    let query = |min_position| {
        let options = Some(v1::ReadOptions {
            min_position,
            ..v1::ReadOptions::default()
        });
        let mut request = Request::new(v1::QueryRequest {
            options,
            account: String::new(),
        });
        request.set_timeout(PATIENCE);
        request
    };
    // Asked first on their one connection, it waits when the other is answered.
    let (waited, ()) = tokio::join!(biased; waits.query(query(815)), async {
        asks.query(query(0)).await.expect("answered");
        bank.cluster.stop_branch(1).await.expect("stopped");
    });
    let away = waited.expect_err("never there");
    assert_eq!(away.code(), Code::Unavailable, "{away:?}");
    assert!(
        away.message().contains("branch 1 is stopping, at position 1"),
        "{away:?}"
    );
    bank.cluster.kill_all();
}

/// More than a branch has room for.
const IDLE: usize = 1200;

#[tokio::test]
async fn idle_connections_do_not_keep_a_branch_from_serving() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let mut sound = Sound::new().await;
    // Only now, so that the branch keeps the usual limit.
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("up to the hard limit");
    let mut before = stub(&sound.bank).await;
    before.deposit(deposit(|_, _| ())).await.expect("done");
    let idle: Vec<TcpStream> = (0..IDLE).map(|_| connect(&sound.bank)).collect();
    for _ in 0..10 {
        before.deposit(deposit(|_, _| ())).await.expect("still served");
    }
    drop(idle);
    wait_for("a new customer to be served", || {
        let ran = sound.bank.at(1, "--timeout 1s query");
        (ran.code == Some(0)).then_some(())
    });
    sound.position += 11;
    sound.check("idle connections");
    drop(before);
    sound.bank.stop().await;
}
