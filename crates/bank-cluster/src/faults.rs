//! Faults on purpose: what can be done to a running bank, done to it, and recorded as its history has it: what, from when,
//! until when.

mod deed;
mod injector;

pub use deed::Deed;
pub use injector::{FaultError, Injector};
