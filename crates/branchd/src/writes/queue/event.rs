//! What goes into the write queue's state machine, and what comes out.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bank_ledger::{Applied, Command};

use crate::replication::engine::ProposeError;
use crate::writes::error::WriteError;

/// Which write, in the order in which they were submitted.
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
    /// Another branch, or none, leads than did when the attempt began.
    LeaderChanged,
    /// The attempt's time is over.
    TimedOut,
    /// The branch is stopping.
    Stopping,
}

/// What the owner of a slot does next.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::writes) enum Next {
    /// Nothing waits: reports `Ready` once it is called.
    Rest,
    /// The slot is free: reports `Ready` at once.
    Take,
    /// Begins an attempt, and reports how it ended, or that another branch leads, or that it is not over by then.
    Attempt {
        commands: Arc<[Command]>,
        route: Route,
        until: Instant,
    },
    /// Goes on with the attempt, up to then.
    Continue { until: Instant },
    /// Waits until another leader is known, or for so long, and reports `Ready`.
    AwaitLeader { until: Instant },
    /// Ends: the branch is stopping, and the slot is free.
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
