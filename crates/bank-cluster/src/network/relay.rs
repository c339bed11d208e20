//! A TCP relay that can be told to be a bad network: to hold bytes back, to let them through late, to cut. Whoever speaks
//! through it notices nothing else of it. It carries bytes, and knows nothing of branches and of what they say.
//!
//! A connection has two directions, and each follows a [`Link`] of its own; many relays may follow one link, so that one
//! word bends everything that goes one way between two places, replies on the other side's connections included.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// Read at once: a few messages between branches.
const CHUNK_BYTES: usize = 16 * 1024;
/// Kept for one direction of one connection, 1 MiB in all; past it the sender feels that nobody reads. Enough for 20 ms of
/// delay at 50 MB/s.
const CHUNKS_MAX: usize = 64;
/// After an accept that failed, as for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What becomes of bytes that go one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkState {
    /// They pass.
    #[default]
    Pass,
    /// They are kept, in order, until they may pass.
    Hold,
    /// They pass this much later, in order.
    Delay(Duration),
    /// None pass. Connections that were opened this way are closed, and new ones as soon as they are opened; on those that
    /// were opened the other way, replies are held, as by a real one-way cut.
    Cut,
}

/// One direction between two places. Clones are the same link.
#[derive(Debug, Clone, Default)]
pub(super) struct Link(watch::Sender<Watched>);

/// What the connections of a link follow.
#[derive(Debug, Clone, Copy, Default)]
struct Watched {
    state: LinkState,
    /// How often it has been cut: a cut that is healed at once closes connections too.
    cuts: u64,
}

impl Link {
    /// From now on; what was held or delayed goes as it says.
    pub(super) fn set(&self, state: LinkState) {
        self.0.send_modify(|watched| {
            watched.state = state;
            watched.cuts += u64::from(state == LinkState::Cut);
        });
    }

    /// How it is now.
    pub(super) fn state(&self) -> LinkState {
        self.0.borrow().state
    }

    /// Answers at the first cut past this many, or where it is cut now.
    async fn is_cut(&self, cuts: u64) {
        let mut watched = self.0.subscribe();
        // The sender lives as long as self: there is no error.
        let _ = watched
            .wait_for(|watched| watched.state == LinkState::Cut || watched.cuts > cuts)
            .await;
    }
}

/// Listens on the loopback, and carries what comes to where it leads and back.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    serving: JoinHandle<()>,
}

impl Relay {
    /// Listens on a free port. `forward` is followed by what goes to where it leads, `backward` by what comes back.
    /// Connections wait until it leads somewhere.
    ///
    /// # Errors
    /// There is no port, or no file descriptor.
    pub(super) async fn open(forward: Link, backward: Link) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let target = watch::Sender::new(None);
        let way = Way {
            target: target.subscribe(),
            forward,
            backward,
        };
        Ok(Relay {
            address,
            target,
            serving: tokio::spawn(serve(listener, way)),
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections lead here from now on.
    pub(super) fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(Some(target));
    }
}

impl Drop for Relay {
    /// Its connections close with it.
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What every connection of a relay goes by.
#[derive(Clone)]
struct Way {
    target: watch::Receiver<Option<SocketAddr>>,
    forward: Link,
    backward: Link,
}

async fn serve(listener: TcpListener, way: Way) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((near, _)) => {
                    let cuts = way.forward.0.borrow().cuts;
                    connections.spawn(carry(near, way.clone(), cuts));
                }
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection until it ends or is cut.
async fn carry(near: TcpStream, way: Way, cuts: u64) {
    let forward = way.forward.clone();
    tokio::select! {
        biased;
        () = forward.is_cut(cuts) => {}
        // An error closes both sides: that is all there is to tell them.
        _ = converse(near, way) => {}
    }
}

async fn converse(near: TcpStream, mut way: Way) -> io::Result<()> {
    let target = *way.target.wait_for(Option::is_some).await.map_err(io::Error::other)?;
    let target = target.ok_or(io::ErrorKind::NotConnected)?;
    // Where nothing passes, nobody can be reached, nor be found to be gone.
    may_pass(&mut way.forward.0.subscribe(), Instant::now()).await;
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    // Either side may end what it says, and go on listening.
    tokio::try_join!(
        pump(near_read, far_write, &way.forward),
        pump(far_read, near_write, &way.backward)
    )?;
    Ok(())
}

/// What was read at once, and when; empty: the end.
struct Chunk {
    taken: Instant,
    bytes: Vec<u8>,
}

async fn pump(read: OwnedReadHalf, write: OwnedWriteHalf, link: &Link) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    tokio::try_join!(take_in(read, sender), give_out(receiver, write, link))?;
    Ok(())
}

async fn take_in(mut read: OwnedReadHalf, chunks: mpsc::Sender<Chunk>) -> io::Result<()> {
    loop {
        let mut bytes = vec![0; CHUNK_BYTES];
        let length = read.read(&mut bytes).await?;
        bytes.truncate(length);
        let taken = Instant::now();
        let sent = chunks.send(Chunk { taken, bytes }).await;
        if length == 0 || sent.is_err() {
            return Ok(());
        }
    }
}

async fn give_out(mut chunks: mpsc::Receiver<Chunk>, mut write: OwnedWriteHalf, link: &Link) -> io::Result<()> {
    let mut watched = link.0.subscribe();
    while let Some(chunk) = chunks.recv().await {
        may_pass(&mut watched, chunk.taken).await;
        if chunk.bytes.is_empty() {
            return write.shutdown().await;
        }
        write.write_all(&chunk.bytes).await?;
    }
    Ok(())
}

/// Answers when bytes that were taken in then may go on. Each word that the link is given is heeded at once.
async fn may_pass(watched: &mut watch::Receiver<Watched>, taken: Instant) {
    loop {
        let state = watched.borrow_and_update().state;
        let changed = match state {
            LinkState::Pass => return,
            LinkState::Hold | LinkState::Cut => watched.changed().await,
            LinkState::Delay(by) => tokio::select! {
                biased;
                () = sleep_until(taken + by) => return,
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
