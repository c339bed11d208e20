//! Holds the code against the map in `docs/ARCHITECTURE.md`.
//!
//! - [`map`]: the map as the page draws it: which crate depends on which, and the rooms of a crate in layers
//! - [`sources`]: the files of a crate and what each imports, read from the code
//! - [`rules`]: what the map demands of the code, and each place where the code breaks it
//!
//! It reads text and parses Rust. It does not compile or run anything.

pub mod map;
pub mod rules;
pub mod sources;
