//! A fault before it happens: what, when, and until when.

use bank_cluster::faults::Deed;
use std::time::Duration;

/// A fault that is to happen in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// What is done.
    pub deed: Deed,
    /// When.
    pub begins: Begins,
    /// Until when.
    pub ends: Ends,
}

/// When a fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// So long after customers have begun; at zero, before the first event.
    At(Duration),
    /// When this event is done, and before its customer begins another.
    After(Anchor),
}

/// When a fault is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// By another fault, or when all customers are done.
    Open,
    /// So long after it has begun.
    In(Duration),
    /// When this event is done, and before its customer begins another.
    After(Anchor),
}

/// An event that something hangs on. Of one customer's, the earlier is the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anchor {
    /// The visit, by its place in the input.
    pub visit: usize,
    /// How many of the visit's events are done then.
    pub done: usize,
    /// Whose visit it is.
    pub customer: u64,
}
