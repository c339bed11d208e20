//! Live banks of real processes: in the background, on other ports, started over, without a majority. Needs `branchd` and
//! `customer-cli` beside the launcher: `cargo build --workspace`.

use crate::support::live::{Background, Up, launcher, leader, three};
use crate::support::wait_for;
use std::fs;
use std::net::TcpListener;

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn a_bank_in_the_background_is_found_by_every_command_and_its_logs_are_printed() {
    let dir = dir();
    let up = launcher(dir.path(), &format!("up --detach {}", three()));
    let _background = Background(dir.path());
    assert_eq!(up.code, Some(0), "{up:?}");
    assert!(up.stdout.starts_with("the bank is up: 3 branches"), "{up:?}");
    let again = launcher(dir.path(), "up --detach");
    assert_eq!((again.code, again.stdout.as_str()), (Some(1), ""), "{again:?}");
    assert!(again.stderr.contains("runs already"), "{again:?}");
    assert_eq!(launcher(dir.path(), "kill 2").code, Some(0));
    let log = launcher(dir.path(), "logs");
    assert!(log.stdout.contains("branch 2 killed\n"), "{log:?}");
    let log = launcher(dir.path(), "logs 2");
    assert!(log.stdout.contains("branchd"), "{log:?}");
    let none = launcher(dir.path(), "logs 9");
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.stderr.contains("it has logs of the branches 1, 2, 3"), "{none:?}");
    let down = launcher(dir.path(), "down");
    assert_eq!(down.code, Some(0), "{down:?}");
    assert_eq!(launcher(dir.path(), "status").code, Some(1));
    let log = launcher(dir.path(), "logs");
    let last = log.stdout.lines().last().expect("a line");
    assert!(last.ends_with("start it again with: launcher up"), "{log:?}");
    // An event begins with the time of day.
    assert_eq!(last.find(' '), Some("03:05:12.047".len()), "{last}");
}

#[test]
fn a_bank_moves_if_a_port_is_taken_and_starts_over_on_request() {
    let dir = dir();
    let up = Up::three(dir.path());
    assert_eq!(up.customer("deposit 1").done()["balance"], 101);
    let address = |up: &Up| up.branch(2)["address"].as_str().expect("an address").to_owned();
    let old = address(&up);
    assert!(up.refused("up --fresh --yes", 1).contains("runs already"));
    // Another bank is told to stop this one.
    let base: u16 = old
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");
    let taken = launcher(
        dir.path(),
        &format!("up --branches 1 --dir other --base-port {}", base - 1),
    );
    assert_eq!(taken.code, Some(2), "{taken:?}");
    assert!(
        taken
            .stderr
            .contains("is taken by branch 2 of the bank in outputs/bank; stop that bank"),
        "{taken:?}"
    );
    up.down();

    let held = TcpListener::bind(&old).expect("free again");
    let taken = launcher(dir.path(), "up");
    assert_eq!(taken.code, Some(2), "{taken:?}");
    assert!(
        taken.stderr.contains("of branch 2 is taken by ") && taken.stderr.contains("--base-port auto"),
        "{taken:?}"
    );
    let up = Up::new(dir.path(), "--base-port auto");
    let new = address(&up);
    assert_ne!(new, old);
    for branch in [1, 2, 3] {
        up.customer(&format!("--branch {branch} deposit 1")).done();
    }
    up.down();
    drop(held);
    // The bank stays where it is now.
    let up = Up::new(dir.path(), "");
    assert_eq!(address(&up), new);
    assert_eq!(up.customer("--branch 2 query").done()["balance"], 104);
    up.down();

    fs::write(dir.path().join("outputs/bank/notes.txt"), "mine").expect("written");
    let up = Up::new(dir.path(), "--fresh --yes --branches 2 --balance 7");
    assert_eq!(up.status()["branches"].as_array().map(Vec::len), Some(2));
    fs::remove_file(dir.path().join("me.json")).expect("the session of the old bank");
    assert_eq!(up.customer("query").done()["balance"], 7);
    assert!(dir.path().join("outputs/bank/notes.txt").exists());
    up.down();
}

#[test]
fn a_lost_majority_is_told_and_several_branches_or_the_leader_are_named() {
    let dir = dir();
    let up = Up::three(dir.path());
    let first = wait_for("a leader", || leader(&up.status()));
    assert!(up.refused("kill leader 9", 2).contains("the bank has no branch 9"));
    assert_eq!(
        up.done("kill leader"),
        format!("branch {first} killed; restart it with: launcher restart {first}\n")
    );
    up.done("delay --geo eu,us,ap");
    let distances = up.status()["distances"].clone();
    assert_eq!(
        distances,
        "one way between regions: eu-us 40ms, eu-ap 110ms, us-ap 75ms"
    );
    // A leader is elected and writes go through though the branches are far from each other.
    let second = wait_for("another leader", || {
        leader(&up.status()).filter(|leader| *leader != first)
    });
    up.customer(&format!("--branch {second} deposit 1")).done();
    up.done("delay --geo none");
    assert!(
        up.refused("kill 1 2 3", 1)
            .contains(&format!("branch {first} does not run"))
    );
    up.done("kill leader");
    let lost = "no majority: 1 of 3 voters is up; no write can go through";
    assert_eq!(up.status()["no_majority"], lost);
    assert_eq!(leader(&up.status()), None);
    let table = launcher(dir.path(), "status").stdout;
    assert!(table.contains(lost), "{table}");
    up.says(lost);
    assert!(
        up.refused("cut leader", 1)
            .contains("no branch leads at the moment: no majority")
    );
    let back = launcher(dir.path(), &format!("restart {first} {second} {first}"));
    assert_eq!(
        back.stdout,
        format!("branch {first} restarted\nbranch {second} restarted\n"),
        "{back:?}"
    );
    up.says("a majority of the voters is up again");
    wait_for("a leader", || leader(&up.status()));
    up.done("pause leader");
    up.done("cut 1-2");
    up.done("down");
}
