//! What `launcher up` shows: on a terminal, a table that is drawn anew in its place, with what happens said above it; and
//! elsewhere, as in a file, what happens alone.

use anstream::ColorChoice;
use anstream::adapter::strip_str;
use rustix::termios::{tcgetpgrp, tcgetwinsize};
use std::io::{self, IsTerminal, Write};

/// Where nothing is known of the terminal.
const SIZE_ASSUMED: Size = Size { columns: 80, rows: 24 };

/// Stdout, and what stands on it.
#[derive(Debug)]
pub(super) struct Screen {
    is_terminal: bool,
    colours: bool,
    /// The table.
    lines: Vec<String>,
    /// The widths of its lines as they were drawn, top first; empty where they are not on the screen.
    drawn: Vec<usize>,
}

/// Of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    columns: usize,
    rows: usize,
}

impl Screen {
    /// Of this process's stdout.
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

    /// Whether a table is drawn anew in its place.
    pub(super) fn refreshes(&self) -> bool {
        self.is_terminal
    }

    /// Says something, above the table.
    pub(super) fn say(&mut self, text: &str) {
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

    /// Shows this table from now on, where it can be drawn anew.
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

    /// Takes the table off the screen.
    pub(super) fn clear(&mut self) {
        let output = erasure(&self.drawn, size());
        self.drawn.clear();
        self.lines.clear();
        self.write(&output);
    }

    /// A process in the background does not write over what the one in front shows.
    fn may_draw(&self) -> bool {
        self.is_terminal && tcgetpgrp(io::stdout()).is_ok_and(|group| group == rustix::process::getpgrp())
    }

    /// The table as text, which is on the screen once that is written.
    fn drawing(&mut self, size: Size) -> String {
        let shown = fitting(&self.lines, size);
        self.drawn = shown.iter().map(|line| width(line)).collect();
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

    /// Whoever closes stdout, or fills the disk that it goes to, does not stop a bank.
    fn write(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
}

fn size() -> Size {
    match tcgetwinsize(io::stdout()) {
        Ok(found) if found.ws_col > 0 && found.ws_row > 0 => Size {
            columns: found.ws_col.into(),
            rows: found.ws_row.into(),
        },
        _ => SIZE_ASSUMED,
    }
}

/// Takes lines of these widths, above the cursor, off the screen. Where it has become narrower since, a line takes several
/// rows.
fn erasure(drawn: &[usize], size: Size) -> String {
    let rows: usize = drawn.iter().map(|width| width.div_ceil(size.columns).max(1)).sum();
    match rows {
        0 => String::new(),
        rows => format!("\r\u{1b}[{}A\u{1b}[J", rows.min(size.rows)),
    }
}

/// As much of the lines as there is room for. The last column stays free, and so does the last row: the cursor is there.
fn fitting(lines: &[String], size: Size) -> Vec<String> {
    let (columns, rows) = (size.columns.max(2) - 1, size.rows.max(3) - 1);
    let mut shown: Vec<String> = lines.iter().take(rows).map(|line| cut(line, columns)).collect();
    if lines.len() > rows {
        let last = format!("… and {} lines more than there is room for", lines.len() - rows + 1);
        shown.pop();
        shown.push(cut(&last, columns));
    }
    shown
}

/// The line's first characters; colours do not count, and end with it.
fn cut(line: &str, columns: usize) -> String {
    if width(line) <= columns {
        return line.to_owned();
    }
    let mut text = String::new();
    let mut room = columns.saturating_sub(1);
    for (character, counts) in visible(line) {
        if counts && room == 0 {
            break;
        }
        room -= usize::from(counts);
        text.push(character);
    }
    text + "…\u{1b}[0m"
}

fn width(line: &str) -> usize {
    visible(line).filter(|(_, counts)| *counts).count()
}

/// The line's characters, and whether each is seen: those of a colour, from ESC to `m`, are not.
fn visible(line: &str) -> impl Iterator<Item = (char, bool)> {
    let mut hidden = false;
    line.chars().map(move |character| {
        hidden |= character == '\u{1b}';
        let counts = !hidden;
        hidden &= character != 'm';
        (character, counts)
    })
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
        assert_eq!(fit(1, 12, 24), [format!("{RED} and o…\u{1b}[0m")]);
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
    fn what_was_drawn_is_taken_away_however_the_terminal_has_changed() {
        let size = |columns| Size { columns, rows: 24 };
        assert_eq!(erasure(&[], size(80)), "");
        assert_eq!(erasure(&[79, 0, 20], size(80)), "\r\u{1b}[3A\u{1b}[J");
        assert_eq!(erasure(&[79, 0, 20], size(40)), "\r\u{1b}[4A\u{1b}[J");
    }
}
