//! Followers, the leader and all branches are killed (SIGKILL). Each acknowledged write is there exactly once, and the
//! bank goes on.

use crate::support::bank::{Bank, Ran, branchd, start_customer, status};
use crate::support::wait_for;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

#[tokio::test]
async fn a_deposit_is_there_at_every_branch_and_after_every_kill() {
    let mut bank = Bank::new(3).await;
    assert_eq!(bank.session_at(1, "deposit 100").done()["balance"], 100);
    for branch in [2, 3] {
        let read = bank.session_at(branch, "query").done();
        assert_eq!((&read["balance"], &read["branch"]), (&100.into(), &branch.into()));
    }
    let leader = bank.leader(&[1, 2, 3]);
    let follower = leader % 3 + 1;
    bank.kill(follower).await;
    assert_eq!(bank.session_at(leader, "deposit 5").done()["balance"], 105);
    bank.restart(follower).await;
    assert_eq!(bank.session_at(follower, "query").done()["balance"], 105);
    bank.assert_agree();

    let whole = || branchd(&format!("status --bank {}", bank.file().display()));
    let shown = whole();
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.contains("3 of 3 voters answer"), "{shown:?}");
    for branch in [leader, follower] {
        bank.kill(branch).await;
    }
    let survivor = 6 - leader - follower;
    let shown = whole();
    assert_eq!(shown.code, Some(1), "{shown:?}");
    let told = ["no answer", "no majority: 1 of 3 voters answers", &bank.address(leader)];
    assert!(told.iter().all(|words| shown.stdout.contains(words)), "{shown:?}");
    let lost = wait_for("a lost majority", || {
        let lost = status(&bank.address(survivor))["lost_majority"].clone();
        (!lost.is_null()).then_some(lost)
    });
    assert_eq!((&lost["reached"], &lost["voters"]), (&1.into(), &3.into()));
    let refused = bank.at(survivor, "--timeout 1s deposit 1");
    assert!(refused.stdout.contains("no majority: 1 of 3 voters"), "{refused:?}");
    bank.kill(survivor).await;
    for branch in [1, 2, 3] {
        bank.restart(branch).await;
    }
    for branch in [1, 2, 3] {
        assert_eq!(bank.session_at(branch, "query").done()["balance"], 105);
    }
    assert_eq!(bank.session_at(3, "deposit 1").done()["balance"], 106);
    assert_eq!(bank.session_at(2, "query --level strong").done()["balance"], 106);
    bank.assert_agree();
    bank.stop().await;
}

#[tokio::test]
async fn a_bank_that_exists_is_not_founded_again() {
    let bank = Bank::new(3).await;
    let before = status(&bank.address(1));
    let again = branchd(&bank.init());
    assert_eq!(again.code, Some(3), "{again:?}");
    let name = before["bank_id"].as_str().expect("an id");
    assert!(
        again.stderr.contains(name) && again.stderr.lines().count() == 1,
        "{again:?}"
    );
    for branch in [1, 2, 3] {
        assert_eq!(status(&bank.address(branch))["bank_id"], before["bank_id"]);
    }
    assert_eq!(bank.session_at(2, "deposit 1").done()["balance"], 1);
    bank.assert_agree();
    bank.stop().await;
}

/// The deposits that a killed leader interrupts.
const DEPOSITS: usize = 200;
/// The leader is killed after so many of them.
const BEFORE: usize = 60;

#[tokio::test]
async fn a_killed_leader_loses_and_doubles_nothing_and_writes_go_on() {
    let mut bank = Bank::new(3).await;
    let leader = bank.leader(&[1, 2, 3]);
    let args = format!(
        "--bank {} --session {} replay",
        bank.file().display(),
        bank.path("s.json").display()
    );
    let mut customer = start_customer(&args, Stdio::piped());
    let event = |n| {
        format!(
            "{{\"interface\":\"deposit\",\"branch\":{},\"money\":{}}}\n",
            n % 3 + 1,
            n + 1
        )
    };
    let events: String = (0..DEPOSITS).map(event).collect();
    customer
        .stdin
        .take()
        .expect("piped")
        .write_all(events.as_bytes())
        .expect("told");
    let mut lines = BufReader::new(customer.stdout.take().expect("piped")).lines();
    let mut answers: Vec<String> = lines.by_ref().take(BEFORE).map(|line| line.expect("a line")).collect();
    bank.kill(leader).await;
    answers.extend(lines.map(|line| line.expect("a line")));
    let mut ran = Ran::of(customer.wait_with_output().expect("ended"));
    ran.stdout = answers.join("\n");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answers = ran.lines();
    assert!(
        answers.iter().all(|answer| answer["outcome"] == "accepted"),
        "{answers:?}"
    );
    assert_eq!(answers.len(), DEPOSITS);

    bank.restart(leader).await;
    for branch in [1, 2, 3] {
        let (entries, balance) = bank.entries(branch);
        let once: HashSet<&str> = entries.iter().map(String::as_str).collect();
        assert_eq!(once.len(), entries.len(), "an id is there twice");
        for answer in &answers {
            assert!(
                once.contains(answer["request_id"].as_str().expect("an id")),
                "{answer} is lost"
            );
        }
        assert_eq!(entries.len(), DEPOSITS);
        assert_eq!(balance, (1..=DEPOSITS as i64).sum::<i64>());
    }
    bank.assert_agree();
    bank.stop().await;
}
