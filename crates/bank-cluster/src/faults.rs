//! Fault injection: the actions that can be performed on a running bank, and the record of the faults with their times,
//! in the form that a history holds.

mod action;
mod injector;

pub use action::FaultAction;
pub use injector::{FaultError, Injector};
