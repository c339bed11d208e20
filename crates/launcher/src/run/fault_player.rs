//! Plays the faults of an input while its customers go about their events: those that hang on an event between that event
//! and its customer's next, the others by the clock, beside them. Afterwards nothing is left undone.

use crate::input::planned_fault::{Anchor, Begins, Ends, Planned};
use bank_check::history::Fault;
use bank_cluster::Cluster;
use bank_cluster::clock::monotonic_us;
use bank_cluster::faults::{Deed, Injector};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use tokio::sync::{Mutex, Notify, oneshot};
use tokio::time::{Instant, sleep_until};

/// Plays faults on a cluster.
#[derive(Debug)]
pub struct Player<'a> {
    cluster: &'a Cluster,
    planned: &'a [Planned],
    /// Of each visit on which something hangs: after how many of its events.
    stops: HashMap<usize, BTreeSet<usize>>,
    stage: Mutex<Stage>,
    /// The timetable has a new line.
    due: Notify,
}

/// How far the play is.
#[derive(Debug)]
struct Stage {
    injector: Injector,
    origin_us: u64,
    /// What is done by the clock.
    timetable: BTreeSet<(Instant, Turn)>,
    /// Of each fault.
    courses: Vec<Course>,
    failures: Vec<String>,
}

/// What is done at some moment to a fault, by its place. At one moment, what ends comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    End(usize),
    Begin(usize),
}

/// What has become of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Course {
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
    pub befell: Vec<Befell>,
    /// What could not be done, in words.
    pub failures: Vec<String>,
    /// What was not come to, in words.
    pub notes: Vec<String>,
}

/// One fault of an input, done. Times are microseconds from the run's origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Befell {
    /// 1 for the first fault of the input.
    pub fault: usize,
    /// What was done, in words.
    pub what: String,
    /// When.
    pub from_us: u64,
    /// When it was undone, if there was anything to undo.
    pub until_us: Option<u64>,
}

impl<'a> Player<'a> {
    /// Nothing has been done yet. Times count from the origin.
    pub fn new(cluster: &'a Cluster, planned: &'a [Planned], origin_us: u64) -> Self {
        let mut stops: HashMap<usize, BTreeSet<usize>> = HashMap::new();
        for anchor in planned.iter().flat_map(Planned::anchors) {
            stops.entry(anchor.visit).or_default().insert(anchor.done);
        }
        Player {
            cluster,
            planned,
            stops,
            stage: Mutex::new(Stage {
                injector: Injector::new(origin_us),
                origin_us,
                timetable: BTreeSet::new(),
                courses: vec![Course::Due; planned.len()],
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
        self.stage.lock().await.injector.open().next().is_some()
    }

    /// After how many of a visit's events its customer has to wait for [`Player::reached`].
    pub fn stops(&self, visit: usize) -> BTreeSet<usize> {
        self.stops.get(&visit).cloned().unwrap_or_default()
    }

    /// So many of a visit's events are done: answers when all that hangs on the last of them is done too.
    pub async fn reached(&self, visit: usize, done: usize) {
        let here = |anchor: Anchor| (anchor.visit, anchor.done) == (visit, done);
        let mut stage = self.stage.lock().await;
        for (place, fault) in self.planned.iter().enumerate() {
            if matches!(fault.ends, Ends::After(anchor) if here(anchor)) {
                self.end(place, &mut stage).await;
            }
        }
        for (place, fault) in self.planned.iter().enumerate() {
            if matches!(fault.begins, Begins::After(anchor) if here(anchor)) {
                self.begin(place, None, &mut stage).await;
            }
        }
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
        let mut stage = self.stage.lock().await;
        for (place, fault) in self.planned.iter().enumerate() {
            if matches!(fault.begins, Begins::At(at) if at.is_zero()) {
                self.begin(place, None, &mut stage).await;
            }
        }
        let begun = Instant::now();
        for (place, fault) in self.planned.iter().enumerate() {
            match fault.begins {
                Begins::At(at) if !at.is_zero() => stage.timetable.insert((begun + at, Turn::Begin(place))),
                Begins::At(_) | Begins::After(_) => false,
            };
        }
    }

    /// What was begun is brought to its end even if the customers are done meanwhile.
    async fn keep_time(&self, mut all_done: oneshot::Receiver<()>) {
        loop {
            let next = self.stage.lock().await.timetable.first().copied();
            let wait = async {
                match next {
                    Some((at, _)) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = &mut all_done => return,
                () = self.due.notified() => {}
                () = wait => {
                    let mut stage = self.stage.lock().await;
                    match stage.timetable.pop_first() {
                        Some((due, Turn::Begin(place))) => self.begin(place, Some(due), &mut stage).await,
                        Some((_, Turn::End(place))) => self.end(place, &mut stage).await,
                        None => {}
                    }
                }
            }
        }
    }

    /// `due`: when the clock says that it begins. Its end is counted from there, so that what begins at that very moment finds
    /// it undone; where an event says when, from when it has been done.
    async fn begin(&self, place: usize, due: Option<Instant>, stage: &mut Stage) {
        if stage.courses[place] != Course::Due {
            return;
        }
        let Planned { deed, ends, .. } = self.planned[place];
        let at_us = monotonic_us().saturating_sub(stage.origin_us);
        let known = stage.injector.faults().len();
        if let Err(error) = stage.injector.perform(self.cluster, deed).await {
            let called = called(place, deed);
            stage.failures.push(format!("{called} could not be played: {error}"));
            stage.courses[place] = Course::Failed;
            return;
        }
        let book = known..stage.injector.faults().len();
        stage.courses[place] = Course::Done { at_us, book };
        if let Ends::In(time) = ends {
            let begun = due.unwrap_or_else(Instant::now);
            stage.timetable.insert((begun + time, Turn::End(place)));
            self.due.notify_one();
        }
    }

    async fn end(&self, place: usize, stage: &mut Stage) {
        let book = match &stage.courses[place] {
            Course::Done { book, .. } => book.clone(),
            Course::Due => {
                stage.courses[place] = Course::Missed;
                return;
            }
            Course::Missed | Course::Failed => return,
        };
        if let Err(error) = stage.injector.undo(self.cluster, book).await {
            let called = called(place, self.planned[place].deed);
            stage.failures.push(format!("{called} could not be undone: {error}"));
        }
    }

    /// Undoes all that is left: branches go on, and the killed ones are started again, so that all can be asked for their
    /// journals.
    pub async fn finish(self) -> Played {
        let mut stage = self.stage.into_inner();
        let all = 0..stage.injector.faults().len();
        if let Err(error) = stage.injector.undo(self.cluster, all).await {
            stage
                .failures
                .push(format!("not all faults could be undone at the end: {error}"));
        }
        let mut played = Played {
            faults: stage.injector.faults().to_vec(),
            failures: stage.failures,
            ..Played::default()
        };
        for (place, (fault, course)) in self.planned.iter().zip(&stage.courses).enumerate() {
            let why = match course {
                Course::Done { at_us, book } => {
                    let ends = played.faults[book.clone()].iter().map(|fault| fault.until_us);
                    played.befell.push(Befell {
                        fault: place + 1,
                        what: fault.deed.to_string(),
                        from_us: *at_us,
                        until_us: ends
                            .collect::<Option<Vec<u64>>>()
                            .and_then(|ends| ends.into_iter().max()),
                    });
                    continue;
                }
                Course::Failed => continue,
                Course::Missed => "the event that was to end it came first",
                Course::Due => match fault.begins {
                    Begins::At(_) => "the customers were done before its time",
                    Begins::After(_) => "its customer did not come to that event",
                },
            };
            let called = called(place, fault.deed);
            played.notes.push(format!("{called} was not played: {why}"));
        }
        played
    }
}

impl Planned {
    fn anchors(&self) -> impl Iterator<Item = Anchor> {
        let begins = match self.begins {
            Begins::After(anchor) => Some(anchor),
            Begins::At(_) => None,
        };
        let ends = match self.ends {
            Ends::After(anchor) => Some(anchor),
            Ends::Open | Ends::In(_) => None,
        };
        begins.into_iter().chain(ends)
    }
}

/// `fault no. 2 (kill branch 1)`
fn called(place: usize, deed: Deed) -> String {
    format!("fault no. {} ({deed})", place + 1)
}
