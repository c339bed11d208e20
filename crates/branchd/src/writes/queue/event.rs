//! The inputs and outputs of the write queue's state machine.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bank_ledger::{Applied, Command};

use crate::replication::engine::ProposeError;
use crate::replication::majority::NoMajority;
use crate::writes::error::WriteError;

/// The number of a write. Writes are numbered in the order in which they are submitted.
pub(in crate::writes) type Ticket = u64;

/// Answers, each with its caller.
pub(in crate::writes) type Answers<C> = Vec<(C, Result<Applied, WriteError>)>;

/// Who submitted a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::writes) enum Origin {
    /// A customer of this branch. The queue makes attempts until the write's deadline.
    Customer,
    /// Another branch, which took this branch for the leader. After a failed attempt the write goes back to that
    /// branch. If this branch knows another leader at the first attempt, it forwards the write there. A write cannot
    /// travel in a circle, because terms rise on the way.
    Branch,
}

/// The leader, as this branch knows it at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::writes) enum Lead {
    /// This branch leads.
    Here,
    /// This branch leads, and its disk is full.
    DiskFull,
    /// Another branch leads.
    Elsewhere,
    /// No leader takes writes at the moment: an election or a hand-over is under way.
    Unknown,
    /// This branch has heard no leader for longer than an election takes.
    Absent,
    /// As `Absent`, and the branch knows why: no majority of the voters can be reached.
    NoMajority(NoMajority),
}

/// Where an attempt goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::writes) enum Route {
    /// To this branch's own engine.
    Propose,
    /// To the branch that leads.
    Forward,
}

/// What happened at a slot.
#[derive(Debug)]
pub(in crate::writes) enum Event {
    /// The slot is free, or its wait for a leader is over. The value is the leader now.
    Ready(Lead),
    /// The attempt has ended with this result.
    Ended(Result<Vec<Applied>, ProposeError>),
    /// The leader has changed since the attempt began, or there is none now.
    LeaderChanged,
    /// The attempt has run out of time.
    TimedOut,
    /// The branch is stopping.
    Stopping,
}

/// What the owner of a slot, its worker task, does next.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::writes) enum Next {
    /// No write waits. The owner waits until it is called, and then reports `Ready`.
    Rest,
    /// The slot is free, and a write waits. The owner reports `Ready` at once.
    Take,
    /// The owner begins an attempt. It reports when the attempt ends, when the leader changes, or when `until` has
    /// passed.
    Attempt {
        commands: Arc<[Command]>,
        route: Route,
        until: Instant,
    },
    /// The attempt continues, at most until `until`.
    Continue { until: Instant },
    /// The owner waits until another leader is known, at most until `until`. Then it reports `Ready`.
    AwaitLeader { until: Instant },
    /// The branch is stopping, and the slot is free. The owner's task ends.
    End,
}

/// The result of an event at a slot.
#[derive(Debug)]
pub(in crate::writes) struct Step<C> {
    pub(in crate::writes) answers: Answers<C>,
    pub(in crate::writes) next: Next,
    /// Whether to call a resting slot, because more writes wait than this slot has taken.
    pub(in crate::writes) call: bool,
}

/// Writes that were taken into the queue.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::writes) struct Submitted {
    pub(in crate::writes) tickets: Range<Ticket>,
    /// Whether to call a resting slot.
    pub(in crate::writes) call: bool,
}
