//! How a branch gets the secret of its bank, and its messages if it has none, on the command line.

use crate::support::bank::{Bank, Ran, branchd, branchd_in, contents};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A branch that is not refused ends with its stdin, which is empty.
fn start(dir: &Path, more: &str) -> Ran {
    branchd_in(dir, &format!("start --stop-with-stdin --id 1 {more}"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

fn assert_refused(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {ran:?}");
    }
}

#[test]
fn a_new_branch_on_this_host_takes_the_secret_beside_its_directory_and_makes_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let ran = start(dir, "--listen 127.0.0.1:0 --data d1");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for file in ["bank.secret", "d1/secret"] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
    let made = fs::read_to_string(dir.join("bank.secret")).expect("read");
    assert!(!ran.stderr.contains(made.trim()), "{ran:?}");
    assert_eq!(branchd_in(dir, "secret --data d1").stdout, made);
    // A file that others can read is refused, with what to type.
    fs::set_permissions(dir.join("d1/secret"), fs::Permissions::from_mode(0o640)).expect("changed");
    let ran = start(dir, "--listen 127.0.0.1:0 --data d1");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.stderr.contains("chmod 600") && ran.stderr.contains("d1/secret"),
        "{ran:?}"
    );
}

#[test]
fn a_new_branch_beyond_this_host_needs_a_secret() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let listen = "--listen 0.0.0.0:0 --insecure --data d1";
    let refused = start(dir, listen);
    assert_refused(
        &refused,
        2,
        &[
            "branch 1",
            "branchd secret --new bank.secret",
            "--secret-file bank.secret",
        ],
    );
    assert!(!dir.join("bank.secret").exists());
    let missing = start(dir, &format!("{listen} --secret-file bank.secret"));
    assert_refused(
        &missing,
        2,
        &["no secret file bank.secret", "branchd secret --new bank.secret"],
    );

    let made = branchd_in(dir, "secret --new bank.secret");
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(mode(&dir.join("bank.secret")), 0o600);
    let text = fs::read_to_string(dir.join("bank.secret")).expect("read");
    assert!(!made.stdout.contains(text.trim()), "{made:?}");
    assert_refused(
        &branchd_in(dir, "secret --new bank.secret"),
        2,
        &["bank.secret exists already"],
    );
    assert_eq!(fs::read_to_string(dir.join("bank.secret")).expect("read"), text);
    let started = start(dir, &format!("{listen} --secret-file bank.secret"));
    assert_eq!(started.code, Some(0), "{started:?}");
    // From then on it has its own.
    fs::remove_file(dir.join("bank.secret")).expect("removed");
    let again = start(dir, listen);
    assert_eq!(again.code, Some(0), "{again:?}");
    branchd_in(dir, "secret --new other.secret");
    let other = start(dir, &format!("{listen} --secret-file other.secret"));
    assert_refused(&other, 2, &["d1/secret holds another secret than other.secret"]);
}

#[tokio::test]
async fn a_bank_from_before_secrets_gets_one_by_the_step_that_its_refusal_names() {
    let bank = Bank::new(1).await;
    bank.at(1, "deposit 5").done();
    bank.cluster.stop_branch(1).await.expect("stopped");
    let data = bank.cluster.data_dir(1).expect("known");
    fs::remove_file(data.join("secret")).expect("removed");
    let before = contents(&data);
    let start = |more: &str| {
        branchd(&format!(
            "start --stop-with-stdin --id 1 --listen 127.0.0.1:0 --data {}{more}",
            data.display()
        ))
    };
    let refused = start("");
    let words = [
        "branch 1",
        "branchd secret --new bank.secret",
        "start every branch once with --secret-file bank.secret",
    ];
    assert_refused(&refused, 2, &words);
    assert_eq!(contents(&data), before);
    let file = bank.path("new.secret").display().to_string();
    assert_eq!(branchd(&format!("secret --new {file}")).code, Some(0));
    let once = start(&format!(" --secret-file {file}"));
    assert_eq!(once.code, Some(0), "{once:?}");
    let again = start("");
    assert_eq!(again.code, Some(0), "{again:?}");
}
