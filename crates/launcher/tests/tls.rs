//! Banks whose branches have certificates: runs, a run with a fault, a live bank, a benchmark, and who is refused. Needs
//! `branchd` and `customer-cli` beside the launcher: `cargo build --workspace`.

use crate::support::bank::{Ran, branchd, branchd_in, customer, customer_in};
use crate::support::live::{Up, free_base, launcher};
use bank_client::{ClientOptions, Failure, Level, Propagation, ReadError, Session, WriteError};
use bank_cluster::{CERTS_DIR, Cluster, ClusterConfig, FOUND_TIMEOUT};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const TELLER: &str = "--certs-dir outputs/bank/certs --client teller";
const OPERATOR: &str = "--certs-dir outputs/bank/certs --client operator";

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn input(name: &str) -> String {
    let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../inputs");
    inputs.join(name).display().to_string()
}

#[test]
fn a_run_by_tls_has_the_output_and_the_verdict_of_one_without() {
    let dir = dir();
    let mut outputs = Vec::new();
    for flags in ["", "--tls"] {
        let run = format!("run {} --base-port auto --json {flags}", input("three_customers.json"));
        let ran = launcher(dir.path(), &run);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        outputs.push(fs::read_to_string(dir.path().join("outputs/output.json")).expect("an output"));
    }
    assert_eq!(outputs[0], outputs[1]);
    let check = launcher(dir.path(), "check outputs/latest");
    assert_eq!(check.code, Some(0), "{check:?}");
    // The branches are gone, and so are the keys.
    assert!(!dir.path().join("outputs/latest").join(CERTS_DIR).exists());
}

/// Branches reach each other through relays here: their certificates say who they are, and not their addresses.
#[test]
fn a_leader_is_killed_and_a_branch_held_by_tls() {
    for name in ["killed_leader.json", "held_branch.json"] {
        let dir = dir();
        let ran = launcher(
            dir.path(),
            &format!("run {} --base-port auto --tls --keep-data", input(name)),
        );
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let check = launcher(dir.path(), "check outputs/latest");
        assert_eq!(check.code, Some(0), "{check:?}");
        let logs = fs::read_to_string(dir.path().join("outputs/latest/branch-2/log")).expect("a log");
        assert!(!logs.contains("was refused"), "{logs}");
        assert!(
            dir.path()
                .join("outputs/latest")
                .join(CERTS_DIR)
                .join("branch.2.key")
                .exists()
        );
    }
}

#[test]
fn a_live_bank_keeps_its_certificates() {
    let dir = dir();
    let plan = format!("--branches 3 --balance 100 --base-port {} --tls", free_base());
    let up = Up::new(dir.path(), &plan);
    let said = up.said();
    assert!(said.contains(&format!("bank.json {TELLER} ")), "{said}");
    let customer = |words: &str| {
        let line = format!("--bank outputs/bank/bank.json {TELLER} --json --session s.json {words}");
        customer_in(dir.path(), &line)
    };
    assert_eq!(customer("deposit 11").done()["balance"], 111);
    up.done("kill 1");
    assert_eq!(customer("--branch 2 deposit 1").done()["balance"], 112);
    up.done("cut 3");
    up.done("heal");
    up.done("restart 1");
    up.branch_is(1, |row| row["position"] == 3);
    let status = branchd_in(
        dir.path(),
        &format!("status --json --bank outputs/bank/bank.json {OPERATOR}"),
    );
    assert_eq!(status.code, Some(0), "{status:?}");
    up.down();

    // Its directory says that it has certificates.
    let up = Up::new(dir.path(), "");
    assert_eq!(customer("query").done()["balance"], 112);
    let plain = customer_in(dir.path(), "--bank outputs/bank/bank.json query");
    assert_eq!(
        (plain.code, plain.stderr.contains("TLS only")),
        (Some(3), true),
        "{plain:?}"
    );
    up.down();
}

#[test]
fn a_run_by_tls_that_is_kept_goes_on_by_tls() {
    let dir = dir();
    let run = format!(
        "run {} --base-port auto --tls --keep --dir kept",
        input("two_branches.json")
    );
    let ran = launcher(dir.path(), &run);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let flags = "--certs-dir kept/certs --client teller";
    let kept = customer_in(dir.path(), &format!("--bank kept/bank.json {flags} --json query"));
    let down = launcher(dir.path(), "down --dir kept");
    assert!(ran.stdout.contains(flags) && kept.code == Some(0), "{ran:?} {kept:?}");
    assert_eq!(down.code, Some(0), "{down:?}");
}

#[test]
fn a_benchmark_by_tls_is_compared_with_one_without() {
    let dir = dir();
    for (file, flags) in [("a.json", ""), ("b.json", "--tls")] {
        let bench = format!("bench --operations 50 --clients 4 --warm-up 0 --repeats 1 --data disk --json {flags}");
        let ran = launcher(dir.path(), &bench);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let result: Value = serde_json::from_str(&ran.stdout).expect("one document");
        assert_eq!(
            (&result["failed"], &result["settings"]["tls"]),
            (&json!(0), &json!(!flags.is_empty()))
        );
        fs::write(dir.path().join(file), &ran.stdout).expect("written");
    }
    let compared = launcher(dir.path(), "bench compare a.json b.json");
    assert!(
        compared.code == Some(0) && compared.stdout.contains("B: b.json, with TLS"),
        "{compared:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_with_certificates_that_runs_is_measured() {
    let dir = dir();
    let bank = Bank::new(dir.path(), 2, true).await;
    let (file, certs) = (bank.cluster.bank_path(), bank.certs());
    let bench = format!(
        "bench --bank {} --certs-dir {} --client teller --operations 50 --clients 2 --warm-up 0 --repeats 1 --json",
        file.display(),
        certs.display()
    );
    let ran = launcher(dir.path(), &bench);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// A bank of its own, in a directory of its own.
struct Bank {
    cluster: Cluster,
    dir: PathBuf,
}

impl Bank {
    async fn new(dir: &Path, branches: u32, tls: bool) -> Self {
        let config = ClusterConfig {
            tls,
            ..ClusterConfig::new(dir, 1..=branches).expect("the programs are built")
        };
        let cluster = Cluster::running(config, 100).await.expect("a bank");
        let dir = dir.to_owned();
        Bank { cluster, dir }
    }

    fn certs(&self) -> PathBuf {
        self.dir.join(CERTS_DIR)
    }

    /// `customer-cli` at the bank, with these flags and words.
    fn customer(&self, words: &str) -> Ran {
        customer(&format!("--bank {} {words}", self.cluster.bank_path().display()))
    }

    /// `branchd status` of the bank, with these flags.
    fn status(&self, flags: &str) -> Ran {
        let status = format!("status --bank {} {flags}", self.cluster.bank_path().display());
        branchd(status.trim_end())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_certificate_of_the_bank_is_refused_and_told_why() {
    let (here, there, open) = (dir(), dir(), dir());
    let bank = Bank::new(here.path(), 2, true).await;
    let other = Bank::new(there.path(), 1, true).await;
    let plain = Bank::new(open.path(), 1, false).await;
    let own = bank.certs().display().to_string();
    let foreign = other.certs().display().to_string();
    let teller = |certs: &str| format!("--certs-dir {certs} --client teller");
    let operator = |certs: &str| format!("--certs-dir {certs} --client operator");

    // (what, ran, code, what is said)
    let refused = [
        ("plain", bank.customer("deposit 5"), "this branch speaks TLS only"),
        (
            "another authority",
            bank.customer(&format!("{} deposit 5", teller(&foreign))),
            "an authority that is not trusted here",
        ),
        (
            "no certificate",
            bank.customer(&format!("--trusted-ca-file {own}/ca.crt deposit 5")),
            "this branch must know who calls",
        ),
        (
            "an operator",
            bank.customer(&format!("{} deposit 5", operator(&own))),
            "an operator may not do this",
        ),
        (
            "a branch without certificates",
            plain.customer(&format!("{} deposit 5", teller(&own))),
            "speaks no TLS: start the branch with --certs-dir",
        ),
    ];
    for (what, ran, said) in refused {
        assert_eq!(
            (ran.code, ran.stderr.contains(said)),
            (Some(3), true),
            "{what}: {ran:?}"
        );
    }
    for (what, ran, said) in [
        ("plain", bank.status(""), "this branch speaks TLS only"),
        ("a teller", bank.status(&teller(&own)), "a teller may not do this"),
        (
            "another authority",
            bank.status(&operator(&foreign)),
            "not trusted here",
        ),
        (
            "a branch without certificates",
            plain.status(&operator(&own)),
            "speaks no TLS",
        ),
    ] {
        assert_eq!(
            (ran.code, ran.stdout.contains(said)),
            (Some(1), true),
            "{what}: {ran:?}"
        );
    }
    assert_eq!(bank.status(&operator(&own)).code, Some(0));
    let asked = bank.customer(&format!("{} query", teller(&own)));
    assert_eq!((asked.code, asked.stdout.as_str()), (Some(0), "100\n"), "{asked:?}");

    // Calls that change the bank: by the certificate of an operator, or by the secret on this host.
    let address = bank.cluster.address(1).expect("branch 1");
    let secret = here.path().join("bank.secret").display().to_string();
    let promote = |flags: &str| branchd(&format!("promote 1 --to {address} {flags}"));
    for flags in [operator(&own), format!("--secret-file {secret}")] {
        assert_eq!(promote(&flags).code, Some(0), "{flags}");
    }
    let denied = promote(&teller(&own));
    assert_eq!(
        (denied.code, denied.stderr.contains("an operator may")),
        (Some(3), true),
        "{denied:?}"
    );
}

/// The library that programs are built on tells the same apart.
#[tokio::test(flavor = "multi_thread")]
async fn failures_of_trust_are_final_for_the_client_library() {
    let (here, there) = (dir(), dir());
    let bank = Bank::new(here.path(), 3, true).await;
    let other = Bank::new(there.path(), 1, true).await;
    let client = bank.cluster.client(ClientOptions::default()).expect("founded");
    let mut session = Session::default();
    let paid = client.deposit(Some(2), &mut session, Propagation::All, "main", 5).await;
    assert_eq!(paid.expect("done").position, 2);
    bank.cluster
        .await_position(&[1, 2, 3], 2, FOUND_TIMEOUT)
        .await
        .expect("applied");

    let strange = client.with_security(other.cluster.teller());
    let read = strange.query(Some(1), &mut session, Level::Eventual, "main").await;
    assert!(
        matches!(
            &read,
            Err(ReadError::Failed {
                cause: Failure::NotTrusted { .. },
                attempts: 1
            })
        ),
        "{read:?}"
    );
    let paid = strange
        .deposit(Some(1), &mut session, Propagation::Quorum, "main", 5)
        .await;
    assert!(
        matches!(
            &paid,
            Err(WriteError::NotApplied {
                cause: Failure::NotTrusted { .. },
                attempts: 1,
                ..
            })
        ),
        "{paid:?}"
    );
}
