//! When each operation of a repeat begins.
//!
//! In a closed loop a client begins an operation as soon as its last one has ended. In an open loop operations begin at
//! a fixed rate, whatever happens to earlier ones: an operation that finds no free client waits, and its latency counts
//! from the time at which it was to begin.

use super::settings::{CLIENTS_MAX, Limit, Settings};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Longest sleep of the thread that gives turns, so that it sees a stop.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// Permission to begin one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// When the operation is to begin, or was to begin.
    pub(super) intended: Instant,
    /// The operation is not part of the warm-up.
    pub(super) counts: bool,
}

/// Gives the clients of one repeat their turns.
#[derive(Debug)]
pub(super) struct Turns {
    /// Start of the warm-up.
    began: Instant,
    /// Start of what counts.
    pub(super) from: Instant,
    kind: Kind,
    /// Number of turns that were taken: in a closed loop, of those that count.
    taken: AtomicU64,
    stopped: AtomicBool,
}

#[derive(Debug)]
enum Kind {
    Closed {
        until: Option<Instant>,
        /// Number of operations that count.
        operations: u64,
    },
    Open {
        rate: f64,
        /// Number of turns before those that count.
        warm_up: u64,
        /// Number of all turns.
        total: u64,
        /// One permit for each turn that has come and was not taken.
        due: Semaphore,
        /// No operation begins after this. Those that were to begin were held up for longer than a deadline.
        last_call: Instant,
    },
}

impl Turns {
    /// Turns of a repeat that begins now.
    pub(super) fn of(settings: &Settings, now: Instant) -> Self {
        let from = now + settings.warm_up();
        let until = match settings.limit {
            Limit::DurationMs(ms) => Some(from + Duration::from_millis(ms)),
            Limit::Operations(_) => None,
        };
        let kind = match (settings.open_turns(), settings.rate, settings.limit) {
            (Some((warm_up, total)), Some(rate), _) => Kind::Open {
                rate: f64::from(rate),
                warm_up,
                total,
                due: Semaphore::new(0),
                last_call: after(now, total, f64::from(rate)) + settings.timeout(),
            },
            (_, _, Limit::Operations(operations)) => Kind::Closed { until, operations },
            _ => Kind::Closed {
                until,
                operations: u64::MAX,
            },
        };
        Turns {
            began: now,
            from,
            kind,
            taken: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// Waits for the next turn. `None` if there are no more.
    pub(super) async fn next(&self) -> Option<Turn> {
        match &self.kind {
            Kind::Closed { until, operations } => {
                let now = Instant::now();
                let counts = now >= self.from;
                let over = until.is_some_and(|until| now >= until)
                    || counts && self.taken.fetch_add(1, Ordering::Relaxed) >= *operations;
                (!over).then_some(Turn { intended: now, counts })
            }
            Kind::Open {
                rate,
                warm_up,
                total,
                due,
                last_call,
            } => {
                due.acquire().await.ok()?.forget();
                let number = self.taken.fetch_add(1, Ordering::Relaxed);
                let over = number >= *total || Instant::now() > *last_call;
                (!over).then(|| Turn {
                    intended: after(self.began, number, *rate),
                    counts: number >= *warm_up,
                })
            }
        }
    }

    /// Blocks this thread until all turns of an open loop have come. Does nothing for a closed loop. The thread sleeps
    /// more exactly than a timer of the event loop, whose step is a millisecond.
    pub(super) fn pace(&self) {
        let Kind::Open { rate, total, due, .. } = &self.kind else {
            return;
        };
        let mut given = 0;
        while given < *total && !self.stopped.load(Ordering::Relaxed) {
            let passed = self.began.elapsed();
            // Turn 0 comes at once. The number fits, because it is bounded by the total.
            let come = ((passed.as_secs_f64() * rate) as u64 + 1).min(*total);
            due.add_permits(usize::try_from(come.saturating_sub(given)).unwrap_or(0));
            given = given.max(come);
            let next = after(self.began, given, *rate);
            thread::sleep(next.saturating_duration_since(Instant::now()).min(SLEEP_MAX));
        }
        // Each client that waits finds out that there are no more.
        due.add_permits(CLIENTS_MAX as usize);
    }

    /// Ends the pacing early.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// When a turn comes.
fn after(began: Instant, number: u64, rate: f64) -> Instant {
    began + Duration::from_secs_f64(number as f64 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::accounts::Accounts;
    use crate::bench::settings::Op;

    fn settings(rate: Option<u32>, warm_up_ms: u64, limit: Limit) -> Settings {
        Settings {
            branches: 3,
            clients: 2,
            op: Op::Query,
            level: None,
            accounts: Accounts::One,
            window: None,
            propagation: None,
            rate,
            warm_up_ms,
            limit,
            load_threads: 1,
            timeout_ms: 10_000,
            own_bank: true,
            tls: false,
        }
    }

    async fn all(turns: &Turns) -> Vec<Turn> {
        let mut all = Vec::new();
        while let Some(turn) = turns.next().await {
            all.push(turn);
        }
        all
    }

    #[tokio::test]
    async fn a_closed_loop_ends_after_its_operations_or_its_time() {
        let now = Instant::now();
        let turns = Turns::of(&settings(None, 0, Limit::Operations(5)), now);
        turns.pace();
        let taken = all(&turns).await;
        assert_eq!(taken.len(), 5);
        assert!(taken.iter().all(|turn| turn.counts && turn.intended >= now));
        let long_ago = now - Duration::from_secs(9);
        let over = Turns::of(&settings(None, 0, Limit::DurationMs(9_000)), long_ago);
        assert_eq!(over.next().await, None);
    }

    #[tokio::test]
    async fn nothing_counts_during_the_warm_up() {
        let turns = Turns::of(&settings(None, 3_600_000, Limit::Operations(1)), Instant::now());
        for _ in 0..3 {
            assert!(turns.next().await.is_some_and(|turn| !turn.counts));
        }
    }

    #[tokio::test]
    async fn turns_of_an_open_loop_come_at_their_times_however_late_they_are_taken() {
        // Everything was due long ago, as after a stall.
        let began = Instant::now() - Duration::from_secs(5);
        let turns = Turns::of(&settings(Some(100), 1_000, Limit::DurationMs(2_000)), began);
        turns.pace();
        let taken = all(&turns).await;
        assert_eq!(taken.len(), 300);
        for (number, turn) in (0..).zip(&taken) {
            assert_eq!(turn.counts, number >= 100, "turn {number}");
            let after_ms = turn.intended.duration_since(began).as_secs_f64() * 1e3;
            assert!(
                (after_ms - 10.0 * f64::from(number)).abs() < 0.001,
                "turn {number}: {after_ms}"
            );
        }
    }

    #[tokio::test]
    async fn turns_that_are_past_every_deadline_are_not_taken() {
        let long_ago = Instant::now() - Duration::from_secs(60);
        let turns = Turns::of(&settings(Some(100), 0, Limit::DurationMs(2_000)), long_ago);
        turns.pace();
        assert_eq!(turns.next().await, None);
    }

    #[tokio::test]
    async fn a_stopped_pace_gives_no_more_turns() {
        let turns = Turns::of(&settings(Some(1), 0, Limit::Operations(1_000_000)), Instant::now());
        turns.stop();
        turns.pace();
    }
}
