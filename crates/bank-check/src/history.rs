//! The recorded history of one run: what each customer asked and was answered, which faults were injected, and what
//! each branch applied. The files of a run folder hold these types as JSON, one value per line.
//!
//! All times are microseconds of one host's monotonic clock, counted from an origin that the run chooses. They order
//! what happened on that host and have no meaning on another host.

mod bad_field;
mod fault;
mod journal;
mod jsonl;
mod operation;
mod run;

pub use bank_types::{Level, Propagation, RefusalReason};
pub use fault::{Fault, FaultKind};
pub use journal::{Applied, Journal, JournalLine, Leader};
pub use jsonl::{ParseError, Problem};
pub use operation::{Action, Operation, Outcome};
pub use run::{History, Line};
