//! Books that are damaged on the disk while their branch is stopped. The branch never answers from them: it ends and
//! reports the reason. The other branches go on.

use crate::support::bank::{Bank, Ran, branchd, customer, status};
use crate::support::{PATIENCE, wait_for};
use rusqlite::Connection;
use std::fs;

/// What account `a` holds, and what the damage makes of it.
const HELD: i64 = 2000;
const DAMAGED: i64 = 18_384;

/// Its deposit of 1000 at position 3 becomes one of 17,384: entries and account agree with each other.
const ALL_ALIKE: &str = "
    UPDATE entries SET amount = 17384, balance = 17384 WHERE position = 3;
    UPDATE entries SET balance = 18384 WHERE position = 4;
    UPDATE accounts SET balance = 18384 WHERE name = 'a';
";

/// Opens `a` at position 2, and deposits 1000 at 3 and at 4.
async fn bank(branches: u32) -> Bank {
    let bank = Bank::new(branches).await;
    for args in ["open a", "deposit 1000 --account a", "deposit 1000 --account a"] {
        bank.session_at(1, args).done();
    }
    bank.assert_agree();
    bank
}

/// Makes books of format 1, which have no checksums. The start converts them, so that wrong rows get checksums that fit.
const WITHOUT_CHECKSUMS: &str = include_str!("../../branchd/src/store/tests/make_format_1.sql");

/// Changes rows so that only the digest can show it.
fn damage_in_all(bank: &Bank, branch: u32) {
    damage(bank, branch, &format!("{WITHOUT_CHECKSUMS}{ALL_ALIKE}"));
}

fn damage(bank: &Bank, branch: u32, sql: &str) {
    let path = bank.cluster.data_dir(branch).expect("known").join("ledger.db");
    let books = Connection::open(path).expect("the books");
    books.execute_batch(sql).expect("damaged");
}

/// The branch has ended by itself, or does: the last line of its log.
async fn last_line(bank: &Bank, branch: u32) -> String {
    let ended = tokio::time::timeout(PATIENCE, bank.cluster.branch_ended(branch)).await;
    let status = ended.expect("it ends").expect("a branch");
    assert_eq!(status.code(), Some(1), "branch {branch}");
    let log = fs::read_to_string(bank.cluster.log_path(branch).expect("known")).expect("a log");
    log.lines().last().expect("a line").to_owned()
}

/// It does not start any more; why not.
async fn refusal(bank: &Bank, branch: u32) -> String {
    // It listens before it looks at its books.
    let _ = bank.cluster.restart(branch).await;
    last_line(bank, branch).await
}

/// Starts it again, and waits until it takes part.
async fn restart(bank: &Bank, branch: u32) {
    bank.cluster.restart(branch).await.expect("it listens");
    wait_for("it takes part", || {
        let asked = branchd(&format!("status --json --branch {}", bank.address(branch)));
        (asked.code == Some(0) && asked.done()["leader"].as_u64() > Some(0)).then_some(())
    });
}

fn assert_serve(bank: &Bank, branches: &[u32], balance: i64) {
    for branch in branches {
        let read = bank.at(*branch, "query --level strong --account a").done();
        assert_eq!(read["balance"], balance, "branch {branch}");
    }
    let again = bank.at(branches[0], "deposit 5 --account a").done();
    assert_eq!(again["balance"], balance + 5);
}

#[tokio::test]
async fn a_follower_with_a_wrong_balance_stops_at_the_first_entry_that_reads_it() {
    let bank = bank(3).await;
    let leader = bank.leader(&[1, 2, 3]);
    let (wrong, other) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    bank.cluster.stop_branch(wrong).await.expect("stopped");
    damage_in_all(&bank, wrong);
    restart(&bank, wrong).await;
    let deposited = bank.at(leader, "deposit 1 --account a").done();
    assert_eq!(
        (&deposited["balance"], &deposited["position"]),
        (&(HELD + 1).into(), &5.into())
    );

    let line = last_line(&bank, wrong).await;
    let words = [
        &format!("branch {wrong}'s books differ from the bank's from position 5 on"),
        "move ",
        "`branchd join`",
    ];
    for words in words {
        assert!(line.contains(words), "{line}");
    }
    let refused = refusal(&bank, wrong).await;
    assert!(
        refused.contains("books differ from the bank's from position 5 on"),
        "{refused}"
    );
    assert_serve(&bank, &[leader, other], HELD + 1);
}

#[tokio::test]
async fn a_leader_with_a_wrong_balance_acknowledges_nothing_that_the_others_refuse() {
    let bank = bank(3).await;
    let leader = bank.leader(&[1, 2, 3]);
    let (wrong, other) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    // It has the damage, comes back, and has an entry that the third lacks: of these two only it can be elected.
    bank.cluster.stop_branch(wrong).await.expect("stopped");
    damage_in_all(&bank, wrong);
    restart(&bank, wrong).await;
    bank.kill(other).await;
    bank.at(leader, "open b").done();
    bank.kill(leader).await;
    restart(&bank, other).await;
    assert_eq!(bank.leader(&[wrong, other]), wrong);
    restart(&bank, leader).await;
    assert_eq!(bank.leader(&[wrong, leader, other]), wrong);

    // A read brings the balance into its memory, which makes it no truer.
    bank.at(wrong, "query --account a").done();
    // More than it holds, and less than the leader says: with the whole bank's addresses, the customer asks on.
    let file = bank.file();
    let withdrawn: Ran = customer(&format!("--json --bank {} withdraw 10000 --account a", file.display()));
    assert_eq!(withdrawn.code, Some(3), "{withdrawn:?}");
    let told = withdrawn.stdout + &withdrawn.stderr;
    assert!(told.contains("2000") && !told.contains("8384"), "{told}");

    let line = last_line(&bank, wrong).await;
    assert!(
        line.contains("books differ from the bank's from position 6 on"),
        "{line}"
    );
    let refused = refusal(&bank, wrong).await;
    assert!(
        refused.contains("books differ from the bank's from position 6 on"),
        "{refused}"
    );
    assert_serve(&bank, &[leader, other], HELD);
}

#[tokio::test]
async fn of_two_branches_nobody_can_tell_and_both_stop() {
    let bank = bank(2).await;
    let leader = bank.leader(&[1, 2]);
    let follower = 3 - leader;
    bank.cluster.stop_branch(follower).await.expect("stopped");
    damage_in_all(&bank, follower);
    restart(&bank, follower).await;
    let unknown = bank.at(leader, "--timeout 5s deposit 1 --account a");
    // The leader held it in memory since it decided it: it may have answered before it heard of the other's digest.
    assert!(matches!(unknown.code, Some(0 | 5)), "{unknown:?}");
    for branch in [leader, follower] {
        let line = last_line(&bank, branch).await;
        assert!(
            line.contains("no majority of the voters says whose are right"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_row_that_contradicts_its_entry_is_found_at_the_start_and_when_it_is_read() {
    let bank = bank(3).await;
    let leader = bank.leader(&[1, 2, 3]);
    let (wrong, other) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    let flipped = format!("UPDATE accounts SET balance = {DAMAGED} WHERE name = 'a'");
    bank.cluster.stop_branch(wrong).await.expect("stopped");
    damage(&bank, wrong, &flipped);
    let refused = refusal(&bank, wrong).await;
    for words in ["ledger.db", "table accounts, row a", "checksum"] {
        assert!(refused.contains(words), "{refused}");
    }
    damage(
        &bank,
        wrong,
        &format!("UPDATE accounts SET balance = {HELD} WHERE name = 'a'"),
    );

    // The start finds nothing; the damage comes after it.
    restart(&bank, wrong).await;
    damage(&bank, wrong, &flipped);
    let read = bank.at(wrong, "query --account a");
    assert_ne!(read.code, Some(0), "{read:?}");
    let line = last_line(&bank, wrong).await;
    assert!(
        line.contains("table accounts, row a") && line.contains("ledger.db"),
        "{line}"
    );
    assert_serve(&bank, &[leader, other], HELD);
}

#[tokio::test]
async fn a_branch_file_that_names_no_bank_beside_books_is_refused() {
    let bank = bank(3).await;
    let leader = bank.leader(&[1, 2, 3]);
    let branch = leader % 3 + 1;
    bank.cluster.stop_branch(branch).await.expect("stopped");
    let data = bank.cluster.data_dir(branch).expect("known");
    let text = fs::read_to_string(data.join("branch.json")).expect("read");
    let id = status(&bank.address(leader))["bank_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert!(text.contains(&id));
    fs::write(data.join("branch.json"), text.replace(&format!("\"{id}\""), "null")).expect("written");
    let before = crate::support::bank::contents(&data.join("journal"));
    let refused = refusal(&bank, branch).await;
    for words in ["branch.json", "names no bank", "ledger.db", &id] {
        assert!(refused.contains(words), "{refused}");
    }
    assert_eq!(crate::support::bank::contents(&data.join("journal")), before);
    fs::write(data.join("branch.json"), text).expect("written");
    restart(&bank, branch).await;
}
