//! The last lines of a verdict: the conclusion, and on a failure the witness in red with what to look at.

use super::run_verdict::{Conclusion, Judged, READ_YOUR_WRITES, RunVerdict};
use crate::terminal::colours::Colour;
use crate::terminal::format::{WIDTH, count, wrapped};
use std::path::Path;

/// Number of broken guarantees whose witness is shown, and of causes of an unfinished run. Further ones are counted.
const SHOWN_MAX: usize = 3;

/// The last lines. `look_at` is the page or the folder of the run.
pub(super) fn lines(verdict: &RunVerdict, look_at: Option<&Path>) -> String {
    let mut text = match verdict.conclusion() {
        Conclusion::Consistent => return wrapped(&consistent(verdict), 0, WIDTH) + "\n",
        Conclusion::Unknown => "not finished: there was nothing to judge\n".to_owned(),
        Conclusion::NotFinished => not_finished(&verdict.faults),
        Conclusion::Inconsistent => inconsistent(verdict),
    };
    if let Some(path) = look_at {
        text += &format!("look at   {}\n", path.display());
    }
    text
}

fn consistent(verdict: &RunVerdict) -> String {
    let own = verdict.judged.iter().map(|judged| &judged.verdict);
    let mut own = own.filter(|own| own.guarantee == READ_YOUR_WRITES && own.judged > 0);
    let consistent = match own.next() {
        None => "consistent, as far as it was judged: read-your-writes was not put to the test".to_owned(),
        Some(own) => format!(
            "consistent: read-your-writes held in {}",
            count(own.judged, "read", "reads")
        ),
    };
    match verdict.kept_back {
        0 => consistent,
        events => format!(
            "{consistent}; {} not answered while a fault was on",
            count(events, "event was", "events were")
        ),
    }
}

fn not_finished(causes: &[String]) -> String {
    let text = match causes {
        [cause] => wrapped(&format!("not finished: {cause}"), 0, WIDTH),
        causes => format!("not finished:{}", listed(causes)),
    };
    Colour::Yellow.paint(&text) + "\n"
}

fn inconsistent(verdict: &RunVerdict) -> String {
    // The history has the better witness: its sentence has positions.
    let mut broken: Vec<&Judged> = verdict.broken().collect();
    broken.sort_by_key(|judged| judged.by() != "history");
    let mut named: Vec<&Judged> = Vec::new();
    for judged in broken {
        if !named
            .iter()
            .any(|known| known.verdict.guarantee == judged.verdict.guarantee)
        {
            named.push(judged);
        }
    }
    let names: Vec<String> = named.iter().map(|judged| failed(verdict, judged)).collect();
    let head = wrapped(&format!("NOT consistent: {}", names.join(", ")), 0, WIDTH);
    let mut witnesses: Vec<String> = named
        .iter()
        .filter_map(|judged| judged.verdict.failures.first())
        .map(|witness| wrapped(witness, 0, WIDTH))
        .collect();
    let more = witnesses.len().saturating_sub(SHOWN_MAX);
    witnesses.truncate(SHOWN_MAX);
    if more > 0 {
        witnesses.push(format!("and {more} more"));
    }
    let also = match verdict.faults.as_slice() {
        [] => String::new(),
        causes => format!("the run was not finished, either:{}\n", listed(causes)),
    };
    let red = [vec![head], witnesses].concat();
    also + &Colour::Red.paint(&red.join("\n")) + "\n"
}

fn failed(run: &RunVerdict, judged: &Judged) -> String {
    let name = judged.verdict.guarantee;
    match judged.verdict.promised {
        true => format!("{name} failed"),
        false => format!("{name} failed ({})", run.not_promised_by_level()),
    }
}

/// Each of the first causes on a line of its own.
fn listed(causes: &[String]) -> String {
    let shown = causes.iter().take(SHOWN_MAX);
    let mut text: String = shown.map(|cause| format!("\n  {}", wrapped(cause, 2, WIDTH))).collect();
    if causes.len() > SHOWN_MAX {
        text += &format!("\n  and {} more", causes.len() - SHOWN_MAX);
    }
    text
}
