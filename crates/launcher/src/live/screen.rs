//! What `launcher up` shows on stdout. On a terminal: events, and below them the table of the branches, which is drawn
//! again in its place. Elsewhere, as in a file: events only.
//!
//! The table is drawn here and not by indicatif: docs/decisions/0009-live-screen.md.

use crate::date::time_of_day;
use anstream::ColorChoice;
use anstream::adapter::strip_str;
use console::{Term, measure_text_width, truncate_str};
use rustix::termios::tcgetpgrp;
use std::io::{self, IsTerminal, Write};
use std::time::SystemTime;

/// Stdout of `launcher up`, with the table that stands on it.
#[derive(Debug)]
pub(super) struct Screen {
    is_terminal: bool,
    colours: bool,
    /// The table.
    lines: Vec<String>,
    /// Widths of the table's lines as they were last drawn, top first. Empty while the table is not on the screen.
    drawn: Vec<usize>,
}

/// Size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    columns: usize,
    rows: usize,
}

impl Screen {
    /// A screen on this process's stdout, without a table.
    pub(super) fn on_stdout() -> Self {
        let stdout = io::stdout();
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Screen {
            is_terminal: stdout.is_terminal() && !dumb,
            colours: anstream::AutoStream::choice(&stdout) != ColorChoice::Never,
            lines: Vec::new(),
            drawn: Vec::new(),
        }
    }

    /// Whether the table is drawn again in its place.
    pub(super) fn refreshes(&self) -> bool {
        self.is_terminal
    }

    /// Prints a text above the table.
    pub(super) fn print(&mut self, text: &str) {
        let size = size();
        let mut output = erasure(&self.drawn, size);
        self.drawn.clear();
        output += &self.coloured(text);
        output.push('\n');
        if self.may_draw() {
            output += &self.drawing(size);
        }
        self.write(&output);
    }

    /// Prints an event above the table, with the time of day in UTC.
    pub(super) fn event(&mut self, text: &str) {
        self.print(&format!("{} {text}", time_of_day(SystemTime::now())));
    }

    /// Replaces the table. It is drawn only on a terminal.
    pub(super) fn show(&mut self, lines: Vec<String>) {
        let unchanged = lines == self.lines && !self.drawn.is_empty();
        self.lines = lines;
        if unchanged || !self.may_draw() {
            return;
        }
        let size = size();
        let output = erasure(&self.drawn, size) + &self.drawing(size);
        self.write(&output);
    }

    /// Removes the table from the screen.
    pub(super) fn clear(&mut self) {
        let output = erasure(&self.drawn, size());
        self.drawn.clear();
        self.lines.clear();
        self.write(&output);
    }

    /// Whether the table may be drawn. A background process must not write over the foreground process's output.
    fn may_draw(&self) -> bool {
        self.is_terminal && tcgetpgrp(io::stdout()).is_ok_and(|group| group == rustix::process::getpgrp())
    }

    /// Formats the table for this size, and notes it as drawn. The caller writes the result.
    fn drawing(&mut self, size: Size) -> String {
        let shown = fitting(&self.lines, size);
        self.drawn = shown.iter().map(|line| measure_text_width(line)).collect();
        let text: String = shown.into_iter().map(|line| line + "\n").collect();
        self.coloured(&text)
    }

    fn coloured(&self, text: &str) -> String {
        if self.colours {
            text.to_owned()
        } else {
            strip_str(text).to_string()
        }
    }

    /// Writes to stdout. An error is ignored: a closed pipe or a full disk must not stop the bank.
    fn write(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
}

/// Size of the terminal, or 80 by 24 if it is not known.
fn size() -> Size {
    let (rows, columns) = Term::stdout().size();
    Size {
        columns: columns.into(),
        rows: rows.into(),
    }
}

/// Escape sequence that removes lines of these widths above the cursor. A line takes several rows if the terminal has
/// become narrower since the line was drawn.
fn erasure(drawn: &[usize], size: Size) -> String {
    let rows: usize = drawn.iter().map(|width| width.div_ceil(size.columns).max(1)).sum();
    match rows {
        0 => String::new(),
        rows => format!("\r\u{1b}[{}A\u{1b}[J", rows.min(size.rows)),
    }
}

/// Cuts the lines to the size of the terminal. The last column stays free, and so does the last row, where the cursor
/// is.
fn fitting(lines: &[String], size: Size) -> Vec<String> {
    let (columns, rows) = (size.columns.max(2) - 1, size.rows.max(3) - 1);
    let cut = |line: &str| truncate_str(line, columns, "…").into_owned();
    let mut shown: Vec<String> = lines.iter().take(rows).map(|line| cut(line)).collect();
    if lines.len() > rows {
        let last = format!("… and {} lines more than there is room for", lines.len() - rows + 1);
        shown.pop();
        shown.push(cut(&last));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: &str = "\u{1b}[31mdown\u{1b}[0m";

    #[test]
    fn lines_are_cut_to_what_fits() {
        let lines = |count: usize| vec![format!("{RED} and out"); count];
        let fit = |count, columns, rows| fitting(&lines(count), Size { columns, rows });
        assert_eq!(fit(2, 80, 24), lines(2));
        assert_eq!(fit(1, 13, 24), lines(1));
        assert_eq!(fit(1, 12, 24), [format!("{RED} and o…")]);
        assert_eq!(fit(1, 4, 24), ["\u{1b}[31mdo…\u{1b}[0m"]);
        assert_eq!(
            fit(5, 80, 5),
            [lines(3), vec!["… and 2 lines more than there is room for".into()]].concat()
        );
        for (columns, rows) in [(0, 0), (1, 1), (2, 2), (3, 1)] {
            assert!(fit(9, columns, rows).len() <= 2);
        }
    }

    #[test]
    fn the_table_is_erased_after_the_terminal_became_narrower() {
        let size = |columns| Size { columns, rows: 24 };
        assert_eq!(erasure(&[], size(80)), "");
        assert_eq!(erasure(&[79, 0, 20], size(80)), "\r\u{1b}[3A\u{1b}[J");
        assert_eq!(erasure(&[79, 0, 20], size(40)), "\r\u{1b}[4A\u{1b}[J");
    }
}
