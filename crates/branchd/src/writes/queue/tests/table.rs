//! What every event does in every state. A cell has what the caller is told at once, what the slot does next, and what
//! the caller would be told at the deadline.

use super::*;

/// A state of a slot, with one write.
#[derive(Debug, Clone, Copy)]
enum State {
    /// The slot rests, and nothing waits.
    Idle,
    /// The write waits.
    Waiting,
    /// An attempt is under way at this branch.
    Proposed,
    /// An attempt is under way at another branch.
    Forwarded,
    /// The write waits for a leader, and was never proposed.
    Awaiting,
    /// The write waits for a leader, and may have been proposed.
    InDoubt,
    /// An attempt is under way while the branch stops.
    Stopping,
    /// The write waits for a leader while the branch stops, and may have been proposed.
    StoppingInDoubt,
}

use State::{Awaiting, Forwarded, Idle, InDoubt, Proposed, Stopping, StoppingInDoubt, Waiting};

fn in_state(state: State, origin: Origin, now: Instant) -> Queue<usize> {
    let mut queue = Queue::new(BRANCH);
    if !matches!(state, Idle) {
        submit(&mut queue, 0..1, now + PATIENT, origin).expect("taken");
    }
    let events = match state {
        Idle | Waiting => vec![],
        Proposed => vec![Event::Ready(Lead::Here)],
        Forwarded => vec![Event::Ready(Lead::Elsewhere)],
        Awaiting => vec![Event::Ready(Lead::Unknown)],
        InDoubt => vec![Event::Ready(Lead::Here), Event::LeaderChanged],
        Stopping => vec![Event::Ready(Lead::Here), Event::Stopping],
        StoppingInDoubt => vec![Event::Ready(Lead::Here), Event::Stopping, Event::LeaderChanged],
    };
    for event in events {
        queue.handle(0, event, now);
    }
    queue
}

fn told(answers: &Answers<usize>) -> &'static str {
    match answers.as_slice() {
        [] => "-",
        [(0, Ok(_))] => "Ok",
        [(0, Err(error))] => match error {
            WriteError::Overloaded { .. } => "Overloaded",
            WriteError::Propagating { .. } => "Propagating",
            WriteError::NotLeader { .. } => "NotLeader",
            WriteError::DiskFull { .. } => "DiskFull",
            WriteError::NotApplied => "NotApplied",
            WriteError::NoLeader { .. } => "NoLeader",
            WriteError::NoMajority(LOST) => "NoMajority",
            WriteError::NoMajority(_) => panic!("{error}"),
            WriteError::Stopping { .. } => "Stopping",
            WriteError::Unknown => "Unknown",
            WriteError::InDoubt { lost: None, .. } => "InDoubt",
            WriteError::InDoubt { lost: Some(_), .. } => "InDoubt, lost",
        },
        others => panic!("{others:?}"),
    }
}

fn does(next: &Next) -> &'static str {
    match next {
        Next::Rest => "rest",
        Next::Take => "take",
        Next::Attempt {
            route: Route::Propose, ..
        } => "propose",
        Next::Attempt {
            route: Route::Forward, ..
        } => "forward",
        Next::Continue { .. } => "continue",
        Next::AwaitLeader { .. } => "await",
        Next::End => "end",
    }
}

/// Events, by name, and how long after the attempt began each comes.
fn event(name: &str) -> (Event, Duration) {
    let event = match name {
        "ready, leads here" => Event::Ready(Lead::Here),
        "ready, leads elsewhere" => Event::Ready(Lead::Elsewhere),
        "ready, disk full" => Event::Ready(Lead::DiskFull),
        "ready, unknown" => Event::Ready(Lead::Unknown),
        "ready, absent" => Event::Ready(Lead::Absent),
        "ready, no majority" => Event::Ready(Lead::NoMajority(LOST)),
        "applied" => Event::Ended(Ok(outcomes(1))),
        "applied, too many" => Event::Ended(Ok(outcomes(2))),
        "not leader" => Event::Ended(Err(ProposeError::NotLeader)),
        "disk full" => Event::Ended(Err(ProposeError::DiskFull { branch: 1 })),
        "overloaded" => Event::Ended(Err(ProposeError::Overloaded { branch: 1 })),
        "unknown" => Event::Ended(Err(ProposeError::Unknown(String::new()))),
        "leader changed" => Event::LeaderChanged,
        "timed out" => return (Event::TimedOut, ATTEMPT_TIMEOUT),
        "ready, too late" => return (Event::Ready(Lead::Here), STOPPING_TIMEOUT),
        "timed out, early" => Event::TimedOut,
        "stopping" => Event::Stopping,
        _ => panic!("{name}"),
    };
    (event, Duration::ZERO)
}

fn cell(state: State, origin: Origin, name: &str) -> String {
    let now = Instant::now();
    let mut queue = in_state(state, origin, now);
    let (event, after) = event(name);
    let step = queue.handle(0, event, now + after);
    let late = queue.expire(0..1);
    format!("{} {} {}", told(&step.answers), does(&step.next), told(&late))
}

fn check<const N: usize>(origin: Origin, states: [State; N], rows: &[(&str, [&str; N])]) {
    for (name, expected) in rows {
        for (state, expected) in states.into_iter().zip(expected) {
            assert_eq!(cell(state, origin, name), *expected, "{origin:?} {state:?}: {name}");
        }
    }
}

#[test]
#[rustfmt::skip]
fn a_customers_write_in_every_state() {
    check(Origin::Customer, [Idle, Waiting, Proposed, Forwarded], &[
        ("ready, leads here",      ["- rest -", "- propose Unknown",  "- continue Unknown", "- continue Unknown"]),
        ("ready, leads elsewhere", ["- rest -", "- forward Unknown",  "- continue Unknown", "- continue Unknown"]),
        ("ready, disk full",       ["- rest -", "DiskFull rest -",    "- continue Unknown", "- continue Unknown"]),
        ("ready, unknown",         ["- rest -", "- await NotApplied", "- continue Unknown", "- continue Unknown"]),
        ("ready, absent",          ["- rest -", "NoLeader rest -",    "- continue Unknown", "- continue Unknown"]),
        ("ready, no majority",     ["- rest -", "NoMajority rest -",  "- continue Unknown", "- continue Unknown"]),
        ("applied",                ["- rest -", "- take NotApplied",  "Ok rest -",          "Ok rest -"]),
        ("applied, too many",      ["- rest -", "- take NotApplied",  "- await Unknown",    "- await Unknown"]),
        ("not leader",             ["- rest -", "- take NotApplied",  "- await NotApplied", "- await NotApplied"]),
        ("disk full",              ["- rest -", "- take NotApplied",  "DiskFull rest -",    "DiskFull rest -"]),
        ("overloaded",             ["- rest -", "- take NotApplied",  "Overloaded rest -",  "Overloaded rest -"]),
        ("unknown",                ["- rest -", "- take NotApplied",  "- await Unknown",    "- await Unknown"]),
        ("leader changed",         ["- rest -", "- take NotApplied",  "- await Unknown",    "- await Unknown"]),
        ("timed out",              ["- rest -", "- take NotApplied",  "- continue Unknown", "- await Unknown"]),
        ("timed out, early",       ["- rest -", "- take NotApplied",  "- continue Unknown", "- continue Unknown"]),
        ("stopping",               ["- end -",  "Stopping end -",     "- continue Unknown", "- continue Unknown"]),
    ]);
    check(Origin::Customer, [Awaiting, InDoubt, Stopping, StoppingInDoubt], &[
        ("ready, leads here",      ["- propose Unknown",  "- propose Unknown",   "- continue Unknown", "- propose Unknown"]),
        ("ready, leads elsewhere", ["- forward Unknown",  "- forward Unknown",   "- continue Unknown", "- forward Unknown"]),
        ("ready, disk full",       ["DiskFull rest -",    "InDoubt rest -",      "- continue Unknown", "InDoubt end -"]),
        ("ready, unknown",         ["- await NotApplied", "- await Unknown",     "- continue Unknown", "- await Unknown"]),
        ("ready, absent",          ["NoLeader rest -",    "InDoubt rest -",      "- continue Unknown", "InDoubt end -"]),
        ("ready, no majority",     ["NoMajority rest -",  "InDoubt, lost rest -", "- continue Unknown", "InDoubt, lost end -"]),
        ("ready, too late",        ["- propose Unknown",  "- propose Unknown",   "- continue Unknown", "InDoubt end -"]),
        ("applied",                ["- await NotApplied", "- await Unknown",     "Ok end -",           "- await Unknown"]),
        ("applied, too many",      ["- await NotApplied", "- await Unknown",     "- await Unknown",    "- await Unknown"]),
        ("not leader",             ["- await NotApplied", "- await Unknown",     "Stopping end -",     "- await Unknown"]),
        ("disk full",              ["- await NotApplied", "- await Unknown",     "DiskFull end -",     "- await Unknown"]),
        ("overloaded",             ["- await NotApplied", "- await Unknown",     "Overloaded end -",   "- await Unknown"]),
        ("unknown",                ["- await NotApplied", "- await Unknown",     "- await Unknown",    "- await Unknown"]),
        ("leader changed",         ["- await NotApplied", "- await Unknown",     "- await Unknown",    "- await Unknown"]),
        ("timed out",              ["- await NotApplied", "- await Unknown",     "InDoubt end -",      "- await Unknown"]),
        ("timed out, early",       ["- await NotApplied", "- await Unknown",     "- continue Unknown", "- await Unknown"]),
        ("stopping",               ["Stopping end -",     "- await Unknown",     "- continue Unknown", "- await Unknown"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_forwarded_write_goes_back_after_one_attempt() {
    check(Origin::Branch, [Waiting, Proposed, Forwarded, Stopping], &[
        ("ready, leads here",      ["- propose Unknown", "- continue Unknown", "- continue Unknown", "- continue Unknown"]),
        ("ready, leads elsewhere", ["- forward Unknown", "- continue Unknown", "- continue Unknown", "- continue Unknown"]),
        ("ready, disk full",       ["DiskFull rest -",   "- continue Unknown", "- continue Unknown", "- continue Unknown"]),
        ("ready, unknown",         ["NotLeader rest -",  "- continue Unknown", "- continue Unknown", "- continue Unknown"]),
        ("ready, absent",          ["NoLeader rest -",   "- continue Unknown", "- continue Unknown", "- continue Unknown"]),
        ("ready, no majority",     ["NoMajority rest -", "- continue Unknown", "- continue Unknown", "- continue Unknown"]),
        ("applied",                ["- take NotApplied", "Ok rest -",          "Ok rest -",          "Ok end -"]),
        ("applied, too many",      ["- take NotApplied", "Unknown rest -",     "Unknown rest -",     "Unknown end -"]),
        ("not leader",             ["- take NotApplied", "NotLeader rest -",   "NotLeader rest -",   "NotLeader end -"]),
        ("disk full",              ["- take NotApplied", "DiskFull rest -",    "DiskFull rest -",    "DiskFull end -"]),
        ("overloaded",             ["- take NotApplied", "Overloaded rest -",  "Overloaded rest -",  "Overloaded end -"]),
        ("unknown",                ["- take NotApplied", "Unknown rest -",     "Unknown rest -",     "Unknown end -"]),
        ("leader changed",         ["- take NotApplied", "Unknown rest -",     "Unknown rest -",     "Unknown end -"]),
        ("timed out",              ["- take NotApplied", "- continue Unknown", "Unknown rest -",     "Unknown end -"]),
        ("timed out, early",       ["- take NotApplied", "- continue Unknown", "- continue Unknown", "- continue Unknown"]),
        ("stopping",               ["Stopping end -",    "- continue Unknown", "- continue Unknown", "- continue Unknown"]),
    ]);
}
