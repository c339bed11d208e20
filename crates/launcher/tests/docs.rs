//! The commands in the docs, run as a reader types them: in one shell and one directory for each page, from top to bottom.
//!
//! The word after the three backticks says what a block is:
//!
//! - `sh`: commands that run here. A comment that ends with `exit code 1` says how the command of its line ends.
//! - `sh not-run`: commands that need more than this host, or that other tests run. Its text says what they need.
//! - `sh on HOST`: commands at one of several hosts. `hosts.rs` runs them.
//! - `console`: commands after `$ `, and what they print. The commands run; what they print is not compared.
//! - `text` and `json`: no commands.

use crate::support::live::free_base;
use crate::support::pages::{Block, blocks, programs, root, scripted};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The first digits of the ports in the docs. A test has free ports instead.
const PORTS_IN_DOCS: &str = "5000";
/// A page that has not ended by then never will. A page runs some dozen commands.
const PATIENCE: Duration = Duration::from_secs(180);
/// Pause between two looks at a page.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// The first lines of each script: a command that fails ends the page, and the branches that it started end with it.
const PROLOGUE: &str = "set -euo pipefail\n";

/// The commands of a block that run here.
fn commands(page: &str, block: &Block) -> Vec<String> {
    match block.info.as_str() {
        "sh" => block.lines.clone(),
        "console" => {
            let typed = block.lines.iter().filter_map(|line| line.strip_prefix("$ "));
            typed.map(str::to_owned).collect()
        }
        "sh not-run" | "text" | "json" => Vec::new(),
        on_a_host if on_a_host.starts_with("sh on ") => Vec::new(),
        other => panic!(
            "{page}, line {}: a block is {other:?}, and the words are sh, sh not-run, sh on HOST, console, text, json",
            block.line
        ),
    }
}

/// The commands of a page as one script, with free ports.
fn script(page: &str, base: u16) -> String {
    let mut script = PROLOGUE.to_owned();
    for block in blocks(page) {
        for line in commands(page, &block) {
            let new_bank = line.contains("launcher up ") && line.contains("--branches ");
            let line = match new_bank {
                true => line.replace("launcher up ", &format!("launcher up --base-port {base} ")),
                false => line.replace("scripts/run.sh ", "launcher run "),
            };
            let line = line.replace("launcher run ", "launcher run --base-port auto ");
            let line = line.replace(PORTS_IN_DOCS, &(base / 10).to_string());
            let _ = writeln!(script, "{}", scripted(&line));
        }
    }
    script
}

/// A shell that runs a page. However the test ends, its processes end with it.
struct Shell {
    child: Child,
    dir: tempfile::TempDir,
}

impl Shell {
    fn start(script: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink(root().join("inputs"), dir.path().join("inputs")).expect("linked");
        let path = std::env::var("PATH").expect("a PATH");
        let said = fs::File::create(dir.path().join("said")).expect("made");
        let child = Command::new("bash")
            .args(["-v", "-c", script])
            .current_dir(dir.path())
            .env("PATH", format!("{}:{path}", programs().display()))
            .env("XDG_STATE_HOME", dir.path().join("state"))
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a file"))
            .stderr(said)
            .process_group(0)
            .spawn()
            .expect("bash runs");
        Shell { child, dir }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.dir.path().join("said")).unwrap_or_default()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
        // A detached bank has a process group of its own.
        let _ = crate::support::live::launcher(self.dir.path(), "down");
    }
}

fn run(page: &str) {
    let base = free_base();
    let mut shell = Shell::start(&script(page, base));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = shell.child.try_wait().expect("a child") {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "{page} does not end:\n{}", shell.said());
        std::thread::sleep(LOOK_AGAIN);
    };
    assert!(status.success(), "{page}: {status}\n{}", shell.said());
}

#[test]
fn inputs() {
    run("docs/INPUT.md");
}

#[test]
fn consistency() {
    run("docs/CONSISTENCY.md");
}

#[test]
fn the_readme() {
    run("README.md");
}

#[test]
fn a_live_bank() {
    run("docs/LIVE.md");
}

#[test]
fn branches_by_hand() {
    run("docs/OPERATING.md");
}

#[test]
fn benchmarks() {
    run("docs/BENCH.md");
}

#[test]
fn run_folders() {
    run("docs/RUN_FOLDER.md");
}
