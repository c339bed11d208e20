//! Opens a report in a headless Chromium: returns the DOM, checks that the console has no messages, and takes
//! screenshots for people to look at. It does not know the content of a page. The launcher's tests use this file by its
//! path.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// Flags of a browser whose user prefers dark colours.
pub(crate) const DARK: &[&str] = &["--blink-settings=preferredColorScheme=0"];

/// A browser takes about a second for a page, and longer on a busy machine. After this time it is stuck.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Flags that turn off windows, first-run dialogs, updates and other things that are not the page.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=5000",
];

/// An installed browser.
pub(crate) struct Browser(PathBuf);

impl Browser {
    /// Finds the browser that `CHROMIUM` names, or one of the usual names in `PATH`. If there is none, it writes a note
    /// directly to stderr, which the test harness does not capture: a skipped test must not pass in silence.
    pub(crate) fn find() -> Option<Browser> {
        if let Some(named) = std::env::var_os("CHROMIUM") {
            return Some(Browser(named.into()));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&path).flat_map(|dir| NAMES.iter().map(move |name| dir.join(name)));
        let found = places.find(|place| place.is_file());
        if found.is_none() {
            let test = thread::current().name().unwrap_or("a test").to_owned();
            let words = format!("\nSKIPPED {test}: none of {NAMES:?} in PATH, and CHROMIUM is not set\n");
            let _ = std::io::stderr().write_all(words.as_bytes());
        }
        found.map(Browser)
    }

    /// Writes the text of a page into a file, ready to be opened.
    pub(crate) fn open(&self, text: &str) -> Page {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("report.html");
        fs::write(&file, text).expect("written");
        Page {
            chromium: self.0.clone(),
            directory,
            file,
        }
    }
}

/// A report in a file, with the browser that opens it.
pub(crate) struct Page {
    chromium: PathBuf,
    directory: tempfile::TempDir,
    file: PathBuf,
}

impl Page {
    /// The DOM after the script has run, without the data and the script. `hash` is appended to the address.
    pub(crate) fn dom(&self, hash: &str, size: &str) -> String {
        let dom = self.browse(&[&format!("--window-size={size}"), "--dump-dom"], hash);
        let root = root(&dom);
        assert!(
            root.contains("data-drawn=\"yes\"") && !root.contains("data-error"),
            "{root}"
        );
        let scripts = dom.find("<script type=\"application/json\"").expect("the data");
        dom[..scripts].to_owned()
    }

    /// Takes a screenshot and keeps it in `target/tmp/report-screenshots`.
    pub(crate) fn screenshot(&self, name: &str, size: &str, flags: &[&str]) {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-screenshots");
        fs::create_dir_all(&kept).expect("a directory");
        let picture = kept.join(name);
        let _ = fs::remove_file(&picture);
        let window = format!("--window-size={size}");
        let flag = format!("--screenshot={}", picture.display());
        self.browse(&[&[window.as_str(), flag.as_str()], flags].concat(), "");
        assert!(is_png(&picture), "no picture {}", picture.display());
    }

    /// Runs the browser and returns its stdout. Fails if the console has a message.
    fn browse(&self, flags: &[&str], hash: &str) -> String {
        let profile = tempfile::tempdir_in(self.directory.path()).expect("a directory");
        let log = self.directory.path().join("log");
        let child = Command::new(&self.chromium)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(flags)
            .arg(format!("file://{}{hash}", self.file.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log"))
            .spawn();
        let ended = ended(child.expect("the browser starts"));
        let log = fs::read_to_string(&log).expect("a log");
        let (succeeded, text) = ended.unwrap_or_else(|| panic!("the browser is stuck: {log}"));
        let said: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(said.is_empty(), "the console says: {said:?}");
        assert!(succeeded, "{log}");
        text
    }
}

/// Whether the browser succeeded, and what it wrote. `None` if it had to be killed.
fn ended(mut child: Child) -> Option<(bool, String)> {
    let mut stdout = child.stdout.take().expect("a pipe");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdout.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    let text = receiver.recv_timeout(TIMEOUT).ok();
    if text.is_none() {
        let _ = child.kill();
    }
    let status = child.wait().expect("it has ended");
    text.map(|text| (status.success(), text))
}

fn is_png(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x89PNG"))
}

/// The start tag of the page's root element, in which the script notes what it did.
pub(crate) fn root(dom: &str) -> &str {
    let from = dom.find("<html").expect("a page");
    dom[from..].split('>').next().unwrap_or_default()
}

/// The start tags that contain `what`.
pub(crate) fn tags<'a>(dom: &'a str, what: &str) -> Vec<&'a str> {
    let starts = dom.split('<').filter_map(|piece| piece.split('>').next());
    starts.filter(|tag| tag.contains(what)).collect()
}
