//! The judge of whole runs: hand-written histories in tables, and histories of a model with and without an injected fault.
#![allow(clippy::unwrap_used)]

mod injected;
mod invariants;
mod model;
mod properties;
mod session_guarantees;
mod transcript;
