//! The folders of a demonstration: where its banks live, and what is kept of each run.

use super::demonstration::Kept;
use super::error::DemoError;
use super::lesson::Lesson;
use super::page;
use super::play::Performance;
use crate::date::date_and_time;
use crate::run::folder::{OUTPUTS, PAGE_FILE, RunFolder, RunFolderError};
use crate::run::state::{Kind, RunState, UnderWay};
use std::path::Path;
use std::time::SystemTime;
use tempfile::TempDir;

/// The folder that holds the folders of all runs.
#[derive(Debug)]
pub(super) struct Folder {
    folder: RunFolder,
    /// The folder is temporary: it is removed with this value, and no run is kept.
    temporary: Option<TempDir>,
    runs: u32,
}

impl Folder {
    /// The folder `dir`, which is new or empty. Without it, a fresh folder in `outputs/` for one run, and a temporary
    /// one for more.
    pub(super) fn prepare(lesson: &Lesson, dir: Option<&Path>, runs: u32) -> Result<Self, DemoError> {
        let (folder, temporary) = match dir {
            Some(dir) => (RunFolder::named(dir)?, None),
            None if runs == 1 => {
                let name = format!("demo-{}", lesson.name);
                (RunFolder::fresh(OUTPUTS.as_ref(), &name, SystemTime::now())?, None)
            }
            None => {
                let temporary = tempfile::tempdir().map_err(|source| DemoError::Io {
                    what: "a temporary directory",
                    source,
                })?;
                (RunFolder::named(temporary.path())?, Some(temporary))
            }
        };
        Ok(Folder {
            folder,
            temporary,
            runs,
        })
    }

    /// The folder of one run, counted from 1.
    pub(super) fn of_run(&self, run: u32) -> Result<RunFolder, RunFolderError> {
        match self.runs {
            1 => Ok(self.folder.clone()),
            _ => self.folder.inside(&format!("run-{run}")),
        }
    }

    /// Writes the state of a run at its start. `None` in a temporary folder, where nobody reads it.
    pub(super) fn begin(&self, lesson: &Lesson, folder: &RunFolder) -> Result<Option<UnderWay>, RunFolderError> {
        if self.temporary.is_some() {
            return Ok(None);
        }
        let state = RunState::running(Kind::Demo, lesson.name, date_and_time(SystemTime::now()));
        UnderWay::begin(folder, state).map(Some)
    }

    /// Writes the page of a run. In a temporary folder it removes the run at once, so that a thousand runs need no more
    /// room than one.
    pub(super) fn keep(
        &self,
        lesson: &Lesson,
        performance: &Performance,
        folder: &RunFolder,
    ) -> Result<Option<Kept>, RunFolderError> {
        if self.temporary.is_some() {
            let _ = std::fs::remove_dir_all(folder.path());
            return Ok(None);
        }
        folder.write(PAGE_FILE, &page::html(lesson, performance))?;
        Ok(Some(Kept {
            dir: folder.path().to_owned(),
            report: folder.path().join(PAGE_FILE),
        }))
    }
}
