//! A bank as users have it: its branches are started, founded and asked by running the programs.

use super::wait_for;
use bank_cluster::{Cluster, ClusterConfig, Programs};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// What a program left.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let ran = Ran {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
        ran
    }

    /// It was done; its one line of JSON.
    pub fn done(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Every line of JSON.
    pub fn lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}")))
            .collect()
    }
}

pub fn programs() -> Programs {
    Programs::beside_this_one().expect("the programs are built")
}

fn command(program: &Path, args: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args(args.split(' '))
        .env_remove("RUST_LOG")
        .env_remove("PASSBOOK_BANK")
        .env_remove("PASSBOOK_BRANCH")
        .env_remove("PASSBOOK_SESSION")
        .stdin(Stdio::null());
    command
}

/// Runs `branchd` to its end.
pub fn branchd(args: &str) -> Ran {
    Ran::of(command(&programs().branchd, args).output().expect("branchd runs"))
}

/// Runs `branchd` in this directory, to its end.
pub fn branchd_in(dir: &Path, args: &str) -> Ran {
    let mut command = command(&programs().branchd, args);
    Ran::of(command.current_dir(dir).output().expect("branchd runs"))
}

/// Starts `branchd`.
pub fn start_branchd(args: &str, stdin: Stdio) -> Child {
    let mut command = command(&programs().branchd, args);
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("branchd runs")
}

/// `customer-cli` with these arguments. Without `--session` it has no session: a test names the one that it needs.
fn customer_command(args: &str) -> Command {
    let mut command = command(&programs().customer_cli, args);
    if !args.contains("--session") {
        command.arg("--no-session");
    }
    command
}

/// Runs `customer-cli` to its end.
pub fn customer(args: &str) -> Ran {
    let mut command = customer_command(args);
    Ran::of(command.output().expect("customer-cli runs"))
}

/// Runs `customer-cli` in this directory, to its end.
pub fn customer_in(dir: &Path, args: &str) -> Ran {
    let mut command = customer_command(args);
    Ran::of(command.current_dir(dir).output().expect("customer-cli runs"))
}

/// Runs `customer-cli` in this directory as people do who name no session.
pub fn customer_at_a_shell(dir: &Path, args: &str) -> Ran {
    let mut command = command(&programs().customer_cli, args);
    Ran::of(command.current_dir(dir).output().expect("customer-cli runs"))
}

/// Starts `customer-cli` in this directory.
pub fn start_customer_in(dir: &Path, args: &str, stdin: Stdio) -> Child {
    let mut command = customer_command(args);
    command.current_dir(dir).stdin(stdin);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("customer-cli runs")
}

/// Starts `customer-cli`.
pub fn start_customer(args: &str, stdin: Stdio) -> Child {
    let mut command = customer_command(args);
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("customer-cli runs")
}

/// `branchd status --json`, of a branch that answers.
pub fn status(address: &str) -> Value {
    branchd(&format!("status --json --branch {address}")).done()
}

/// Branches 1, 2 … of one bank, in a directory of their own.
pub struct Bank {
    pub cluster: Cluster,
    pub dir: tempfile::TempDir,
}

impl Bank {
    /// Starts branches, and founds their bank with `branchd init`.
    pub async fn new(branches: u32) -> Self {
        Self::with_flags(branches, "").await
    }

    /// Starts branches with further flags for `branchd start`, and founds their bank.
    pub async fn with_flags(branches: u32, flags: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self::with(branches, dir, flags).await
    }

    /// Starts branches in this directory, with further flags for `branchd start`, and founds their bank.
    pub async fn with(branches: u32, dir: tempfile::TempDir, flags: &str) -> Self {
        let mut config = ClusterConfig::new(dir.path(), 1..=branches).expect("the programs are built");
        config.branch_args = flags.split_whitespace().map(Into::into).collect();
        let mut cluster = Cluster::new(config);
        cluster.start(|| ()).await.expect("they listen");
        let bank = Bank { cluster, dir };
        let founded = branchd(&bank.init()).done();
        assert_eq!(founded["position"], 1);
        bank
    }

    /// The arguments that founded it.
    pub fn init(&self) -> String {
        let branches = self.cluster.numbers().into_iter();
        let branches = branches.map(|branch| format!(" --branch {branch}={}", self.address(branch)));
        let file = self.file();
        format!(
            "init --json --secret-file {} --bank-file {}{}",
            self.secret_file().display(),
            file.display(),
            branches.collect::<String>()
        )
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn file(&self) -> PathBuf {
        self.path("bank.json")
    }

    pub fn secret_file(&self) -> PathBuf {
        self.path("bank.secret")
    }

    pub fn address(&self, branch: u32) -> String {
        self.cluster.address(branch).expect("known").to_string()
    }

    pub fn addresses(&self) -> Vec<String> {
        self.cluster
            .numbers()
            .into_iter()
            .map(|branch| self.address(branch))
            .collect()
    }

    /// A customer who asks this branch and no other.
    pub fn at(&self, branch: u32, args: &str) -> Ran {
        customer(&format!("--json --branch {} {args}", self.address(branch)))
    }

    /// The same, with the session in `session.json`.
    pub fn session_at(&self, branch: u32, args: &str) -> Ran {
        self.at(
            branch,
            &format!("--session {} {args}", self.path("session.json").display()),
        )
    }

    /// The one of these branches that leads, once one does.
    pub fn leader(&self, branches: &[u32]) -> u32 {
        wait_for("a leader", || {
            let leads = |branch: &&u32| status(&self.address(**branch))["role"] == "leader";
            branches.iter().find(leads).copied()
        })
    }

    /// Kills a branch that answers nobody any more from here on.
    pub async fn kill(&self, branch: u32) {
        self.cluster.kill(branch).await.expect("killed");
    }

    pub async fn restart(&mut self, branch: u32) {
        self.cluster.restart(branch).await.expect("back");
    }

    /// Stops every branch: each drains and ends well.
    pub async fn stop(mut self) {
        self.cluster.stop().await.expect("all drained");
    }

    /// All branches come to one position, and have equal books there.
    pub fn assert_agree(&self) {
        assert_agree(&self.addresses());
    }

    /// The request ids of the entries of `main`, oldest first, without the opening's, and the balance that the last one
    /// left.
    pub fn entries(&self, branch: u32) -> (Vec<String>, i64) {
        let statement = self.at(branch, "statement --level strong");
        assert_eq!(statement.code, Some(0), "{statement:?}");
        let mut entries = statement.lines();
        entries.retain(|line| line.get("request_id").is_some());
        entries.reverse();
        let balance = entries
            .last()
            .and_then(|entry| entry["balance"].as_i64())
            .expect("an entry");
        let ids = entries
            .iter()
            .skip(1)
            .map(|entry| entry["request_id"].as_str().expect("an id").to_owned());
        (ids.collect(), balance)
    }
}

/// Branches at these addresses come to one position, and have equal books there.
pub fn assert_agree(addresses: &[String]) {
    let digests = wait_for("one position", || {
        let all: Vec<Value> = addresses.iter().map(|address| status(address)).collect();
        let same = all.iter().all(|status| status["position"] == all[0]["position"]);
        same.then(|| {
            all.into_iter()
                .map(|status| status["digest"].clone())
                .collect::<Vec<_>>()
        })
    });
    assert!(
        digests[0].as_str().is_some_and(|digest| digest.len() == 64),
        "{digests:?}"
    );
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

/// Every file below a directory, with its content, but for the lock: whoever looks at that writes its number there.
pub fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("listed") {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if !path.ends_with("LOCK") {
            let content = fs::read(&path).expect("read");
            found.push((path, content));
        }
    }
    found.sort();
    found
}
