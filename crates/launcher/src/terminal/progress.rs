//! A progress bar on stderr. It counts branches that are up, then events that are done.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A progress bar, which may be hidden.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar on stderr, hidden if stderr is not a terminal.
    pub fn on_stderr() -> Self {
        let target = match std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        // The template is a constant and valid. With an invalid one the bar would have the default style.
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// A bar that is never shown.
    pub fn hidden() -> Self {
        Progress {
            bar: ProgressBar::hidden(),
        }
    }

    /// Starts again at 0 with another thing to count.
    pub(crate) fn count(&self, what: &'static str, length: usize) {
        self.bar.set_message(what);
        self.bar.set_length(length as u64);
        self.bar.reset();
    }

    /// Counts one more.
    pub(crate) fn one(&self) {
        self.bar.inc(1);
    }

    /// Removes the bar from the screen.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
