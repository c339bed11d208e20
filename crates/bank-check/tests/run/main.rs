//! Tests of the judge of recorded runs: hand-written histories in tables, and histories of a model with and without an
//! injected violation.
#![allow(clippy::unwrap_used)]

mod glossary;
mod injected;
mod invariants;
mod model;
mod properties;
mod session_guarantees;
mod transcript;
