//! Two ends of a TLS connection over TCP: who is let in, who is refused, and with which words.
#![allow(clippy::expect_used)]

mod support;

use std::time::SystemTime;

use bank_auth::Role;
use bank_tls::{Credentials, Expected, NotValid, Purpose, Subject, alert};
use support::{Bank, DEADLINE, at, careless, client, copy, handshake, over, remove, tcp, year};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn text<T>(result: Result<T, impl ToString>) -> String {
    result.map(drop).expect_err("refused").to_string()
}

#[tokio::test]
async fn a_branch_and_a_branch_prove_themselves_to_each_other() {
    let bank = Bank::new();
    let (opened, accepted) = handshake(&bank.branch(2), Purpose::Branch, &bank.expect(1), &bank.branch(1)).await;
    let (mut opened, mut accepted) = (opened.expect("opened"), accepted.expect("accepted"));
    assert_eq!(opened.peer.named.subject, Subject::Branch(1));
    assert_eq!(opened.peer.named.bank, bank.id);
    assert_eq!(accepted.purpose, Purpose::Branch);
    assert_eq!(accepted.peer.map(|peer| peer.named.subject), Some(Subject::Branch(2)));
    assert_eq!(opened.channel_secret, accepted.channel_secret);

    opened.stream.write_all(b"hello").await.expect("written");
    let mut read = [0; 5];
    accepted.stream.read_exact(&mut read).await.expect("read");
    assert_eq!(&read, b"hello");

    let (again, _) = handshake(&bank.branch(2), Purpose::Branch, &bank.expect(1), &bank.branch(1)).await;
    assert_ne!(again.expect("opened").channel_secret, opened.channel_secret);
}

#[tokio::test]
async fn a_client_proves_itself_or_stays_nobody() {
    let bank = Bank::new();
    let server = bank.branch(1);
    let (opened, accepted) = handshake(&bank.client("tess"), Purpose::Client, &bank.expect(1), &server).await;
    opened.expect("opened");
    let accepted = accepted.expect("accepted");
    assert_eq!(accepted.purpose, Purpose::Client);
    let peer = accepted.peer.expect("a certificate");
    assert_eq!(peer.named.subject, Subject::Client(client(Role::Teller, "tess")));

    let (opened, accepted) = handshake(&bank.nobody(), Purpose::Client, &bank.expect(1), &server).await;
    opened.expect("opened");
    assert_eq!(accepted.expect("accepted").peer, None);
}

#[tokio::test]
async fn the_opener_refuses_another_branch_and_another_bank() {
    let bank = Bank::new();
    let opener = bank.branch(2);
    let (opened, _) = handshake(&opener, Purpose::Branch, &bank.expect(3), &bank.branch(1)).await;
    assert_eq!(
        text(opened),
        "the certificate of 127.0.0.1 is of branch 1, not branch 3: check the addresses"
    );

    // Another bank of the same authority.
    let other = Expected {
        bank: Some(uuid::Uuid::new_v4()),
        ..bank.expect(1)
    };
    let (opened, _) = handshake(&bank.nobody(), Purpose::Client, &other, &bank.branch(1)).await;
    assert!(text(opened).contains("is of another bank"));

    // A branch that has no bank yet knows the bank of its own certificate.
    let new = Expected {
        bank: None,
        ..bank.expect(1)
    };
    let (opened, accepted) = handshake(&opener, Purpose::Branch, &new, &bank.branch(1)).await;
    opened.expect("opened");
    accepted.expect("accepted");
}

#[tokio::test]
async fn who_only_knows_an_address_demands_a_certificate_for_it() {
    let bank = Bank::new();
    for (host, fine) in [
        ("127.0.0.1", true),
        ("localhost", true),
        ("::1", true),
        ("[::1]", true),
        ("branch.example", true),
        ("BRANCH.example", true),
        ("10.0.0.1", false),
        ("other.example", false),
        ("a.branch.example", false),
        ("not a name", false),
        ("", false),
    ] {
        let (opened, _) = handshake(&bank.nobody(), Purpose::Client, &at(host), &bank.branch(1)).await;
        assert_eq!(opened.is_ok(), fine, "{host}");
        if let Err(error) = opened {
            assert!(error.is_refusal());
            let remedy = format!(
                "only for branch.example, localhost, 127.0.0.1, ::1: connect to one of these, or make one with --host {host}"
            );
            assert!(error.to_string().contains(&remedy), "{error}");
        }
    }
    // The own bank is known, the number of the branch is not.
    let (opened, _) = handshake(&bank.client("tess"), Purpose::Client, &at("10.0.0.1"), &bank.branch(1)).await;
    assert!(text(opened).contains("is not valid for 10.0.0.1"));
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_refused_by_both_sides() {
    let (bank, stranger) = (Bank::new(), Bank::new());
    let (opened, accepted) = handshake(&stranger.branch(2), Purpose::Branch, &bank.expect(1), &bank.branch(1)).await;
    let ca = stranger.certs.ca_cert();
    assert_eq!(
        text(opened),
        format!(
            "the certificate of 127.0.0.1 is signed by an authority that is not trusted here ({})",
            ca.display()
        )
    );
    let accepted = text(accepted);
    assert!(accepted.contains("authority that is not trusted there"), "{accepted}");
}

/// Tries to get in at branch 1. Returns what the opener finds at its first read, and what the branch says.
async fn refused_by_the_branch(bank: &Bank, opener: &Credentials, purpose: Purpose) -> (Option<String>, String) {
    let (opened, accepted) = handshake(opener, purpose, &bank.expect(1), &bank.branch(1)).await;
    let accepted = text(accepted);
    // The opener has done its part before the branch verifies its certificate.
    let mut opened = opened.expect("opened");
    let read = tokio::time::timeout(DEADLINE, opened.stream.read_u8())
        .await
        .expect("in time");
    (alert::refusal_in(&read.expect_err("refused")), accepted)
}

#[tokio::test]
async fn a_branch_refuses_strangers_and_the_opener_learns_why_at_its_first_read() {
    let (bank, stranger) = (Bank::new(), Bank::new());
    // The opener trusts the bank, and the bank does not trust the authority of the opener.
    let mut files = stranger.certs.of_branch(2);
    let both = [&bank, &stranger].map(|bank| std::fs::read_to_string(bank.certs.ca_cert()).expect("read"));
    files.trusted_ca = stranger.certs.0.join("both.crt");
    std::fs::write(&files.trusted_ca, both.concat()).expect("written");
    let opener = Credentials::load(files).expect("credentials");
    let (told, said) = refused_by_the_branch(&bank, &opener, Purpose::Branch).await;
    assert!(
        said.contains("signed by an authority that is not trusted here"),
        "{said}"
    );
    assert_eq!(
        told.as_deref(),
        Some(
            "the branch refused the connection: this side's certificate is signed by an authority that is not trusted there"
        )
    );
}

#[tokio::test]
async fn a_certificate_of_another_bank_of_the_same_authority_is_refused() {
    let bank = Bank::new();
    // The authority's certificate is made anew for another bank, with a file of its own for the members of that bank.
    let other = Bank::new();
    let both = [&bank, &other].map(|bank| std::fs::read_to_string(bank.certs.ca_cert()).expect("read"));
    for bank in [&bank, &other] {
        std::fs::write(bank.certs.ca_cert(), both.concat()).expect("written");
    }
    for (opener, purpose) in [
        (other.branch(2), Purpose::Branch),
        (other.client("tess"), Purpose::Client),
    ] {
        let (told, said) = refused_by_the_branch(&bank, &opener, purpose).await;
        assert!(
            said.contains(&format!("is of another bank ({}, not {})", other.id, bank.id)),
            "{said}"
        );
        assert!(told.expect("an alert").contains("one of another bank"));
    }
}

#[tokio::test]
async fn a_client_is_no_branch_and_a_branch_is_no_client() {
    let bank = Bank::new();
    let server = bank.branch(1);
    let (_, accepted) = handshake(&bank.client("tess"), Purpose::Branch, &bank.expect(1), &server).await;
    assert_eq!(
        text(accepted),
        "the certificate of the other side is of teller tess, not of a branch"
    );
    let (_, accepted) = handshake(&bank.nobody(), Purpose::Branch, &bank.expect(1), &server).await;
    assert_eq!(
        text(accepted),
        "a branch must give a certificate, and the other side gave none"
    );
    let (_, accepted) = handshake(&bank.branch(2), Purpose::Client, &bank.expect(1), &server).await;
    assert!(text(accepted).contains("is of branch 2: a branch is no client"));
    // A client cannot be connected to.
    let (_, accepted) = handshake(&bank.branch(2), Purpose::Client, &bank.expect(1), &bank.client("tess")).await;
    assert!(text(accepted).contains("only a branch is connected to"));
}

#[tokio::test]
async fn an_expired_certificate_is_refused_by_both_sides() {
    let bank = Bank::new();
    let server = bank.branch(1);
    bank.certs.issue_branch(3, &[], over()).expect("a branch");
    let error = text(Credentials::load(bank.certs.of_branch(3)));
    assert!(error.contains("the certificate has expired on "), "{error}");
    assert!(error.contains("branch.3.crt"), "{error}");

    // An end that does not look at its own certificate.
    let (opened, accepted) = tcp().await;
    let accepting = bank_tls::accept(&server, accepted);
    let (opened, accepted) = tokio::join!(careless::connect(&bank.certs, "branch.3", opened), accepting);
    let error = text(accepted);
    assert!(
        error.contains("the certificate of the other side has expired on "),
        "{error}"
    );
    let told = alert::refusal_in(&opened.expect("opened").read_u8().await.expect_err("refused"));
    assert!(told.expect("an alert").contains("has expired or is not yet valid"));

    let (opened, accepted) = tcp().await;
    let expected = bank.expect(3);
    let connecting = bank_tls::connect(&server, Purpose::Branch, &expected, opened);
    let (opened, _) = tokio::join!(connecting, careless::accept(&bank.certs, "branch.3", accepted));
    let error = text(opened);
    assert!(
        error.contains("the certificate of 127.0.0.1 has expired on "),
        "{error}"
    );

    // The same certificate on a connection that was opened before.
    let (opened, _) = handshake(&server, Purpose::Branch, &bank.expect(2), &bank.branch(2)).await;
    let peer = opened.expect("opened").peer;
    assert_eq!(server.check(&peer, SystemTime::now()), Ok(()));
    assert_eq!(server.check(&peer, year().not_after), Err(NotValid::Expired));
}

#[tokio::test]
async fn a_certificate_of_a_client_does_not_serve_as_a_branch() {
    let bank = Bank::new();
    let (opened, accepted) = tcp().await;
    let (opener, expected) = (bank.branch(2), bank.expect(1));
    let connecting = bank_tls::connect(&opener, Purpose::Client, &expected, opened);
    let (opened, _) = tokio::join!(connecting, careless::accept(&bank.certs, "client.tess", accepted));
    let error = text(opened);
    assert!(
        error.contains("the certificate of 127.0.0.1 is not made for this use"),
        "{error}"
    );
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_on_new_and_on_open_connections() {
    let bank = Bank::new();
    let (server, opener) = (bank.branch(1), bank.branch(2));
    let (_, accepted) = handshake(&opener, Purpose::Branch, &bank.expect(1), &server).await;
    let peer = accepted.expect("accepted").peer.expect("a certificate");
    assert_eq!(server.check(&peer, SystemTime::now()), Ok(()));

    bank.certs.revoke(&bank.certs.branch(2).cert).expect("revoked");
    assert!(server.refresh().expect("taken up"));
    assert_eq!(server.check(&peer, SystemTime::now()), Err(NotValid::Revoked));
    let (told, said) = {
        // The opener has not read its files again.
        let (opened, accepted) = handshake(&opener, Purpose::Branch, &bank.expect(1), &server).await;
        let read = opened.expect("opened").stream.read_u8().await.expect_err("refused");
        (alert::refusal_in(&read), text(accepted))
    };
    assert!(said.contains("was revoked"), "{said}");
    assert!(told.expect("an alert").contains("was revoked"));

    // As the side that is connected to, too.
    let (opened, _) = handshake(&server, Purpose::Branch, &bank.expect(2), &opener).await;
    assert_eq!(text(opened), "the certificate of 127.0.0.1 was revoked: make a new one");
    assert!(text(opener.refresh()).contains("the certificate was revoked"));

    // Others are not touched.
    let (opened, accepted) = handshake(&bank.client("tess"), Purpose::Client, &bank.expect(1), &server).await;
    opened.expect("opened");
    accepted.expect("accepted");
}

#[tokio::test]
async fn what_is_not_tls_is_told_so() {
    let bank = Bank::new();
    let opener = bank.branch(2);
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0",
    ] {
        let (opened, mut accepted) = tcp().await;
        accepted.write_all(answer).await.expect("written");
        let expected = bank.expect(1);
        let connected = bank_tls::connect(&opener, Purpose::Client, &expected, opened);
        let connected = tokio::time::timeout(DEADLINE, connected).await.expect("in time");
        let error = connected.map(drop).expect_err("refused");
        assert!(error.is_refusal());
        assert!(error.to_string().contains("127.0.0.1 does not speak TLS"), "{error}");
    }
    // A connection that ends is no refusal: the branch may be starting.
    let (opened, accepted) = tcp().await;
    drop(accepted);
    let ended = bank_tls::connect(&opener, Purpose::Client, &bank.expect(1), opened).await;
    assert!(!ended.map(drop).expect_err("ended").is_refusal());

    let (mut opened, accepted) = tcp().await;
    let server = bank.branch(1);
    opened
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .expect("written");
    assert!(text(bank_tls::accept(&server, accepted).await).contains("the TLS handshake failed"));
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_without_a_restart() {
    let bank = Bank::new();
    let (server, opener) = (bank.branch(1), bank.branch(2));
    let serial = |both: support::Both| both.0.expect("opened").peer.serial;
    let before = serial(handshake(&opener, Purpose::Branch, &bank.expect(1), &server).await);
    assert!(!server.refresh().expect("unchanged"));
    bank.certs.renew(&bank.certs.branch(1).cert, None).expect("renewed");
    assert!(server.refresh().expect("taken up"));
    assert!(!server.refresh().expect("unchanged"));
    let after = serial(handshake(&opener, Purpose::Branch, &bank.expect(1), &server).await);
    assert_ne!(before, after);
    let owner = server.me().expect("an owner");
    assert_eq!((owner.bank, owner.subject), (bank.id, Subject::Branch(1)));
}

#[tokio::test]
async fn the_authority_is_rotated_while_both_sides_are_up() {
    let bank = Bank::new();
    // Each host has a copy of what it needs.
    let hosts = [1, 2].map(|branch: u32| {
        let host = Bank::new();
        let files = [
            "ca.crt".to_owned(),
            format!("branch.{branch}.crt"),
            format!("branch.{branch}.key"),
        ];
        files.iter().for_each(|file| copy(&bank.certs, &host.certs, file));
        host
    });
    let sides = [hosts[0].branch(1), hosts[1].branch(2)];
    let works = async || {
        for side in &sides {
            side.refresh().expect("read");
        }
        for (opener, branch, server) in [(&sides[1], 1, &sides[0]), (&sides[0], 2, &sides[1])] {
            let (opened, accepted) = handshake(opener, Purpose::Branch, &bank.expect(branch), server).await;
            opened.expect("opened");
            accepted.expect("accepted");
        }
    };
    let everywhere = |file: &str| hosts.iter().for_each(|host| copy(&bank.certs, &host.certs, file));
    works().await;
    bank.certs.rotate_authority(year()).expect("rotated");
    works().await;
    everywhere("ca.crt");
    works().await;
    for (branch, host) in [(1, &hosts[0]), (2, &hosts[1])] {
        assert!(bank.certs.drop_old_authority().is_err());
        bank.certs
            .renew(&bank.certs.branch(branch).cert, None)
            .expect("renewed");
        for kind in ["key", "crt"] {
            copy(&bank.certs, &host.certs, &format!("branch.{branch}.{kind}"));
        }
        works().await;
    }
    let error = text(bank.certs.drop_old_authority());
    assert!(error.contains("client.tess.crt`"), "{error}");
    let old = bank.client("tess");
    bank.certs
        .renew(&bank.certs.client("tess").cert, None)
        .expect("renewed");
    bank.certs.drop_old_authority().expect("dropped");
    everywhere("ca.crt");
    works().await;
    let (_, accepted) = handshake(&old, Purpose::Client, &bank.expect(1), &sides[0]).await;
    assert!(text(accepted).contains("not trusted here"));
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_old_certificates_in_use() {
    let bank = Bank::new();
    let other = Bank::new();
    let (server, opener) = (bank.branch(1), bank.branch(2));
    let files = bank.certs.branch(1);
    let ca = bank.certs.ca_cert();
    for (broken, words) in [
        (files.cert.clone(), "no usable certificate"),
        (files.key.clone(), "no usable key"),
        (ca.clone(), "no usable certificate"),
        (bank.certs.crl(), "no usable list of revoked certificates"),
    ] {
        let good = std::fs::read(&broken).ok();
        std::fs::write(&broken, "-----BEGIN NONSENSE-----\n").expect("written");
        let found = server.refresh();
        // A list without any entry is a list.
        if broken != bank.certs.crl() {
            assert!(text(found).contains(words), "{}", broken.display());
            assert!(server.refresh().is_err(), "the next look tries again");
        }
        let (opened, accepted) = handshake(&opener, Purpose::Branch, &bank.expect(1), &server).await;
        opened.expect("opened");
        accepted.expect("accepted");
        match good {
            Some(good) => std::fs::write(&broken, good).expect("written"),
            None => remove(&broken),
        }
        server.refresh().expect("good again");
    }
    std::fs::write(
        bank.certs.crl(),
        "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
    )
    .expect("written");
    assert!(text(server.refresh()).contains("no usable list of revoked certificates"));
    remove(&bank.certs.crl());

    // A key of another pair: half of a renewal.
    let good = std::fs::read(&files.key).expect("read");
    std::fs::write(&files.key, std::fs::read(other.certs.branch(1).key).expect("read")).expect("written");
    assert!(text(server.refresh()).contains("does not belong to the certificate"));
    std::fs::write(&files.key, good).expect("written");
    // The whole pair of another bank.
    for (from, to) in [
        (other.certs.branch(1).cert, &files.cert),
        (other.certs.branch(1).key, &files.key),
    ] {
        std::fs::copy(from, to).expect("copied");
    }
    assert!(text(server.refresh()).contains("is signed by an authority that is not trusted here"));
    assert_eq!(server.me().expect("an owner").bank, bank.id);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused_with_what_to_type() {
    use std::os::unix::fs::PermissionsExt;
    let bank = Bank::new();
    let key = bank.certs.branch(1).key;
    assert!(Credentials::load(bank.certs.of_branch(1)).is_ok());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).expect("changed");
    let error = text(Credentials::load(bank.certs.of_branch(1)));
    assert!(error.contains(&format!("run `chmod 600 {}`", key.display())), "{error}");
}
