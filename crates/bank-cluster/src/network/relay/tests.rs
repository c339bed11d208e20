use super::*;
use tokio::time::timeout;

/// Bound on each wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection through a relay, with both of its ends.
struct Line {
    relay: Relay,
    forward: Link,
    backward: Link,
    listener: TcpListener,
    near: TcpStream,
    far: TcpStream,
}

async fn line() -> Line {
    let (forward, backward) = (Link::default(), Link::default());
    let relay = Relay::open(forward.clone(), backward.clone()).await.expect("a port");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    // This connection waits for the target.
    let near = TcpStream::connect(relay.address()).await.expect("accepted");
    relay.lead_to(listener.local_addr().expect("bound"));
    let (far, _) = listener.accept().await.expect("relayed");
    Line {
        relay,
        forward,
        backward,
        listener,
        near,
        far,
    }
}

async fn read(stream: &mut TcpStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    let read = timeout(PATIENCE, stream.read_exact(&mut bytes)).await;
    read.expect("in time").expect("read");
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

async fn ended(stream: &mut TcpStream) {
    let read = timeout(PATIENCE, stream.read(&mut [0; 16])).await.expect("in time");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn bytes_pass_both_ways_and_one_side_may_end_first() {
    let mut line = line().await;
    line.near.write_all(b"to").await.expect("written");
    read(&mut line.far, "to").await;
    line.near.shutdown().await.expect("shut down");
    ended(&mut line.far).await;
    line.far.write_all(b"fro").await.expect("written");
    read(&mut line.near, "fro").await;
    drop(line.far);
    ended(&mut line.near).await;
}

#[tokio::test]
async fn held_bytes_are_released_in_order_with_the_end_and_replies_still_pass() {
    let mut line = line().await;
    line.forward.set(LinkState::Hold);
    line.near.write_all(b"one ").await.expect("written");
    line.near.write_all(b"two").await.expect("written");
    line.near.shutdown().await.expect("shut down");
    // A reply arrives, so the relay has run meanwhile.
    line.far.write_all(b"back").await.expect("written");
    read(&mut line.near, "back").await;
    let nothing = line.far.try_read(&mut [0; 16]).expect_err("held");
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    line.forward.set(LinkState::Pass);
    read(&mut line.far, "one two").await;
    ended(&mut line.far).await;
}

#[tokio::test]
async fn a_distance_is_kept_by_links_that_pass_and_a_delay_is_added_to_it() {
    let mut line = line().await;
    let (distance, delay) = (Duration::from_millis(30), Duration::from_millis(50));
    line.forward.set_distance(distance);
    for (state, least) in [
        (LinkState::Pass, distance),
        (LinkState::Delay(delay), distance + delay),
        (LinkState::Pass, distance),
    ] {
        line.forward.set(state);
        let sent = Instant::now();
        line.near.write_all(b"far").await.expect("written");
        read(&mut line.far, "far").await;
        assert!(sent.elapsed() >= least, "{state:?}: {:?}", sent.elapsed());
    }
}

#[tokio::test]
async fn a_sender_into_a_hold_is_slowed_down_and_loses_nothing() {
    let Line {
        relay: _relay,
        forward,
        near,
        mut far,
        ..
    } = line().await;
    forward.set(LinkState::Hold);
    let sent: Vec<u8> = (0..16 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
    let expected = sent.clone();
    let (_keep, mut writer) = near.into_split();
    let mut writing = tokio::spawn(async move { writer.write_all(&sent).await });
    // The buffers of the relay and of two sockets hold less than 16 MiB.
    let early = timeout(Duration::from_millis(100), &mut writing).await;
    assert!(early.is_err(), "all of it went somewhere");
    forward.set(LinkState::Pass);
    let mut received = vec![0; expected.len()];
    let read = timeout(PATIENCE, far.read_exact(&mut received)).await;
    read.expect("in time").expect("read");
    assert!(received == expected, "not what was sent");
    writing.await.expect("no panic").expect("written");
}

#[tokio::test]
async fn delayed_bytes_keep_their_order_even_if_the_delay_becomes_shorter() {
    let mut line = line().await;
    let delay = Duration::from_millis(40);
    line.forward.set(LinkState::Delay(delay));
    let began = Instant::now();
    line.near.write_all(b"slow ").await.expect("written");
    read(&mut line.far, "slow ").await;
    assert!(began.elapsed() >= delay);
    line.forward.set(LinkState::Delay(PATIENCE * 2));
    line.near.write_all(b"slower ").await.expect("written");
    line.forward.set(LinkState::Delay(Duration::ZERO));
    line.near.write_all(b"fast").await.expect("written");
    read(&mut line.far, "slower fast").await;
}

#[tokio::test]
async fn a_cut_closes_open_and_new_connections_until_it_is_healed() {
    let mut line = line().await;
    line.forward.set(LinkState::Cut);
    ended(&mut line.near).await;
    ended(&mut line.far).await;
    let mut refused = TcpStream::connect(line.relay.address()).await.expect("accepted");
    ended(&mut refused).await;
    line.forward.set(LinkState::Pass);
    let mut again = TcpStream::connect(line.relay.address()).await.expect("accepted");
    let (mut far, _) = line.listener.accept().await.expect("relayed");
    // A cut closes connections even if it is healed at once.
    line.forward.set(LinkState::Cut);
    line.forward.set(LinkState::Pass);
    ended(&mut again).await;
    ended(&mut far).await;
}

#[tokio::test]
async fn a_cut_of_the_other_direction_holds_replies_only() {
    let mut line = line().await;
    line.backward.set(LinkState::Cut);
    line.far.write_all(b"reply").await.expect("written");
    line.near.write_all(b"request").await.expect("written");
    read(&mut line.far, "request").await;
    let nothing = line.near.try_read(&mut [0; 16]).expect_err("held");
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    line.backward.set(LinkState::Pass);
    read(&mut line.near, "reply").await;
}

#[tokio::test]
async fn a_target_that_refuses_closes_the_connection() {
    let Line {
        relay,
        forward,
        listener,
        near,
        ..
    } = line().await;
    drop((near, listener));
    let mut near = TcpStream::connect(relay.address()).await.expect("accepted");
    ended(&mut near).await;
    // The connection stays open while nothing passes: a dead host refuses nothing.
    forward.set(LinkState::Hold);
    let mut near = TcpStream::connect(relay.address()).await.expect("accepted");
    let early = timeout(Duration::from_millis(50), near.read(&mut [0; 16])).await;
    assert!(early.is_err(), "{early:?}");
    forward.set(LinkState::Pass);
    ended(&mut near).await;
    let address = relay.address();
    drop(relay);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
