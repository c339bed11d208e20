//! The lessons, as data: who asks what of which branch, under which weak and which strong setting, and the witness that
//! the weak one must leave. In all of them the network holds back what is sent to [`HELD`].

use bank_check::history::Operation;
use bank_client::{Level, Propagation};

/// The branches of a lesson's bank: the smallest bank that can spare one.
pub const BRANCHES: [u32; 3] = [1, 2, 3];
/// The branch that hears nothing of the others. Founding begins at branch 1, which leads: it is not this one.
pub const HELD: u32 = 3;
/// What the bank opens with, in minor units.
pub const OPENING: i64 = 100;

/// The lessons' names on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Name {
    /// A customer's own deposit, at another branch
    ReadYourWrites,
    /// A customer that has seen the newest balance, at another branch
    MonotonicReads,
    /// Another customer's fresh deposit
    Strong,
    /// A deposit that waits for every branch, and for a dead one
    WriterWaits,
}

/// One lesson.
#[derive(Debug)]
pub struct Lesson {
    /// As on the command line.
    pub name: &'static str,
    /// What it is about.
    pub question: &'static str,
    /// The verdict that tells the two settings apart.
    pub guarantee: &'static str,
    /// The input. Events are numbered from 1.
    pub steps: &'static [Step],
    /// Where it breaks.
    pub weak: Setting,
    /// Where it holds.
    pub strong: Setting,
    /// Reads that promised nothing are judged for linearizability too.
    pub every_read: bool,
    /// Then a branch dies: what a write costs that waits for it.
    pub dead_branch: bool,
    /// What can be seen, and why.
    pub why: &'static str,
    /// The one witness that the weak run must leave, from what was done in it.
    pub witness: fn(&[Operation]) -> String,
}

/// One event of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Who asks.
    pub customer: u64,
    /// Whom.
    pub branch: u32,
    /// What.
    pub ask: Ask,
    /// Under the strong setting it cannot be answered before the held branch hears of the others.
    pub waits: bool,
}

/// What an event asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// So many minor units into `main`.
    Deposit(i64),
    /// The balance of `main`.
    Query,
}

/// What the bank is asked to promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Of reads.
    pub level: Level,
    /// Of writes.
    pub propagation: Propagation,
}

const fn reads(level: Level) -> Setting {
    Setting {
        level,
        propagation: Propagation::Quorum,
    }
}

const fn writes(propagation: Propagation) -> Setting {
    Setting {
        level: Level::Eventual,
        propagation,
    }
}

const fn step(customer: u64, branch: u32, ask: Ask) -> Step {
    Step {
        customer,
        branch,
        ask,
        waits: false,
    }
}

const fn waiting(step: Step) -> Step {
    Step { waits: true, ..step }
}

impl Name {
    /// The lesson of this name.
    pub fn lesson(self) -> &'static Lesson {
        match self {
            Name::ReadYourWrites => &READ_YOUR_WRITES,
            Name::MonotonicReads => &MONOTONIC_READS,
            Name::Strong => &STRONG,
            Name::WriterWaits => &WRITER_WAITS,
        }
    }
}

/// All of them, in the order in which to learn.
pub const ALL: [&Lesson; 4] = [&READ_YOUR_WRITES, &MONOTONIC_READS, &STRONG, &WRITER_WAITS];

const READ_YOUR_WRITES: Lesson = Lesson {
    name: "read-your-writes",
    question: "a customer pays in at branch 1; does branch 3, which has not heard of it yet, show it?",
    guarantee: "read-your-writes",
    steps: &[step(1, 1, Ask::Deposit(10)), waiting(step(1, HELD, Ask::Query))],
    weak: reads(Level::Eventual),
    strong: reads(Level::Session),
    every_read: false,
    dead_branch: false,
    why: "\
The deposit is on the disks of branches 1 and 2, a quorum, and so it is acknowledged, at position 2. Branch 3 is still at
position 1. An eventual read asks for nothing, and gets the past. A session read brings along what the customer has
seen, position 2, and the branch waits until it is there. It shows an old balance to nobody who has seen a newer one.",
    witness: |_| {
        "customer 1 deposited 10 at branch 1 (event 1, position 2); its next query at branch 3 (event 2, level eventual) \
         answered from position 1: read-your-writes broken"
            .to_owned()
    },
};

const MONOTONIC_READS: Lesson = Lesson {
    name: "monotonic-reads",
    question: "a customer has seen the newest balance at branch 1; does time run backwards at branch 3?",
    guarantee: "monotonic-reads",
    steps: &[
        step(1, 1, Ask::Deposit(10)),
        step(2, 1, Ask::Query),
        waiting(step(2, HELD, Ask::Query)),
    ],
    weak: reads(Level::ReadYourWrites),
    strong: reads(Level::MonotonicReads),
    every_read: false,
    dead_branch: false,
    why: "\
Customer 2 has written nothing, so that read-your-writes promises it nothing: it sees the other customer's deposit at
branch 1, and at branch 3 sees it no longer. A read at level monotonic-reads brings along the highest position that the
customer has read, and waits for it. The default, session, brings along the higher of both.",
    witness: |_| {
        "customer 2's query at branch 1 (event 2, level read-your-writes) answered from position 2; its next query at \
         branch 3 (event 3, level read-your-writes) answered from position 1: monotonic-reads broken"
            .to_owned()
    },
};

const STRONG: Lesson = Lesson {
    name: "strong",
    question: "customer 1 has been told that its deposit is done; does customer 2 see it at branch 3?",
    guarantee: "linearizability",
    steps: &[step(1, 1, Ask::Deposit(10)), waiting(step(2, HELD, Ask::Query))],
    weak: reads(Level::Session),
    strong: reads(Level::Strong),
    every_read: true,
    dead_branch: false,
    why: "\
Session breaks no promise here: a session knows what its own customer has seen, and customer 2 has seen nothing of
customer 1. Only a strong read is answered from a state with every write that anyone had been told of: the branch asks
the leader how far the journal is, the leader makes sure with a quorum that it leads still, and the branch waits until
it is there itself. That costs a round trip even where nothing is held back, and needs a quorum.",
    witness: |operations| {
        let at = |index: usize| {
            operations
                .get(index)
                .map(|op| (op.invoked_us, op.completed_us))
                .unwrap_or_default()
        };
        let ((_, done), (begun, _)) = (at(0), at(1));
        format!(
            "customer 1's deposit of 10 at branch 1 (event 1) was done at {done} µs, at position 2; customer 2's query at \
             branch 3 (event 2, level session) was begun after that, at {begun} µs, and answered from position 1: \
             linearizability broken"
        )
    },
};

const WRITER_WAITS: Lesson = Lesson {
    name: "writer-waits",
    question: "can the deposit wait for every branch, so that no read has to? And what does a dead branch cost then?",
    guarantee: "read-your-writes",
    steps: &[waiting(step(1, 1, Ask::Deposit(10))), step(1, HELD, Ask::Query)],
    weak: writes(Propagation::Quorum),
    strong: writes(Propagation::All),
    every_read: false,
    dead_branch: true,
    why: "\
Both reads are eventual. To a quorum, the deposit returns once branches 1 and 2 have it, and the read at branch 3 is
answered from the past. To all, the course report's way, it returns only when every branch has applied it: then even
an eventual read sees it, everywhere, and every write is as slow as the slowest branch. Where a branch is dead, such a
write comes back at its deadline, done, with the name of the branch that has not confirmed it; a write to a quorum
does not notice.",
    witness: READ_YOUR_WRITES.witness,
};

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn each_lesson_is_found_by_its_name() {
        let names = Name::value_variants().iter();
        let found: Vec<_> = names.map(|name| name.lesson().name).collect();
        let known: Vec<_> = ALL.iter().map(|lesson| lesson.name).collect();
        assert_eq!(found, known);
        for lesson in ALL {
            assert!(Name::from_str(lesson.name, false).is_ok(), "{}", lesson.name);
            assert_eq!(
                lesson.steps.iter().filter(|step| step.waits).count(),
                1,
                "{}",
                lesson.name
            );
        }
    }
}
