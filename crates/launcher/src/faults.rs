//! Faults on purpose: what can be done to a running bank, done to it, and written down as its history has it: what, from
//! when, until when. Inputs and people at a shell ask for them in the same words.

mod deed;
mod injector;

pub use deed::Deed;
pub use injector::{FaultError, Injector};
