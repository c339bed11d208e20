//! The places of connections, shared by the tasks that hold them. Those that have to make room are closed, and the log
//! says which.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::caller::Caller;
use super::flow::{Flow, StallDetector};
use super::places::{Admission, Closed, Id, Kind, Limits, Places};

/// How long a connection may take to say who speaks, and then to send the 24 bytes with which every HTTP/2 connection
/// begins. Keepalive only watches over those that have. The handshake of a branch has limits of its own within this one.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(5);
/// The same where many connections have not: it is still a few round trips around the world.
const PREFACE_TIMEOUT_CROWDED: Duration = Duration::from_secs(1);
/// How often connections are looked at that do not take their answers.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How often the log says that connections were closed to make room.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Every connection that is open. Clones share it.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Mutex<State>>);

struct State {
    places: Places<Closer>,
    log: Log,
}

/// Closes a connection when it is dropped.
struct Closer {
    from: SocketAddr,
    flow: Arc<Flow>,
    watch: StallDetector,
    _close: oneshot::Sender<()>,
}

/// When a connection has to make room for another.
pub(crate) struct CloseSignal(oneshot::Receiver<()>);

impl Future for CloseSignal {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.is_terminated() {
            return Poll::Ready(());
        }
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}

/// A connection's place, given up when dropped.
pub(crate) struct Place {
    connections: Connections,
    id: Id,
    flow: Arc<Flow>,
}

impl Connections {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(State {
            places: Places::new(limits),
            log: Log::default(),
        })))
    }

    /// Gives a place to a connection that has just been accepted, and says by when it has to have begun.
    pub(crate) fn arrive(&self, from: SocketAddr) -> (Place, CloseSignal, Duration) {
        let (close, close_signal) = oneshot::channel();
        let now = Instant::now();
        let flow = Arc::new(Flow::default());
        let closer = Closer {
            from,
            flow: Arc::clone(&flow),
            watch: StallDetector::new(now),
            _close: close,
        };
        let mut state = self.lock();
        let (id, closed) = state.places.arrive(closer, now);
        let patience = if state.places.is_crowded() {
            PREFACE_TIMEOUT_CROWDED
        } else {
            PREFACE_TIMEOUT
        };
        if let Some(closed) = closed {
            state.say(
                now,
                &closed,
                "too many connections have not said who they are: closed the first of them",
            );
        }
        let connections = self.clone();
        (Place { connections, id, flow }, CloseSignal(close_signal), patience)
    }

    /// Closes connections that do not take their answers, for ever.
    pub(crate) async fn close_stalled(&self) {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let now = Instant::now();
            let mut state = self.lock();
            let is_stalled = |closer: &mut Closer| closer.watch.is_stalled(&closer.flow, now);
            for closed in state.places.close_stalled(now, is_stalled) {
                state.say(now, &closed, "closed a connection that does not read its answers");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is whole before anything else can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn say(&mut self, now: Instant, closed: &Closed<Closer>, what: &str) {
        if let Some(unsaid) = self.log.say(now) {
            let (from, idle) = (closed.connection.from, closed.idle);
            tracing::warn!(%from, ?idle, unsaid, "{what}");
        }
    }
}

impl Place {
    /// Keeps a place for a connection that has said who it is.
    ///
    /// # Errors
    /// There is none, and nobody who could make room.
    pub(crate) fn admit(&self, caller: Caller, from: SocketAddr) -> Result<(), NoRoom> {
        let kind = match caller {
            Caller::Customer => Kind::Customer,
            Caller::Operator | Caller::Branch(_) => Kind::Trusted,
        };
        let now = Instant::now();
        let mut state = self.connections.lock();
        match state.places.admit(self.id, kind, now) {
            Admission::Admitted => Ok(()),
            Admission::InPlaceOf(closed) => {
                state.say(
                    now,
                    &closed,
                    "too many connections: closed the customer's that was idle for longest",
                );
                Ok(())
            }
            Admission::NoRoom => {
                if let Some(unsaid) = state.log.say(now) {
                    let why = "too many connections, and each has a call under way: closed a new one";
                    tracing::warn!(%from, unsaid, "{why}");
                }
                Err(NoRoom)
            }
        }
    }

    /// What tells that calls are under way on this connection.
    pub(crate) fn calls(&self) -> Calls {
        Calls {
            connections: self.connections.clone(),
            id: self.id,
            flow: Arc::clone(&self.flow),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().places.leave(self.id);
    }
}

/// There is no place for a connection.
#[derive(Debug)]
pub(crate) struct NoRoom;

/// Tells that calls are under way on a connection.
#[derive(Clone)]
pub(crate) struct Calls {
    connections: Connections,
    id: Id,
    flow: Arc<Flow>,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Calls").field(&self.id).finish()
    }
}

impl Calls {
    /// A call begins; it ends when what is returned is dropped.
    pub(crate) fn begin(&self) -> ActiveCall {
        self.connections.lock().places.begin(self.id);
        ActiveCall(self.clone())
    }
}

/// A call on a connection, until it is dropped.
pub(crate) struct ActiveCall(Calls);

impl ActiveCall {
    /// What has been handed on to its connection.
    pub(crate) fn flow(&self) -> Arc<Flow> {
        Arc::clone(&self.0.flow)
    }
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        let now = Instant::now();
        self.0.connections.lock().places.end(self.0.id, now);
    }
}

/// Says one thing in a while.
#[derive(Debug, Default)]
struct Log {
    last: Option<Instant>,
    unsaid: u64,
}

impl Log {
    /// How often it has not been said since the last time, if it is to be said now.
    fn say(&mut self, now: Instant) -> Option<u64> {
        let soon = |last| now.saturating_duration_since(last) < LOG_INTERVAL;
        if self.last.is_some_and(soon) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn the_log_has_one_line_a_second_and_counts_the_others() {
        let mut log = Log::default();
        let began = Instant::now();
        for (ms, said) in [
            (0, Some(0)),
            (10, None),
            (999, None),
            (1000, Some(2)),
            (1001, None),
            (5000, Some(1)),
            (9000, Some(0)),
        ] {
            assert_eq!(log.say(began + Duration::from_millis(ms)), said, "{ms}");
        }
    }

    #[test]
    fn a_connection_that_makes_room_is_told_and_one_that_asks_is_not() {
        let limits = Limits::of(0);
        let connections = Connections::new(limits);
        let from: SocketAddr = ([127, 0, 0, 1], 7).into();
        let customer = || {
            let (place, close_signal, _) = connections.arrive(from);
            place.admit(Caller::Customer, from).map(|()| (place, close_signal))
        };
        let mut all: Vec<_> = (0..limits.customers()).map(|_| customer().expect("a place")).collect();
        let _asks = all[0].0.calls().begin();
        let _new = customer().expect("a place");
        let told: Vec<bool> = all
            .iter_mut()
            .map(|(_, close_signal)| close_signal.now_or_never().is_some())
            .collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert!(told[1] && !told[0], "the first asks");
    }
}
