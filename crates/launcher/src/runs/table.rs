//! The list of run folders as text and as JSON.

use super::found::Found;
use crate::run::state::{Kind, State};
use crate::terminal::format::WIDTH;
use console::truncate_str;
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The list as a table. Each folder has one line of at most 80 columns.
pub fn text(runs: &[Found], now: SystemTime) -> String {
    let mut text = line("when", "verdict", "size", "folder", "input");
    for run in runs {
        let input = match (run.in_use && run.state.state != State::Running, run.state.kind) {
            (true, _) => format!("a bank runs in it; {}", run.state.input),
            // A demonstration names its folder by the lesson.
            (false, Kind::Demo) if run.name().contains(&run.state.input) => String::new(),
            (false, _) => run.state.input.clone(),
        };
        text += &line(
            &age(run.started, now),
            verdict(run),
            &size(run.bytes),
            &run.name(),
            &input,
        );
    }
    text
}

fn line(when: &str, verdict: &str, size: &str, folder: &str, input: &str) -> String {
    let line = format!("{when:<12}  {verdict:<12}  {size:>8}  {folder:<21}  {input}");
    format!("{}\n", truncate_str(line.trim_end(), WIDTH, "…"))
}

/// The verdict, or how far the run came.
fn verdict(run: &Found) -> &str {
    match run.state.state {
        State::Running => "running",
        State::Interrupted => "interrupted",
        State::NotFinished => "not finished",
        // Folders of older versions do not have it.
        State::Judged => run.state.verdict.as_deref().unwrap_or("-"),
    }
}

/// Room on the disk, for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

/// The time since a start, in the largest unit that fits.
fn age(started: SystemTime, now: SystemTime) -> String {
    let past = now.duration_since(started).unwrap_or(Duration::ZERO).as_secs();
    let (number, unit) = match past {
        0..60 => return "just now".to_owned(),
        60..3600 => (past / 60, "min"),
        3600..86_400 => (past / 3600, "h"),
        86_400..172_800 => (1, "day"),
        _ => (past / 86_400, "days"),
    };
    format!("{number} {unit} ago")
}

#[derive(Serialize)]
struct JsonRun<'a> {
    dir: &'a Path,
    kind: Kind,
    input: &'a str,
    started: &'a str,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    bytes: u64,
    in_use: bool,
}

/// The list as one line of JSON.
pub fn json(runs: &[Found]) -> String {
    let runs: Vec<JsonRun<'_>> = runs
        .iter()
        .map(|run| JsonRun {
            dir: &run.path,
            kind: run.state.kind,
            input: &run.state.input,
            started: &run.state.started,
            state: run.state.state,
            verdict: run.state.verdict.as_deref(),
            reason: run.state.reason.as_deref(),
            bytes: run.bytes,
            in_use: run.in_use,
        })
        .collect();
    crate::verdict::json::line(&serde_json::json!({ "runs": runs }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::state::RunState;

    fn run(name: &str, kind: Kind, input: &str, state: State, verdict: Option<&str>, bytes: u64) -> Found {
        Found {
            path: Path::new("outputs").join(name),
            state: RunState {
                state,
                verdict: verdict.map(str::to_owned),
                ..RunState::running(kind, input, "1970-01-01T00:00:00Z".to_owned())
            },
            started: SystemTime::UNIX_EPOCH,
            bytes,
            in_use: state == State::Running,
        }
    }

    #[test]
    fn a_line_for_each_run() {
        let runs = [
            run(
                "run-20261123-030512-1",
                Kind::Run,
                "input_big.json",
                State::Running,
                None,
                812_001,
            ),
            run(
                "demo-monotonic-reads-20261123-030512-1",
                Kind::Demo,
                "monotonic-reads",
                State::Judged,
                Some("shown"),
                4_712_000,
            ),
            run(
                "run-20261123-030511-1",
                Kind::Run,
                "an_input_with_a_very_long_name.json",
                State::Judged,
                Some("consistent"),
                91_000_000,
            ),
            run("mine", Kind::Run, "a.json", State::Interrupted, None, 0),
        ];
        let text = text(&runs, SystemTime::UNIX_EPOCH + Duration::from_secs(7_300));
        insta::assert_snapshot!(text, @"
        when          verdict           size  folder                 input
        2 h ago       running         813 kB  run-20261123-030512-1  input_big.json
        2 h ago       shown           4.7 MB  demo-monotonic-reads-20261123-030512-1
        2 h ago       consistent     91.0 MB  run-20261123-030511-1  an_input_with_a_ve…
        2 h ago       interrupted       0 kB  mine                   a.json
        ");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        let json: serde_json::Value = serde_json::from_str(&json(&runs)).expect("JSON");
        assert_eq!(json["runs"][1]["verdict"], "shown");
        assert_eq!(json["runs"][0]["state"], "running");
    }

    #[test]
    fn ages() {
        for (seconds, expected) in [
            (59, "just now"),
            (60, "1 min ago"),
            (7_199, "1 h ago"),
            (86_400, "1 day ago"),
            (86_400 * 400, "400 days ago"),
        ] {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(age(SystemTime::UNIX_EPOCH, now), expected);
        }
    }
}
