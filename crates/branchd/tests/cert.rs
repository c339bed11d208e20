//! The verbs of `branchd cert`, as an operator types them.
#![allow(clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// Output, errors and exit code of a verb. The directory of certificates is `certs`.
fn cert(directory: &TempDir, arguments: &[&str]) -> (String, String, i32) {
    let done = Command::new(env!("CARGO_BIN_EXE_branchd"))
        .arg("cert")
        .args(arguments)
        .current_dir(directory.path())
        .env("PASSBOOK_CERTS_DIR", "certs")
        .env("COLUMNS", "100")
        .output()
        .expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        text(done.stdout),
        text(done.stderr),
        done.status.code().expect("a code"),
    )
}

fn done(directory: &TempDir, arguments: &[&str]) -> String {
    let (out, err, code) = cert(directory, arguments);
    assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
    out
}

fn refused(directory: &TempDir, arguments: &[&str]) -> String {
    let (out, err, code) = cert(directory, arguments);
    assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
    err
}

fn json(directory: &TempDir, arguments: &[&str]) -> Value {
    let with_json: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&done(directory, &with_json)).expect("JSON")
}

/// State of a certificate, as `show` says.
fn state(directory: &TempDir, file: &str) -> Value {
    json(directory, &["show", file])["certificates"][0]["state"].clone()
}

fn bank() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    done(&directory, &["ca"]);
    done(
        &directory,
        &["branch", "1", "--host", "10.0.0.1", "--host", "bank1.example"],
    );
    done(&directory, &["client", "alice", "--role", "customer"]);
    directory
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn certificates_name_their_owners_and_keys_are_private() {
    let directory = tempfile::tempdir().expect("a directory");
    let id = "0190b5f4-1111-7222-8333-444455556666";
    let made = json(&directory, &["ca", "--bank", id]);
    assert_eq!(made["certificates"][0]["bank_id"], id);
    let branch = json(&directory, &["branch", "7", "--host", "10.0.0.1", "--days", "30"]);
    assert_eq!((&branch["owner"], &branch["bank_id"]), (&"branch 7".into(), &id.into()));
    assert_eq!(
        branch["hosts"],
        serde_json::json!(["10.0.0.1", "localhost", "127.0.0.1", "::1"])
    );
    assert!(branch["days_left"].as_u64().is_some_and(|days| days <= 30));

    let alice = json(&directory, &["client", "alice", "--role", "customer"]);
    assert_eq!(alice["accounts"], serde_json::json!(["alice"]));
    let bob = json(
        &directory,
        &[
            "client",
            "bob",
            "--role",
            "customer",
            "--account",
            "a",
            "--account",
            "b",
        ],
    );
    assert_eq!(bob["accounts"], serde_json::json!(["a", "b"]));
    let tess = json(&directory, &["client", "tess", "--role", "teller"]);
    assert_eq!(
        (&tess["owner"], &tess["accounts"]),
        (&"teller tess".into(), &serde_json::json!([]))
    );

    #[cfg(unix)]
    for key in ["ca.key", "branch.7.key", "client.alice.key"] {
        assert_eq!(mode(&directory.path().join("certs").join(key)), 0o600, "{key}");
    }
    let table = done(&directory, &["show"]);
    for words in [id, "branch.7.crt", "customer alice (alice)", "teller tess", "authority"] {
        assert!(table.contains(words), "{words}: {table}");
    }
}

#[test]
fn nothing_is_overwritten_and_each_refusal_says_what_to_do() {
    let directory = bank();
    let file = |name: &str| fs::read(directory.path().join("certs").join(name)).expect("read");
    let before = [
        file("ca.key"),
        file("ca.crt"),
        file("branch.1.key"),
        file("branch.1.crt"),
    ];
    for (arguments, words) in [
        (&["ca"][..], "cert ca --rotate"),
        (&["branch", "1"], "cert renew"),
        (
            &["branch", "2", "--host", "two words"],
            "neither a host name nor an IP address",
        ),
        (&["branch", "0"], "invalid value '0'"),
        (
            &["client", "t", "--role", "teller", "--account", "a"],
            "only a customer has own accounts",
        ),
        (
            &["client", "t", "--role", "root"],
            "customer, teller, auditor or operator",
        ),
        (&["client", "../t", "--role", "teller"], "not a name of a client"),
        (&["client", "t", "--role", "teller", "--days", "99999"], "99999"),
        (&["renew", "certs/ca.crt"], "cert ca --rotate"),
        (&["renew", "certs/none.crt"], "cannot read certs/none.crt"),
        (&["renew", "certs/branch.1.key"], "no usable certificate"),
        (&["revoke", "certs/ca.crt"], "cert ca --rotate"),
        (&["ca", "--drop-old"], "no rotation is under way"),
        (&["ca", "--drop-old", "--rotate"], "cannot be used with"),
    ] {
        let error = refused(&directory, arguments);
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
    let after = [
        file("ca.key"),
        file("ca.crt"),
        file("branch.1.key"),
        file("branch.1.crt"),
    ];
    assert!(before == after);

    fs::remove_file(directory.path().join("certs/ca.key")).expect("removed");
    let error = refused(&directory, &["branch", "2"]);
    assert!(
        error.contains("certs/ca.key is missing: run this where the key of the authority is"),
        "{error}"
    );
}

#[test]
fn who_is_revoked_is_not_renewed_by_accident() {
    let directory = bank();
    let alice = "certs/client.alice.crt";
    assert_eq!(state(&directory, alice), "valid");
    assert!(done(&directory, &["revoke", alice]).contains("Copy certs/ca.crl"));
    assert_eq!(state(&directory, alice), "revoked");
    done(&directory, &["revoke", alice]);

    let error = refused(&directory, &["renew", alice]);
    assert!(error.contains("--revoked"), "{error}");
    assert_eq!(state(&directory, "certs/branch.1.crt"), "valid");
    done(&directory, &["renew", alice, "--revoked"]);
    assert_eq!(state(&directory, alice), "valid");
}

#[test]
fn a_renewal_keeps_owner_hosts_and_length_and_makes_a_new_key() {
    let directory = tempfile::tempdir().expect("a directory");
    done(&directory, &["ca"]);
    let old = json(&directory, &["branch", "1", "--host", "10.0.0.1", "--days", "30"]);
    let key = || fs::read(directory.path().join("certs/branch.1.key")).expect("read");
    let old_key = key();
    let new = &json(&directory, &["renew", "certs/branch.1.crt"])["certificates"][0];
    for kept in ["owner", "hosts", "bank_id"] {
        assert_eq!(old[kept], new[kept], "{kept}");
    }
    let length =
        |of: &Value| of["not_after_unix_s"].as_u64().expect("s") - of["not_before_unix_s"].as_u64().expect("s");
    assert_eq!(length(&old), length(new));
    assert_ne!(old["serial"], new["serial"]);
    assert_ne!(old_key, key());

    let longer = &json(&directory, &["renew", "certs/branch.1.crt", "--days", "60"])["certificates"][0];
    assert!(length(longer) > length(new));
}

#[test]
fn an_authority_is_rotated_step_by_step() {
    let directory = bank();
    let authorities = || {
        json(&directory, &["show", "certs/ca.crt"])["certificates"]
            .as_array()
            .expect("a list")
            .clone()
    };
    let before = authorities();
    done(&directory, &["ca", "--rotate"]);
    let both = authorities();
    assert_eq!(both.len(), 2);
    assert_eq!(both[1], before[0]);
    assert_eq!(both[0]["bank_id"], before[0]["bank_id"]);
    assert!(refused(&directory, &["ca", "--rotate"]).contains("--drop-old"));

    // The old authority can still revoke what it signed, and a revoked certificate does not hold the rotation up.
    done(&directory, &["revoke", "certs/client.alice.crt"]);
    let error = refused(&directory, &["ca", "--drop-old"]);
    assert!(error.contains("cert renew certs/branch.1.crt`"), "{error}");
    done(&directory, &["renew", "certs/branch.1.crt"]);
    done(&directory, &["ca", "--drop-old"]);
    assert_eq!(authorities(), both[..1]);
    assert!(!directory.path().join("certs/ca.old.key").exists());
    assert!(refused(&directory, &["revoke", "certs/client.alice.crt"]).contains("signed by another authority"));
    done(&directory, &["revoke", "certs/branch.1.crt"]);
}

#[test]
fn a_rotation_that_stopped_in_the_middle_is_undone_by_its_end() {
    let directory = bank();
    let path = |name: &str| directory.path().join("certs").join(name);
    let (key, trusted) = (
        fs::read(path("ca.key")).expect("read"),
        fs::read(path("ca.crt")).expect("read"),
    );
    done(&directory, &["ca", "--rotate"]);
    // The last step was the new key.
    fs::write(path("ca.key"), &key).expect("written");
    done(&directory, &["ca", "--drop-old"]);
    assert_eq!(fs::read(path("ca.crt")).expect("read"), trusted);
    assert_eq!(fs::read(path("ca.key")).expect("read"), key);
    assert!(!path("ca.old.key").exists());
    done(&directory, &["branch", "2"]);
}
