//! The report of a run: judges the run, and writes its output, its history and its page.

use super::html;
use super::run_verdict::RunVerdict;
use crate::output::{Format, OutputFile, OutputFileError, render};
use crate::run::execution::{Ran, RunPlan, Timings, micros};
use crate::run::fault_player::InjectedFault;
use crate::run::folder::{OUTPUT_FILE, PAGE_FILE, RunFolder, RunFolderError};
use std::path::PathBuf;
use std::time::Instant;
use thiserror::Error;

/// The report of a run.
#[derive(Debug)]
pub struct RunReport {
    /// The verdict.
    pub verdict: RunVerdict,
    /// The faults of the input that were injected.
    pub injected: Vec<InjectedFault>,
    /// Durations of the phases.
    pub timings: Timings,
    /// The run folder.
    pub folder: RunFolder,
    /// The bank file.
    pub bank: PathBuf,
    /// The page of the run.
    pub page: PathBuf,
    /// Whether the bank runs on, as a live bank. False until it was started again.
    pub kept: bool,
}

/// Why a run's report cannot be written.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The output cannot be written.
    #[error(transparent)]
    Output(#[from] OutputFileError),
    /// The run folder cannot be written.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
}

impl RunReport {
    /// Judges a run. Writes the output in this format, and the history, the page and the verdict of the run into its
    /// folder.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(plan: &RunPlan, ran: Ran, output: &OutputFile, format: Format) -> Result<Self, ReportError> {
        let phase = Instant::now();
        let text = render(format, &plan.input.script, &ran.visited);
        output.write(&text)?;
        ran.folder.write(OUTPUT_FILE, &text)?;
        let mut verdict = RunVerdict::on_run(&plan.input, &ran.visited, plan.mode, &ran.history);
        verdict.faults.extend(ran.failures.iter().cloned());
        verdict.notes.extend(ran.notes.iter().cloned());
        let meta = ran.meta(plan, verdict.faults.clone());
        ran.folder.record(&ran.history, &meta)?;
        let page = html::render(&meta, ran.history, &verdict);
        ran.folder.write(PAGE_FILE, &page)?;
        ran.under_way.judged(Some(verdict.conclusion().word()))?;
        if plan.dir.is_none() {
            ran.folder.link_latest();
        }
        Ok(RunReport {
            verdict,
            injected: ran.injected,
            timings: Timings {
                report_us: micros(phase),
                total_us: micros(ran.began),
                ..ran.timings
            },
            page: ran.folder.path().join(PAGE_FILE),
            folder: ran.folder,
            bank: ran.bank,
            kept: false,
        })
    }
}
