//! The folder of a finished run, read back: this host's or another's, this launcher's or somebody's by hand. What is not
//! there is noted, and what is there is understood or refused by file and line.

use crate::input::{Input, InputError};
use crate::run::folder::{HISTORY_FILE, INPUT_FILE, JOURNALS_DIR, META_FILE, OUTPUT_FILE};
use crate::run::meta::Meta;
use bank_check::History;
use bank_check::history::ParseError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A finished run.
#[derive(Debug)]
pub struct Recorded {
    /// How it was made, where the folder says.
    pub meta: Option<Meta>,
    /// What happened.
    pub history: History,
    /// The input, and the file with the output that answers it, where both files are there.
    pub answered: Option<(Input, PathBuf)>,
    /// What is not there, and what that means.
    pub notes: Vec<String>,
}

/// Why a folder cannot be judged.
#[derive(Debug, Error)]
pub enum RecordedError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It has no history.
    #[error("{} is no run folder: it has no {HISTORY_FILE}", .0.display())]
    NoHistory(PathBuf),
    /// A line is wrong.
    #[error("{}/{source}", dir.display())]
    Line {
        /// The folder.
        dir: PathBuf,
        /// The file in it, the line, and what is wrong.
        #[source]
        source: ParseError,
    },
    /// `meta.json` is wrong.
    #[error("{}: {source}", path.display())]
    Meta {
        /// Where.
        path: PathBuf,
        /// What.
        #[source]
        source: serde_json::Error,
    },
    /// The input is wrong.
    #[error(transparent)]
    Input(#[from] InputError),
}

impl Recorded {
    /// Reads a folder.
    ///
    /// # Errors
    /// It has no history, or one of its files cannot be understood; names the file, and the line where there is one.
    pub fn load(dir: &Path) -> Result<Self, RecordedError> {
        let history = text(&dir.join(HISTORY_FILE))?.ok_or_else(|| RecordedError::NoHistory(dir.to_owned()))?;
        let journals = journals(dir)?;
        let borrowed: Vec<(String, &str)> = journals
            .iter()
            .map(|(name, text)| (name.clone(), text.as_str()))
            .collect();
        let mut history = History::parse(&history, &borrowed).map_err(|source| RecordedError::Line {
            dir: dir.to_owned(),
            source,
        })?;
        let meta = meta(dir)?;
        let mut notes = Vec::new();
        match &meta {
            Some(meta) => {
                history.branches.extend(&meta.branches);
                history.branches.sort_unstable();
                history.branches.dedup();
            }
            None => notes.push(format!(
                "there is no {META_FILE}: the opening balance and what went wrong in the run are not known, and only the \
                 branches that were asked are"
            )),
        }
        if history.journals.is_empty() {
            notes.push(
                "there are no journals: only what customers were told is judged, not what branches did".to_owned(),
            );
        }
        let answered = answered(dir)?;
        if answered.is_none() {
            notes.push(format!(
                "there is no {INPUT_FILE} with an {OUTPUT_FILE}: the answers are not judged by the input"
            ));
        }
        Ok(Recorded {
            meta,
            history,
            answered,
            notes,
        })
    }

    /// What the bank was founded with, in minor units, as far as the folder says.
    pub fn opening(&self) -> Option<i64> {
        let by_input = || self.answered.as_ref().map(|(input, _)| input.script.opening_balance);
        self.meta.as_ref().map(|meta| meta.opening_balance).or_else(by_input)
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RecordedError {
    let path = path.to_owned();
    move |source| RecordedError::Io { path, source }
}

/// A file's text; none where there is no such file.
fn text(path: &Path) -> Result<Option<String>, RecordedError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path)(error)),
    }
}

/// Name and text of each journal, by name.
fn journals(dir: &Path) -> Result<Vec<(String, String)>, RecordedError> {
    let path = dir.join(JOURNALS_DIR);
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(&path)(error)),
    };
    let mut journals = Vec::new();
    for entry in entries {
        let file = entry.map_err(io_error(&path))?.path();
        if file.extension().is_some_and(|extension| extension == "jsonl") {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{JOURNALS_DIR}/{name}");
            journals.extend(text(&file)?.map(|text| (name, text)));
        }
    }
    journals.sort();
    Ok(journals)
}

fn meta(dir: &Path) -> Result<Option<Meta>, RecordedError> {
    let path = dir.join(META_FILE);
    let Some(text) = text(&path)? else { return Ok(None) };
    let meta = serde_json::from_str(&text).map_err(|source| RecordedError::Meta { path, source })?;
    Ok(Some(meta))
}

fn answered(dir: &Path) -> Result<Option<(Input, PathBuf)>, RecordedError> {
    let (input, output) = (dir.join(INPUT_FILE), dir.join(OUTPUT_FILE));
    if !input.exists() || !output.exists() {
        return Ok(None);
    }
    Ok(Some((Input::load(&input)?, output)))
}
