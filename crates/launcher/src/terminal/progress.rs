//! A progress bar on stderr, where that is a terminal: branches ready, then events done.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A bar, or nothing.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar where stderr is a terminal.
    pub fn on_stderr() -> Self {
        let target = match std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        // The template is a constant; without it the bar is only plainer.
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// Nothing.
    pub fn hidden() -> Self {
        Progress {
            bar: ProgressBar::hidden(),
        }
    }

    /// Begins again, with another thing to count.
    pub(crate) fn count(&self, what: &'static str, length: usize) {
        self.bar.set_message(what);
        self.bar.set_length(length as u64);
        self.bar.reset();
    }

    /// One more.
    pub(crate) fn one(&self) {
        self.bar.inc(1);
    }

    /// Takes it off the screen.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
