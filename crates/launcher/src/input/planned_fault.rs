//! A fault before it happens: what, when, and until when.

use bank_cluster::faults::FaultAction;
use std::time::Duration;

/// A fault that is to happen in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedFault {
    /// What is done.
    pub action: FaultAction,
    /// When.
    pub begins: FaultStart,
    /// Until when.
    pub ends: FaultEnd,
}

impl PlannedFault {
    /// The events that it waits for: to begin, and to end.
    pub fn triggers(&self) -> impl Iterator<Item = Trigger> {
        let begins = match self.begins {
            FaultStart::After(trigger) => Some(trigger),
            FaultStart::At(_) => None,
        };
        let ends = match self.ends {
            FaultEnd::After(trigger) => Some(trigger),
            FaultEnd::Waiting(request) => Some(request.after),
            FaultEnd::Open | FaultEnd::In(_) => None,
        };
        begins.into_iter().chain(ends)
    }
}

/// When a fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultStart {
    /// So long after customers have begun; at zero, before the first event.
    At(Duration),
    /// When this event is done, and before its customer begins another.
    After(Trigger),
}

/// When a fault is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultEnd {
    /// By another fault, or when all customers are done.
    Open,
    /// So long after it has begun.
    In(Duration),
    /// When this event is done, and before its customer begins another.
    After(Trigger),
    /// When this request is seen to wait at its branch. An input file cannot say this; the lessons of `launcher demo` do.
    Waiting(WaitingRequest),
}

/// A request that its branch cannot answer before a fault ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingRequest {
    /// The request is its customer's first after this. For the first event of a visit, `done` is 0.
    pub after: Trigger,
    /// The branch that is asked.
    pub branch: u32,
    /// The branch applies this position while the request waits: a write's own position. 0 for a read.
    pub position: u64,
}

/// An event that a fault begins or ends after. Of two events of one customer, the earlier is the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trigger {
    /// The visit, by its place in the input.
    pub visit: usize,
    /// How many of the visit's events are done then.
    pub done: usize,
    /// Whose visit it is.
    pub customer: u64,
}
