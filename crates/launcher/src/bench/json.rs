//! Results as JSON: one document, in which each field at the top has a line of its own, so that line tools can read it.

use super::error::BenchError;
use super::results::{FORMAT, Results};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};
use std::io::{self, Write};

/// The document as text.
pub fn write(value: &impl Serialize) -> String {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, TopLines::default());
    // This fails only for a path that is not UTF-8, and there is no path in it.
    let _ = value.serialize(&mut serializer);
    text.push(b'\n');
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads a document.
///
/// # Errors
/// It is not the result of a benchmark, or one of another version.
pub fn read(text: &str) -> Result<Results, BenchError> {
    let results: Results = serde_json::from_str(text).map_err(|error| {
        BenchError::NotCompared(format!(
            "it is not a result of `launcher bench --json` ({error}); measure with `launcher bench --json > FILE`"
        ))
    })?;
    match results.format {
        FORMAT => Ok(results),
        other => Err(BenchError::NotCompared(format!(
            "it has format {other}, and this program reads format {FORMAT}; measure again"
        ))),
    }
}

/// Breaks lines at the top level only.
#[derive(Debug, Default)]
struct TopLines {
    depth: u32,
}

impl Formatter for TopLines {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        CompactFormatter.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.depth == 0 {
            writer.write_all(b"\n")?;
        }
        CompactFormatter.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        CompactFormatter.begin_object_key(writer, first)?;
        match self.depth {
            1 => writer.write_all(b"\n"),
            _ => Ok(()),
        }
    }
}
