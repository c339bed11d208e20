use super::*;
use crate::callers::{Customers, Encryption};
use crate::certificates::ConnectionRefused;
use bank_auth::{ClientIdentity, Role};
use bank_tls::{CertsDir, Named, NotValid, Peer, Subject, Validity, days};
use bank_types::Amount;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

const QUERY: &str = "/bank.v1.BankService/Query";
const DEPOSIT: &str = "/bank.v1.BankService/Deposit";
const STATUS: &str = "/bank.v1.OperatorService/GetStatus";
const REMOVE: &str = "/bank.v1.OperatorService/Remove";

fn account(name: &str) -> AccountName {
    AccountName::new(name).expect("a name")
}

fn client(role: Role, accounts: &[&str]) -> ClientIdentity {
    ClientIdentity {
        role,
        name: "alice".parse().expect("a name"),
        accounts: accounts.iter().map(|name| account(name)).collect(),
    }
}

/// A connection whose certificate names this client, and is valid for so many seconds more.
fn certified(caller: Caller, client: ClientIdentity, seconds: u64) -> ConnectionInfo {
    let peer = Peer {
        named: Named {
            bank: Uuid::from_u128(7),
            subject: Subject::Client(client),
        },
        serial: "0f".to_owned(),
        issuer: Vec::new(),
        not_after: SystemTime::now() + Duration::from_secs(seconds),
    };
    Customers::default().connection(caller, Some(peer), None)
}

fn plain(caller: Caller) -> ConnectionInfo {
    Customers::default().connection(caller, None, None)
}

/// A file with tokens.
struct Tokens {
    _directory: TempDir,
    path: PathBuf,
}

impl Tokens {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("tokens.json");
        Self {
            _directory: directory,
            path,
        }
    }

    /// Adds a token, and returns the `authorization` with it.
    fn add(&self, identity: ClientIdentity, lasts: Option<Duration>) -> (TokenId, String) {
        let token = Token::random().expect("randomness");
        let kept = KeptToken::new(&token, identity, SystemTime::now(), lasts);
        change(&self.path, |tokens| assert!(tokens.add(token.id(), kept)));
        (token.id(), format!("Bearer {}", token.to_text()))
    }

    fn access(&self) -> Access {
        let tokens = LiveTokens::open(&self.path).expect("tokens");
        Access::new(false, Some(tokens), None)
    }
}

fn change(path: &Path, change: impl FnOnce(&mut TokenSet)) {
    let changed = edit(path, true, |tokens| {
        change(tokens);
        Ok::<_, TokenFileError>(())
    });
    changed.expect("written");
}

fn deposit(to: &str) -> Action {
    Action::Deposit {
        account: account(to),
        amount: Amount::new(1).expect("an amount"),
    }
}

#[test]
fn where_clients_need_not_prove_who_they_are_nothing_is_looked_at() {
    let access = Access::new(false, None, None);
    assert!(!access.required());
    let rubbish = Some(&b"Bearer rubbish"[..]);
    for path in [QUERY, DEPOSIT, STATUS] {
        for authorization in [None, rubbish] {
            assert!(access.permit(path, None, authorization).expect("allowed").is_none());
        }
    }
    let denied = access.permit(REMOVE, Some(&plain(Caller::Customer)), rubbish);
    assert_eq!(denied.expect_err("denied"), Denial::OperatorsOnly);
    assert!(access.permit(REMOVE, Some(&plain(Caller::Operator)), None).is_ok());
    let by_certificate = certified(Caller::Operator, client(Role::Operator, &[]), 60);
    assert!(access.permit(REMOVE, Some(&by_certificate), None).is_ok());
    assert_eq!(access.denied(), [("operators-only", 1)]);
}

#[test]
fn a_certificate_gives_a_connection_its_client() {
    let access = Access::new(true, None, None);
    let alice = certified(Caller::Customer, client(Role::Customer, &["alice"]), 60);
    let grant = access
        .permit(QUERY, Some(&alice), None)
        .expect("allowed")
        .expect("a grant");
    assert_eq!(access.check_account(&grant, &account("alice")), Ok(()));
    let denial = access
        .check_account(&grant, &account("rent"))
        .expect_err("denied")
        .to_string();
    assert_eq!(
        denial,
        "the account rent is not yours: a teller or an auditor may do this"
    );
    assert_eq!(grant.to_string(), "customer alice by certificate 0f");
    assert!(access.renew(&grant).is_ok());
    let denial = access
        .permit(STATUS, Some(&alice), None)
        .expect_err("denied")
        .to_string();
    assert_eq!(denial, "a customer may not do this: an auditor or an operator may");
    let auditor = certified(Caller::Customer, client(Role::Auditor, &[]), 60);
    let grant = access
        .permit(QUERY, Some(&auditor), None)
        .expect("allowed")
        .expect("a grant");
    assert_eq!(access.check_account(&grant, &account("rent")), Ok(()));
    // An operator's certificate makes no teller of it, but the secret of the bank allows what it always did.
    let operator = certified(Caller::Operator, client(Role::Operator, &[]), 60);
    assert!(access.permit(REMOVE, Some(&operator), None).is_ok());
    assert!(access.permit(DEPOSIT, Some(&operator), None).is_err());
    let keeper = plain(Caller::Operator);
    for path in [QUERY, DEPOSIT, STATUS, REMOVE] {
        let grant = access
            .permit(path, Some(&keeper), None)
            .expect("allowed")
            .expect("a grant");
        assert_eq!(access.check_write(&grant, &deposit("rent")), Ok(()));
    }
    assert_eq!(access.denied(), [("role", 2), ("account", 1)]);
}

#[test]
fn a_connection_is_checked_again_on_each_call_whatever_else_is_required() {
    let directory = tempfile::tempdir().expect("a directory");
    let certs = CertsDir(directory.path().join("certs"));
    let validity = Validity::from_now(SystemTime::now(), days(1));
    certs.create_authority(None, validity).expect("an authority");
    certs.issue_branch(1, &[], validity).expect("a certificate");
    let files = certs.of_branch(1);
    let certificates = Certificates::load(files.clone(), files, 1).expect("certificates");
    let teller = || client(Role::Teller, &[]);
    let (valid, expired) = (
        certified(Caller::Customer, teller(), 60),
        certified(Caller::Customer, teller(), 0),
    );
    let open = plain(Caller::Customer).over(Encryption::Missing);
    for required in [true, false] {
        let access = Access::new(required, None, Some(certificates.clone()));
        let grant = access.permit(QUERY, Some(&valid), None).expect("allowed");
        assert_eq!(grant.is_some(), required);
        let denied = access.permit(QUERY, Some(&expired), None).expect_err("denied");
        assert_eq!(
            denied,
            Denial::Connection(ConnectionRefused::Certificate(NotValid::Expired))
        );
        assert!(denied.is_unauthenticated());
        let denied = access.permit(QUERY, Some(&open), None).expect_err("denied");
        assert_eq!(denied, Denial::Connection(ConnectionRefused::NotEncrypted));
        assert!(!denied.is_unauthenticated());
        // A stream that is under way is told so too.
        let begun = Grant::new(Call::Write, Holder::Certificate, Some(expired.clone()));
        assert!(access.renew(&begun).is_err());
        assert_eq!(access.denied(), [("not-encrypted", 1), ("certificate", 2)]);
    }
}

#[test]
fn a_token_counts_only_where_there_is_no_certificate() {
    let tokens = Tokens::new();
    let (_, teller) = tokens.add(client(Role::Teller, &[]), None);
    let access = tokens.access();
    assert!(access.required());
    let alice = certified(Caller::Customer, client(Role::Customer, &["alice"]), 60);
    let authorization = Some(teller.as_bytes());
    let grant = access
        .permit(DEPOSIT, Some(&alice), authorization)
        .expect("allowed")
        .expect("a grant");
    assert!(access.check_write(&grant, &deposit("rent")).is_err());
    for connection in [None, Some(&plain(Caller::Customer))] {
        let grant = access
            .permit(DEPOSIT, connection, authorization)
            .expect("allowed")
            .expect("a grant");
        assert_eq!(access.check_write(&grant, &deposit("rent")), Ok(()));
        let nobody = access.permit(DEPOSIT, connection, None).expect_err("denied");
        assert_eq!(nobody, Denial::NoIdentity { call: Call::Write });
    }
}

#[test]
fn a_customer_pays_from_its_own_accounts_to_any_account() {
    let tokens = Tokens::new();
    let (_, alice) = tokens.add(client(Role::Customer, &["alice", "savings"]), None);
    let access = tokens.access();
    let grant = access
        .permit(DEPOSIT, None, Some(alice.as_bytes()))
        .expect("allowed")
        .expect("a grant");
    let amount = Amount::new(1).expect("an amount");
    let transfer = |from: &str, to: &str| Action::Transfer {
        from: account(from),
        to: account(to),
        amount,
    };
    for (action, allowed) in [
        (deposit("alice"), true),
        (deposit("savings"), true),
        (deposit("main"), false),
        (transfer("alice", "main"), true),
        (transfer("main", "alice"), false),
        (
            Action::Open {
                account: account("savings"),
            },
            true,
        ),
        (
            Action::Open {
                account: account("more"),
            },
            false,
        ),
        (
            Action::Withdraw {
                account: account("main"),
                amount,
            },
            false,
        ),
    ] {
        assert_eq!(access.check_write(&grant, &action).is_ok(), allowed, "{action:?}");
    }
}

#[test]
fn a_wrong_authorization_is_denied_and_does_not_become_nobody() {
    let tokens = Tokens::new();
    let (id, good) = tokens.add(client(Role::Teller, &[]), None);
    let (expired_id, expired) = tokens.add(client(Role::Teller, &[]), Some(Duration::ZERO));
    let access = tokens.access();
    let (token, other) = (good.trim_start_matches("Bearer "), Token::random().expect("randomness"));
    // The id of one token with the secret of another.
    let secret = other.to_text().rsplit(':').next().expect("a part").to_owned();
    let forged = format!("Bearer passbook-token-1:{id}:{secret}");
    let unknown = format!("Bearer {}", other.to_text());
    let other = other.id();
    for (authorization, denial) in [
        (good.clone(), None),
        (format!("bearer {token}"), None),
        (format!("BEARER  {token} "), None),
        (token.to_owned(), Some(Denial::MalformedToken)),
        (format!("Basic {token}"), Some(Denial::MalformedToken)),
        (format!("Bearer{token}"), Some(Denial::MalformedToken)),
        ("Bearer".to_owned(), Some(Denial::MalformedToken)),
        (String::new(), Some(Denial::MalformedToken)),
        (format!("Bearer {token}é"), Some(Denial::MalformedToken)),
        (format!("{good}, {good}"), Some(Denial::MalformedToken)),
        (forged, Some(Denial::UnknownToken { id })),
        (unknown, Some(Denial::UnknownToken { id: other })),
        (expired, Some(Denial::ExpiredToken { id: expired_id })),
    ] {
        let permitted = access.permit(QUERY, None, Some(authorization.as_bytes()));
        assert_eq!(permitted.err(), denial, "{authorization}");
    }
    let not_text = access.permit(QUERY, None, Some(b"Bearer \xff"));
    assert_eq!(not_text.err(), Some(Denial::MalformedToken));
    assert_eq!(access.denied(), [("unknown-token", 10), ("expired-token", 1)]);
}

#[test]
fn a_long_stream_notices_that_its_token_was_changed_or_revoked() {
    let tokens = Tokens::new();
    let (id, alice) = tokens.add(client(Role::Customer, &["alice"]), None);
    let access = tokens.access();
    let grant = access
        .permit(DEPOSIT, None, Some(alice.as_bytes()))
        .expect("allowed")
        .expect("a grant");
    let grant = access.renew(&grant).expect("still valid");
    let with = |identity: ClientIdentity| {
        change(&tokens.path, |tokens| {
            let mut kept = tokens.remove(id).expect("kept");
            kept.identity = Arc::new(identity);
            assert!(tokens.add(id, kept));
        });
        assert!(access.refresh().expect("read"));
    };
    assert!(access.check_write(&grant, &deposit("rent")).is_err());
    with(client(Role::Customer, &["rent"]));
    let grant = access.renew(&grant).expect("still valid");
    assert_eq!(access.check_write(&grant, &deposit("rent")), Ok(()));
    assert!(access.check_write(&grant, &deposit("alice")).is_err());
    with(client(Role::Teller, &[]));
    let grant = access.renew(&grant).expect("still valid");
    assert_eq!(access.check_write(&grant, &deposit("alice")), Ok(()));
    with(client(Role::Customer, &["rent"]));
    let grant = access.renew(&grant).expect("still valid");
    assert!(access.check_write(&grant, &deposit("alice")).is_err());
    with(client(Role::Auditor, &[]));
    assert!(matches!(access.renew(&grant), Err(Denial::Role { .. })));
    change(&tokens.path, |tokens| drop(tokens.remove(id)));
    assert!(access.refresh().expect("read"));
    assert_eq!(access.renew(&grant).err(), Some(Denial::UnknownToken { id }));
}
