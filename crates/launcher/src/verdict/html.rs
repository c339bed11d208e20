//! The page of a run, `report.html`, made by `bank-report`.

use super::run_verdict::{Conclusion, RunVerdict};
use crate::run::meta::Meta;
use crate::terminal::format::count;
use bank_check::History;
use bank_report::{Report, Run};

/// The HTML of the page.
pub fn render(meta: &Meta, history: History, verdict: &RunVerdict) -> String {
    let by_history = verdict.judged.iter().filter(|judged| judged.by() == "history");
    bank_report::render(&Report {
        title: format!("A run of {}", meta.input),
        sentences: sentences(meta, verdict),
        meta: made(meta),
        run: Run {
            name: format!("reads: {}, writes: {}", meta.level, meta.propagation),
            history,
            verdicts: by_history.map(|judged| judged.verdict.clone()).collect(),
            sentences: Vec::new(),
        },
        beside: None,
    })
}

fn sentences(meta: &Meta, verdict: &RunVerdict) -> Vec<String> {
    let word = match verdict.conclusion() {
        Conclusion::Consistent => "consistent",
        Conclusion::Inconsistent => "not consistent",
        Conclusion::NotFinished => "not finished",
        Conclusion::Unknown => "not judged: there was nothing to judge",
    };
    let how = format!(
        "Reads were made at level {}; writes waited for {}. The run is {word}.",
        meta.level, meta.propagation
    );
    let unanswered = match verdict.kept_back {
        0 => None,
        events => Some(format!(
            "{} not answered while a fault was on.",
            count(events, "event was", "events were")
        )),
    };
    let went_wrong = verdict.faults.iter().cloned();
    [how].into_iter().chain(unanswered).chain(went_wrong).collect()
}

/// The metadata of a run for the page.
pub(crate) fn made(meta: &Meta) -> bank_report::Meta {
    bank_report::Meta {
        input: meta.input.clone(),
        date: meta.started.clone(),
        flags: meta.flags.clone(),
        versions: meta.versions.clone().into_iter().collect(),
    }
}
