//! The output of `launcher demo`: text with both acts side by side and a few sentences, or one line of JSON.

use super::act::{Act, Wait, took_us};
use super::dead_branch::DeadBranch;
use super::demonstration::{Demonstration, Kept};
use super::lesson::{ALL, HELD, Lesson, Setting};
use super::play::{STRONG, WEAK};
use crate::terminal::format::{ms, wrapped};
use crate::verdict::json::line;
use bank_check::history::{Action, Operation, Outcome as Came};
use bank_check::verdict::Outcome;
use serde::Serialize;

/// The list of lessons, as text or as one line of JSON.
pub(super) fn list(json: bool) -> String {
    if json {
        let names: Vec<_> = ALL.iter().map(|lesson| lesson.name).collect();
        return line(&names);
    }
    let mut text =
        "Each lesson runs one input twice while the network holds a branch back: once it breaks, once it holds.\n\n"
            .to_owned();
    for lesson in ALL {
        text += &format!(
            "  launcher demo {:<17} {}, against {}\n    {}\n",
            lesson.name,
            in_words(lesson, lesson.weak),
            in_words(lesson, lesson.strong),
            lesson.question
        );
    }
    text + "\n--runs N plays one N times and counts; --json prints it for machines.\n"
}

/// A demonstration as text.
pub(super) fn text(demonstration: &Demonstration) -> String {
    let Demonstration { lesson, shown, .. } = demonstration;
    let mut text = format!(
        "{}: {}\nThree branches; the network holds back what is sent to branch {HELD}.\n\n",
        lesson.name, lesson.question
    );
    text += &table(lesson, &shown.weak, &shown.strong);
    text += "\n";
    if let Some(witness) = shown.weak.verdict(lesson).and_then(|verdict| verdict.failures.first()) {
        text += &paragraph(&format!("The witness: {witness}."));
    }
    if let Some(words) = wait(&shown.strong) {
        text += &paragraph(&words);
    }
    if let Some(words) = shown.dead_branch.as_ref().and_then(dead) {
        text += &paragraph(&words);
    }
    text += &format!("\n{}\n\n", lesson.why);
    text + &conclusion(demonstration)
}

/// Width of the columns with the answers.
const COLUMN: usize = 42;
/// Width of the column with the events.
const FIRST_COLUMN: usize = 40;
/// Width of the sentences.
const LINE: usize = 118;

fn table(lesson: &Lesson, weak: &Act, strong: &Act) -> String {
    let heads = [lesson.weak, lesson.strong].map(|setting| in_words(lesson, setting));
    let mut text = row("", &heads[0], &heads[1]);
    for (index, operation) in weak.history.operations.iter().enumerate() {
        let strong = strong.history.operations.get(index).map(told).unwrap_or_default();
        text += &row(&asked(operation), &told(operation), &strong);
    }
    let judged = |act: &Act| {
        let verdict = act.verdict(lesson);
        verdict.map_or("not judged", |verdict| match verdict.outcome() {
            Outcome::Pass => "holds",
            Outcome::Fail if verdict.promised => "BROKEN, though promised",
            Outcome::Fail => "BROKEN (it was not promised)",
            Outcome::Unknown => "unknown",
        })
    };
    text + &row(lesson.guarantee, judged(weak), judged(strong))
}

fn row(first: &str, weak: &str, strong: &str) -> String {
    let line = format!("  {first:<FIRST_COLUMN$}{weak:<COLUMN$}{strong}");
    line.trim_end().to_owned() + "\n"
}

/// The part of a setting in which the settings of the lesson differ.
pub(super) fn in_words(lesson: &Lesson, setting: Setting) -> String {
    if lesson.weak.propagation == lesson.strong.propagation {
        format!("reads: {}", setting.level)
    } else {
        format!("writes: {}", setting.propagation)
    }
}

/// The text in lines of at most [`LINE`] characters.
fn paragraph(text: &str) -> String {
    wrapped(text, 0, LINE) + "\n"
}

fn asked(operation: &Operation) -> String {
    let ask = match &operation.action {
        Action::Deposit { amount, .. } => format!("deposits {amount}"),
        _ => "queries".to_owned(),
    };
    let event = operation.event.unwrap_or_default();
    format!(
        "{event}. customer {} {ask} at branch {}",
        operation.customer, operation.branch
    )
}

fn told(operation: &Operation) -> String {
    if let Some(error) = &operation.error {
        return error.clone();
    }
    let word = match operation.outcome {
        Came::Accepted => "done, balance",
        _ => "balance",
    };
    format!(
        "{word} {}, position {}, {}",
        operation.balance.unwrap_or_default(),
        operation.position.unwrap_or_default(),
        ms(took_us(operation))
    )
}

/// The wait of an act, in one sentence.
pub(super) fn wait(act: &Act) -> Option<String> {
    let wait = act.wait?;
    let mut operations = act.history.operations.iter();
    let operation = operations.find(|operation| operation.event == Some(wait.event))?;
    Some(format!(
        "The wait: while event {} had no answer, branch {} answered another read, from position {}; then the network let \
         go, and the answer came {} after that, {} after the question.",
        wait.event,
        operation.branch,
        wait.meanwhile_position,
        ms(wait.after_release_us),
        ms(wait.took_us)
    ))
}

/// The cost of a dead branch, in one sentence.
pub(super) fn dead(dead: &DeadBranch) -> Option<String> {
    let [quorum, all] = dead.writes()?;
    let missing: Vec<String> = all.missing_branches.iter().map(u32::to_string).collect();
    Some(format!(
        "With branch {HELD} and its host dead: a deposit to a quorum is done in {}; one to all, with a deadline of {}, is \
         done too, but comes back after {}, and says that branch {} has not confirmed it.",
        ms(took_us(quorum)),
        ms(DeadBranch::deadline_us()),
        ms(took_us(all)),
        missing.join(", ")
    ))
}

fn conclusion(demonstration: &Demonstration) -> String {
    let Demonstration {
        lesson,
        runs,
        broken,
        held,
        shown,
        kept,
        run_time_us,
    } = demonstration;
    let mut text = format!(
        "{broken} of {runs} broken ({}), with the witness expected; {held} of {runs} held ({}); {} a run\n",
        in_words(lesson, lesson.weak),
        in_words(lesson, lesson.strong),
        ms(*run_time_us)
    );
    for (what, seen) in [("break", shown.broke(lesson)), ("hold", shown.held(lesson))] {
        if let Err(instead) = seen {
            text += &format!("  it did not {what} as expected: {instead}\n");
        }
    }
    if let Some(Kept { dir, report }) = kept {
        text += &format!(
            "report: {}\nrun folders: {}, {}\n",
            report.display(),
            dir.join(WEAK).display(),
            dir.join(STRONG).display()
        );
    }
    text
}

#[derive(Serialize)]
struct JsonDemonstration<'a> {
    lesson: &'a str,
    guarantee: &'a str,
    runs: u32,
    broken: u32,
    held: u32,
    convincing: bool,
    run_time_us: u64,
    #[serde(flatten)]
    kept: Option<&'a Kept>,
    weak: JsonAct<'a>,
    strong: JsonAct<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_branch: Option<JsonDeadBranch<'a>>,
    /// What was seen instead of what was expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instead: Vec<String>,
}

#[derive(Serialize)]
struct JsonAct<'a> {
    level: &'a str,
    propagation: &'a str,
    outcome: Option<&'a str>,
    /// Whether the setting promised the guarantee.
    promised: Option<bool>,
    witnesses: &'a [String],
    operations: &'a [Operation],
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<Wait>,
}

#[derive(Serialize)]
struct JsonDeadBranch<'a> {
    quorum: &'a Operation,
    all: &'a Operation,
}

/// A demonstration as one line of JSON.
pub(super) fn json(demonstration: &Demonstration) -> String {
    let Demonstration { lesson, shown, .. } = demonstration;
    let act = |act| json_act(lesson, act);
    let instead = [shown.broke(lesson), shown.held(lesson)]
        .into_iter()
        .filter_map(Result::err);
    line(&JsonDemonstration {
        lesson: lesson.name,
        guarantee: lesson.guarantee,
        runs: demonstration.runs,
        broken: demonstration.broken,
        held: demonstration.held,
        convincing: demonstration.is_convincing(),
        run_time_us: demonstration.run_time_us,
        kept: demonstration.kept.as_ref(),
        weak: act(&shown.weak),
        strong: act(&shown.strong),
        dead_branch: shown
            .dead_branch
            .as_ref()
            .and_then(DeadBranch::writes)
            .map(|[quorum, all]| JsonDeadBranch { quorum, all }),
        instead: instead.collect(),
    })
}

fn json_act<'a>(lesson: &Lesson, act: &'a Act) -> JsonAct<'a> {
    let verdict = act.verdict(lesson);
    JsonAct {
        level: act.setting.level.as_str(),
        propagation: act.setting.propagation.as_str(),
        outcome: verdict.map(|verdict| verdict.outcome().word()),
        promised: verdict.map(|verdict| verdict.promised),
        witnesses: verdict.map_or(&[], |verdict| &verdict.failures),
        operations: &act.history.operations,
        wait: act.wait,
    }
}
