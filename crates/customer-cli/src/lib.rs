//! The customer's program: `query`, `deposit` and the other verbs at a shell, and `replay`, which does a list of events
//! as one customer.
//!
//! In reading order: the command line ([`args`]) becomes a checked value ([`request`], by the rules of [`input`];
//! [`target`] finds the bank). [`run`] passes it to [`read`], [`mod@write`], [`watch`], [`session_verb`], [`import`] or
//! [`replay`] (its input: [`stdin`], [`events`]). They ask through an [`asker`], which tells people of long waits, keep the
//! customer's session in a [`session_store`] ([`session_place`] says in which file), and print a [`report`] or
//! [`entries`] on an [`output`]. [`exit`] has the exit codes, [`error`] the error that ends a run early, [`version`] the
//! version, and `clock` the times in records.

pub mod args;
pub mod asker;
pub mod entries;
pub mod error;
pub mod events;
pub mod exit;
pub mod import;
pub mod input;
pub mod output;
pub mod read;
pub mod replay;
pub mod report;
pub mod request;
pub mod run;
pub mod session_place;
pub mod session_store;
pub mod session_verb;
pub mod stdin;
pub mod target;
pub mod version;
pub mod watch;
pub mod write;

mod clock;
