//! Reads an output to be judged, as this program and other solutions write it. What has one clear meaning is read, and a
//! note says what was unusual. What has no clear meaning is refused by its place, because the judge must not blame a
//! run for what this reader did not understand.
//!
//! In reading order: this file takes a text apart into the entries of customers, `entries` reads an entry and its
//! events, `words` reads results and numbers, and `unusual` collects the notes.

mod entries;
mod unusual;
mod words;

use self::entries::Fields;
use self::unusual::Unusual;
use crate::input::json::{self, Node, Value};
use crate::input::{Checked, FileError, Input, InputError, Wrong, read_text, wrong};
use bank_check::output::Output;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// An output with what was unusual in it.
#[derive(Debug)]
pub struct Loaded {
    /// The content.
    pub output: Output,
    /// What was unusual, and how it was read. Empty if nothing was.
    pub notes: Vec<String>,
}

/// Why a path cannot be judged as an output.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The text is no output. The error names file, line and column.
    #[error("{0}")]
    Content(InputError),
    /// The output has no event, and its input has some.
    #[error("{}: the output has no events, and the input has {events}; has the program that writes it come to its end?", path.display())]
    NoEvents {
        /// The output.
        path: PathBuf,
        /// Number of events of the input.
        events: usize,
    },
    /// A folder is given with an input.
    #[error(
        "{}: it is a folder; --input is for an output file. A run folder has its own input: leave out --input",
        .0.display()
    )]
    Folder(PathBuf),
    /// An output is given without its input.
    #[error("{}: not a run folder; an output file is judged by its input: add --input INPUT", .0.display())]
    WithoutInput(PathBuf),
    /// An input is given instead of an output.
    #[error(
        "{}: this is an input, not an output. To run it: launcher run {}. To judge an output of it: launcher check \
         OUTPUT --input {}",
        .0.display(), .0.display(), .0.display()
    )]
    Input(PathBuf),
}

/// Reads an output file in any of its forms.
///
/// # Errors
/// The file cannot be read, or is no output.
pub fn load(path: &Path) -> Result<Loaded, OutputError> {
    if path.is_dir() {
        return Err(OutputError::Folder(path.to_owned()));
    }
    let text = read_text(path)?;
    let content = |wrong: Wrong| OutputError::Content(wrong.in_file(path, &text));
    let values = values(&text).map_err(content)?;
    if is_input(&values) {
        return Err(OutputError::Input(path.to_owned()));
    }
    let mut unusual = Unusual::default();
    let entries = elements(&values, &mut unusual).map_err(content)?;
    let output = entries::output(&flat(entries, &mut unusual), &mut unusual).map_err(content)?;
    Ok(Loaded {
        output,
        notes: unusual.note().into_iter().collect(),
    })
}

/// Reads an output file of this input.
///
/// # Errors
/// The file cannot be read, is no output, or has no events although the input has some.
pub fn load_for(input: &Input, path: &Path) -> Result<Loaded, OutputError> {
    let loaded = load(path)?;
    match (&loaded.output, input.event_count()) {
        (Output::Events(reported), 1..) if reported.is_empty() => Err(OutputError::NoEvents {
            path: path.to_owned(),
            events: input.event_count(),
        }),
        _ => Ok(loaded),
    }
}

/// Why a path that is no folder cannot be judged without an input.
pub fn without_input(path: &Path) -> OutputError {
    match read_text(path) {
        Err(error) => error.into(),
        Ok(text) if values(&text).is_ok_and(|values| is_input(&values)) => OutputError::Input(path.to_owned()),
        Ok(_) => OutputError::WithoutInput(path.to_owned()),
    }
}

/// The values of a text: one array in most outputs.
fn values(text: &str) -> Checked<Vec<Node<'_>>> {
    if text.trim().is_empty() {
        let what = "the output is empty; has the program that writes it come to its end?";
        return Err(wrong(0, "", what));
    }
    json::read_all(text).map_err(|error| match error.at {
        0 => wrong(0, "", format!("it is not JSON, as an output is: {}", error.what)),
        at => wrong(at, "", error.what),
    })
}

/// The entries of a text: the elements of its one array, of several arrays, or objects one after another.
fn elements<'n, 'a>(values: &'n [Node<'a>], unusual: &mut Unusual) -> Checked<Vec<&'n Node<'a>>> {
    if let [root] = values {
        return match &root.value {
            Value::Array(elements) => Ok(elements.iter().collect()),
            Value::Object(_) => object(root, unusual),
            other => Err(wrong(
                root.at,
                "",
                format!("an output is an array [ ]; this is {}", other.kind()),
            )),
        };
    }
    let mut all = Vec::new();
    for value in values {
        match &value.value {
            Value::Array(elements) => all.extend(elements),
            Value::Object(_) => all.push(value),
            other => {
                let what = format!(
                    "after the first value comes {}; an output has objects {{ }}",
                    other.kind()
                );
                return Err(wrong(value.at, "", what));
            }
        }
    }
    unusual.saw("several values, one after another, as one array");
    Ok(all)
}

/// The entries of a text that is one object: an entry alone, or an array under a name.
fn object<'n, 'a>(root: &'n Node<'a>, unusual: &mut Unusual) -> Checked<Vec<&'n Node<'a>>> {
    let fields = Fields::of(root).map_or(&[][..], |fields| fields.members);
    let has = |key: &str| fields.iter().any(|member| member.key.eq_ignore_ascii_case(key));
    if has("customers") || has("branches") {
        let what = "this is an object with \"customers\" or \"branches\"; an output is an array [ ] of what each \
                    customer received, each entry with \"id\" and \"recv\"";
        return Err(wrong(root.at, "", what));
    }
    if has("id") {
        unusual.saw("an entry alone as an array of one");
        return Ok(vec![root]);
    }
    match fields {
        [member] if matches!(member.value.value, Value::Array(_)) => {
            unusual.saw(&format!("the array under {} as the output", json::shown(&member.key)));
            Ok(array(&member.value))
        }
        _ => Err(wrong(
            root.at,
            "",
            "an output is an array [ ]; this is an object without \"id\" and \"recv\"",
        )),
    }
}

/// Takes arrays of entries apart that stand where an entry should be, one level deep.
fn flat<'n, 'a>(entries: Vec<&'n Node<'a>>, unusual: &mut Unusual) -> Vec<&'n Node<'a>> {
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        match &entry.value {
            Value::Array(_) => {
                unusual.saw("an array of entries inside the array as its entries");
                all.extend(array(entry));
            }
            _ => all.push(entry),
        }
    }
    all
}

fn array<'n, 'a>(node: &'n Node<'a>) -> Vec<&'n Node<'a>> {
    match &node.value {
        Value::Array(elements) => elements.iter().collect(),
        _ => Vec::new(),
    }
}

/// Whether the values are an input: it has branches, or customers whose events have no answers.
fn is_input(values: &[Node<'_>]) -> bool {
    let entries: Vec<&Node<'_>> = match values {
        [root] => array(root),
        several => several.iter().collect(),
    };
    let entries: Vec<Fields<'_, '_>> = entries.into_iter().filter_map(Fields::of).collect();
    !entries.iter().any(|entry| entry.has_answers()) && entries.iter().any(|entry| entry.is_of_input())
}
