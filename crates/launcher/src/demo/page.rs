//! The page of a performance: both acts side by side, with the question of the lesson and the explanation.

use super::act::Act;
use super::lesson::{HELD, Lesson};
use super::play::Performance;
use super::render;
use crate::verdict::html::made;
use bank_report::{Report, Run};

/// The HTML of the page.
pub(super) fn html(lesson: &Lesson, performance: &Performance) -> String {
    let Performance {
        weak,
        strong,
        dead_branch,
    } = performance;
    let mut sentences = vec![
        format!("Three branches; the network holds back what is sent to branch {HELD}."),
        lesson.why.replace('\n', " "),
    ];
    sentences.extend(dead_branch.iter().filter_map(render::dead));
    bank_report::render(&Report {
        title: format!("{}: {}", lesson.name, lesson.question),
        sentences,
        meta: made(&weak.meta),
        run: run(lesson, weak),
        beside: Some(run(lesson, strong)),
    })
}

fn run(lesson: &Lesson, act: &Act) -> Run {
    Run {
        name: render::in_words(lesson, act.setting),
        history: act.history.clone(),
        verdicts: act.verdicts.clone(),
        sentences: render::wait(act).into_iter().collect(),
    }
}
