//! Planted bugs: one workload on real processes, once with each bug and once with none. `launcher check` finds each
//! bug: it reports exactly the guarantees that the bug breaks. Without a bug every guarantee holds.
//!
//! Needs `branchd-planted` beside the other programs:
//! `cargo build --workspace --bin branchd-planted --features branchd/planted-bugs`.

mod credulous;
mod failing_disk;
mod stuck;
#[path = "../support/mod.rs"]
mod support;
mod workload;

use bank_cluster::Programs;
use bank_cluster::network::{LinkSet, LinkState};
use serde_json::Value;
use std::process::Command;
use support::bank::{branchd, customer, programs};
use workload::{AFFECTED, bank};

const BUILD: &str = "cargo build --workspace --bin branchd-planted --features branchd/planted-bugs";
/// As many as the judge knows, and the workload puts to the test.
const GUARANTEES: usize = 21;

/// What catches a bug: each guarantee that has to fail, in the judge's order, with words that a witness has to have.
type Caught<'a> = &'a [(&'a str, &'a [&'a str])];

/// How the judge that trusts no position catches a stale read, whatever position its reply bears.
const STALE_BY_BALANCES: Caught<'_> = &[
    (
        "read-your-writes-by-balances",
        &[
            "customer 1 deposited 32 at branch 1 (event 8, ",
            "(event 10, level session) answered 130, without it",
        ],
    ),
    (
        "monotonic-reads-by-balances",
        &[
            "had seen customer 1's deposit of 32; ",
            "(event 10, level session) answered 130, without it",
        ],
    ),
];

/// `branchd-planted`, and the customers' program as it is.
fn planted() -> Programs {
    let sound = programs();
    let branchd = sound.branchd.with_file_name("branchd-planted");
    assert!(
        branchd.is_file(),
        "{} is not there; build it: {BUILD}",
        branchd.display()
    );
    Programs { branchd, ..sound }
}

/// Runs the workload and has `launcher check` judge its folder: what is to be caught is, and all else passes.
async fn judge(programs: Programs, bug: Option<&str>, caught: Caught<'_>) {
    let dir = tempfile::tempdir().expect("a directory");
    workload::run(dir.path(), programs, bug).await;
    let mut check = Command::new(env!("CARGO_BIN_EXE_launcher"));
    let checked = check
        .arg("check")
        .arg(dir.path())
        .arg("--json")
        .output()
        .expect("launcher runs");
    let said: Value = serde_json::from_slice(&checked.stdout).unwrap_or_else(|error| panic!("{error}: {checked:?}"));
    let verdicts = said["verdicts"].as_array().expect("verdicts").iter();
    let (failed, other): (Vec<&Value>, Vec<&Value>) = verdicts.partition(|verdict| verdict["outcome"] == "fail");

    let names: Vec<&str> = failed
        .iter()
        .filter_map(|verdict| verdict["guarantee"].as_str())
        .collect();
    let expected: Vec<&str> = caught.iter().map(|(guarantee, _)| *guarantee).collect();
    assert_eq!(names, expected, "{bug:?}: {said:#}");
    assert!(
        other.iter().all(|verdict| verdict["outcome"] == "pass"),
        "{bug:?}: {said:#}"
    );
    assert_eq!(failed.len() + other.len(), GUARANTEES, "{bug:?}: {said:#}");
    for (verdict, (guarantee, words)) in failed.into_iter().zip(caught) {
        let broken = format!("{guarantee} broken");
        let mut witnesses = verdict["failures"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let has_all = |witness: &str| {
            words
                .iter()
                .chain([&broken.as_str()])
                .all(|words| witness.contains(words))
        };
        assert!(
            witnesses.any(has_all),
            "{bug:?}: no witness says {words:?}: {verdict:#}"
        );
    }
    let (code, conclusion) = match caught {
        [] => (0, "consistent"),
        _ => (1, "inconsistent"),
    };
    assert_eq!(checked.status.code(), Some(code), "{bug:?}: {said:#}");
    assert_eq!(said["conclusion"], conclusion, "{bug:?}");
}

#[tokio::test]
async fn without_a_bug_every_guarantee_holds() {
    judge(programs(), None, &[]).await;
    judge(planted(), None, &[]).await;
}

#[tokio::test]
async fn a_stale_read_served_as_session() {
    let caught: Caught = &[
        (
            "read-your-writes",
            &[
                "customer 1 deposited 32 at branch 1 (event 8, position 6); ",
                "its later query at branch 3 (event 10, level session) answered from position 5",
            ],
        ),
        (
            "monotonic-reads",
            &[
                "customer 1's query at branch 1 (event 9, level session) answered from position 6; ",
                "its next query at branch 3 (event 10, level session) answered from position 5",
            ],
        ),
    ];
    judge(planted(), Some("stale-read"), &[caught, STALE_BY_BALANCES].concat()).await;
}

/// By the positions alone nothing is wrong here.
#[tokio::test]
async fn a_stale_read_that_bears_the_position_asked_for() {
    let caught: Caught = &[(
        "honest-positions",
        &["(event 10, level session) answered balance 130 from position 6, but the account held 162 there"],
    )];
    judge(
        planted(),
        Some("stale-read-lying"),
        &[STALE_BY_BALANCES, caught].concat(),
    )
    .await;
}

#[tokio::test]
async fn a_forgotten_request_id() {
    let caught: Caught = &[
        (
            "at-most-once",
            &["customer 2's deposit of 500 to till at branch 2 (event 12) was applied at position 8 and again at 9"],
        ),
        (
            "acknowledged-writes",
            &["deposited 500 to till at branch 3 (event 13, position 9), and the write stands at position 8"],
        ),
    ];
    judge(planted(), Some("forgotten-id"), caught).await;
}

#[tokio::test]
async fn a_lost_update() {
    let caught: Caught = &[
        (
            "read-your-writes-by-balances",
            &[
                "customer 1 deposited 8 at branch 1 (event 4, position 4); ",
                "its next query at branch 2 (event 6, level session) answered 122, without it",
            ],
        ),
        (
            "honest-positions",
            &["(event 6, level session) answered balance 122 from position 5, but the account held 130 there"],
        ),
        (
            "conservation",
            &[
                "after customer 1's deposit of 16 at branch 3 (event 5) at position 5 ",
                "the accounts hold 122, and had to hold 130",
            ],
        ),
        (
            "replayed-balances",
            &[
                "customer 1's deposit of 16 at branch 3 (event 5) at position 5 ",
                "has balance 122, and had to have 130",
            ],
        ),
    ];
    judge(planted(), Some("lost-update"), caught).await;
}

#[tokio::test]
async fn an_overdraft_let_through() {
    let caught: Caught = &[(
        "no-overdraft",
        &[
            "customer 2's withdrawal of 5000 from till at branch 2 (event 16) at position 12 ",
            "was accepted, and the account held 300",
        ],
    )];
    judge(planted(), Some("overdraft"), caught).await;
}

#[tokio::test]
async fn a_branch_that_applies_out_of_order() {
    let caught: Caught = &[
        (
            "monotonic-writes",
            &[
                "customer 1 deposited 8 at branch 1 (event 4, position 4); its later deposit of 16 at branch 3 (event 5) ",
                "came at position 4 in the journal of branch 3, not after position 5",
            ],
        ),
        (
            "agreement",
            &[
                "at position 4 branch 3 has customer 1's deposit of 16 ",
                "and branch 1 has customer 1's deposit of 8 ",
            ],
        ),
        ("digests", &["branch 1 has digest ", "and branch 3 has "]),
        (
            "entries-chained",
            &["the entries of branch 1 give the head ", "and those of branch 3 give "],
        ),
    ];
    judge(planted(), Some("out-of-order"), caught).await;
}

#[tokio::test]
async fn a_balance_one_off_in_one_reply() {
    let caught: Caught = &[
        (
            "read-your-writes-by-balances",
            &[
                "at branch 3 (event 7, level strong) answered 131, which is no sum of the deposits that customers asked for",
            ],
        ),
        (
            "honest-positions",
            &["(event 7, level strong) answered balance 131 from position 5, but the account held 130 there"],
        ),
    ];
    judge(planted(), Some("balance-off"), caught).await;
}

/// What a reply itself gives away is not shown to a customer; a lie that fits is.
#[tokio::test(flavor = "multi_thread")]
async fn the_customers_own_program_refuses_what_it_can_see() {
    let stale = "the reply is from position 1, older than the 2 that was asked for; it is not shown";
    for (bug, branch, asked, code, said) in [
        ("stale-read", AFFECTED, "query", 1, stale),
        ("overdraft", 1, "withdraw 5000", 5, "its money is negative: -4868"),
        ("stale-read-lying", AFFECTED, "query", 0, r#""balance":100,"#),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut cluster = bank(dir.path(), planted(), Some(bug)).await;
        cluster
            .network()
            .expect("relayed")
            .apply(LinkSet::To(AFFECTED), LinkState::Hold);
        let ask = |branch: u32, asked: &str| {
            let address = cluster.address(branch).expect("known");
            let session = dir.path().join("session.json");
            customer(&format!(
                "--json --branch {address} --session {} {asked}",
                session.display()
            ))
        };
        assert_eq!(ask(1, "deposit 32").done()["balance"], 132);
        let ran = ask(branch, asked);
        assert_eq!(ran.code, Some(code), "{bug}: {ran:?}");
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(said), "{bug}: {ran:?}");
        cluster.network().expect("relayed").apply(LinkSet::All, LinkState::Pass);
        cluster.stop().await.expect("all drained");
    }
}

#[test]
fn the_plain_program_has_no_bug_to_choose() {
    let ran = branchd("start --id 1 --listen 127.0.0.1:0 --data nowhere --planted stale-read");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("unexpected argument '--planted'"), "{ran:?}");
}
