//! Where a demonstration's banks live, and what is left of each run: a run folder for each act, and a page that shows both;
//! or nothing.

use super::demonstration::Kept;
use super::error::DemoError;
use super::lesson::{Lesson, OPENING};
use super::page;
use super::play::{Act, Performance, STRONG, WEAK};
use crate::date::date_and_time;
use crate::run::folder::{OUTPUTS, PAGE_FILE, RunFolder, RunFolderError};
use crate::run::meta::{self, Meta, Platform};
use std::path::Path;
use std::time::SystemTime;
use tempfile::TempDir;

/// What holds the folders of all runs.
#[derive(Debug)]
pub(super) struct Folder {
    folder: RunFolder,
    /// It goes with the program.
    passing: Option<TempDir>,
    runs: u32,
    /// The command line.
    flags: Vec<String>,
}

impl Folder {
    /// The one that was asked for; else a fresh one, where the lesson is played only once.
    pub(super) fn prepare(
        lesson: &Lesson,
        dir: Option<&Path>,
        runs: u32,
        flags: Vec<String>,
    ) -> Result<Self, DemoError> {
        let (folder, passing) = match dir {
            Some(dir) => (RunFolder::named(dir)?, None),
            None if runs == 1 => {
                let name = format!("demo-{}", lesson.name);
                (RunFolder::fresh(OUTPUTS.as_ref(), &name, SystemTime::now())?, None)
            }
            None => {
                let passing = tempfile::tempdir().map_err(|source| DemoError::Io {
                    what: "a temporary directory",
                    source,
                })?;
                (RunFolder::named(passing.path())?, Some(passing))
            }
        };
        Ok(Folder {
            folder,
            passing,
            runs,
            flags,
        })
    }

    /// Where a run's banks are; that it can be written in is known before any of them starts.
    pub(super) fn of_run(&self, run: u32) -> Result<RunFolder, RunFolderError> {
        let folder = match self.runs {
            1 => self.folder.clone(),
            _ => self.folder.inside(&format!("run-{run}"))?,
        };
        folder.inside(WEAK)?;
        folder.inside(STRONG)?;
        Ok(folder)
    }

    /// Writes what was recorded of a run. One that is not kept is gone at once, so that a thousand need no more room than
    /// one.
    pub(super) fn keep(
        &self,
        lesson: &Lesson,
        performance: &Performance,
        folder: &RunFolder,
    ) -> Result<Option<Kept>, RunFolderError> {
        if self.passing.is_some() {
            let _ = std::fs::remove_dir_all(folder.path());
            return Ok(None);
        }
        for (act, name) in [(&performance.weak, WEAK), (&performance.strong, STRONG)] {
            folder.inside(name)?.record(&act.history, &self.meta(lesson, act))?;
        }
        let meta = self.meta(lesson, &performance.weak);
        folder.write(PAGE_FILE, &page::html(lesson, performance, &meta))?;
        Ok(Some(Kept {
            dir: folder.path().to_owned(),
            report: folder.path().join(PAGE_FILE),
        }))
    }

    fn meta(&self, lesson: &Lesson, act: &Act) -> Meta {
        let journals = act.history.journals.iter();
        Meta {
            input: format!("lesson {}", lesson.name),
            started: date_and_time(act.started),
            flags: self.flags.clone(),
            level: act.setting.level,
            propagation: act.setting.propagation,
            concurrent: false,
            opening_balance: OPENING,
            every_read: lesson.every_read,
            branches: act.history.branches.clone(),
            journals: journals.map(|journal| journal.branch).collect(),
            faults: act.went_wrong().cloned().collect(),
            versions: meta::versions(act.version.clone()),
            platform: Platform::this(),
        }
    }
}
