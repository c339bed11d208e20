//! Customers that ask for more than a branch has: waiting reads, unfinished requests, too many connections. Requests
//! over a bound are refused, memory stays bounded, and other customers are served.

use crate::support::attack::{Call, Ended, Line, QUERY, VOTE, query, resident, unfinished};
use crate::support::bank::{Bank, status};
use crate::support::{PATIENCE, wait_for};
use bank_auth::{BranchIdentity, Party};
use bank_tls::{Connector, Proof};
use futures::stream::{FuturesUnordered, StreamExt};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::time::timeout;
use tonic::Code;

const OK: i32 = Code::Ok as i32;
const DEADLINE_EXCEEDED: i32 = Code::DeadlineExceeded as i32;
const PERMISSION_DENIED: i32 = Code::PermissionDenied as i32;
const RESOURCE_EXHAUSTED: i32 = Code::ResourceExhausted as i32;
const OUT_OF_RANGE: i32 = Code::OutOfRange as i32;

fn address(bank: &Bank, branch: u32) -> SocketAddr {
    bank.cluster.address(branch).expect("known")
}

async fn line(bank: &Bank, branch: u32) -> Line {
    Line::open(address(bank, branch)).await.expect("it accepts")
}

async fn ended(call: Call) -> Ended {
    let ended = timeout(PATIENCE, call.ended()).await.expect("an end");
    ended.expect("a status")
}

/// Of these calls, the next that ends.
async fn next<F: Future<Output = Ended>>(calls: &mut FuturesUnordered<F>) -> Ended {
    let next = timeout(PATIENCE, calls.next()).await.expect("an end");
    next.expect("a call")
}

/// `reads::WAITING_PER_CONNECTION_MAX` and `reads::WAITING_MAX` of branchd.
const WAITING_PER_CONNECTION_MAX: usize = 512;
const WAITING_MAX: usize = 8192;

#[tokio::test]
async fn waiting_reads_over_the_bounds_are_refused_and_the_others_are_served() {
    const OVER: usize = 8;
    let bank = Bank::new(2).await;
    let mut lines = Vec::new();
    let mut waiting = FuturesUnordered::new();
    for _ in 0..WAITING_MAX / WAITING_PER_CONNECTION_MAX {
        let mut one = line(&bank, 2).await;
        for _ in 0..WAITING_PER_CONNECTION_MAX + OVER {
            waiting.push(ended(one.ask(QUERY, &query(3)).await.expect("sent")));
        }
        for _ in 0..OVER {
            let refused = next(&mut waiting).await;
            assert_eq!(refused.code, RESOURCE_EXHAUSTED, "{refused:?}");
            let why = "512 reads of this connection are waiting at branch 2";
            assert!(refused.message.contains(why), "{refused:?}");
        }
        lines.push(one);
    }
    assert_eq!(waiting.len(), WAITING_MAX);
    let mut other = line(&bank, 2).await;
    let refused = ended(other.ask(QUERY, &query(3)).await.expect("sent")).await;
    assert_eq!(refused.code, RESOURCE_EXHAUSTED, "{refused:?}");
    assert!(
        refused.message.contains("8192 reads are waiting at branch 2"),
        "{refused:?}"
    );
    // Reads that need not wait, and another branch that does, are served.
    let served = ended(other.ask(QUERY, &query(1)).await.expect("sent")).await;
    assert_eq!(served.code, OK, "{served:?}");
    for position in 2..=3 {
        let done = bank.at(1, "deposit 1 --propagation all").done();
        assert_eq!(done["position"], position);
        assert!(done["missing_branches"].as_array().is_none_or(Vec::is_empty), "{done}");
    }
    while !waiting.is_empty() {
        let served = next(&mut waiting).await;
        assert_eq!(served.code, OK, "{served:?}");
    }
    // There is room again.
    let again = ended(other.ask(QUERY, &query(4)).await.expect("sent"));
    bank.at(1, "deposit 1").done();
    assert_eq!(again.await.code, OK);
    drop((lines, other));
    bank.stop().await;
}

/// How much more memory a branch may have for requests that are not complete, whatever is sent, in bytes.
const GROWTH_MAX: u64 = 64 << 20;

/// Within `server::bounds::CUSTOMER_BYTES_MAX` of branchd.
const WITHIN: usize = 60_000;

#[tokio::test]
async fn requests_that_are_never_finished_hold_little_memory_and_end() {
    const LARGE: usize = 200;
    const LINES: usize = 4;
    const CALLS: usize = 500;
    let bank = Bank::new(1).await;
    let pid = bank.cluster.pid(1).expect("known").expect("it runs");
    let base = resident(pid);
    let grown = || Some(resident(pid)?.saturating_sub(base?));
    if grown().is_none() {
        println!("this system does not say how much memory a process has: only the answers are looked at");
    }
    // Messages that are too large are refused by what their first bytes say.
    let mut one = line(&bank, 1).await;
    for _ in 0..LARGE {
        let mut call = one.call(QUERY).await.expect("begun");
        // The branch need not take the rest.
        let _ = call.send(unfinished(900_000, 899_999), false).await;
        let refused = ended(call).await;
        assert_eq!(refused.code, OUT_OF_RANGE, "{refused:?}");
    }
    assert!(
        grown().is_none_or(|grown| grown < GROWTH_MAX),
        "{:?} bytes more",
        grown()
    );
    // Of those that are not, few are taken at a time, and those end by themselves.
    let mut lines = Vec::new();
    let mut calls = FuturesUnordered::new();
    for _ in 0..LINES {
        let mut one = line(&bank, 1).await;
        for _ in 0..CALLS {
            let mut call = one.call(QUERY).await.expect("begun");
            // One that has been refused takes no more.
            let _ = call.send(unfinished(WITHIN, WITHIN - 1), false).await;
            calls.push(ended(call));
        }
        lines.push(one);
    }
    let mut late = 0;
    while !calls.is_empty() {
        assert!(
            grown().is_none_or(|grown| grown < GROWTH_MAX),
            "{:?} bytes more",
            grown()
        );
        let end = next(&mut calls).await;
        match end.code {
            RESOURCE_EXHAUSTED => assert!(end.message.contains("not complete"), "{end:?}"),
            DEADLINE_EXCEEDED => late += 1,
            _ => panic!("{end:?}"),
        }
    }
    assert!(late >= LINES, "{late} ended by themselves");
    // The connections serve on.
    for one in &mut lines {
        let served = ended(one.ask(QUERY, &query(1)).await.expect("sent")).await;
        assert_eq!(served.code, OK, "{served:?}");
    }
    drop((one, lines));
    bank.stop().await;
}

#[tokio::test]
async fn a_large_vote_is_refused_before_it_has_arrived() {
    let bank = Bank::new(1).await;
    let secret = bank.path(bank_cluster::SECRET_FILE);
    let connector = Connector {
        address: bank.address(1),
        branch: 1,
        bank: None,
        me: Party::Branch(BranchIdentity { branch: 2, replica: 7 }),
        proof: Proof::Secret(bank_auth::file::read(&secret).expect("the secret")),
        connect_timeout: PATIENCE,
        observer: None,
    };
    let dialled = connector.dial().await.expect("recognised");
    let as_branch = Line::over(dialled).await.expect("it accepts");
    let as_customer = line(&bank, 1).await;
    for (mut line, code) in [(as_branch, OUT_OF_RANGE), (as_customer, PERMISSION_DENIED)] {
        for _ in 0..60 {
            let mut call = line.call(VOTE).await.expect("begun");
            let _ = call.send(unfinished(15_000_000, 1000), false).await;
            let refused = ended(call).await;
            assert_eq!(refused.code, code, "{refused:?}");
        }
    }
    bank.stop().await;
}

/// With `--max-connections 64`: what customers may have, and what may be open before it has said who it is.
const CUSTOMERS_MAX: usize = 32;
const CONNECTIONS_MAX: usize = 64;

#[tokio::test]
async fn connections_without_end_keep_no_branch_from_the_others() {
    let mut bank = Bank::with_flags(3, "--max-connections 64").await;
    let leader = bank.leader(&[1, 2, 3]);
    let (mut silent, mut idle) = (Vec::new(), Vec::new());
    for branch in 1..=3 {
        for _ in 0..CONNECTIONS_MAX {
            silent.push(TcpStream::connect(address(&bank, branch)).expect("it accepts"));
        }
        for _ in 0..CONNECTIONS_MAX {
            // One that has made room for the next is of no more use.
            idle.extend(Line::open(address(&bank, branch)).await);
        }
    }
    bank.kill(leader).await;
    let others: Vec<u32> = (1..=3).filter(|branch| *branch != leader).collect();
    let done = wait_for("a deposit at the new leader", || {
        let ran = bank.at(others[0], "--timeout 5s deposit 1");
        (ran.code == Some(0)).then(|| ran.done())
    });
    assert!(done["position"].as_u64() >= Some(2), "{done}");
    assert!(others.contains(&bank.leader(&others)));
    bank.restart(leader).await;
    bank.assert_agree();
    drop((silent, idle));
    bank.stop().await;
}

#[tokio::test]
async fn the_idlest_customer_makes_room_and_one_that_waits_for_an_answer_does_not() {
    let bank = Bank::with_flags(1, "--max-connections 64").await;
    let mut active = line(&bank, 1).await;
    let waits = active.ask(QUERY, &query(2)).await.expect("sent");
    let waits = tokio::spawn(ended(waits));
    let mut lines = Vec::new();
    for _ in 1..CUSTOMERS_MAX {
        let mut one = line(&bank, 1).await;
        assert_eq!(ended(one.ask(QUERY, &query(1)).await.expect("sent")).await.code, OK);
        lines.push(one);
    }
    // The first is no longer the idlest: it has asked again.
    assert_eq!(
        ended(lines[0].ask(QUERY, &query(1)).await.expect("sent")).await.code,
        OK
    );
    let mut new = line(&bank, 1).await;
    assert_eq!(ended(new.ask(QUERY, &query(1)).await.expect("sent")).await.code, OK);
    timeout(PATIENCE, async {
        while !lines[1].is_closed() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("the idlest is closed");
    let closed = lines.iter().filter(|line| line.is_closed()).count();
    assert_eq!(closed, 1);
    let log = std::fs::read_to_string(bank.cluster.log_path(1).expect("known")).expect("a log");
    assert!(log.contains("closed the customer's that was idle for longest"), "{log}");
    // This customer takes a place too, and gives it back.
    bank.at(1, "deposit 1").done();
    assert_eq!(waits.await.expect("it ran").code, OK);
    assert!(!active.is_closed());
    assert_eq!(status(&bank.address(1))["position"], 2);
    drop((active, lines, new));
    bank.stop().await;
}

/// A customer's connection from an address of this host.
#[cfg(target_os = "linux")]
async fn line_from(bank: &Bank, from: [u8; 4]) -> Line {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind((from, 0).into()).expect("an address of this host");
    let stream = socket.connect(address(bank, 1)).await.expect("it accepts");
    Line::over(stream).await.expect("it begins")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_address_does_not_take_the_places_of_the_others() {
    const PER_ADDRESS: usize = 4;
    let bank = Bank::with_flags(1, "--max-connections 64 --max-connections-per-address 4").await;
    let served = async |line: &mut Line| ended(line.ask(QUERY, &query(1)).await.expect("sent")).await.code;
    let mut other = line_from(&bank, [127, 0, 0, 2]).await;
    assert_eq!(served(&mut other).await, OK);
    let mut greedy = Vec::new();
    for _ in 0..3 * PER_ADDRESS {
        let mut one = line_from(&bank, [127, 0, 0, 3]).await;
        assert_eq!(served(&mut one).await, OK);
        greedy.push(one);
    }
    let open = || greedy.iter().filter(|line| !line.is_closed()).count();
    timeout(PATIENCE, async {
        while open() > PER_ADDRESS {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("the idlest of the address are closed");
    assert_eq!(open(), PER_ADDRESS);
    // The other address has been idle for longer, and keeps its place.
    assert!(!other.is_closed());
    assert_eq!(served(&mut other).await, OK);
    drop((other, greedy));
    bank.stop().await;
}
