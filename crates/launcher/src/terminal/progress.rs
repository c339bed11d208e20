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
        set_template(&bar, "{msg} {wide_bar} {pos}/{len}");
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

    /// Shows a line of text in the place of the bar, from now on.
    pub(crate) fn say(&self, line: String) {
        set_template(&self.bar, "{msg}");
        self.bar.set_message(line);
    }

    /// Removes the bar from the screen.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Sets what the bar shows. The template is a constant and valid. With an invalid one the bar would keep its style.
fn set_template(bar: &ProgressBar, template: &'static str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}
