//! Colours for words on a terminal. `stdout` and the screen of `launcher up` remove them where the output is not a
//! terminal.

/// A colour. Its value is the number in ANSI escape sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    /// For what is no news.
    Grey = 90,
}

impl Colour {
    /// Wraps a text in the escape sequences for this colour.
    pub(crate) fn paint(self, text: &str) -> String {
        format!("\u{1b}[{}m{text}\u{1b}[0m", self as u8)
    }
}
