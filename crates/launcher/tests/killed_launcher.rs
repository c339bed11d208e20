//! The launcher is killed (SIGKILL). Its branches and customers notice this by themselves and stop, whatever they wait
//! for. The tests find the processes by the files in the run folder.

use crate::support::{Recorded, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Two branches, so that no write is acknowledged without both, and one customer with more to do than a test waits for.
/// An event's deadline is longer than the patience of the test: nobody gives up before the launcher is gone.
struct Run {
    dir: tempfile::TempDir,
    launcher: Child,
    branches: [Recorded; 2],
    customer: Recorded,
}

fn session_path(dir: &Path) -> PathBuf {
    dir.join("run/customers/customer-1.session.json")
}

/// The customer's session, once there is one; it is whole at every instant.
fn session(dir: &Path) -> Option<serde_json::Value> {
    let text = fs::read(session_path(dir)).ok()?;
    Some(serde_json::from_slice(&text).expect("JSON"))
}

impl Run {
    fn in_the_middle() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let events = vec![r#"{"interface":"deposit","branch":1,"money":1}"#; 20_000].join(",");
        let input = format!(
            r#"[{{"id":1,"type":"branch","balance":0}},{{"id":2,"type":"branch","balance":0}},
                {{"id":1,"type":"customer","events":[{events}]}}]"#
        );
        fs::write(dir.path().join("input.json"), input).expect("written");
        let launcher = Command::new(env!("CARGO_BIN_EXE_launcher"))
            .args([
                "run",
                "input.json",
                "--base-port",
                "auto",
                "--dir",
                "run",
                "--timeout",
                "60s",
            ])
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("launcher runs");
        wait_for("a first write", || {
            session(dir.path()).filter(|session| session["write_position"] != 0)
        });
        Run {
            branches: [1, 2].map(|branch| Recorded::branch(&dir.path().join(format!("run/branch-{branch}/data")))),
            customer: Recorded::customer(&session_path(dir.path())),
            dir,
            launcher,
        }
    }

    fn kill(&mut self) {
        for process in self.branches.iter().chain([&self.customer]) {
            assert!(!process.has_ended());
        }
        self.kill_launcher();
    }

    fn kill_launcher(&mut self) {
        kill_process(Pid::from_child(&self.launcher), Signal::KILL).expect("sent");
        self.launcher.wait().expect("ended");
    }

    /// Everything has ended, and the session is whole.
    fn assert_over(&self) {
        for process in self.branches.iter().chain([&self.customer]) {
            process.wait();
        }
        let session = session(self.dir.path()).expect("a session");
        assert!(session["write_position"].as_u64() > Some(1), "{session}");
        assert!(!self.dir.path().join("outputs/output.json").exists());
    }
}

#[test]
fn nobody_survives_it_in_mid_run() {
    let mut run = Run::in_the_middle();
    run.kill();
    run.assert_over();
}

#[test]
fn nobody_survives_it_while_the_customer_asks_a_paused_branch() {
    for paused in [0, 1] {
        let mut run = Run::in_the_middle();
        kill_process(run.branches[paused].pid, Signal::STOP).expect("sent");
        run.kill();
        run.customer.wait();
        run.branches[1 - paused].wait();
        // A paused process cannot take note of anything; resumed, it does. Some systems resume it themselves.
        let _ = kill_process(run.branches[paused].pid, Signal::CONT);
        run.assert_over();
    }
}

#[test]
fn nobody_survives_it_while_the_customer_asks_a_dead_branch() {
    for dead in [0, 1] {
        let mut run = Run::in_the_middle();
        kill_process(run.branches[dead].pid, Signal::KILL).expect("sent");
        run.branches[dead].wait();
        assert!(!run.customer.has_ended());
        run.kill_launcher();
        run.assert_over();
    }
}
