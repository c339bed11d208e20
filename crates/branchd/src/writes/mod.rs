//! The path of a write from the service to its outcome.
//!
//! - [`writer`] takes writes from the services
//! - [`queue`] decides when a batch is sent and what each caller is told; it is a pure state machine
//! - [`shared`] holds the queue; [`worker`] has the tasks that do what the queue decides
//! - [`forward`] sends a batch to the branch that leads; [`convert`] converts its outcomes to and from messages
//! - [`error`] says why a write has no outcome; [`propagation`] waits until every branch has applied a write

pub(crate) mod convert;
pub(crate) mod error;
mod forward;
pub(crate) mod propagation;
pub(crate) mod queue;
mod shared;
mod worker;
pub(crate) mod writer;
