//! The path of a write from the service to its outcome.
//!
//! - [`writer`] is the way in. [`queue`] decides what is sent when, and what each caller is told, as a pure state machine
//! - [`shared`] holds the queue for the callers and for [`worker`], the tasks that perform what it decides
//! - [`forward`] reaches the branch that leads; [`convert`] turns its outcomes into messages and back
//! - [`error`] is why a write has no outcome; [`propagation`] waits until every branch has applied a write

pub(crate) mod convert;
pub(crate) mod error;
mod forward;
pub(crate) mod propagation;
pub(crate) mod queue;
mod shared;
mod worker;
pub(crate) mod writer;
