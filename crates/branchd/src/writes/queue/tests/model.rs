//! Random histories of the queue, each checked against what is known of every write.

use super::*;
use proptest::prelude::*;

/// What is known of one write.
#[derive(Debug)]
struct Known {
    deadline: Instant,
    ticket: Ticket,
    /// An attempt of it is under way.
    attempted: bool,
    /// An attempt that is over may have proposed it.
    in_doubt: bool,
    answered: bool,
    gone: bool,
}

impl Known {
    fn is_open(&self) -> bool {
        !self.answered && !self.gone
    }
}

/// What the owner of a slot does.
#[derive(Debug)]
enum Doing {
    Rest,
    Take,
    Attempt {
        numbers: Vec<usize>,
        route: Route,
        until: Instant,
    },
    AwaitLeader,
    End,
}

#[derive(Debug, Clone)]
enum Happening {
    Submit {
        len: usize,
        origin: Origin,
        ttl_ms: u64,
    },
    /// The owner of a slot comes to the end of what it does: a look at the leader finds this, an attempt ends so.
    Moves {
        slot: usize,
        lead: Lead,
        ends: Ends,
    },
    Passes {
        ms: u64,
    },
    /// One of the callers, counted back from the newest, goes away.
    Gone {
        back: usize,
    },
    Stop,
}

#[derive(Debug, Clone, Copy)]
enum Ends {
    Applied,
    AnotherLength,
    NotLeader,
    DiskFull,
    Overloaded,
    Unknown,
    LeaderChanged,
    TimedOut,
}

fn happening() -> impl Strategy<Value = Happening> {
    let origin = prop_oneof![3 => Just(Origin::Customer), 1 => Just(Origin::Branch)];
    let len = prop_oneof![20 => 1..4usize, 2 => 1000..1100usize, 1 => Just(9000usize)];
    let lead = prop_oneof![
        3 => Just(Lead::Here),
        2 => Just(Lead::Elsewhere),
        1 => Just(Lead::Unknown),
        1 => Just(Lead::DiskFull),
        1 => Just(Lead::Absent),
        1 => Just(Lead::NoMajority(LOST)),
    ];
    let ends = proptest::sample::select(vec![
        Ends::Applied,
        Ends::AnotherLength,
        Ends::NotLeader,
        Ends::DiskFull,
        Ends::Overloaded,
        Ends::Unknown,
        Ends::LeaderChanged,
        Ends::TimedOut,
    ]);
    prop_oneof![
        12 => (len, origin, 0..8000u64).prop_map(|(len, origin, ttl_ms)| Happening::Submit { len, origin, ttl_ms }),
        24 => (0..SLOTS, lead, ends).prop_map(|(slot, lead, ends)| Happening::Moves { slot, lead, ends }),
        4 => (0..4000u64).prop_map(|ms| Happening::Passes { ms }),
        4 => (0..64usize).prop_map(|back| Happening::Gone { back }),
        1 => Just(Happening::Stop),
    ]
}

/// The queue, with owners of its slots that do as they are told.
struct World {
    queue: Queue<usize>,
    now: Instant,
    writes: Vec<Known>,
    slots: [Doing; SLOTS],
    called: bool,
    stopping: bool,
    /// Whether the owner of a slot has reported that the branch is stopping.
    told: [bool; SLOTS],
}

impl World {
    fn new() -> Self {
        Self {
            queue: Queue::new(BRANCH),
            now: Instant::now(),
            writes: Vec::new(),
            slots: std::array::from_fn(|_| Doing::Take),
            called: false,
            stopping: false,
            told: [false; SLOTS],
        }
    }

    fn happens(&mut self, happening: &Happening) {
        match *happening {
            Happening::Submit { len, origin, ttl_ms } => self.submit(len, origin, ttl_ms),
            Happening::Moves { slot, lead, ends } => self.moves(slot, lead, ends),
            Happening::Passes { ms } => self.pass(self.now + Duration::from_millis(ms)),
            Happening::Gone { back } => {
                if let Some(write) = self.writes.iter_mut().rev().nth(back) {
                    self.queue.forget(write.ticket..write.ticket + 1);
                    write.gone = true;
                }
            }
            Happening::Stop => self.stopping = true,
        }
        self.check_waiting();
    }

    fn submit(&mut self, len: usize, origin: Origin, ttl_ms: u64) {
        let first = self.writes.len();
        let deadline = self.now + Duration::from_millis(ttl_ms);
        let full = self.queue.waiting.len() + len > QUEUE_LEN_MAX;
        match submit(&mut self.queue, first..first + len, deadline, origin) {
            Ok(Submitted { tickets, call }) => {
                assert!(!full, "taken past the bound");
                self.called |= call;
                self.writes.extend(tickets.map(|ticket| Known {
                    deadline,
                    ticket,
                    attempted: false,
                    in_doubt: false,
                    answered: false,
                    gone: false,
                }));
            }
            Err(error) => assert!(full || matches!(error, WriteError::Stopping { .. }), "{error}"),
        }
    }

    fn moves(&mut self, slot: usize, lead: Lead, ends: Ends) {
        let doing = std::mem::replace(&mut self.slots[slot], Doing::Rest);
        let event = match &doing {
            Doing::End => {
                self.slots[slot] = doing;
                return;
            }
            Doing::Rest | Doing::AwaitLeader if self.stopping && !self.told[slot] => Event::Stopping,
            Doing::Rest if !self.called => return,
            Doing::Rest => {
                self.called = false;
                Event::Ready(lead)
            }
            Doing::Take | Doing::AwaitLeader => Event::Ready(lead),
            Doing::Attempt { numbers, until, .. } => self.attempt_ends(slot, numbers, *until, ends),
        };
        self.told[slot] |= matches!(event, Event::Stopping);
        let may_go_on = matches!(event, Event::TimedOut | Event::Stopping);
        let Step { answers, next, call } = self.queue.handle(slot, event, self.now);
        self.called |= call;
        self.hear(answers);
        if let Doing::Attempt { numbers, route, .. } = &doing
            && may_go_on
            && !matches!(next, Next::Continue { .. })
        {
            let let_go = matches!(next, Next::Take | Next::Rest) || self.stopping;
            assert!(let_go || *route == Route::Forward, "a leader gives up what it proposed");
            self.attempt_is_over(numbers, true);
        }
        self.slots[slot] = match (next, doing) {
            (Next::Rest, _) => Doing::Rest,
            (Next::Take, _) => Doing::Take,
            (Next::AwaitLeader { .. }, _) => Doing::AwaitLeader,
            (Next::End, _) => Doing::End,
            (Next::Continue { until }, Doing::Attempt { numbers, route, .. }) => {
                Doing::Attempt { numbers, route, until }
            }
            (Next::Continue { .. }, doing) => panic!("no attempt to go on with: {doing:?}"),
            (Next::Attempt { commands, route, until }, _) => {
                let numbers: Vec<usize> = commands.iter().map(number).collect();
                assert!((1..=BATCH_LEN_MAX).contains(&numbers.len()));
                for &number in &numbers {
                    let write = &self.writes[number];
                    assert!(write.is_open() && !write.attempted, "{write:?} is sent");
                    assert!(write.deadline > self.now, "{write:?} is sent after its deadline");
                }
                for &number in &numbers {
                    self.writes[number].attempted = true;
                }
                Doing::Attempt { numbers, route, until }
            }
        };
    }

    /// What is reported of an attempt.
    fn attempt_ends(&mut self, slot: usize, numbers: &[usize], until: Instant, ends: Ends) -> Event {
        let len = numbers.len();
        let (event, proposed) = match ends {
            Ends::TimedOut if self.stopping && !self.told[slot] => return Event::Stopping,
            Ends::TimedOut => {
                self.pass(until.max(self.now));
                return Event::TimedOut;
            }
            Ends::Applied => (Event::Ended(Ok(outcomes(len))), true),
            Ends::AnotherLength => (Event::Ended(Ok(outcomes(len + 1))), true),
            Ends::NotLeader => (Event::Ended(Err(ProposeError::NotLeader)), false),
            Ends::DiskFull => (Event::Ended(Err(ProposeError::DiskFull { branch: 1 })), false),
            Ends::Overloaded => (Event::Ended(Err(ProposeError::Overloaded { branch: 1 })), false),
            Ends::Unknown => (Event::Ended(Err(ProposeError::Unknown(String::new()))), true),
            Ends::LeaderChanged => (Event::LeaderChanged, true),
        };
        self.attempt_is_over(numbers, proposed);
        event
    }

    fn attempt_is_over(&mut self, numbers: &[usize], proposed: bool) {
        for &number in numbers {
            self.writes[number].attempted = false;
            self.writes[number].in_doubt |= proposed;
        }
    }

    /// Time passes. A caller whose deadline comes has its answer by then.
    fn pass(&mut self, until: Instant) {
        self.now = until;
        for number in 0..self.writes.len() {
            let write = &self.writes[number];
            if write.is_open() && write.deadline <= until {
                let answers = self.queue.expire(write.ticket..write.ticket + 1);
                self.hear(answers);
                let write = &self.writes[number];
                assert!(write.answered, "{write:?} is over and has no answer");
            }
        }
    }

    fn hear(&mut self, answers: Answers<usize>) {
        for (number, answer) in answers {
            let write = &mut self.writes[number];
            assert!(!write.answered, "{write:?} is answered twice");
            assert!(!write.gone, "{write:?} is answered, and nobody waits");
            write.answered = true;
            let may_be_applied = write.in_doubt || write.attempted;
            match answer {
                Ok(_) => assert!(may_be_applied, "{write:?} was never proposed"),
                Err(error) if error.may_be_applied() => {}
                Err(error) => assert!(!may_be_applied, "{write:?} may be applied: {error}"),
            }
        }
    }

    /// The bound holds, and somebody comes for what waits.
    fn check_waiting(&self) {
        assert!(self.queue.waiting.len() <= QUEUE_LEN_MAX);
        let rests = self.slots.iter().any(|doing| matches!(doing, Doing::Rest));
        let takes = self.slots.iter().any(|doing| matches!(doing, Doing::Take));
        let forgotten = rests && !takes && !self.called && !self.queue.waiting.is_empty();
        assert!(!forgotten, "something waits, and nobody comes for it");
    }

    /// Everything goes well from now on: every write has its answer, whatever its deadline.
    fn settle(&mut self) {
        for _ in 0..2 * QUEUE_LEN_MAX / BATCH_LEN_MAX + 4 {
            for slot in 0..SLOTS {
                self.moves(slot, Lead::Here, Ends::Applied);
                self.check_waiting();
            }
        }
        for write in &self.writes {
            assert!(!write.is_open(), "{write:?} is forgotten");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_write_has_one_true_answer_in_time(history in proptest::collection::vec(happening(), 1..160)) {
        let mut world = World::new();
        for happening in &history {
            world.happens(happening);
        }
        world.settle();
    }
}
