//! What the launcher's commands share on a terminal: a progress bar, signals, stdout, colours, and a few words.

pub mod colours;
pub mod progress;
pub mod signals;
pub mod stdout;
pub mod words;
