//! Measures a bank under load: `launcher bench`. In reading order:
//!
//! - [`settings`]: what is measured, as a checked value; [`accounts`] chooses the account of each operation.
//! - [`execution`]: a benchmark from start to end.
//! - `bank`: the bank that is measured, which is started here or runs already; `books` checks it at the end.
//! - `load`: the clients of one repeat on their threads; `client` is one of them, `turns` says when each operation
//!   begins, and `recorder` keeps what became of it.
//! - `processes`, `machine`: what the operating system says of processes and of this host.
//! - [`results`]: the result as a document, made by `figures` from what was recorded.
//! - `table`, [`json`], [`page`]: the result as text, JSON and HTML. [`compare`] compares two results.

pub mod accounts;
mod bank;
mod books;
mod client;
pub mod compare;
mod error;
pub mod execution;
mod figures;
pub mod json;
mod load;
mod machine;
pub mod page;
mod processes;
mod recorder;
pub mod results;
pub mod settings;
mod streaming;
mod table;
mod turns;

pub use error::BenchError;
pub use table::text;

#[cfg(test)]
mod tests;
