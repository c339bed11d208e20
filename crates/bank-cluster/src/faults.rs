//! Faults on purpose: what can be done to a running bank, done to it, and recorded as its history has it: what, from when,
//! until when.

mod action;
mod injector;

pub use action::FaultAction;
pub use injector::{FaultError, Injector};
