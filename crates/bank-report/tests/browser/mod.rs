//! A headless Chromium that looks at a report: what the page becomes, that its console stays silent, and pictures of it to be
//! judged by eye. It does not know what is in a page. The launcher's tests use it too, by this file's path.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// As if the reader had asked for dark colours.
pub(crate) const DARK: &[&str] = &["--blink-settings=preferredColorScheme=0"];

/// A browser that has not looked at a page by then is stuck: it takes a second, and longer where much is built beside it.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Without windows, first steps, updates and anything else that is not the page.
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

/// Where there is one.
pub(crate) struct Browser(PathBuf);

impl Browser {
    /// The one that `CHROMIUM` names, or one of the usual names in `PATH`. Where there is none, that is said past the test's
    /// captured output: a test that looks at nothing must not pass in silence.
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

    /// A page of this text.
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

/// A report in a file, and a browser to look at it.
pub(crate) struct Page {
    chromium: PathBuf,
    directory: tempfile::TempDir,
    file: PathBuf,
}

impl Page {
    /// The page as it is after its script has run, without its data and its script. `hash`: what follows the address.
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

    /// Kept in `target/tmp/report-screenshots`.
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

    /// What the browser writes to stdout, once its console is known to have stayed silent.
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

/// Whether it succeeded, and what it wrote; none where it had to be killed.
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

/// The start tag of the whole page, where its script notes what it did.
pub(crate) fn root(dom: &str) -> &str {
    let from = dom.find("<html").expect("a page");
    dom[from..].split('>').next().unwrap_or_default()
}

/// The start tags of the elements whose tag contains `what`.
pub(crate) fn tags<'a>(dom: &'a str, what: &str) -> Vec<&'a str> {
    let starts = dom.split('<').filter_map(|piece| piece.split('>').next());
    starts.filter(|tag| tag.contains(what)).collect()
}
