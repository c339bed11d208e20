//! Branches that must not start: each names the reason and the remedy in one line, and changes nothing.

use crate::support::bank::{Bank, Ran, branchd, contents};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// It was refused with this exit code, in one line with all of these words.
fn assert_refused(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {ran:?}");
    }
}

/// One that is not refused after all ends with its stdin, which is empty.
fn start(id: u32, listen: &str, data: &Path) -> Ran {
    branchd(&format!(
        "start --stop-with-stdin --id {id} --listen {listen} --data {}",
        data.display()
    ))
}

/// The file of the journal that has the records in it.
fn segment(data: &Path) -> PathBuf {
    let mut files = contents(&data.join("journal")).into_iter().map(|(path, _)| path);
    files
        .find(|path| path.extension().is_some_and(|ext| ext == "segment"))
        .expect("a segment")
}

#[tokio::test]
async fn a_data_directory_is_its_branchs_own() {
    let mut bank = Bank::new(1).await;
    bank.at(1, "deposit 5").done();
    let data = bank.cluster.data_dir(1).expect("known");
    let pid = bank.cluster.pid(1).expect("known").expect("runs").to_string();
    let ran = start(1, "127.0.0.1:0", &data);
    assert_refused(&ran, 2, &[&pid, "in use", &data.display().to_string()]);
    bank.cluster.stop_branch(1).await.expect("stopped");

    let before = contents(&data);
    let ran = start(2, "127.0.0.1:0", &data);
    assert_refused(&ran, 2, &["belongs to branch 1", &data.display().to_string()]);
    let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = held.local_addr().expect("bound").to_string();
    let ran = start(1, &taken, &data);
    assert_refused(&ran, 2, &[&taken, "branch 1", "another --listen"]);
    drop(held);
    let ran = start(1, "0.0.0.0:0", &data);
    assert_refused(&ran, 2, &["0.0.0.0:0", "--insecure"]);
    assert_eq!(contents(&data), before);
    let new = bank.path("new");
    for listen in ["0.0.0.0:0", "nowhere", "127.0.0.1", "127.0.0.1:99999"] {
        assert_refused(&start(1, listen, &new), 2, &[listen]);
    }
    assert!(!new.exists());

    bank.restart(1).await;
    assert_eq!(bank.at(1, "query").done()["balance"], 5);
    bank.stop().await;
}

#[tokio::test]
async fn a_damaged_journal_is_refused_and_left_as_it_is() {
    let mut bank = Bank::new(1).await;
    for _ in 0..3 {
        bank.at(1, "deposit 5").done();
    }
    bank.cluster.stop_branch(1).await.expect("stopped");
    let data = bank.cluster.data_dir(1).expect("known");
    let file = segment(&data);
    let whole = fs::read(&file).expect("read");
    // Behind the header, within the first records.
    let at = 200;
    let mut damaged = whole.clone();
    damaged[at] ^= 0x40;
    fs::write(&file, &damaged).expect("damaged");
    let before = contents(&data);
    let ran = start(1, "127.0.0.1:0", &data);
    assert_refused(
        &ran,
        1,
        &[
            &file.display().to_string(),
            "damaged at byte",
            "move the directory aside",
        ],
    );
    assert_eq!(contents(&data), before);

    fs::write(&file, &whole).expect("mended");
    bank.restart(1).await;
    assert_eq!(bank.at(1, "query").done()["balance"], 15);
    bank.stop().await;
}
