//! What goes into the write queue's state machine, and what comes out.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bank_ledger::{Applied, Command};

use crate::replication::engine::ProposeError;
use crate::writes::error::WriteError;

/// The number of a write, in the order in which writes were submitted.
pub(in crate::writes) type Ticket = u64;

/// Answers, each for the caller that waits for it.
pub(in crate::writes) type Answers<C> = Vec<(C, Result<Applied, WriteError>)>;

/// Who submitted a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::writes) enum Origin {
    /// A customer of this branch. The write has attempts until its deadline.
    Customer,
    /// Another branch, which took this one for the leader. After an attempt that failed the write goes back to that branch. (If
    /// this branch knows another leader by the first attempt, it goes there; terms rise on the way, so that it cannot go round.)
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
    /// No leader was heard for longer than an election takes.
    Absent,
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
    /// The slot is free, or its wait for a leader is over: this is the leader now.
    Ready(Lead),
    /// The attempt came to an end.
    Ended(Result<Vec<Applied>, ProposeError>),
    /// The leader is another one than when the attempt began, or there is none.
    LeaderChanged,
    /// The attempt's time is over.
    TimedOut,
    /// The branch is stopping.
    Stopping,
}

/// What the owner of a slot does next.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::writes) enum Next {
    /// Nothing waits. The owner reports `Ready` once it is called.
    Rest,
    /// The slot is free, and something waits. The owner reports `Ready` at once.
    Take,
    /// The owner begins an attempt. It reports how the attempt ended, that the leader changed, or that the attempt is not over
    /// by `until`.
    Attempt {
        commands: Arc<[Command]>,
        route: Route,
        until: Instant,
    },
    /// The attempt goes on, up to `until`.
    Continue { until: Instant },
    /// The owner waits until another leader is known, or up to `until`. It reports `Ready` then.
    AwaitLeader { until: Instant },
    /// The branch is stopping, and the slot is free. The owner ends.
    End,
}

/// What comes out of an event at a slot.
#[derive(Debug)]
pub(in crate::writes) struct Step<C> {
    pub(in crate::writes) answers: Answers<C>,
    pub(in crate::writes) next: Next,
    /// More waits than this slot takes: another one that rests is to be called.
    pub(in crate::writes) call: bool,
}

/// Writes that were taken into the queue.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::writes) struct Submitted {
    pub(in crate::writes) tickets: Range<Ticket>,
    /// A slot that rests is to be called.
    pub(in crate::writes) call: bool,
}
