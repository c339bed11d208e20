use bank_types::{AccountName, Amount, Propagation, Write};

use super::*;

fn pending() -> PendingWrite {
    PendingWrite::new(
        Write::Deposit {
            account: AccountName::main(),
            amount: Amount::new(5).expect("an amount"),
        },
        Propagation::Quorum,
    )
}

async fn open(path: &Path) -> Result<SessionStore, SessionStoreError> {
    SessionStore::open(path, Duration::ZERO, Durability::Process).await
}

#[tokio::test]
async fn what_was_saved_is_there_after_a_crash_and_a_pending_write_is_in_doubt() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("s.json");
    let mut store = open(&path).await.expect("made");
    assert_eq!(store.session, Session::default());
    let write = pending();
    let bank_id = Some(Uuid::now_v7());
    store.session = Session {
        bank_id,
        read_position: u64::MAX,
        write_position: 7,
        pending: Some(write.clone()),
    };
    store.save().expect("saved");
    let saved = store.session.clone();
    // A crash ends the lock and nothing else.
    drop(store);
    let store = open(&path).await.expect("read");
    assert_eq!(
        store.session,
        Session {
            pending: Some(PendingWrite {
                in_doubt: true,
                ..write
            }),
            ..saved
        }
    );
}

#[tokio::test]
async fn a_second_run_waits_and_then_says_who_holds_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("s.json");
    let first = open(&path).await.expect("made");
    let error = open(&path).await.expect_err("locked").to_string();
    assert!(
        error.contains(&format!("in use by process {}", std::process::id())),
        "{error}"
    );
    let (second, ()) = tokio::join!(
        SessionStore::open(&path, Duration::from_secs(30), Durability::Process),
        async move { drop(first) }
    );
    second.expect("free");
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("s.json");
    let good = String::from_utf8(
        encode(&Session {
            pending: Some(pending()),
            ..Session::default()
        })
        .expect("JSON"),
    );
    let good = good.expect("UTF-8");
    let table = [
        (String::new(), "empty"),
        ("{".into(), "EOF"),
        ("[]".into(), "invalid"),
        (good.replace("\"version\":1", "\"version\":2"), "its version is 2"),
        (good.replace("read_position", "red_position"), "unknown field"),
        (good.replace("\"read_position\":0,", ""), "missing field"),
        (good.replace("\"amount\":5", "\"amount\":0"), "amount is 0"),
        (good.replace("main", "ma in"), "an account name has ' '"),
        (
            good.replace("\"write_position\":0", "\"write_position\":-1"),
            "invalid value",
        ),
        (good[..good.len() / 2].to_owned(), "EOF"),
        (good.clone() + "x", "trailing"),
        (
            r#"{"bank_id":"x","branches":[]}"#.into(),
            "it is a bank file, not a session file",
        ),
        ("passbook-secret-1:00".into(), "it is the secret of a bank"),
    ];
    for (content, expected) in table {
        std::fs::write(&path, &content).expect("written");
        let error = open(&path).await.expect_err(&content).to_string();
        assert!(
            error.contains("s.json") && error.contains(expected) && error.contains("it is left as it is"),
            "{error}"
        );
        assert!(!error.contains("remove"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), content);
    }
    let error = open(&directory.path().join("no/s.json"))
        .await
        .expect_err("no directory")
        .to_string();
    assert!(error.contains("its directory must exist"), "{error}");
    assert!(matches!(
        open(directory.path()).await,
        Err(SessionStoreError::Io { verb: "lock", .. })
    ));
}
