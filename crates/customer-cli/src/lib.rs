//! The customer's program: `query`, `deposit` and the other verbs at a shell, and `replay`, which works through a list of
//! events as one customer.
//!
//! In reading order: what was typed ([`args`]) becomes a checked value ([`request`], by the rules of [`input`]); [`run`]
//! hands it to [`read`], [`write`], [`watch`] or [`replay`] (its input: [`stdin`], [`events`]), which keep the customer's session in a
//! [`session_store`] and say what came of it ([`report`], [`entries`]) on an [`output`]. [`exit`] has the exit codes; `clock` says
//! when an event was done.

pub mod args;
pub mod entries;
pub mod events;
pub mod exit;
pub mod input;
pub mod output;
pub mod read;
pub mod replay;
pub mod report;
pub mod request;
pub mod run;
pub mod session_store;
pub mod stdin;
pub mod watch;
pub mod write;

mod clock;
