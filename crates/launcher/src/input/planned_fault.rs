//! A fault of an input: what is done, when it begins, and when it ends.

use bank_cluster::faults::FaultAction;
use std::time::Duration;

/// A fault that a run is to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedFault {
    /// What is done to the bank.
    pub action: FaultAction,
    /// When it is done.
    pub begins: FaultStart,
    /// When it is undone.
    pub ends: FaultEnd,
}

impl PlannedFault {
    /// The events that the fault waits for: to begin, and to end.
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
    /// This long after the customers begin. At zero: before the first event.
    At(Duration),
    /// After this event, and before its customer begins another.
    After(Trigger),
}

/// When a fault is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultEnd {
    /// Another fault undoes it, or the end of the last customer.
    Open,
    /// This long after it has begun.
    In(Duration),
    /// After this event, and before its customer begins another.
    After(Trigger),
    /// When this request is seen to wait at its branch. An input file cannot say this; the lessons of `launcher demo`
    /// do.
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

/// An event after which a fault begins or ends. Triggers of one customer are ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trigger {
    /// Place of the visit in the input, from 0.
    pub visit: usize,
    /// Number of the visit's events that are done after this event.
    pub done: usize,
    /// Number of the customer.
    pub customer: u64,
}
