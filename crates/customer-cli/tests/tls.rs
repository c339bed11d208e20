//! Certificates and tokens by flags and by the environment: what is found, what is refused, and the exit codes.

mod common;

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::fake::tls::Certs;
use common::fake::{Bank, Fault};
use common::{Ran, Town, command, ran, run};
use tonic::Code;

/// A town whose branches demand TLS, and its certificates.
fn town() -> (Town, Certs) {
    let bank = Bank::new(0);
    let certs = Certs::new(bank.id);
    let addresses = (1..=2).map(|branch| bank.start_tls(branch, certs.branch(branch)));
    let addresses = addresses.collect();
    (Town::of(bank, addresses), certs)
}

/// Runs by the bank file with these flags before the words of `verb`.
fn by_bank(town: &Town, flags: &[&OsStr], verb: &str) -> Ran {
    let bank = town.path("bank.json");
    let shared = ["--bank".as_ref(), bank.as_os_str()];
    let words = verb.split(' ').map(OsStr::new);
    run(shared.into_iter().chain(flags.iter().copied()).chain(words))
}

fn write_token(path: &Path, mode: u32) {
    std::fs::write(path, "passbook-token-1:c0ffee\n").expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
}

#[test]
fn a_directory_of_certificates_is_enough() {
    let (town, certs) = town();
    let mine = tempfile::tempdir().expect("a directory");
    for name in ["ca.crt", "client.ann.crt", "client.ann.key"] {
        let to = mine.path().join(name);
        std::fs::copy(certs.path().join(name), &to).expect("copied");
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).expect("changed");
    }
    let directory = ["--certs-dir".as_ref(), mine.path().as_os_str()];
    let done = by_bank(&town, &directory, "deposit 100");
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "deposited 100, balance 100 (position 2)\n")
    );
    // The directory of the whole bank has the keys of several clients.
    let whole = ["--certs-dir".as_ref(), certs.path().as_os_str()];
    let several = by_bank(&town, &whole, "query");
    assert_eq!(
        (several.code, several.stderr.contains("--client NAME")),
        (Some(2), true),
        "{several:?}"
    );
    let named = [whole[0], whole[1], "--client".as_ref(), "ann".as_ref()];
    assert_eq!(by_bank(&town, &named, "query --branch 2").stdout, "100\n");
    let [ca, cert, key] = ["ca.crt", "client.ann.crt", "client.ann.key"].map(|name| mine.path().join(name));
    let files = [("--trusted-ca-file", &ca), ("--cert-file", &cert), ("--key-file", &key)];
    let files: Vec<&OsStr> = files
        .iter()
        .flat_map(|(flag, path)| [flag.as_ref(), path.as_os_str()])
        .collect();
    assert_eq!(by_bank(&town, &files, "query").stdout, "100\n");
    let calls = town.bank.calls();
    assert!(
        calls.iter().all(|call| call.client.as_deref() == Some("customer ann")),
        "{calls:?}"
    );
}

#[test]
fn the_environment_names_certificates_and_token() {
    let (town, certs) = town();
    let only = tempfile::tempdir().expect("a directory");
    std::fs::copy(certs.path().join("ca.crt"), only.path().join("ca.crt")).expect("copied");
    let token = town.path("token");
    write_token(&token, 0o600);
    let mut command = command(["--bank".as_ref(), town.path("bank.json").as_os_str(), "query".as_ref()]);
    command
        .env("PASSBOOK_CERTS_DIR", only.path())
        .env("PASSBOOK_TOKEN_FILE", &token);
    let done = ran(command.output().expect("started"));
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "0\n"), "{done:?}");
    let call = &town.bank.calls()[0];
    assert_eq!(call.authorization.as_deref(), Some("Bearer passbook-token-1:c0ffee"));
}

#[test]
fn a_token_that_others_can_read_or_hear_is_not_used() {
    let town = Town::new(0, 1);
    let token = town.path("token");
    let flags = ["--token-file".as_ref(), token.as_os_str()];
    let missing = by_bank(&town, &flags, "query");
    assert_eq!(
        (missing.code, missing.stderr.contains("is missing")),
        (Some(2), true),
        "{missing:?}"
    );
    write_token(&token, 0o644);
    let open = by_bank(&town, &flags, "query");
    assert_eq!(
        (open.code, open.stderr.contains("chmod 600")),
        (Some(2), true),
        "{open:?}"
    );
    write_token(&token, 0o600);
    assert_eq!(by_bank(&town, &flags, "query").code, Some(0));
    let elsewhere = [
        "--branch".as_ref(),
        "192.0.2.1:50001".as_ref(),
        flags[0],
        flags[1],
        "query".as_ref(),
    ];
    let kept = run(elsewhere);
    assert_eq!(
        (kept.code, kept.stderr.contains("not encrypted")),
        (Some(2), true),
        "{kept:?}"
    );
    assert!(!kept.stderr.contains("c0ffee"));
}

#[test]
fn who_is_not_trusted_or_denied_ends_with_3() {
    let (town, certs) = town();
    let strangers = Certs::new(town.bank.id);
    let ann = |certs: &Certs, verb: &str| {
        let flags = [
            "--certs-dir".as_ref(),
            certs.path().as_os_str(),
            "--client".as_ref(),
            "ann".as_ref(),
        ];
        by_bank(&town, &flags, verb)
    };
    for verb in ["query", "deposit 5", "accounts", "watch"] {
        let refused = ann(&strangers, verb);
        assert_eq!(refused.code, Some(3), "{verb}: {refused:?}");
        assert!(
            refused.stderr.contains("an authority that is not trusted here"),
            "{refused:?}"
        );
    }
    assert_eq!(town.bank.calls(), []);
    for verb in ["query", "deposit 5"] {
        town.bank
            .fault(1, [Fault::Fail(Code::PermissionDenied, Some("not-applied"))]);
        let denied = ann(&certs, verb);
        assert_eq!(
            (denied.code, denied.stderr.contains("told to fail")),
            (Some(3), true),
            "{denied:?}"
        );
    }
    assert_eq!((town.bank.balance("main"), town.bank.calls().len()), (0, 2));
}

/// The certificate names the bank, so that the session of an address needs no call to find it out.
#[test]
fn the_session_of_an_address_has_the_bank_of_the_certificate() {
    let (town, certs) = town();
    let address = town.addresses[0].to_string();
    let arguments = |verb| {
        let flags = [
            "--branch".as_ref(),
            address.as_ref(),
            "--certs-dir".as_ref(),
            certs.path().as_os_str(),
        ];
        let verb: [&OsStr; 3] = ["--client".as_ref(), "ann".as_ref(), verb];
        flags.into_iter().chain(verb)
    };
    let done = run(arguments("query".as_ref()));
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "0\n"), "{done:?}");
    assert_eq!(town.bank.calls().len(), 1);
}

#[test]
fn flags_that_do_not_fit_together_are_refused() {
    for (flags, expected) in [
        (&["--client", "ann"][..], "--certs-dir"),
        (&["--cert-file", "c"], "--key-file"),
        (&["--cert-file", "c", "--key-file", "k"], "--trusted-ca-file"),
        (&["--certs-dir", "d", "--trusted-ca-file", "a"], "exclude each other"),
        (&["--certs-dir", "/nowhere"], "/nowhere/ca.crt"),
    ] {
        let refused = run(flags.iter().chain(&["query", "--branch", "127.0.0.1:1"]));
        assert_eq!(refused.code, Some(2), "{flags:?}: {refused:?}");
        assert!(refused.stderr.contains(expected), "{flags:?}: {refused:?}");
    }
}
