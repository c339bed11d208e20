//! The page in a real browser, headless: it draws without a word on the console, and a failed run's witness stands out.
//! Runs where a Chromium is found (`CHROMIUM`, or one of the usual names in `PATH`), and says so where none is.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../examples/samples/mod.rs"]
mod samples;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bank_report::{Report, render};

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let mut places =
        std::env::split_paths(&path).flat_map(|directory| NAMES.iter().map(move |name| directory.join(name)));
    let found = places.find(|place| place.is_file());
    if found.is_none() {
        eprintln!("skipped: none of {NAMES:?} in PATH, and CHROMIUM is not set");
    }
    found
}

/// A report in a file, and a browser to look at it.
struct Page {
    chromium: PathBuf,
    directory: tempfile::TempDir,
    file: PathBuf,
}

impl Page {
    /// `None` where there is no browser.
    fn new(report: &Report) -> Option<Page> {
        let chromium = chromium()?;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("report.html");
        fs::write(&file, render(report)).unwrap();
        Some(Page {
            chromium,
            directory,
            file,
        })
    }

    fn browse(&self, profile: &str, flags: &[&str], hash: &str) -> String {
        let output = Command::new(&self.chromium)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args([
                "--hide-scrollbars",
                "--enable-logging=stderr",
                "--v=0",
                "--virtual-time-budget=5000",
            ])
            .arg(format!(
                "--user-data-dir={}",
                self.directory.path().join(profile).display()
            ))
            .args(flags)
            .arg(format!("file://{}{hash}", self.file.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(said.is_empty(), "the console says: {said:?}");
        assert!(output.status.success(), "{log}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The page as it is after its script has run, without its data and its script.
    fn dom(&self, hash: &str) -> String {
        let dom = self.browse("dom", &["--window-size=1280,900", "--dump-dom"], hash);
        let root = &dom[dom.find("<html").unwrap()..];
        let root = &root[..root.find('>').unwrap()];
        assert!(
            root.contains("data-drawn=\"yes\"") && !root.contains("data-error"),
            "{root}"
        );
        let scripts = dom.find("<script type=\"application/json\"").unwrap();
        dom[..scripts].to_owned()
    }

    fn screenshot(&self, name: &str, size: &str) {
        let picture = self.directory.path().join(name);
        let flag = format!("--screenshot={}", picture.display());
        self.browse("screenshot", &[&format!("--window-size={size}"), &flag], "");
        assert!(size_of_png(&picture).is_some(), "no picture of {name}");
    }
}

/// Width and height, from the header of a PNG.
fn size_of_png(path: &Path) -> Option<(u32, u32)> {
    let bytes = fs::read(path).ok()?;
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    bytes.starts_with(b"\x89PNG").then_some((number(16)?, number(20)?))
}

/// The start tags of the elements whose tag contains `what`.
fn tags<'a>(dom: &'a str, what: &str) -> Vec<&'a str> {
    let starts = dom.split('<').filter_map(|piece| piece.split('>').next());
    starts.filter(|tag| tag.contains(what)).collect()
}

#[test]
fn sixty_events_are_each_drawn() {
    let Some(page) = Page::new(&samples::sixty_events()) else {
        return;
    };
    let dom = page.dom("");
    assert_eq!(tags(&dom, "data-op=").len(), 60);
    assert!(dom.contains("60 of 60 operations in view, each drawn"));
    for lane in ["customer 1", "branch 1", "branch 10"] {
        assert!(dom.contains(&format!(">{lane}</text>")), "no lane {lane}");
    }
    page.screenshot("sixty.png", "1280,900");
}

#[test]
fn a_failed_demo_shows_its_witness_beside_the_run_that_held() {
    let Some(page) = Page::new(&samples::read_your_writes()) else {
        return;
    };
    let dom = page.dom("");
    assert!(dom.contains(&format!(
        "<p class=\"witness highlighted\" data-witness=\"read-your-writes\">{}</p>",
        samples::WITNESS
    )));
    let highlighted = tags(&dom, "witness highlighted");
    let drawn: Vec<_> = highlighted.iter().filter(|tag| tag.contains("data-op=")).collect();
    assert_eq!(drawn.len(), 2, "{drawn:?}");
    assert!(drawn[1].contains("behind: its session needed position 3"), "{drawn:?}");
    assert!(dom.contains("position 3 arrives only here"));
    assert!(
        dom.contains("position 3: deposit 10 by customer 1; reached branch 2"),
        "the panel names the missed write"
    );
    assert!(dom.contains("replication to branch 2 held back") && dom.contains("waits 246 ms, sees 3"));
    page.screenshot("demo.png", "1280,900");
    page.screenshot("demo-narrow.png", "420,900");
}

#[test]
fn ten_thousand_operations_are_counted_and_one_can_still_be_seen() {
    let Some(page) = Page::new(&samples::ten_thousand()) else {
        return;
    };
    let size = fs::metadata(&page.file).unwrap().len();
    assert!(size < 4_000_000, "{size} bytes");
    let dom = page.dom("");
    assert!(tags(&dom, "data-op=").is_empty());
    assert!(tags(&dom, "data-slice=").len() > 20);
    assert!(dom.contains("10000 of 10000 operations in view: counted in slices of time"));
    let dom = page.dom("#r0-5000");
    let drawn = tags(&dom, "data-op=").len();
    assert!((1..=bank_report::SINGLE_MAX).contains(&drawn), "{drawn} drawn");
    assert_eq!(tags(&dom, "data-op=\"5000\"").len(), 1);
    page.screenshot("ten-thousand.png", "1280,900");
}

#[test]
fn an_empty_run_and_hostile_names_draw_too() {
    let mut hostile = samples::sixty_events();
    hostile.title = "</script><script>document.documentElement.dataset.error='in'</script>".to_owned();
    for operation in &mut hostile.run.history.operations {
        operation.session = hostile.title.clone();
        operation.error = Some(hostile.title.clone());
    }
    for report in [Report::default(), hostile] {
        let Some(page) = Page::new(&report) else {
            return;
        };
        page.dom("#r0-0");
    }
}
