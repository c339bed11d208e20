//! Plays the faults of an input while its customers go about their events: those that hang on an event between that event
//! and its customer's next, the others by the clock, beside them. Afterwards nothing is left undone.

use super::waiting::{self, WaitingError};
use crate::input::planned_fault::{FaultEnd, FaultStart, PlannedFault, Trigger, WaitingRequest};
use bank_check::history::Fault;
use bank_cluster::Cluster;
use bank_cluster::clock::monotonic_us;
use bank_cluster::faults::{FaultAction, Injector};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::future::pending;
use std::ops::Range;
use tokio::sync::{Mutex, Notify, oneshot};
use tokio::time::{Instant, sleep_until};

/// Plays faults on a cluster.
#[derive(Debug)]
pub struct FaultPlayer<'a> {
    cluster: &'a Cluster,
    planned: &'a [PlannedFault],
    /// Of each visit on which something hangs: after how many of its events.
    stops: HashMap<usize, BTreeSet<usize>>,
    state: Mutex<PlayerState>,
    /// There is a new timer.
    due: Notify,
}

/// How far the faults of a run have come.
#[derive(Debug)]
struct PlayerState {
    injector: Injector,
    origin_us: u64,
    /// What is to be done by the clock, the earliest first.
    timers: BTreeSet<(Instant, TimerEvent)>,
    /// The state of each fault, by its place in the input.
    faults: Vec<FaultState>,
    /// The request that is about to be made or waits, with the fault that ends once it is seen to wait.
    awaited: Option<(usize, WaitingRequest)>,
    seen_waiting: Vec<SeenWaiting>,
    failures: Vec<String>,
}

/// What a timer does to a fault, by the fault's place. Of two timers at one moment, the one that ends a fault comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TimerEvent {
    End(usize),
    Begin(usize),
}

/// The state of one fault of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FaultState {
    /// It has not begun.
    Due,
    /// The event that ends it came first, so it never begins.
    Missed,
    /// It could not be done.
    Failed,
    /// It was done then, and that is in the injector's book.
    Done { at_us: u64, book: Range<usize> },
}

/// What was played.
#[derive(Debug, Default)]
pub struct Played {
    /// The faults as a history has them.
    pub faults: Vec<Fault>,
    /// Those of the input that were done, in its order.
    pub injected: Vec<InjectedFault>,
    /// Requests that were seen to wait.
    pub seen_waiting: Vec<SeenWaiting>,
    /// What could not be done, in words.
    pub failures: Vec<String>,
    /// What was not come to, in words.
    pub notes: Vec<String>,
}

/// One fault of an input, done. Times are microseconds from the run's origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InjectedFault {
    /// 1 for the first fault of the input.
    pub fault: usize,
    /// What was done, in words.
    pub what: String,
    /// When.
    pub from_us: u64,
    /// When it was undone, if there was anything to undo.
    pub until_us: Option<u64>,
}

/// A request that was seen to wait at its branch, just before its fault was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenWaiting {
    /// 1 for the first fault of the input.
    pub fault: usize,
    /// Position from which the branch answered another read meanwhile.
    pub position: u64,
}

impl<'a> FaultPlayer<'a> {
    /// Nothing has been done yet. Times count from the origin.
    pub fn new(cluster: &'a Cluster, planned: &'a [PlannedFault], origin_us: u64) -> Self {
        let mut stops: HashMap<usize, BTreeSet<usize>> = HashMap::new();
        for trigger in planned.iter().flat_map(PlannedFault::triggers) {
            stops.entry(trigger.visit).or_default().insert(trigger.done);
        }
        FaultPlayer {
            cluster,
            planned,
            stops,
            state: Mutex::new(PlayerState {
                injector: Injector::new(origin_us),
                origin_us,
                timers: BTreeSet::new(),
                faults: vec![FaultState::Due; planned.len()],
                awaited: None,
                seen_waiting: Vec::new(),
                failures: Vec::new(),
            }),
            due: Notify::new(),
        }
    }

    /// Whether there is anything to play.
    pub fn is_idle(&self) -> bool {
        self.planned.is_empty()
    }

    /// Whether something is out of order right now.
    pub async fn is_on(&self) -> bool {
        self.state.lock().await.injector.open().next().is_some()
    }

    /// After how many of a visit's events its customer has to wait for [`FaultPlayer::reached`].
    pub fn stops(&self, visit: usize) -> BTreeSet<usize> {
        self.stops.get(&visit).cloned().unwrap_or_default()
    }

    /// So many of a visit's events are done: answers when all that hangs on the last of them is done too.
    pub async fn reached(&self, visit: usize, done: usize) {
        let here = |trigger: Trigger| (trigger.visit, trigger.done) == (visit, done);
        let mut state = self.state.lock().await;
        for (place, fault) in self.planned.iter().enumerate() {
            if matches!(fault.ends, FaultEnd::After(trigger) if here(trigger)) {
                self.end(place, &mut state).await;
            }
        }
        for (place, fault) in self.planned.iter().enumerate() {
            if matches!(fault.begins, FaultStart::After(trigger) if here(trigger)) {
                self.begin(place, None, &mut state).await;
            }
        }
        for (place, fault) in self.planned.iter().enumerate() {
            if let FaultEnd::Waiting(request) = fault.ends
                && here(request.after)
            {
                self.await_request(place, request, &mut state).await;
            }
        }
    }

    async fn await_request(&self, place: usize, request: WaitingRequest, state: &mut PlayerState) {
        match waiting::no_customer(self.cluster, request).await {
            Ok(()) => {
                state.awaited = Some((place, request));
                self.due.notify_one();
            }
            Err(error) => state.failures.push(self.not_seen(place, &error)),
        }
    }

    fn not_seen(&self, place: usize, error: &WaitingError) -> String {
        let called = called(place, self.planned[place].action);
        format!("{called}: the request that is to end it was not seen to wait: {error}")
    }

    /// Runs the customers, and beside them the clock. What is due at once is done before they begin.
    pub async fn beside<T>(&self, customers: impl Future<Output = T>) -> T {
        self.set_clock().await;
        let (done, all_done) = oneshot::channel::<()>();
        let customers = async {
            let visited = customers.await;
            drop(done);
            visited
        };
        let (visited, ()) = tokio::join!(customers, self.keep_time(all_done));
        visited
    }

    async fn set_clock(&self) {
        let mut state = self.state.lock().await;
        for (place, fault) in self.planned.iter().enumerate() {
            if matches!(fault.begins, FaultStart::At(at) if at.is_zero()) {
                self.begin(place, None, &mut state).await;
            }
        }
        let begun = Instant::now();
        for (place, fault) in self.planned.iter().enumerate() {
            match fault.begins {
                FaultStart::At(at) if !at.is_zero() => state.timers.insert((begun + at, TimerEvent::Begin(place))),
                FaultStart::At(_) | FaultStart::After(_) => false,
            };
        }
    }

    /// What was begun is brought to its end even if the customers are done meanwhile.
    async fn keep_time(&self, mut all_done: oneshot::Receiver<()>) {
        loop {
            let (next, awaited) = {
                let state = self.state.lock().await;
                (state.timers.first().copied(), state.awaited)
            };
            let wait = async {
                match next {
                    Some((at, _)) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            let seen = async {
                match awaited {
                    Some((place, request)) => (place, waiting::seen(self.cluster, request).await),
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = &mut all_done => return,
                () = self.due.notified() => {}
                () = wait => {
                    let mut state = self.state.lock().await;
                    match state.timers.pop_first() {
                        Some((due, TimerEvent::Begin(place))) => self.begin(place, Some(due), &mut state).await,
                        Some((_, TimerEvent::End(place))) => self.end(place, &mut state).await,
                        None => {}
                    }
                }
                (place, seen) = seen => {
                    let mut state = self.state.lock().await;
                    state.awaited = None;
                    match seen {
                        Ok(position) => {
                            state.seen_waiting.push(SeenWaiting { fault: place + 1, position });
                            self.end(place, &mut state).await;
                        }
                        Err(error) => state.failures.push(self.not_seen(place, &error)),
                    }
                }
            }
        }
    }

    /// `due`: when the clock says that it begins. Its end is counted from there, so that what begins at that very moment finds
    /// it undone; where an event says when, from when it has been done.
    async fn begin(&self, place: usize, due: Option<Instant>, state: &mut PlayerState) {
        if state.faults[place] != FaultState::Due {
            return;
        }
        let PlannedFault { action, ends, .. } = self.planned[place];
        let at_us = monotonic_us().saturating_sub(state.origin_us);
        let known = state.injector.faults().len();
        if let Err(error) = state.injector.perform(self.cluster, action).await {
            let called = called(place, action);
            state.failures.push(format!("{called} could not be played: {error}"));
            state.faults[place] = FaultState::Failed;
            return;
        }
        let book = known..state.injector.faults().len();
        state.faults[place] = FaultState::Done { at_us, book };
        if let FaultEnd::In(time) = ends {
            let begun = due.unwrap_or_else(Instant::now);
            state.timers.insert((begun + time, TimerEvent::End(place)));
            self.due.notify_one();
        }
    }

    async fn end(&self, place: usize, state: &mut PlayerState) {
        let book = match &state.faults[place] {
            FaultState::Done { book, .. } => book.clone(),
            FaultState::Due => {
                state.faults[place] = FaultState::Missed;
                return;
            }
            FaultState::Missed | FaultState::Failed => return,
        };
        if let Err(error) = state.injector.undo(self.cluster, book).await {
            let called = called(place, self.planned[place].action);
            state.failures.push(format!("{called} could not be undone: {error}"));
        }
    }

    /// Undoes all that is left: branches go on, and the killed ones are started again, so that all can be asked for their
    /// journals.
    pub async fn finish(self) -> Played {
        let mut state = self.state.into_inner();
        let all = 0..state.injector.faults().len();
        if let Err(error) = state.injector.undo(self.cluster, all).await {
            state
                .failures
                .push(format!("not all faults could be undone at the end: {error}"));
        }
        let mut played = Played {
            faults: state.injector.faults().to_vec(),
            seen_waiting: state.seen_waiting,
            failures: state.failures,
            ..Played::default()
        };
        for (place, (fault, state)) in self.planned.iter().zip(&state.faults).enumerate() {
            let why = match state {
                FaultState::Done { at_us, book } => {
                    let ends = played.faults[book.clone()].iter().map(|fault| fault.until_us);
                    played.injected.push(InjectedFault {
                        fault: place + 1,
                        what: fault.action.to_string(),
                        from_us: *at_us,
                        until_us: ends
                            .collect::<Option<Vec<u64>>>()
                            .and_then(|ends| ends.into_iter().max()),
                    });
                    continue;
                }
                FaultState::Failed => continue,
                FaultState::Missed => "the event that was to end it came first",
                FaultState::Due => match fault.begins {
                    FaultStart::At(_) => "the customers were done before its time",
                    FaultStart::After(_) => "its customer did not come to that event",
                },
            };
            let called = called(place, fault.action);
            played.notes.push(format!("{called} was not played: {why}"));
        }
        played
    }
}

/// `fault no. 2 (kill branch 1)`
fn called(place: usize, action: FaultAction) -> String {
    format!("fault no. {} ({action})", place + 1)
}
