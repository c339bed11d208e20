//! The page in a real browser, headless: it draws without a word on the console, and a failed run's witness stands out.
//! Runs where a Chromium is found (`CHROMIUM`, or one of the usual names in `PATH`), and says so where none is.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../examples/samples/mod.rs"]
mod samples;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bank_check::history::Outcome;
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

/// As if the reader had asked for dark colours.
const DARK: &[&str] = &["--blink-settings=preferredColorScheme=0"];

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
        self.dom_at(hash, "1280,900")
    }

    fn dom_at(&self, hash: &str, size: &str) -> String {
        let dom = self.browse("dom", &[&format!("--window-size={size}"), "--dump-dom"], hash);
        let root = &dom[dom.find("<html").unwrap()..];
        let root = &root[..root.find('>').unwrap()];
        assert!(
            root.contains("data-drawn=\"yes\"") && !root.contains("data-error"),
            "{root}"
        );
        let scripts = dom.find("<script type=\"application/json\"").unwrap();
        dom[..scripts].to_owned()
    }

    /// Kept in the directory that `REPORT_SCREENSHOTS` names, if it is set, to be judged by eye.
    fn screenshot(&self, name: &str, size: &str, flags: &[&str]) {
        let picture = self.directory.path().join(name);
        let window = format!("--window-size={size}");
        let flag = format!("--screenshot={}", picture.display());
        self.browse("screenshot", &[&[window.as_str(), flag.as_str()], flags].concat(), "");
        assert!(size_of_png(&picture).is_some(), "no picture of {name}");
        if let Some(kept) = std::env::var_os("REPORT_SCREENSHOTS") {
            fs::create_dir_all(&kept).unwrap();
            fs::copy(&picture, Path::new(&kept).join(name)).unwrap();
        }
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
    page.screenshot("sixty.png", "1280,900", &[]);
    page.screenshot("sixty-dark.png", "1280,900", DARK);
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
    page.screenshot("demo.png", "1280,900", &[]);
    page.screenshot("demo-dark.png", "1280,900", DARK);
    page.screenshot("demo-narrow.png", "420,900", &[]);
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
    assert!(dom.contains("10000 of 10000 operations in view, counted in slices of time"));
    let dom = page.dom("#r0-5000");
    let drawn = tags(&dom, "data-op=").len();
    assert!((1..=bank_report::SINGLE_MAX).contains(&drawn), "{drawn} drawn");
    assert_eq!(tags(&dom, "data-op=\"5000\"").len(), 1);
    page.screenshot("ten-thousand.png", "1280,900", &[]);
}

#[test]
fn an_empty_run_hostile_names_and_odd_numbers_draw_too() {
    let mut hostile = samples::sixty_events();
    hostile.title = "</script><script>document.documentElement.dataset.error='in'</script>".to_owned();
    for operation in &mut hostile.run.history.operations {
        operation.session = hostile.title.clone();
        operation.error = Some(hostile.title.clone());
    }
    let mut odd = samples::read_your_writes();
    let operations = &mut odd.run.history.operations;
    operations[0].balance = Some(i64::MAX);
    operations[0].completed_us = 0;
    operations[1].outcome = Outcome::Unknown;
    operations[1].served_by = None;
    operations[1].position = None;
    operations[2].served_by = Some(77);
    operations[2].waited_us = u64::MAX;
    odd.run.history.journals.truncate(1);
    odd.run.history.journals[0].applied[1].applied_us = None;
    odd.run.history.faults[0].until_us = None;
    for report in [Report::default(), hostile, odd] {
        let Some(page) = Page::new(&report) else {
            return;
        };
        page.dom("#r0-0");
    }
}

/// A page whose own script goes on as a customer with a keyboard would, and notes what it found in the root element.
fn with_keys(report: &Report, keys: &str) -> Option<String> {
    let page = Page::new(report)?;
    let driver = format!(
        "<script>\
         const note = document.documentElement.dataset;\
         const at = () => document.activeElement;\
         const press = (key) => at().dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true, cancelable: true }}));\
         const panel = () => document.querySelector('.panel h3').textContent;\
         const chosen = () => document.querySelectorAll('.op.chosen').length;\
         const enter = () => document.querySelector('.frame [tabindex=\"0\"]').focus();\
         {keys}\
         </script></body>"
    );
    fs::write(&page.file, render(report).replace("</body>", &driver)).unwrap();
    Some(root_of(&page.dom("")))
}

fn root_of(dom: &str) -> String {
    dom[dom.find("<html").unwrap()..].split('>').next().unwrap().to_owned()
}

/// Where everything outside the pictures and panels stands, as a script says it.
const PLACES: &str = "JSON.stringify([...document.querySelectorAll('h1, h2, .frame, .overview, .panel, table, details')]\
                      .map((element) => { const { x, y, width } = element.getBoundingClientRect(); return [x, y, width]; }))";

#[test]
fn nothing_moves_when_the_picture_is_drawn() {
    for report in [
        samples::sixty_events(),
        samples::read_your_writes(),
        samples::ten_thousand(),
    ] {
        let Some(page) = Page::new(&report) else {
            return;
        };
        let data = "<script type=\"application/json\" id=\"runs\">";
        let before = format!("<script>const places = () => {PLACES}; const placesBefore = places();</script>{data}");
        let after = "<script>document.documentElement.dataset.moved = placesBefore !== places();</script></body>";
        fs::write(
            &page.file,
            render(&report).replace(data, &before).replace("</body>", after),
        )
        .unwrap();
        for size in ["1280,900", "420,900"] {
            let root = root_of(&page.dom_at("", size));
            assert!(root.contains("data-moved=\"false\""), "{size}: {root}");
        }
    }
}

#[test]
fn keys_walk_from_operation_to_operation_open_and_close() {
    let keys = "enter(); press('Home'); note.first = at().dataset.op; press('ArrowRight'); press('ArrowRight');\
                press('ArrowLeft'); note.second = at().dataset.op; press('Enter'); note.open = panel(); note.chosen = chosen();\
                press('Escape'); note.closed = panel(); note.back = at().dataset.op; press('End'); note.last = at().dataset.op;\
                press('+'); press('+'); note.zoomed = at().dataset.op; press('0');";
    let Some(root) = with_keys(&samples::sixty_events(), keys) else {
        return;
    };
    for noted in [
        "first=\"0\"",
        "second=\"1\"",
        "open=\"deposit 10 at branch 1\"",
        "chosen=\"1\"",
        "closed=\"No operation chosen\"",
        "back=\"1\"",
        "last=\"59\"",
    ] {
        assert!(root.contains(&format!("data-{noted}")), "{noted} not in {root}");
    }
}

#[test]
fn enter_on_a_slice_comes_down_to_single_operations() {
    let keys = "enter(); note.slice = at().dataset.slice; press('ArrowRight'); note.next = at().dataset.slice;\
                for (let i = 0; i < 9 && at().dataset.slice !== undefined; i += 1) press('Enter');\
                note.mode = document.querySelector('.frame').dataset.mode; note.op = at().dataset.op;\
                document.querySelector('.show-proof').click(); note.open = panel(); note.steps = document.querySelectorAll('.op.witness').length;";
    let Some(root) = with_keys(&samples::ten_thousand(), keys) else {
        return;
    };
    assert!(
        root.contains("data-slice=\"0\"") && root.contains("data-next=\"1\""),
        "{root}"
    );
    assert!(
        root.contains("data-mode=\"single\"") && root.contains("data-op="),
        "{root}"
    );
    assert!(
        root.contains("data-open=\"query at branch 2\"") && root.contains("data-steps=\"2\""),
        "{root}"
    );
}
