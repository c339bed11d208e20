//! Tests of the page in a headless browser: it draws without a message on the console, and the witness of a failed run
//! is highlighted. They need a Chromium: `CHROMIUM`, or one of the usual names in `PATH`. Without one they say that
//! they are skipped.

#[path = "../examples/samples/mod.rs"]
mod samples;

mod browser;

use bank_check::history::Outcome;
use bank_report::{Report, render};
use browser::{Browser, DARK, root, tags};

const WIDE: &str = "1280,900";
const NARROW: &str = "420,900";

#[test]
fn sixty_events_are_each_drawn() {
    let Some(browser) = Browser::find() else { return };
    let page = browser.open(&render(&samples::sixty_events()));
    let dom = page.dom("", WIDE);
    assert_eq!(tags(&dom, "data-op=").len(), 60);
    assert!(dom.contains("60 of 60 operations in view, each drawn"));
    for lane in ["customer 1", "branch 1", "branch 10"] {
        assert!(dom.contains(&format!(">{lane}</text>")), "no lane {lane}");
    }
    page.screenshot("sixty.png", WIDE, &[]);
    page.screenshot("sixty-dark.png", WIDE, DARK);
}

#[test]
fn a_failed_demo_shows_its_witness_beside_the_run_that_held() {
    let Some(browser) = Browser::find() else { return };
    let page = browser.open(&render(&samples::read_your_writes()));
    let dom = page.dom("", WIDE);
    assert!(dom.contains(&format!(
        "<p class=\"witness highlighted\" data-witness=\"read-your-writes\">{}</p>",
        samples::WITNESS
    )));
    let highlighted = tags(&dom, "witness highlighted");
    let drawn: Vec<_> = highlighted.iter().filter(|tag| tag.contains("data-op=")).collect();
    assert_eq!(drawn.len(), 2, "{drawn:?}");
    assert!(drawn[1].contains("behind: its session needed position 3"), "{drawn:?}");
    assert!(dom.contains(">3: +10 arrives only here<"));
    assert!(
        dom.contains("position 3: deposit 10 by customer 1; reached branch 2"),
        "the panel names the missed write"
    );
    assert!(dom.contains("what is sent to branch 2 is held back") && dom.contains("waits 246 ms, sees 3"));
    page.screenshot("demo.png", WIDE, &[]);
    page.screenshot("demo-dark.png", WIDE, DARK);
    page.screenshot("demo-narrow.png", NARROW, &[]);
}

#[test]
fn ten_thousand_operations_are_counted_and_one_can_still_be_seen() {
    let Some(browser) = Browser::find() else { return };
    let text = render(&samples::ten_thousand());
    assert!(text.len() < 4_000_000, "{} bytes", text.len());
    let page = browser.open(&text);
    let dom = page.dom("", WIDE);
    assert!(tags(&dom, "data-op=").is_empty());
    assert!(tags(&dom, "data-slice=").len() > 20);
    assert!(dom.contains("10000 of 10000 operations in view, counted in slices of time"));
    let dom = page.dom("#r0-5000", WIDE);
    let drawn = tags(&dom, "data-op=").len();
    assert!((1..=bank_report::SINGLE_MAX).contains(&drawn), "{drawn} drawn");
    assert_eq!(tags(&dom, "data-op=\"5000\"").len(), 1);
    page.screenshot("ten-thousand.png", WIDE, &[]);
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
    let Some(browser) = Browser::find() else { return };
    for report in [Report::default(), hostile, odd] {
        browser.open(&render(&report)).dom("#r0-0", WIDE);
    }
}

/// Opens a page and presses keys on it with a script. Returns the root element, in which the script notes what it
/// found.
fn with_keys(report: &Report, keys: &str) -> Option<String> {
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
    let page = Browser::find()?.open(&render(report).replace("</body>", &driver));
    Some(root(&page.dom("", WIDE)).to_owned())
}

#[test]
fn who_led_and_how_a_write_was_forwarded_is_drawn() {
    let Some(browser) = Browser::find() else { return };
    let page = browser.open(&render(&samples::killed_leader()));
    let dom = page.dom("", WIDE);
    for words in [
        ">leads, term 1</text>",
        ">leads, term 2</text>",
        "The leader was branch 1 (term 1), then branch 2 from 30.0 ms (term 2).",
        ">not to scale: busy moments are stretched, idle ones are shortened</text>",
        ">restarted at 3: +20</text>",
    ] {
        assert!(dom.contains(words), "{words}: {dom}");
    }
    let picture = dom.split("<div class=\"frame\"").nth(1).expect("a picture");
    assert_eq!(tags(picture, "class=\"lead\"").len(), 2);
    assert_eq!(tags(picture, "class=\"election\"").len(), 1);
    // Two writes are forwarded: each is served at two branches. One write is served by the leader itself.
    assert_eq!(tags(picture, "class=\"service write\"").len(), 5);
    // The restarted branch has nothing at the begin of the run but the opening.
    let at_begin = picture.matches(">at 1").count();
    assert_eq!((at_begin, picture.contains(">at 3")), (3, false), "{picture}");
    page.screenshot("killed-leader.png", WIDE, &[]);
    page.screenshot("killed-leader-dark.png", WIDE, DARK);
}

#[test]
fn a_run_whose_journals_name_no_leader_is_drawn_and_says_so() {
    let Some(browser) = Browser::find() else { return };
    let mut report = samples::killed_leader();
    for journal in &mut report.run.history.journals {
        journal.leaders.clear();
    }
    let dom = browser.open(&render(&report)).dom("", WIDE);
    assert!(dom.contains("The journals do not say which branch led"), "{dom}");
    assert!(tags(&dom, "class=\"lead\"").is_empty() && !dom.contains("leads, term"));
    assert_eq!(tags(&dom, "data-op=").len(), 4);
}

/// JavaScript that notes the smallest text of the page, in pixels.
const SMALLEST: &str = "note.smallest = Math.min(...[...document.querySelectorAll('body *')].filter((element) => \
                        element.matches(':not(script, title)') && [...element.childNodes].some((child) => child.nodeType === 3 && \
                        child.textContent.trim())).map((element) => parseFloat(getComputedStyle(element).fontSize) * \
                        (element.ownerSVGElement ? element.getScreenCTM().a || 1 : 1)));";

#[test]
fn no_text_is_smaller_than_12_pixels_on_the_screen_and_on_paper() {
    for report in [
        samples::sixty_events(),
        samples::read_your_writes(),
        samples::killed_leader(),
        samples::ten_thousand(),
    ] {
        let keys = format!(
            "{SMALLEST} note.screen = note.smallest; dispatchEvent(new Event('beforeprint'));\
             note.paper = document.querySelector('.frame svg').getAttribute('width'); {SMALLEST}"
        );
        let Some(root) = with_keys(&report, &keys) else { return };
        assert!(
            root.contains("data-screen=\"12\"") && root.contains("data-smallest=\"12\""),
            "{root}"
        );
        assert!(root.contains("data-paper=\"680\""), "{root}");
    }
}

#[test]
fn a_hidden_lane_is_left_out_and_named_and_comes_back() {
    let keys = "const box = (name) => document.querySelector(`[data-lane='${name}']`);\
                const names = () => [...document.querySelectorAll('.frame .lane-name')].map((text) => text.textContent).join();\
                const height = () => document.querySelector('.frame').style.height; note.high = height();\
                box('branch 2').click(); box('branch 1').click(); note.names = names(); note.low = height();\
                note.state = document.querySelector('.lanes-shown').textContent;\
                enter(); press('End'); note.op = at().dataset.op;\
                box('customer 1').click(); note.none = document.querySelectorAll('.frame [data-op]').length;\
                document.querySelector('[data-lanes]').click(); note.back = names();\
                note.all = document.querySelector('.lanes-shown').textContent;";
    let Some(root) = with_keys(&samples::killed_leader(), keys) else {
        return;
    };
    for noted in [
        "names=\"customer 1,branch 3\"",
        "state=\"2 of 4 shown; hidden: branch 1, branch 2\"",
        "op=\"3\"",
        "none=\"0\"",
        "back=\"customer 1,branch 1,branch 2,branch 3\"",
        "all=\"all 4 shown\"",
        "high=\"356px\"",
        "low=\"200px\"",
    ] {
        assert!(root.contains(&format!("data-{noted}")), "{noted} not in {root}");
    }
}

#[test]
fn an_operation_without_room_for_its_label_is_read_when_it_has_the_focus() {
    let keys = "note.dots = document.querySelectorAll('.frame .no-room').length; enter(); press('Home'); press('ArrowRight');\
                note.hint = [...document.querySelectorAll('.hint-box text')].map((text) => text.textContent).join(' | ');";
    let mut report = samples::sixty_events();
    for operation in report.run.history.operations.iter_mut().skip(1).take(3) {
        operation.completed_us = operation.invoked_us + 1;
    }
    let Some(root) = with_keys(&report, keys) else { return };
    assert!(!root.contains("data-dots=\"0\""), "{root}");
    assert!(
        root.contains("data-hint=\"customer 1 | event 2 | deposit 10 at branch 1 | accepted at position 2"),
        "{root}"
    );
}

/// JavaScript expression for the places of everything outside the pictures and panels.
const PLACES: &str = "JSON.stringify([...document.querySelectorAll('h1, h2, .frame, .overview, .panel, table, details')]\
                      .map((element) => { const { x, y, width } = element.getBoundingClientRect(); return [x, y, width]; }))";

#[test]
fn nothing_moves_when_the_picture_is_drawn() {
    let Some(browser) = Browser::find() else { return };
    for report in [
        samples::sixty_events(),
        samples::read_your_writes(),
        samples::killed_leader(),
        samples::ten_thousand(),
    ] {
        let data = "<script type=\"application/json\" id=\"runs\">";
        let before = format!("<script>const places = () => {PLACES}; const placesBefore = places();</script>{data}");
        let after = "<script>document.documentElement.dataset.moved = placesBefore !== places();</script></body>";
        let page = browser.open(&render(&report).replace(data, &before).replace("</body>", after));
        for size in [WIDE, NARROW] {
            let dom = page.dom("", size);
            let root = root(&dom);
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
