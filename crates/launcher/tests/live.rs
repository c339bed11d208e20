//! A live bank of real processes: started, inspected, broken and repaired from other shells, stopped, and started
//! again. Needs `branchd` and `customer-cli` beside the launcher: `cargo build --workspace`.

use crate::support::attack::{self, Line};
use crate::support::bank::{Ran, customer_at_a_shell, start_customer_in};
use crate::support::live::{Up, free_base, launcher, leader, three};
use crate::support::wait_for;
use bank_client::{BankFile, Client, ClientOptions, Level, Session};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

// The customer's connection lives on while this thread looks.
#[tokio::test(flavor = "multi_thread")]
async fn a_bank_stays_until_it_is_stopped_and_is_found_again_with_its_books() {
    let dir = dir();
    let none = launcher(dir.path(), "status");
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.stderr.contains("start one with: launcher up"), "{none:?}");

    let up = Up::three(dir.path());
    // On a busy machine a branch may not say in time how it is.
    let status = wait_for("a leader, and every branch's answer", || {
        let status = up.status();
        let mut rows = status["branches"].as_array()?.iter();
        let all_say = rows.all(|row| row["position"].is_u64());
        (all_say && leader(&status).is_some()).then_some(status)
    });
    assert_eq!((&status["position"], &status["bent"]), (&json!(1), &json!([])));
    for (row, number) in status["branches"].as_array().expect("rows").iter().zip(1..) {
        let pid = up.recorded(number).pid.as_raw_nonzero().get();
        assert_eq!((&row["branch"], &row["pid"]), (&json!(number), &json!(pid)));
        assert_eq!((&row["behind"], &row["customers"]), (&json!(0), &json!(0)));
    }
    assert_eq!(up.customer("deposit 11").done()["balance"], 111);
    wait_for("the write", || (up.status()["position"] == 2).then_some(()));
    // People are shown the same, with lines to copy.
    let shown = launcher(dir.path(), "status");
    assert!(shown.stdout.starts_with("branch "), "{shown:?}");
    assert!(shown.stdout.lines().count() >= 4, "{shown:?}");
    let said = up.said();
    assert!(said.contains("customer-cli --bank outputs/bank/bank.json"), "{said}");

    // A customer who stays is counted where it stays; operators are not.
    let bank = BankFile::load(&dir.path().join("outputs/bank/bank.json")).expect("a bank file");
    let client = Client::of_bank(&bank, ClientOptions::default());
    let mut session = Session::default();
    let read = client.query(Some(2), &mut session, Level::Eventual, "main").await;
    read.expect("answered");
    up.branch_is(2, |row| row["customers"] == 1);
    up.branch_is(1, |row| row["customers"] == 0);
    drop(client);
    up.branch_is(2, |row| row["customers"] == 0);
    up.down();
    assert!(!dir.path().join("outputs/bank/control.json").exists());

    let up = Up::new(dir.path(), "");
    let again = up.status();
    let addresses = |status: &Value| {
        let rows = status["branches"].as_array().expect("rows").iter();
        rows.map(|row| row["address"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(addresses(&again), addresses(&status));
    assert_eq!(again["bank_id"], status["bank_id"]);
    assert_eq!(up.customer("query").done()["balance"], 111);
    assert_eq!(up.customer("--branch 3 deposit 1").done()["balance"], 112);
    up.down();
}

#[test]
fn branches_are_killed_paused_and_brought_back_by_other_shells() {
    let dir = dir();
    let up = Up::three(dir.path());
    let said = up.done("kill 2");
    assert_eq!(said, "branch 2 killed; restart it with: launcher restart 2\n");
    let row = up.branch(2);
    assert_eq!(
        (&row["state"], &row["pid"], &row["ended"]),
        (&json!("down"), &Value::Null, &Value::Null)
    );
    assert!(up.refused("kill 2", 1).contains("branch 2 does not run"));
    assert!(up.refused("pause 2", 1).contains("branch 2 does not run"));
    assert_eq!(up.customer("--branch 1 deposit 5").done()["balance"], 105);
    up.done("restart 2");
    assert!(up.refused("restart 2", 1).contains("branch 2 still runs"));
    up.branch_is(2, |row| row["position"] == 2 && row["behind"] == 0);

    assert!(up.done("pause 3").contains("launcher resume 3"));
    let row = up.branch(3);
    assert_eq!((&row["state"], &row["position"]), (&json!("paused"), &Value::Null));
    assert_eq!(up.customer("--branch 2 deposit 5").done()["balance"], 110);
    let table = launcher(dir.path(), "status").stdout;
    assert!(table.contains("branch 3 is paused (launcher resume 3)"), "{table}");
    up.done("resume 3");
    up.branch_is(3, |row| row["position"] == 3);

    for (args, expected) in [
        ("kill 9", "the bank has no branch 9; it has 1, 2, 3"),
        ("cut 1-9", "the bank has no branch 9"),
        ("cut", "in quotes, '1>3'"),
        ("cut 2-2", "in quotes, '1>3'"),
        ("delay 2", "<DURATION>"),
        ("delay 2 5", "write a duration"),
        ("pause x", "write the number of a branch"),
    ] {
        let said = up.refused(args, 2);
        assert!(said.contains(expected), "{args}: {said}");
    }
    up.down();
}

#[test]
fn one_that_ends_by_itself_is_named_at_once_and_stays_down_until_it_is_restarted() {
    let dir = dir();
    let up = Up::three(dir.path());
    let branch = up.recorded(2);
    up.done("pause 2");
    kill_process(branch.pid, Signal::KILL).expect("sent");
    up.says("branch 2 has ended (signal: 9 (SIGKILL))");
    let row = up.branch(2);
    assert_eq!(row["state"], "down");
    let ended = row["ended"].as_str().expect("how");
    assert!(
        ended.contains("SIGKILL") && ended.contains("outputs/bank/branch-2/log"),
        "{ended}"
    );
    up.done("restart 2");
    let row = up.branch(2);
    assert_ne!(row["state"], "paused");
    assert_eq!((&row["ended"], row["pid"].is_u64()), (&Value::Null, true));
    // What was killed on purpose is not said to have ended by itself.
    up.done("kill 1");
    up.branch_is(1, |row| row["state"] == "down" && row["ended"].is_null());
    assert_eq!(up.said().matches("has ended").count(), 1, "{}", up.said());
    up.down();
}

#[test]
fn a_read_waits_at_a_branch_that_is_cut_off_and_is_served_once_it_is_healed() {
    let dir = dir();
    let up = Up::three(dir.path());
    let said = up.done("cut 3");
    assert_eq!(
        said,
        "nothing goes to and from branch 3; heal it with: launcher heal 3\n"
    );
    assert_eq!(up.customer("--branch 1 deposit 7").done()["balance"], 107);

    // Another branch answers for it, long before the deadline, and the customer is told. Nothing is named here: neither
    // the bank nor a session, which is kept beside the bank file.
    let shell = |args: &str| customer_at_a_shell(dir.path(), args);
    assert_eq!(shell("balance --branch 1").stdout, "107\n");
    let ran = shell("--timeout 60 query --branch 3");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "107\n"), "{ran:?}");
    assert!(
        ran.stderr.contains("branch 3 ") && ran.stderr.contains("; branch "),
        "{ran:?}"
    );
    let read = shell("--timeout 60 --json query --branch 3").done();
    assert_eq!(
        (&read["asked"], &read["passed_over"][0]["branch"]),
        (&json!(3), &json!(3))
    );
    assert_ne!(read["branch"], 3);
    assert_eq!(shell("--json session").done()["read_position"], 2);
    assert!(dir.path().join("outputs/bank/bank.session.json").exists());
    // Without a session, the branch may answer from an older state.
    assert_eq!(shell("--no-session query --branch 3").stdout, "100\n");

    let asked = "--json --bank outputs/bank/bank.json --session me.json --no-failover --timeout 60s --branch 3 query";
    let reader = start_customer_in(dir.path(), asked, Stdio::null());
    up.branch_is(3, |row| {
        row["customers"] == 1 && row["position"] == 1 && row["behind"] == 1
    });
    up.done("heal 3");
    let read = Ran::of(reader.wait_with_output().expect("ended")).done();
    assert_eq!((&read["balance"], &read["branch"]), (&json!(107), &json!(3)));

    // What is bent is listed as it is, whatever the words were.
    up.done("delay 3 50ms");
    up.done("hold 1");
    up.done("cut 1-2");
    up.done("heal 1>2");
    let bent = up.status()["bent"].as_array().expect("a list").clone();
    let listed: Vec<_> = bent
        .iter()
        .map(|bent| (&bent["passage"], &bent["directions"]))
        .collect();
    let expected = [
        (json!("held"), json!([[3, 1]])),
        (json!("delayed"), json!([[1, 3], [2, 3]])),
        (json!("delayed"), json!([[3, 2]])),
        (json!("cut"), json!([[2, 1]])),
    ];
    assert_eq!(listed.len(), expected.len(), "{bent:?}");
    for (passage, directions) in &expected {
        assert!(listed.contains(&(passage, directions)), "{directions}: {bent:?}");
    }
    assert!(up.done("heal").contains("everything goes between the branches again"));
    assert_eq!(up.status()["bent"], json!([]));

    // The hint to heal undoes what was done, and leaves what was done besides.
    up.done("cut 3>1");
    assert!(up.done("hold 3").ends_with("heal it with: launcher heal 'all>3'\n"));
    up.done("heal all>3");
    assert_eq!(up.status()["bent"][0]["directions"], json!([[3, 1]]));
    up.done("heal");
    up.down();
}

#[test]
fn one_directory_has_one_launcher_and_a_bank_that_is_not_another() {
    let dir = dir();
    let up = Up::three(dir.path());
    let pid = up.status()["launcher_pid"].clone();
    assert!(up.refused("up", 1).contains(&format!("its launcher is process {pid}")));
    up.down();
    let town = r#"[{"id":1,"type":"branch","balance":5},{"id":1,"type":"customer","events":[]}]"#;
    fs::write(dir.path().join("town.json"), town).expect("written");
    fs::create_dir_all(dir.path().join("thesis/chapter-1")).expect("made");
    for (args, expected) in [
        (
            "up --branches 2",
            "has branches 1 to 3, and --branches asks for branches 1 to 2",
        ),
        (
            "up --branches 3 --balance 7",
            "opened with 100, and --balance asks for 7",
        ),
        ("up --base-port 0", "write auto for free ports"),
        ("up --fresh", "add --yes to delete it"),
        ("up --yes", "--fresh"),
        ("up --geo mars", "write regions, such as eu,us,ap"),
        ("up --branches 17 --geo eu,us --dir new", "it has more than 16 branches"),
        ("up town.json", "town.json asks for branch 1 alone; leave town.json out"),
        ("up town.json --branches 3", "cannot be used with"),
        ("up --branches 0", "0 is not in 1..=512"),
        ("up --branches 3 --base-port 65534 --dir new", "past 65535"),
        ("up --dir new", "there is no bank in new yet"),
        ("up nowhere.json", "nowhere.json"),
        (
            "up --branches 3 --dir thesis",
            "holds no live bank but something else (chapter-1)",
        ),
    ] {
        let ran = launcher(dir.path(), args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{args}: {ran:?}");
    }
    assert!(!dir.path().join("new").exists() && !dir.path().join("thesis/LOCK").exists());
    fs::remove_dir_all(dir.path().join("outputs/bank/branch-2/data")).expect("lost");
    let ran = launcher(dir.path(), "up");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("the books of branch 2 are not in"), "{ran:?}");
}

#[test]
fn a_launcher_that_is_killed_takes_its_branches_along_and_the_next_one_finds_the_bank() {
    let dir = dir();
    let up = Up::three(dir.path());
    assert_eq!(up.customer("deposit 1").done()["balance"], 101);
    let branches = [1, 2, 3].map(|branch| up.recorded(branch));
    let pid = up.status()["launcher_pid"].clone();
    up.signal(Signal::KILL);
    drop(up);
    let stale = launcher(dir.path(), "status");
    assert_eq!(stale.code, Some(1), "{stale:?}");
    assert!(
        stale.stderr.contains(&format!("its launcher, process {pid}, is gone")),
        "{stale:?}"
    );
    // Not waiting for the branches: that is its own affair.
    let up = Up::new(dir.path(), "--branches 3");
    assert!(
        branches
            .iter()
            .zip(1..)
            .all(|(old, branch)| old.pid != up.recorded(branch).pid)
    );
    assert_eq!(up.customer("query").done()["balance"], 101);
    up.down();
}

#[test]
fn a_founding_that_was_cut_short_is_ended() {
    for moment in ["branch-1/log", "founding.json", "bank.json"] {
        let dir = dir();
        let three = three();
        let up = Up::start(dir.path(), &three);
        let file = dir.path().join("outputs/bank").join(moment);
        wait_for(moment, || file.exists().then_some(()));
        up.signal(Signal::KILL);
        drop(up);
        let up = Up::new(dir.path(), &three);
        assert_eq!(up.customer("deposit 1").done()["balance"], 101, "{moment}");
        up.down();
        // It had come to its end, and nobody was told.
        fs::remove_file(dir.path().join("outputs/bank/bank.json")).expect("removed");
        let up = Up::new(dir.path(), "");
        assert_eq!(up.customer("query").done()["balance"], 101, "{moment}");
        up.down();
    }
}

#[test]
fn a_signal_stops_it_though_branches_are_paused_and_cut_off() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let dir = dir();
        let up = Up::three(dir.path());
        let branches = [1, 2, 3].map(|branch| up.recorded(branch));
        up.done("cut 1");
        up.done("pause 2");
        up.done("kill 3");
        up.signal(signal);
        let (status, said) = up.ended();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.ends_with("start it again with: launcher up\n"), "{said}");
        assert!(branches.iter().all(crate::support::Recorded::has_ended));
    }
}

// The customer's connection lives on while this thread looks.
#[tokio::test(flavor = "multi_thread")]
async fn what_blocks_a_stop_is_named_and_a_second_signal_does_not_wait_for_it() {
    let dir = dir();
    let up = Up::three(dir.path());
    let bank = BankFile::load(&dir.path().join("outputs/bank/bank.json")).expect("a bank file");
    let address = bank.address(2).expect("a branch").as_str().parse().expect("an address");
    let mut line = Line::open(address).await.expect("a connection");
    // A branch that drains waits for the rest of a request.
    let mut call = line.call(attack::QUERY).await.expect("a call");
    call.send(attack::unfinished(100, 10), false).await.expect("sent");
    up.branch_is(2, |row| row["customers"] == 1);
    let branch = up.recorded(2);
    let pid = branch.pid.as_raw_nonzero();
    up.signal(Signal::INT);
    up.says(&format!("waiting for branch 2 (process {pid}) to end"));
    up.signal(Signal::INT);
    let (status, said) = up.ended();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(
        said.contains("a second signal came: the branches were killed"),
        "{said}"
    );
    assert!(branch.has_ended());
    drop((call, line));
}

#[test]
fn a_watch_goes_on_where_it_was_when_the_branch_is_back() {
    let dir = dir();
    let up = Up::three(dir.path());
    // Its deadline passes many times, which is no news.
    let watch = "--json --bank outputs/bank/bank.json --branch 2 --timeout 100ms watch";
    let mut watch = start_customer_in(dir.path(), watch, Stdio::null());
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("a line").expect("UTF-8");
        serde_json::from_str(&line).expect("JSON")
    };
    assert_eq!(next()["kind"], "open");
    assert_eq!(up.customer("deposit 1").done()["position"], 2);
    assert_eq!(next()["position"], 2);
    // A write that is refused has a position and no entry.
    assert_eq!(up.customer("withdraw 500").code, Some(3));
    let refused = next();
    assert_eq!(
        (
            &refused["position"],
            &refused["outcome"],
            &refused["reason"],
            &refused["amount"]
        ),
        (&json!(3), &json!("refused"), &json!("insufficient-funds"), &json!(500))
    );
    up.done("kill 2");
    for position in [4, 5] {
        assert_eq!(up.customer("--branch 1 deposit 1").done()["position"], position);
    }
    up.done("restart 2");
    for position in [4, 5] {
        assert_eq!(next()["position"], position);
    }
    assert_eq!(up.customer("deposit 1").done()["position"], 6);
    assert_eq!(next()["position"], 6);
    up.down();
    let pid = rustix::process::Pid::from_child(&watch);
    kill_process(pid, Signal::INT).expect("sent");
    assert_eq!(watch.wait().expect("ended").code(), Some(0));
}

#[test]
fn an_input_gives_branches_and_balance_and_says_how_to_run_its_customers() {
    let dir = dir();
    let town = r#"[{"id":4,"type":"branch","balance":5},{"id":2,"type":"branch","balance":5},
        {"id":1,"type":"customer","events":[{"interface":"query","branch":4}]}]"#;
    fs::write(dir.path().join("town.json"), town).expect("written");
    let up = Up::new(dir.path(), "town.json --base-port auto");
    let status = up.status();
    assert_eq!(
        (&status["branches"][0]["branch"], &status["branches"][1]["branch"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(up.customer("--branch 4 query").done()["balance"], 5);
    assert!(
        up.said().contains("launcher run town.json --base-port auto"),
        "{}",
        up.said()
    );
    up.done("cut 2>4");
    up.down();
}

#[test]
fn the_bank_of_a_run_is_brought_back() {
    let dir = dir();
    let town = r#"[{"id":1,"type":"branch","balance":5},
        {"id":1,"type":"customer","events":[{"interface":"deposit","branch":1,"money":7}]}]"#;
    fs::write(dir.path().join("town.json"), town).expect("written");
    let run = format!(
        "run town.json --keep-data --dir outputs/bank --base-port {}",
        free_base()
    );
    let ran = launcher(dir.path(), &run);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let up = Up::new(dir.path(), "");
    assert_eq!(up.customer("query").done()["balance"], 12);
    assert_eq!(up.customer("deposit 1").done()["balance"], 13);
    up.down();
    let checked = launcher(dir.path(), "check outputs/bank");
    assert_eq!(checked.code, Some(0), "{checked:?}");
    // What it opened with is not known here.
    let refused = launcher(dir.path(), "up town.json");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("was not founded by `launcher up`"),
        "{refused:?}"
    );
}
