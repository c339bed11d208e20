//! What the launcher's commands share on a terminal: a progress bar, signals, stdout, and a few words.

pub mod progress;
pub mod signals;
pub mod stdout;
pub mod words;
