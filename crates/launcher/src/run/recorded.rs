//! Reads the folder of a finished run. The folder may come from another host, and people may have edited it. A missing
//! file becomes a note. A malformed file is refused by its name and line.

use crate::input::{Input, InputError};
use crate::run::folder::{HISTORY_FILE, INPUT_FILE, JOURNALS_DIR, META_FILE, OUTPUT_FILE, STATE_FILE};
use crate::run::meta::Meta;
use crate::run::state::{Kind, RunState, State};
use bank_check::History;
use bank_check::history::ParseError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A finished run, as its folder describes it.
#[derive(Debug)]
pub struct Recorded {
    /// Settings of the run, if the folder has `meta.json`.
    pub meta: Option<Meta>,
    /// Operations, faults and journals.
    pub history: History,
    /// The input and the path of the output, if the folder has both files.
    pub answered: Option<(Input, PathBuf)>,
    /// What is missing in the folder, and the consequence, one sentence each.
    pub notes: Vec<String>,
}

/// Why a run folder cannot be read.
#[derive(Debug, Error)]
pub enum RecordedError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        #[source]
        source: io::Error,
    },
    /// The folder has no history.
    #[error("{} is no run folder: it has no {HISTORY_FILE}", .0.display())]
    NoHistory(PathBuf),
    /// The run was not judged, so that it has no history.
    #[error("the run in {} was not judged: {reason}", dir.display())]
    NotJudged {
        /// The folder.
        dir: PathBuf,
        /// How the run ended, and what to do.
        reason: String,
    },
    /// The folder is of a demonstration.
    #[error(
        "{dir} is the folder of a demonstration; judge one of its runs: launcher check {dir}/weak, or {dir}/strong",
        dir = .0.display()
    )]
    Demonstration(PathBuf),
    /// A line of the history or of a journal is malformed.
    #[error("{}/{source}", dir.display())]
    Line {
        /// The folder.
        dir: PathBuf,
        /// The file, the line, and what is wrong.
        #[source]
        source: ParseError,
    },
    /// `meta.json` is malformed.
    #[error("{}: {source}", path.display())]
    Meta {
        /// The file.
        path: PathBuf,
        /// The error, with its place.
        #[source]
        source: serde_json::Error,
    },
    /// The input is malformed.
    #[error(transparent)]
    Input(#[from] InputError),
}

impl Recorded {
    /// Reads a run folder.
    ///
    /// # Errors
    /// The folder has no history, or a file is malformed. The error names the file and the line.
    pub fn load(dir: &Path) -> Result<Self, RecordedError> {
        let state = RunState::load(dir).map_err(io_error(&dir.join(STATE_FILE)))?;
        let Some(history) = text(&dir.join(HISTORY_FILE))? else {
            return Err(no_history(dir, state));
        };
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
        if let Some(state) = state.filter(|state| state.state != State::Judged) {
            let how = how_it_ended(&state);
            notes.push(format!("{how} while its records were written: some may be missing"));
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

    /// Opening balance in minor units, if the folder has it in `meta.json` or in the input.
    pub fn opening(&self) -> Option<i64> {
        let by_input = || self.answered.as_ref().map(|(input, _)| input.script.opening_balance);
        self.meta.as_ref().map(|meta| meta.opening_balance).or_else(by_input)
    }
}

/// The error for a folder without a history, by the state of its run.
fn no_history(dir: &Path, state: Option<RunState>) -> RecordedError {
    let dir = dir.to_owned();
    let Some(state) = state else {
        return RecordedError::NoHistory(dir);
    };
    if state.kind == Kind::Demo {
        return RecordedError::Demonstration(dir);
    }
    let next = match state.state {
        State::Judged => return RecordedError::NoHistory(dir),
        State::Running => "wait for its end",
        State::Interrupted | State::NotFinished => "run its input again",
    };
    RecordedError::NotJudged {
        dir,
        reason: format!("{}; {next}", how_it_ended(&state)),
    }
}

/// How a run that was not judged ended, in words.
fn how_it_ended(state: &RunState) -> String {
    let how = match state.state {
        State::Running => "it is still under way",
        State::Interrupted => "it was interrupted",
        State::NotFinished => "it could not be finished",
        State::Judged => "it was judged",
    };
    match &state.reason {
        Some(reason) => format!("{how} ({reason})"),
        None => how.to_owned(),
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RecordedError {
    let path = path.to_owned();
    move |source| RecordedError::Io { path, source }
}

/// Reads a file as text. `None` if there is no such file.
fn text(path: &Path) -> Result<Option<String>, RecordedError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path)(error)),
    }
}

/// Reads the journals: name and text, sorted by name.
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
