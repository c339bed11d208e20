//! Plays the faults of an input while its customers run. A fault with an event as its trigger begins or ends before the
//! customer's next event. A fault with a time begins or ends by the clock. At the end all faults are undone.

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
    /// For each visit with triggers: the numbers of events after which its customer stops.
    stops: HashMap<usize, BTreeSet<usize>>,
    state: Mutex<PlayerState>,
    /// Notified when there is a new timer or a new awaited request.
    changed: Notify,
}

/// The progress of the faults of a run.
#[derive(Debug)]
struct PlayerState {
    injector: Injector,
    origin_us: u64,
    /// The timers, ordered by time.
    timers: BTreeSet<(Instant, TimerEvent)>,
    /// The state of each fault, in the order of the input.
    faults: Vec<FaultState>,
    /// A request that is about to be made, and the index of the fault that ends once the request is seen to wait.
    awaited: Option<(usize, WaitingRequest)>,
    seen_waiting: Vec<SeenWaiting>,
    failures: Vec<String>,
}

/// What a timer does: it ends or begins the fault with this index. If two timers have the same time, the end of a fault
/// comes before the beginning of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TimerEvent {
    End(usize),
    Begin(usize),
}

/// The state of one fault of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FaultState {
    /// The fault has not begun.
    Due,
    /// The event that ends the fault came first, so the fault never begins.
    Missed,
    /// The action failed.
    Failed,
    /// The action was performed at this time. The injector has recorded these faults.
    Done { at_us: u64, recorded: Range<usize> },
}

/// The result of playing the faults of an input.
#[derive(Debug, Default)]
pub struct Played {
    /// The faults in the form of a history.
    pub faults: Vec<Fault>,
    /// The faults of the input that were injected, in the order of the input.
    pub injected: Vec<InjectedFault>,
    /// Requests that were seen to wait.
    pub seen_waiting: Vec<SeenWaiting>,
    /// Messages about faults that could not be played or undone.
    pub failures: Vec<String>,
    /// Messages about faults that did not begin.
    pub notes: Vec<String>,
}

/// A fault of an input that was injected. Times are microseconds from the origin of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InjectedFault {
    /// 1 for the first fault of the input.
    pub fault: usize,
    /// The action in words.
    pub what: String,
    /// Time of the action.
    pub from_us: u64,
    /// Time at which the fault was undone. `None` if there was nothing to undo.
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
    /// A player for the planned faults. No fault has begun yet. Times count from `origin_us`.
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
            changed: Notify::new(),
        }
    }

    /// True if there are no faults to play.
    pub fn is_idle(&self) -> bool {
        self.planned.is_empty()
    }

    /// True if a fault is open.
    pub async fn is_on(&self) -> bool {
        self.state.lock().await.injector.open().next().is_some()
    }

    /// The numbers of events of a visit after which its customer waits for [`FaultPlayer::reached`].
    pub fn stops(&self, visit: usize) -> BTreeSet<usize> {
        self.stops.get(&visit).cloned().unwrap_or_default()
    }

    /// Plays the faults that begin or end after `done` events of a visit.
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

    /// Watches for a request that is about to be made.
    async fn await_request(&self, place: usize, request: WaitingRequest, state: &mut PlayerState) {
        match waiting::no_customer(self.cluster, request).await {
            Ok(()) => {
                state.awaited = Some((place, request));
                self.changed.notify_one();
            }
            Err(error) => state.failures.push(self.not_seen(place, &error)),
        }
    }

    /// The failure of a request that was not seen to wait.
    fn not_seen(&self, place: usize, error: &WaitingError) -> String {
        let called = called(place, self.planned[place].action);
        format!("{called}: the request that is to end it was not seen to wait: {error}")
    }

    /// Runs the customers, and plays the timed faults meanwhile. Faults at time zero begin before the customers do.
    pub async fn beside<T>(&self, customers: impl Future<Output = T>) -> T {
        self.start_timers().await;
        let (done, all_done) = oneshot::channel::<()>();
        let customers = async {
            let visited = customers.await;
            drop(done);
            visited
        };
        let (visited, ()) = tokio::join!(customers, self.play_timers(all_done));
        visited
    }

    /// Begins the faults at time zero, and sets a timer for each later one.
    async fn start_timers(&self) {
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

    /// Plays timers and awaited requests until the customers are done. An action that has begun is completed.
    async fn play_timers(&self, mut all_done: oneshot::Receiver<()>) {
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
                () = self.changed.notified() => {}
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

    /// Begins a fault. `due` is the planned time of a timed fault: the end counts from there, so that the fault has
    /// ended when another begins at that very time. The end of any other fault counts from when its action was
    /// performed.
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
        let recorded = known..state.injector.faults().len();
        state.faults[place] = FaultState::Done { at_us, recorded };
        if let FaultEnd::In(time) = ends {
            let begun = due.unwrap_or_else(Instant::now);
            state.timers.insert((begun + time, TimerEvent::End(place)));
            self.changed.notify_one();
        }
    }

    /// Ends a fault. A fault that has not begun never begins.
    async fn end(&self, place: usize, state: &mut PlayerState) {
        let recorded = match &state.faults[place] {
            FaultState::Done { recorded, .. } => recorded.clone(),
            FaultState::Due => {
                state.faults[place] = FaultState::Missed;
                return;
            }
            FaultState::Missed | FaultState::Failed => return,
        };
        if let Err(error) = state.injector.undo(self.cluster, recorded).await {
            let called = called(place, self.planned[place].action);
            state.failures.push(format!("{called} could not be undone: {error}"));
        }
    }

    /// Undoes all open faults, so that all branches run and can be asked for their command logs.
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
                FaultState::Done { at_us, recorded } => {
                    let ends = played.faults[recorded.clone()].iter().map(|fault| fault.until_us);
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

/// Names a fault in a message: `fault no. 2 (kill branch 1)`.
fn called(place: usize, action: FaultAction) -> String {
    format!("fault no. {} ({action})", place + 1)
}
