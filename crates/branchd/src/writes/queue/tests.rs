//! The write queue: one table of every state and event, random histories, and bounds.

mod model;
mod table;

use super::*;
use crate::replication::majority::NoMajority;
use bank_ledger::{AccountName, Action, Amount, Outcome, RequestId};

const BRANCH: u32 = 7;
const LOST: NoMajority = NoMajority {
    branch: BRANCH,
    reached: 1,
    voters: 3,
};
/// For writes that outlive some attempts.
const PATIENT: Duration = Duration::from_secs(60);

/// A deposit that bears the number of its write.
fn command(number: usize) -> Command {
    Command {
        request_id: RequestId((number as u128).to_be_bytes()),
        time_us: 0,
        action: Action::Deposit {
            account: AccountName::main(),
            amount: Amount::new(1).expect("an amount"),
        },
    }
}

fn number(command: &Command) -> usize {
    usize::try_from(u128::from_be_bytes(command.request_id.0)).expect("a number")
}

fn outcomes(len: usize) -> Vec<Applied> {
    let applied = Applied {
        position: 1,
        outcome: Outcome::Accepted { balance: 1 },
        repeated: false,
    };
    vec![applied; len]
}

/// Submits writes whose callers are their numbers.
fn submit(
    queue: &mut Queue<usize>,
    numbers: Range<usize>,
    deadline: Instant,
    origin: Origin,
) -> Result<Submitted, WriteError> {
    queue.submit(numbers.map(|number| (command(number), number)), deadline, origin)
}

#[test]
fn a_leader_on_a_slow_quorum_goes_on_waiting_for_the_batch_that_it_proposed() {
    let began = Instant::now();
    let mut queue = Queue::new(BRANCH);
    submit(&mut queue, 0..3, began + PATIENT, Origin::Customer).expect("taken");
    let step = queue.handle(0, Event::Ready(Lead::Here), began);
    assert!(matches!(step.next, Next::Attempt { .. }), "{step:?}");
    let mut until = began + ATTEMPT_TIMEOUT;
    while until < began + PATIENT {
        let step = queue.handle(0, Event::TimedOut, until);
        until += ATTEMPT_TIMEOUT;
        assert_eq!((step.answers, step.next), (vec![], Next::Continue { until }));
    }
    let applied = queue.handle(0, Event::Ended(Ok(outcomes(3))), until);
    assert!(applied.answers.iter().all(|(_, answer)| answer.is_ok()));
    assert_eq!((applied.answers.len(), applied.next), (3, Next::Rest));
}

#[test]
fn writes_that_are_submitted_together_go_into_one_batch() {
    let now = Instant::now();
    let mut queue = Queue::new(BRANCH);
    // (writes that are submitted together, batches that the next slots take)
    let most = BATCH_LEN_MAX;
    for (groups, batches) in [
        (vec![1, 2, 3], vec![6]),
        (vec![500, 600, 300], vec![500, 900]),
        (vec![1, most, 1], vec![1, most, 1]),
        (vec![most, most], vec![most, most]),
        // More writes than a batch holds come from no service.
        (vec![most + 1, 1], vec![most, 2]),
    ] {
        for len in &groups {
            submit(&mut queue, 0..*len, now + PATIENT, Origin::Customer).expect("taken");
        }
        let taken: Vec<usize> = (0..batches.len())
            .map(|_| match queue.handle(0, Event::Ready(Lead::Here), now).next {
                Next::Attempt { commands, .. } => {
                    queue.handle(0, Event::Ended(Ok(outcomes(commands.len()))), now);
                    commands.len()
                }
                next => panic!("{next:?}"),
            })
            .collect();
        assert_eq!(taken, batches, "{groups:?}");
        assert_eq!(queue.handle(0, Event::Ready(Lead::Here), now).next, Next::Rest);
    }
}

#[test]
fn a_proposed_batch_is_let_go_once_nobody_waits_for_it() {
    let now = Instant::now();
    let mut queue = Queue::new(BRANCH);
    let Submitted { tickets, .. } = submit(&mut queue, 0..3, now + PATIENT, Origin::Customer).expect("taken");
    queue.handle(0, Event::Ready(Lead::Here), now);
    queue.forget(0..2);
    let later = now + ATTEMPT_TIMEOUT;
    let next = queue.handle(0, Event::TimedOut, later).next;
    assert!(matches!(next, Next::Continue { .. }), "one still waits: {next:?}");
    assert_eq!(queue.expire(tickets), [(2, Err(WriteError::Unknown))]);
    let next = queue.handle(0, Event::TimedOut, later + ATTEMPT_TIMEOUT).next;
    assert_eq!(next, Next::Rest);
}

#[test]
fn a_batch_that_goes_out_again_leaves_out_what_nobody_waits_for() {
    let now = Instant::now();
    let mut queue = Queue::new(BRANCH);
    submit(&mut queue, 0..4, now + PATIENT, Origin::Customer).expect("taken");
    queue.forget(1..2);
    let sent = |step: Step<usize>| match step.next {
        Next::Attempt { commands, .. } => commands.iter().map(number).collect::<Vec<_>>(),
        next => panic!("no attempt: {next:?}"),
    };
    assert_eq!(sent(queue.handle(0, Event::Ready(Lead::Here), now)), [0, 2, 3]);
    queue.handle(0, Event::LeaderChanged, now);
    queue.expire(2..3);
    assert_eq!(sent(queue.handle(0, Event::Ready(Lead::Elsewhere), now)), [0, 3]);
    let answers = queue.handle(0, Event::Ended(Ok(outcomes(2))), now).answers;
    assert_eq!(answers.iter().map(|(caller, _)| *caller).collect::<Vec<_>>(), [0, 3]);
}

#[test]
fn a_full_queue_refuses_all_of_what_does_not_fit() {
    let now = Instant::now();
    let mut queue = Queue::new(BRANCH);
    let mut submit = |numbers, origin| submit(&mut queue, numbers, now + PATIENT, origin);
    let overloaded = || {
        let (branch, max) = (BRANCH, QUEUE_LEN_MAX);
        Err(WriteError::Overloaded { branch, max })
    };
    submit(0..QUEUE_LEN_MAX - 1, Origin::Customer).expect("there is room");
    assert_eq!(submit(0..2, Origin::Branch), overloaded());
    submit(0..1, Origin::Branch).expect("there is room for one");
    assert_eq!(submit(0..1, Origin::Customer), overloaded());
    for slot in 0..SLOTS {
        let step = queue.handle(slot, Event::Ready(Lead::Here), now);
        let Next::Attempt { commands, .. } = step.next else {
            panic!("{:?}", step.next);
        };
        assert_eq!(commands.len(), BATCH_LEN_MAX);
        assert_eq!(step.call, slot + 1 < SLOTS, "another slot is called while one rests");
    }
}

#[test]
fn waits_for_a_leader_grow_up_to_a_bound() {
    let now = Instant::now();
    let mut queue = Queue::new(BRANCH);
    submit(&mut queue, 0..1, now + PATIENT, Origin::Customer).expect("taken");
    let waits = [(); 7].map(|()| match queue.handle(0, Event::Ready(Lead::Unknown), now).next {
        Next::AwaitLeader { until } => until.duration_since(now).as_millis(),
        next => panic!("{next:?}"),
    });
    assert_eq!(waits, [2, 4, 8, 16, 32, 50, 50]);
}

#[test]
fn a_batch_in_doubt_is_asked_for_again_while_the_branch_stops() {
    let now = Instant::now();
    let until = now + STOPPING_TIMEOUT;
    let mut queue = Queue::new(BRANCH);
    submit(&mut queue, 0..2, now + PATIENT, Origin::Customer).expect("taken");
    queue.handle(0, Event::Ready(Lead::Here), now);
    // The leader hands over, and then stops.
    queue.handle(0, Event::LeaderChanged, now);
    let step = queue.handle(0, Event::Stopping, now);
    assert!(matches!(step.next, Next::AwaitLeader { .. }), "{step:?}");
    let refused = submit(&mut queue, 2..3, now + PATIENT, Origin::Customer);
    assert_eq!(refused, Err(WriteError::Stopping { branch: BRANCH }));
    let step = queue.handle(0, Event::Ready(Lead::Elsewhere), now);
    let Next::Attempt { route, until: ends, .. } = step.next else {
        panic!("{step:?}");
    };
    assert_eq!((route, ends), (Route::Forward, until));
    let step = queue.handle(0, Event::Ended(Ok(outcomes(2))), now);
    assert!(step.answers.iter().all(|(_, answer)| answer.is_ok()));
    assert_eq!((step.answers.len(), step.next), (2, Next::End));
}
