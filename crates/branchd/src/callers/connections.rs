//! Keeps the number of open connections within limits. A connection that has to make room for another is closed, and
//! the log names it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::caller::Caller;
use super::flow::{Flow, StallDetector};
use super::id::Id;
use super::log_limit::LogLimit;
use super::places::{Admission, Closed, Kind, Limits, Places};

/// How long a new connection may take for each of two steps: to identify its caller, and to send the 24 bytes with
/// which an HTTP/2 connection begins. Keepalive begins only after them. The handshake of a branch has shorter limits of
/// its own.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(5);
/// The same limit while many connections are unidentified. It still allows a few round trips around the world.
const PREFACE_TIMEOUT_CROWDED: Duration = Duration::from_secs(1);
/// How often connections are checked for answers that are not read.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How often the log reports closed connections, at most.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// All open connections. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Mutex<State>>);

struct State {
    places: Places<Closer>,
    log: LogLimit,
}

/// Closes a connection when dropped, by dropping the sender of its [`CloseSignal`].
struct Closer {
    from: SocketAddr,
    flow: Arc<Flow>,
    watch: StallDetector,
    _close: oneshot::Sender<()>,
}

/// Resolves when the connection has to be closed.
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

/// The place of an open connection. Dropping it frees the place.
pub(crate) struct Place {
    connections: Connections,
    from: SocketAddr,
    id: Id,
    flow: Arc<Flow>,
}

impl Connections {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(State {
            places: Places::new(limits),
            log: LogLimit::every(LOG_INTERVAL),
        })))
    }

    /// Gives a place to a connection that has just been accepted. The duration is how long the connection may take to
    /// identify its caller.
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
        let (id, closed) = state.places.arrive(closer, from.ip().into(), now);
        let limit = if state.places.is_crowded() {
            PREFACE_TIMEOUT_CROWDED
        } else {
            PREFACE_TIMEOUT
        };
        if let Some(closed) = closed {
            state.log_closed(
                now,
                &closed,
                "too many connections, in all or of one address, have not identified themselves: closed the oldest of them",
            );
        }
        let connections = self.clone();
        let place = Place {
            connections,
            from,
            id,
            flow,
        };
        (place, CloseSignal(close_signal), limit)
    }

    /// Closes connections that do not read their answers. Never returns.
    pub(crate) async fn close_stalled(&self) {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let now = Instant::now();
            let mut state = self.lock();
            let is_stalled = |closer: &mut Closer| closer.watch.is_stalled(&closer.flow, now);
            for closed in state.places.close_stalled(now, is_stalled) {
                state.log_closed(now, &closed, "closed a connection that does not read its answers");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves no change half made.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn log_closed(&mut self, now: Instant, closed: &Closed<Closer>, what: &str) {
        if let Some(suppressed) = self.log.allow(now) {
            let (from, idle) = (closed.connection.from, closed.idle);
            tracing::warn!(%from, ?idle, suppressed, "{what}");
        }
    }
}

impl Place {
    /// Gives an identified connection a place of its caller's kind.
    ///
    /// # Errors
    /// There is no place, and no other connection can make room.
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
                state.log_closed(
                    now,
                    &closed,
                    "too many connections, in all or of one address: closed the customer's that was idle for longest",
                );
                Ok(())
            }
            Admission::NoRoom => {
                if let Some(suppressed) = state.log.allow(now) {
                    let why = "too many connections, in all or of one address, and each has a call under way: closed a new one";
                    tracing::warn!(%from, suppressed, "{why}");
                }
                Err(NoRoom)
            }
        }
    }

    /// Counts the calls in progress on this connection.
    pub(crate) fn calls(&self) -> Calls {
        Calls {
            connections: self.connections.clone(),
            from: self.from,
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

/// There is no place for another connection.
#[derive(Debug)]
pub(crate) struct NoRoom;

/// Counts the calls in progress on a connection.
#[derive(Clone)]
pub(crate) struct Calls {
    connections: Connections,
    from: SocketAddr,
    id: Id,
    flow: Arc<Flow>,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Calls").field(&self.id).finish()
    }
}

impl Calls {
    /// The address of the caller.
    pub(crate) fn from(&self) -> SocketAddr {
        self.from
    }

    /// Begins a call. Dropping the result ends it.
    pub(crate) fn begin(&self) -> ActiveCall {
        self.connections.lock().places.begin(self.id);
        ActiveCall(self.clone())
    }
}

/// A call in progress on a connection. Dropping it ends the call.
pub(crate) struct ActiveCall(Calls);

impl ActiveCall {
    /// The byte counts of the call's connection.
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

#[cfg(test)]
mod tests {
    use super::*;
    use bank_auth::Audience;
    use futures::FutureExt;

    #[test]
    fn a_connection_that_makes_room_gets_the_signal_and_one_with_a_call_does_not() {
        let limits = Limits::of(0, Audience::All);
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
        assert!(told[1] && !told[0], "the first has a call in progress");
    }
}
