//! A TCP relay that imitates a bad network: it holds bytes back, delays them, or cuts connections. It forwards bytes,
//! and knows nothing of branches and their messages.
//!
//! Each of the two directions of a connection follows a [`Link`]. Several relays may follow one link. So one state
//! applies to all bytes from one branch to another, including the replies on connections that the other branch opened.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// Size of a read. It is enough for a few messages between branches.
const CHUNK_BYTES: usize = 16 * 1024;
/// Number of chunks that are buffered for one direction of a connection: 1 MiB in all, which is 20 ms at 50 MB/s. When
/// the buffer is full, the relay reads no more, and TCP slows the sender down.
const CHUNKS_MAX: usize = 64;
/// Pause after an accept that failed, for example because there is no file descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// State of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkState {
    /// Bytes pass, after the time that the distance takes.
    #[default]
    Pass,
    /// Bytes are held back, in order, until the state changes.
    Hold,
    /// Bytes pass this much later, in order.
    Delay(Duration),
    /// No bytes pass. Connections that were opened in this direction are closed, and so are new ones. On connections
    /// that were opened in the other direction, replies are held back, as in a real one-way cut.
    Cut,
}

/// One direction between two branches. Clones share their state.
#[derive(Debug, Clone, Default)]
pub(super) struct Link(watch::Sender<Watched>);

/// What the connections of a link watch.
#[derive(Debug, Clone, Copy, Default)]
struct Watched {
    state: LinkState,
    /// Time that all bytes take. A delay is added to it.
    distance: Duration,
    /// Number of cuts so far. It closes connections even if a cut is healed at once.
    cuts: u64,
}

impl Link {
    /// Sets the state. It applies to bytes that are held back or delayed, too.
    pub(super) fn set(&self, state: LinkState) {
        self.0.send_modify(|watched| {
            watched.state = state;
            watched.cuts += u64::from(state == LinkState::Cut);
        });
    }

    /// Sets the time that all bytes take, whatever the state is.
    pub(super) fn set_distance(&self, distance: Duration) {
        self.0.send_modify(|watched| watched.distance = distance);
    }

    /// The current state.
    pub(super) fn state(&self) -> LinkState {
        self.0.borrow().state
    }

    /// Waits until the link is cut, or has been cut more than `cuts` times.
    async fn is_cut(&self, cuts: u64) {
        let mut watched = self.0.subscribe();
        // The sender is in `self`, so there is no error.
        let _ = watched
            .wait_for(|watched| watched.state == LinkState::Cut || watched.cuts > cuts)
            .await;
    }
}

/// Listens on the loopback address, and forwards connections to a target.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    serving: JoinHandle<()>,
}

impl Relay {
    /// A relay on a free port. Bytes to the target follow `forward`, and bytes from it follow `backward`. Connections
    /// wait until [`Relay::lead_to`] sets the target.
    ///
    /// # Errors
    /// There is no free port, or no file descriptor.
    pub(super) async fn open(forward: Link, backward: Link) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let target = watch::Sender::new(None);
        let route = Route {
            target: target.subscribe(),
            forward,
            backward,
        };
        Ok(Relay {
            address,
            target,
            serving: tokio::spawn(serve(listener, route)),
        })
    }

    /// The address at which the relay listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the target of connections.
    pub(super) fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(Some(target));
    }
}

impl Drop for Relay {
    /// Closes all connections.
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What all connections of a relay share.
#[derive(Clone)]
struct Route {
    target: watch::Receiver<Option<SocketAddr>>,
    forward: Link,
    backward: Link,
}

async fn serve(listener: TcpListener, route: Route) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((near, _)) => {
                    let cuts = route.forward.0.borrow().cuts;
                    connections.spawn(serve_connection(near, route.clone(), cuts));
                }
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection until it ends or is cut. `cuts` is the number of cuts before it was accepted.
async fn serve_connection(near: TcpStream, route: Route, cuts: u64) {
    let forward = route.forward.clone();
    tokio::select! {
        biased;
        () = forward.is_cut(cuts) => {}
        // An error closes both sides. There is nothing else to do about it.
        _ = relay_both_ways(near, route) => {}
    }
}

async fn relay_both_ways(near: TcpStream, mut route: Route) -> io::Result<()> {
    let target = *route.target.wait_for(Option::is_some).await.map_err(io::Error::other)?;
    let target = target.ok_or(io::ErrorKind::NotConnected)?;
    // While nothing passes, the target cannot be reached, and it cannot be seen that nobody listens there.
    wait_to_pass(&mut route.forward.0.subscribe(), Instant::now()).await;
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    // Each side may close its direction and go on reading.
    tokio::try_join!(
        relay_one_way(near_read, far_write, &route.forward),
        relay_one_way(far_read, near_write, &route.backward)
    )?;
    Ok(())
}

/// The bytes of one read. Empty bytes stand for the end of the stream.
struct Chunk {
    read_at: Instant,
    bytes: Vec<u8>,
}

async fn relay_one_way(read: OwnedReadHalf, write: OwnedWriteHalf, link: &Link) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    tokio::try_join!(read_chunks(read, sender), write_chunks(receiver, write, link))?;
    Ok(())
}

async fn read_chunks(mut read: OwnedReadHalf, chunks: mpsc::Sender<Chunk>) -> io::Result<()> {
    loop {
        let mut bytes = vec![0; CHUNK_BYTES];
        let length = read.read(&mut bytes).await?;
        bytes.truncate(length);
        let read_at = Instant::now();
        let sent = chunks.send(Chunk { read_at, bytes }).await;
        if length == 0 || sent.is_err() {
            return Ok(());
        }
    }
}

async fn write_chunks(mut chunks: mpsc::Receiver<Chunk>, mut write: OwnedWriteHalf, link: &Link) -> io::Result<()> {
    let mut watched = link.0.subscribe();
    while let Some(chunk) = chunks.recv().await {
        wait_to_pass(&mut watched, chunk.read_at).await;
        if chunk.bytes.is_empty() {
            return write.shutdown().await;
        }
        write.write_all(&chunk.bytes).await?;
    }
    Ok(())
}

/// Waits until bytes that were read at `read_at` may pass. A new state of the link applies at once.
async fn wait_to_pass(watched: &mut watch::Receiver<Watched>, read_at: Instant) {
    loop {
        let Watched { state, distance, .. } = *watched.borrow_and_update();
        let late = match state {
            LinkState::Pass if distance.is_zero() => return,
            LinkState::Pass => Some(distance),
            LinkState::Delay(by) => Some(distance + by),
            LinkState::Hold | LinkState::Cut => None,
        };
        let changed = match late {
            None => watched.changed().await,
            Some(by) => tokio::select! {
                biased;
                () = sleep_until(read_at + by) => return,
                changed = watched.changed() => changed,
            },
        };
        if changed.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
