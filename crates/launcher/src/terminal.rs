//! What the launcher's commands share on a terminal: a progress bar, signals, stdout, colours, and how numbers, times and paths are written.

pub mod colours;
pub mod format;
pub mod progress;
pub mod signals;
pub mod stdout;
