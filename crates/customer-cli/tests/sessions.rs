//! The session that is kept when nobody names one, and the verb that shows it and forgets it.

mod common;

use common::{Town, command, ran};
use serde_json::json;
use uuid::Uuid;

#[test]
fn the_session_is_kept_beside_the_bank_file_and_every_verb_uses_it() {
    let town = Town::new(0, 2);
    let none = town.by_bank("session");
    assert!(
        none.code == Some(0) && none.stdout.starts_with("no session yet"),
        "{none:?}"
    );
    assert_eq!(town.by_bank("deposit 5").code, Some(0));
    let needed = |args: &str| {
        let ran = town.by_bank(args);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{args}: {ran:?}");
        town.bank.calls().last().expect("a call").min_position
    };
    for verb in ["query", "balance --branch 2", "accounts", "statement --branch 2"] {
        assert_eq!(needed(verb), 2, "{verb}");
    }
    assert_eq!(needed("query --no-session"), 0);

    let shown = town.by_bank("session").stdout;
    for part in ["bank.session.json", "wrote    up to position 2", "pending  no write"] {
        assert!(shown.contains(part), "{shown}");
    }
    let line = &town.by_bank("session --json").json()[0];
    assert_eq!(
        (&line["bank_id"], &line["write_position"]),
        (&json!(town.bank.id), &json!(2))
    );

    let forgot = town.by_bank("session --forget").stdout;
    assert!(forgot.starts_with("forgot the session in "), "{forgot}");
    assert!(!town.path("bank.session.json").exists());
    assert_eq!(needed("query --branch 2"), 0);
    // A replay is a customer like any other.
    assert_eq!(town.replay(&[], r#"{"interface":"query","branch":1}"#).code, Some(0));
    assert_eq!(town.bank.calls().last().expect("a call").min_position, 2);
}

#[test]
fn a_forgotten_session_says_which_write_is_still_unknown() {
    let town = Town::new(0, 1);
    town.bank
        .fault(1, [common::fake::Fault::Fail(tonic::Code::PermissionDenied, None)]);
    let ran = town.by_bank("deposit 5");
    assert!(
        ran.code == Some(5) && ran.stderr.contains("in the same session asks again"),
        "{ran:?}"
    );
    assert!(
        town.by_bank("session")
            .stdout
            .contains("pending  deposit of 5 to main (request id ")
    );
    let forgot = town.by_bank("session --forget").stdout;
    assert!(
        forgot.contains("still unknown whether this write was applied: deposit of 5"),
        "{forgot}"
    );
}

#[test]
fn two_addresses_of_one_bank_have_one_session() {
    let town = Town::new(0, 2);
    let state = town.path("state");
    let at = |branch: usize, args: &str| {
        let address = town.addresses[branch - 1].to_string();
        let args = ["--branch", &address].into_iter().chain(args.split(' '));
        ran(command(args).env("XDG_STATE_HOME", &state).output().expect("started"))
    };
    assert_eq!(at(1, "deposit 5").code, Some(0));
    assert_eq!(at(2, "query").stdout, "5\n");
    assert_eq!(town.bank.calls().last().expect("a call").min_position, 2);
    assert!(state.join(format!("passbook/{}.session.json", town.bank.id)).exists());

    // Another bank at an address that is known is told, once.
    let name = town.addresses[0].to_string().replace(':', "_");
    let known = state.join(format!("passbook/{name}.bank"));
    std::fs::write(&known, format!("{}\n", Uuid::now_v7())).expect("written");
    let ran = at(1, "query");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "5\n"));
    assert!(ran.stderr.contains("another bank answers at"), "{ran:?}");
    assert_eq!(at(1, "query").stderr, "");
}

#[test]
fn a_session_of_another_bank_beside_the_bank_file_is_refused_until_it_is_forgotten() {
    let town = Town::new(0, 1);
    let session =
        json!({"version": 1, "bank_id": Uuid::now_v7(), "read_position": 4, "write_position": 9, "pending": null});
    std::fs::write(town.path("bank.session.json"), session.to_string()).expect("written");
    for verb in ["query", "deposit 5"] {
        let ran = town.by_bank(verb);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(
            ran.stderr
                .contains("forget the session with: customer-cli session --forget"),
            "{ran:?}"
        );
    }
    assert_eq!(town.bank.calls(), []);
    assert_eq!(town.by_bank("session --forget").code, Some(0));
    assert_eq!(town.by_bank("query").stdout, "0\n");
}

#[test]
fn a_file_of_another_kind_is_named_and_left_alone() {
    let town = Town::new(0, 1);
    let input = r#"[{"id":1,"type":"branch","balance":0}]"#;
    std::fs::write(town.path("input.json"), input).expect("written");
    std::fs::write(town.path("notes.json"), "my notes").expect("written");
    let table = [
        ("bank.json", "it is a bank file, not a session file"),
        ("input.json", "it is an input of launcher run, not a session file"),
        ("notes.json", "it is damaged, or no session file"),
    ];
    for (file, expected) in table {
        let path = town.path(file).display().to_string();
        let before = std::fs::read(town.path(file)).expect("there");
        for verb in ["query", "deposit 5", "session", "session --forget"] {
            let ran = town.by_bank(&format!("--session {path} {verb}"));
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
            assert!(ran.stderr.contains(expected), "{ran:?}");
            assert!(!ran.stderr.contains("remove"), "{ran:?}");
        }
        assert_eq!(std::fs::read(town.path(file)).expect("there"), before);
    }
    assert_eq!(town.bank.calls(), []);
}

#[cfg(unix)]
#[test]
fn a_session_moves_to_the_state_directory_if_the_bank_file_stands_where_nothing_can_be_written() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    let town = Town::new(0, 1);
    let locked = town.path("locked");
    fs::create_dir(&locked).expect("made");
    fs::copy(town.path("bank.json"), locked.join("bank.json")).expect("copied");
    fs::set_permissions(&locked, Permissions::from_mode(0o555)).expect("locked");
    // The superuser writes everywhere.
    let is_locked = fs::File::create(locked.join("probe")).is_err();
    let bank = locked.join("bank.json").display().to_string();
    let state = town.path("state");
    let deposit = || {
        let args = ["--bank", &bank, "deposit", "5"];
        ran(command(args).env("XDG_STATE_HOME", &state).output().expect("started"))
    };
    let (first, second) = (deposit(), deposit());
    fs::set_permissions(&locked, Permissions::from_mode(0o755)).expect("unlocked");
    assert_eq!((first.code, second.code), (Some(0), Some(0)), "{first:?} {second:?}");
    assert_eq!(
        first.stderr.contains("so the session is kept in"),
        is_locked,
        "{first:?}"
    );
    assert_eq!(second.stderr, "");
}
