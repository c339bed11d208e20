//! Formats numbers, times and paths for people.

use std::path::Path;

/// Formats a number with its noun: `1 read`, `2 reads`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Formats microseconds as milliseconds: `12.3 ms`.
pub(crate) fn ms(us: u64) -> String {
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}

/// Formats a path as one word of a shell command, in quotes where needed.
pub(crate) fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:".contains(c);
    if text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Width of a text for people, in columns: that of the usual terminal.
pub(crate) const WIDTH: usize = 80;

/// Breaks a text into lines of at most `width` columns. The first line begins in column `indent`, where the caller has
/// put the cursor. The other lines begin there too, after spaces. A word that is too long has a line of its own.
pub(crate) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let mut lines = String::new();
    let mut column = indent;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            lines += "\n";
            lines += &" ".repeat(indent);
            column = indent;
        } else if column > indent {
            lines.push(' ');
            column += 1;
        }
        lines += word;
        column += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        for (text, indent, width, expected) in [
            ("", 0, 10, ""),
            ("one two three", 0, 80, "one two three"),
            ("one two three", 0, 7, "one two\nthree"),
            ("one two three", 2, 9, "one two\n  three"),
            ("a-very-long-word b", 2, 9, "a-very-long-word\n  b"),
            ("déjà vu", 0, 7, "déjà vu"),
        ] {
            assert_eq!(wrapped(text, indent, width), expected, "{text}");
        }
    }
}
