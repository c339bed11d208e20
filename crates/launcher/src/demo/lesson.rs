//! The lessons, as data: an input, a weak and a strong setting to run it under, and the witness that the weak run must
//! leave. In every input the network holds back what is sent to branch [`HELD`].

use bank_check::history::Operation;
use bank_client::{Level, Propagation};
use std::time::Duration;

/// The branch that hears nothing of the others. It does not lead: founding begins at branch 1, which becomes the
/// leader.
pub const HELD: u32 = 3;
/// Deadline of each event. Nothing in a lesson takes this long, except where a lesson shows it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A deposit at branch 1, and its customer's query at the held branch.
const OWN_DEPOSIT: &str = include_str!("inputs/own_deposit.json");

/// A deposit at branch 1, and another customer's queries at branch 1 and at the held branch.
const SEEN_BALANCE: &str = include_str!("inputs/seen_balance.json");

/// A deposit at branch 1, and another customer's query at the held branch.
const OTHERS_DEPOSIT: &str = include_str!("inputs/others_deposit.json");

/// A deposit at branch 1 while the held branch is dead. Its host is dead, too: connections to it are not refused, they
/// get no answer.
pub(super) const DEAD_BRANCH_INPUT: &str = include_str!("inputs/dead_branch.json");

/// The names of the lessons on the command line.
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
    /// Name on the command line.
    pub name: &'static str,
    /// What the lesson asks.
    pub question: &'static str,
    /// The guarantee whose verdict tells the two settings apart.
    pub guarantee: &'static str,
    /// The input file. Event ids count from 1 over all customers.
    pub input: &'static str,
    /// The setting under which the guarantee breaks.
    pub weak: Setting,
    /// The setting under which the guarantee holds, because one request waits.
    pub strong: Setting,
    /// Reads at every level are judged for linearizability.
    pub every_read: bool,
    /// The lesson also shows what a write costs while a branch is dead.
    pub dead_branch: bool,
    /// Why both runs end as they do.
    pub why: &'static str,
    /// The one witness that the weak run must leave, made from the operations of that run.
    pub witness: fn(&[Operation]) -> String,
}

/// What a run asks the bank to promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Level of all reads.
    pub level: Level,
    /// Propagation of all writes.
    pub propagation: Propagation,
    /// Deadline of each event.
    pub timeout: Duration,
    /// Id of the event that waits until the network lets go. `None`: no event waits, and the network lets go after the
    /// last.
    pub waits: Option<u64>,
}

const fn reads(level: Level) -> Setting {
    Setting {
        level,
        propagation: Propagation::Quorum,
        timeout: TIMEOUT,
        waits: None,
    }
}

/// Eventual reads, and writes with this propagation.
pub(super) const fn writes(propagation: Propagation) -> Setting {
    Setting {
        propagation,
        ..reads(Level::Eventual)
    }
}

impl Setting {
    const fn waits(self, event: u64) -> Setting {
        Setting {
            waits: Some(event),
            ..self
        }
    }
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

/// All lessons, in the order in which to learn them.
pub const ALL: [&Lesson; 4] = [&READ_YOUR_WRITES, &MONOTONIC_READS, &STRONG, &WRITER_WAITS];

const READ_YOUR_WRITES: Lesson = Lesson {
    name: "read-your-writes",
    question: "a customer pays in at branch 1; does branch 3, which has not heard of it yet, show it?",
    guarantee: "read-your-writes",
    input: OWN_DEPOSIT,
    weak: reads(Level::Eventual),
    strong: reads(Level::Session).waits(2),
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
    input: SEEN_BALANCE,
    weak: reads(Level::ReadYourWrites),
    strong: reads(Level::MonotonicReads).waits(3),
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
    input: OTHERS_DEPOSIT,
    weak: reads(Level::Session),
    strong: reads(Level::Strong).waits(2),
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
    input: OWN_DEPOSIT,
    weak: writes(Propagation::Quorum),
    strong: writes(Propagation::All).waits(1),
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
        }
    }
}
