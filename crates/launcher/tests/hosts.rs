//! A bank on several hosts, as the docs tell an operator to run it: the blocks `sh on HOST` of the pages, from top to bottom. The
//! hosts are network namespaces, joined by a bridge. They have an address and a directory each, and nothing else in
//! common. Where the kernel makes no namespaces, or `unshare` or `ip` is missing, the test says so and is skipped.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::pages::{blocks, programs, scripted};
use rustix::process::{Pid, Signal, kill_process_group};

/// The pages, in the order in which an operator reads them. The second continues with the bank of the first.
const PAGES: [&str; 2] = ["docs/OPERATING.md", "docs/SECURITY.md"];
/// The hosts are 10.0.0.1 and so on.
const HOSTS: std::ops::RangeInclusive<u32> = 1..=4;
/// Pages that have not ended by then never will.
const PATIENCE: Duration = Duration::from_secs(240);
/// Pause between two looks at the pages.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Gives a command a network, processes and mounts of its own. All of its processes end with it.
const UNSHARE: [&str; 8] = [
    "--user",
    "--map-root-user",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

/// Makes the hosts. `ip netns` needs a directory in /run.
fn network() -> String {
    let mut script =
        "set -euo pipefail\nmount -t tmpfs none /run\nmkdir -p /run/netns\nip link add bank type bridge\nip link set bank up\n"
            .to_owned();
    for n in HOSTS {
        let _ = writeln!(
            script,
            "ip netns add host{n}\n\
             ip link add veth{n} type veth peer name eth0 netns host{n}\n\
             ip link set veth{n} master bank up\n\
             ip -n host{n} addr add 10.0.0.{n}/24 dev eth0\n\
             ip -n host{n} link set eth0 up\n\
             ip -n host{n} link set lo up"
        );
    }
    script
}

/// Runs a script in namespaces of its own.
fn unshared(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(UNSHARE).args(["bash", "-c", script]).stdin(Stdio::null());
    command
}

/// Why this machine has no hosts for the test, if it has none.
fn without_hosts() -> Option<String> {
    match unshared(&network()).stdout(Stdio::null()).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

/// Makes a directory for each host, and the commands `ssh` and `scp`, which reach the directory of another host.
fn make_hosts(dir: &Path) {
    for n in HOSTS {
        fs::create_dir(dir.join(format!("10.0.0.{n}"))).expect("a directory");
    }
    let bin = dir.join("bin");
    fs::create_dir(&bin).expect("a directory");
    let root = dir.display();
    for (name, content) in [
        ("ssh", format!("#!/bin/bash\ncd {root}/$1 && shift && exec \"$@\"\n")),
        (
            "scp",
            format!("#!/bin/bash\nto=\"${{@: -1}}\"\nexec cp \"${{@:1:$#-1}}\" \"{root}/${{to%%:*}}/${{to#*:}}\"\n"),
        ),
    ] {
        fs::write(bin.join(name), content).expect("written");
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("set");
    }
}

/// The blocks of the pages as one script. Each host keeps its environment from block to block, as a shell does, and
/// each step says how long it took.
fn script(dir: &Path) -> String {
    let mut script = network();
    for page in PAGES {
        for block in blocks(page) {
            let Some(host) = block.info.strip_prefix("sh on ") else {
                continue;
            };
            let number = host.rsplit('.').next().expect("an address");
            let name = format!("{page}-{}.sh", block.line).replace('/', "-");
            let lines: Vec<_> = block.lines.iter().map(|line| scripted(line)).collect();
            let content = format!(
                "set -euo pipefail\n[ ! -e .shell ] || source ./.shell\nset -v\n{}\nset +v\nexport -p >.shell\n",
                lines.join("\n")
            );
            fs::write(dir.join(&name), content).expect("written");
            let root = dir.display();
            let _ = writeln!(
                script,
                "began=${{EPOCHREALTIME/./}}\n\
                 (cd {root}/{host} && ip netns exec host{number} bash {root}/{name})\n\
                 printf '== %s, line %s, on %s: %d ms\\n' {page} {} {host} $(( (${{EPOCHREALTIME/./}} - began) / 1000 ))",
                block.line
            );
        }
    }
    script
}

#[test]
fn the_pages_on_hosts() {
    if let Some(why) = without_hosts() {
        eprintln!("skipped: this machine makes no network namespaces: {why}");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    make_hosts(dir.path());
    let said = dir.path().join("said");
    let output = fs::File::create(&said).expect("made");
    let path = std::env::var("PATH").expect("a PATH");
    let bin = dir.path().join("bin");
    let mut child = unshared(&script(dir.path()))
        .env("PATH", format!("{}:{}:{path}", bin.display(), programs().display()))
        .stdout(output.try_clone().expect("a file"))
        .stderr(output)
        .process_group(0)
        .spawn()
        .expect("unshare runs");
    let began = Instant::now();
    let ended = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break status.success(),
            None if began.elapsed() > PATIENCE => break false,
            None => std::thread::sleep(LOOK_AGAIN),
        }
    };
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let _ = child.wait();
    let said = fs::read_to_string(said).unwrap_or_default();
    assert!(ended, "the pages did not end well:\n{said}\n{}", logs(dir.path()));
    for step in said.lines().filter(|line| line.starts_with("== ")) {
        println!("{step}");
    }
}

/// The logs of the branches.
fn logs(dir: &Path) -> String {
    let mut logs = String::new();
    for n in HOSTS {
        for file in fs::read_dir(dir.join(format!("10.0.0.{n}")))
            .into_iter()
            .flatten()
            .flatten()
        {
            if file.path().extension().is_some_and(|extension| extension == "log") {
                let text = fs::read_to_string(file.path()).unwrap_or_default();
                let _ = writeln!(logs, "-- {}\n{text}", file.path().display());
            }
        }
    }
    logs
}
