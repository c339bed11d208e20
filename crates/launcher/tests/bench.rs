//! `launcher bench` on real branches. Needs `branchd` and `customer-cli` beside the launcher: `cargo build --workspace`.

use crate::support::bank::Ran;
use crate::support::live::launcher;
use crate::support::wait_for;
use bank_client::operator::Operator;
use bank_client::{Address, BankFile};
use bank_cluster::{Cluster, ClusterConfig};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Deadline of a question to a branch.
const ASK: Duration = Duration::from_secs(10);

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn measured(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    serde_json::from_str(&ran.stdout).expect("one document")
}

#[test]
fn a_new_bank_is_measured_checked_and_removed() {
    let dir = dir();
    let args = "bench --operations 200 --clients 8 --warm-up 0 --repeats 2 --data disk --page page.html --json";
    let ran = launcher(dir.path(), args);
    let result = measured(&ran);
    assert_eq!(
        (&result["operations"], &result["settings"]["clients"]),
        (&200.into(), &8.into())
    );
    assert_eq!(
        (&result["failed"], &result["unknown"], &result["refused"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(result["repeats"].as_array().map(Vec::len), Some(2));
    let ended = |repeat: &Value| -> u64 {
        let slices = repeat["slice_operations"].as_array().expect("slices").iter();
        slices.filter_map(Value::as_u64).sum()
    };
    assert!(
        result["repeats"]
            .as_array()
            .expect("repeats")
            .iter()
            .all(|repeat| ended(repeat) == 200)
    );
    let latencies = ["p50_us", "p99_us", "p999_us", "max_us"].map(|name| result[name].as_u64().expect("a latency"));
    assert!(latencies[0] > 0 && latencies.is_sorted(), "{latencies:?}");
    let books = &result["books"];
    assert_eq!(
        (&books["sum"], &books["moved"], &books["accounts"]),
        (&400.into(), &400.into(), &201.into())
    );
    if cfg!(target_os = "linux") {
        assert!(result["syncs_per_operation"].as_f64() > Some(0.0), "{result}");
        assert!(result["branch_cpu_us_per_operation"].is_number() && result["branches"][2]["after_bytes"].is_u64());
    }
    assert!(fs::read_to_string(dir.path().join("page.html")).is_ok_and(|page| page.contains("</html>")));
    assert_eq!(fs::read_dir(dir.path().join("disk")).expect("listed").count(), 0);

    fs::write(dir.path().join("a.json"), &ran.stdout).expect("written");
    let compared = measured(&launcher(dir.path(), "bench compare a.json a.json --json"));
    assert_eq!(compared["operations_per_second"]["ratio"], 1.0);
    let compared = launcher(dir.path(), "bench compare a.json a.json");
    assert!(
        compared.code == Some(0) && compared.stdout.contains("B to A"),
        "{compared:?}"
    );
}

#[test]
fn every_operation_is_measured_in_an_open_loop_too() {
    let dir = dir();
    for args in [
        "--op withdraw --accounts one",
        "--op transfer --accounts skewed:10 --propagation all",
        "--op mixed --level monotonic-reads --rate 1000",
        "--op query --level strong --accounts many:3",
        "--op bulk --window 7",
        "--op bulk --accounts one --rate 1000",
    ] {
        let all = format!("bench --branches 1 --operations 50 --clients 4 --warm-up 0 --repeats 1 --json {args}");
        let result = measured(&launcher(dir.path(), &all));
        assert_eq!(
            (&result["operations"], &result["refused"]),
            (&50.into(), &0.into()),
            "{args}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_runs_is_measured_again_and_again() {
    let dir = dir();
    let config = ClusterConfig::new(dir.path(), 1..=2).expect("programs");
    let mut cluster = Cluster::running(config, 100).await.expect("a bank");
    let file = cluster.bank_path();
    let args = format!(
        "bench --bank {} --operations 50 --clients 2 --warm-up 0 --repeats 1 --json",
        file.display()
    );
    for _ in 0..2 {
        let result = measured(&launcher(dir.path(), &args));
        assert_eq!((&result["operations"], &result["books"]), (&50.into(), &Value::Null));
        assert_eq!(result["settings"]["branches"], 2);
        if cfg!(target_os = "linux") {
            assert!(result["branch_cpu_us_per_operation"].is_number(), "{result}");
        }
    }
    cluster.stop().await.expect("stopped");
}

#[test]
fn wrong_usage_is_told_before_anything_starts() {
    let dir = dir();
    for (args, words) in [
        ("--level strong", "--op deposit has none"),
        ("--op query --propagation all", "--op query has none"),
        ("--op transfer --accounts one", "--accounts one is too few"),
        ("--op mixed --accounts one", "--accounts one is too few"),
        ("--window 5", "--op deposit has none"),
        ("--op bulk --window 0", "0 is not in"),
        ("--accounts many:1", "with N from 2"),
        ("--rate 0", "0 is not in"),
        ("--clients 0", "0 is not in"),
        ("--operations 5 --duration 5s", "cannot be used with"),
        ("--duration 0s", "from 1ms to 1h"),
        ("--bank none.json", "none.json"),
        ("--bank none.json --branches 3", "cannot be used with"),
        ("--page .", "name another file with --page"),
        ("--page -", "--page: the page needs a file"),
        ("compare a.json b.json", "name a file with the output of"),
    ] {
        let ran = launcher(
            dir.path(),
            &format!("bench --data disk {args}").replace("--data disk compare", "compare"),
        );
        let ran = match args.starts_with("--bank") {
            true => launcher(dir.path(), &format!("bench {args}")),
            false => ran,
        };
        assert_eq!(ran.code, Some(2), "{args}: {ran:?}");
        assert!(ran.stderr.contains(words), "{args}: {ran:?}");
    }
    assert!(!dir.path().join("disk").exists());
}

#[test]
fn more_clients_than_open_files_are_refused_with_the_remedy() {
    let dir = dir();
    let limited = format!(
        "ulimit -n 256; {} bench --clients 1000 --data disk",
        env!("CARGO_BIN_EXE_launcher")
    );
    let shell = Command::new("sh")
        .args(["-c", &limited])
        .current_dir(dir.path())
        .output();
    let ran = Ran::of(shell.expect("a shell"));
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("ulimit -n 1152"), "{ran:?}");
    assert!(!dir.path().join("disk").exists());
}

/// The only directory in this one.
fn inside(dir: &Path) -> Option<PathBuf> {
    Some(fs::read_dir(dir).ok()?.next()?.ok()?.path())
}

/// The position of the first branch of a bank.
fn position(address: &Address) -> Option<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let status = runtime.block_on(Operator::at(address.clone(), ASK).status());
    Some(status.ok()?.position)
}

#[test]
fn a_signal_ends_everything_and_what_was_measured_is_printed() {
    let dir = dir();
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    command
        .args([
            "bench",
            "--duration",
            "1h",
            "--warm-up",
            "0",
            "--clients",
            "4",
            "--accounts",
            "one",
            "--data",
            "disk",
        ])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let launcher = command.spawn().expect("launcher runs");
    let disk = dir.path().join("disk");
    let bank = wait_for("a bank", || BankFile::load(&inside(&disk)?.join("bank.json")).ok());
    let address = &bank.branches()[0].address;
    // Position 2 opens the account.
    wait_for("deposits", || position(address).filter(|position| *position > 20));
    kill_process(Pid::from_child(&launcher), Signal::INT).expect("sent");
    let ran = Ran::of(launcher.wait_with_output().expect("ended"));
    assert_eq!(ran.code, Some(130), "{ran:?}");
    for words in ["ops/s", "stopped by a signal", "books not checked"] {
        assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    }
    assert_eq!(position(address), None, "a branch lives");
    assert_eq!(inside(&disk), None);
}
