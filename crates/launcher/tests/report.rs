//! `report.html` of real demos and of a real run, in a real headless browser: the page draws without an error on the
//! console, and shows what it has to show. The tests need a Chromium (`CHROMIUM`, or one of the usual names in `PATH`),
//! and say so if there is none. Needs `branchd` and `customer-cli` beside the launcher: `cargo build --workspace`.

#[path = "../../bank-report/tests/browser/mod.rs"]
mod browser;

use browser::{Browser, DARK, Page, root, tags};
use std::path::Path;
use std::process::Command;

const WIDE: &str = "1280,1200";
const NARROW: &str = "420,2000";

/// The report that the launcher leaves in `kept`.
fn left(args: &[&str]) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    let output = command
        .args(args)
        .args(["--dir", "kept"])
        .current_dir(dir.path())
        .output();
    let output = output.expect("the launcher runs");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert_eq!(output.status.code(), Some(0), "{}", said.concat());
    std::fs::read_to_string(dir.path().join("kept/report.html")).expect("a report")
}

/// A lesson's page, and what it becomes.
fn lesson(browser: &Browser, name: &str) -> (Page, String) {
    let page = browser.open(&left(&["demo", name]));
    page.screenshot(&format!("demo-{name}.png"), WIDE, &[]);
    let dom = page.dom("", WIDE);
    (page, dom)
}

/// The operations that are drawn as steps of a proof, by their words.
fn proof(dom: &str) -> Vec<&str> {
    let steps = tags(dom, "witness highlighted").into_iter();
    steps.filter(|tag| tag.contains("data-op=")).collect()
}

#[test]
fn a_failed_demo_shows_its_witness_and_the_wait_beside_it() {
    let Some(browser) = Browser::find() else { return };
    let (page, dom) = lesson(&browser, "read-your-writes");
    page.screenshot("demo-read-your-writes-dark.png", WIDE, DARK);
    page.screenshot("demo-read-your-writes-narrow.png", NARROW, &[]);
    let witness = "customer 1 deposited 10 at branch 1 (event 1, position 2); its next query at branch 3 (event 2, level \
                   eventual) answered from position 1: read-your-writes broken";
    let shown = format!("<p class=\"witness highlighted\" data-witness=\"read-your-writes\">{witness}</p>");
    assert!(dom.contains(&shown), "{dom}");
    let steps = proof(&dom);
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert!(
        steps[0].contains("deposit 10 at branch 1, accepted at position 2"),
        "{steps:?}"
    );
    assert!(
        steps[1].contains("query at branch 3, answered 100 from position 1, behind: its session needed position 2"),
        "{steps:?}"
    );
    for words in [
        ">what is sent to branch 3 is held back<",
        ">2: +10 arrives only here<",
        ">at 1: opened with 100<",
        "position 2: deposit 10 by customer 1; reached branch 3",
        ">= 100<",
        ">= 110<",
    ] {
        assert!(dom.contains(words), "{words}: {dom}");
    }
    assert_eq!(
        tags(&dom, "class=\"wait\"").len(),
        2,
        "in the legend, and in the strong run"
    );
    let linked = page.dom("#r1-0", WIDE);
    assert!(linked.contains("<h3>deposit 10 at branch 1</h3>"), "{}", root(&linked));
}

#[test]
fn every_lesson_shows_what_broke_and_what_waited() {
    let Some(browser) = Browser::find() else { return };
    for (name, steps, waits) in [
        (
            "monotonic-reads",
            ["answered 110 from position 2", "answered 100 from position 1"],
            "waits ",
        ),
        (
            "strong",
            ["accepted at position 2", "answered 100 from position 1"],
            "waits ",
        ),
        (
            "writer-waits",
            ["accepted at position 2", "answered 100 from position 1"],
            " for all",
        ),
    ] {
        let (_, dom) = lesson(&browser, name);
        let proof = proof(&dom);
        let shown = proof.iter().zip(steps).filter(|(tag, step)| tag.contains(step)).count();
        assert_eq!((proof.len(), shown), (2, 2), "{name}: {proof:?}");
        assert!(dom.contains(">2: +10 arrives only here<"), "{name}: {dom}");
        assert_eq!(tags(&dom, "class=\"wait\"").len(), 2, "{name}: {dom}");
        assert!(
            tags(&dom, "told middle waits").len() == 1 && dom.contains(waits),
            "{name}: {dom}"
        );
    }
}

#[test]
fn a_run_of_the_largest_input_draws_each_event() {
    let Some(browser) = Browser::find() else { return };
    let input = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../inputs/input_big.json");
    let input = input.to_str().expect("UTF-8");
    let page = browser.open(&left(&["run", input, "--base-port", "auto"]));
    page.screenshot("input-big.png", WIDE, &[]);
    page.screenshot("input-big-dark.png", WIDE, DARK);
    page.screenshot("input-big-narrow.png", NARROW, &[]);
    let dom = page.dom("", WIDE);
    assert_eq!(tags(&dom, "data-op=").len(), 60);
    assert!(proof(&dom).is_empty() && dom.contains("Nothing was broken"));
    for lane in ["customer 1", "branch 1", "branch 10"] {
        assert!(dom.contains(&format!(">{lane}</text>")), "no lane {lane}");
    }
}
