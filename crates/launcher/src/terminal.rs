//! Output on a terminal and signals from it, for all commands of the launcher.

pub mod colours;
pub mod format;
pub mod progress;
pub(crate) mod question;
pub mod signals;
pub mod stderr;
pub mod stdout;
