//! Branches with certificates: what is served over TLS, what is refused, and that renewed certificates are taken up.

mod bank;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bank_auth::{BranchIdentity, Party, Role, Secret};
use bank_proto::v1;
use bank_proto::v1::branch_service_client::BranchServiceClient;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use bank_tls::issue::days;
use bank_tls::{Connector, Credentials, DialError, Expected, Proof, Purpose, TlsFiles};
use branchd::CertificatesError;
use branchd::daemon::{self, DaemonError};
use branchd::secret::SecretSource;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::Channel;
use uuid::Uuid;

use bank::{
    Bank, Certs, Daemon, OPENING_BALANCE, PATIENCE, balance, config, deposit, init, one_set, open, plain, refusal,
    valid_for,
};

/// A term that no election of a test reaches.
const FORGED_TERM: u64 = 1_000_000;

#[tokio::test]
async fn three_branches_found_a_bank_and_serve_a_client_over_tls() {
    let bank = Bank::found().await;
    let teller = bank.certs.of_client("teller");
    deposit(bank.channel(2, &teller).await, 10).await.expect("decided");
    for branch in 1..=3 {
        let read = balance(bank.channel(branch, &teller).await).await;
        assert_eq!(read.expect("a balance"), OPENING_BALANCE + 10, "at branch {branch}");
    }
    // TLS without a certificate encrypts, and proves which branch answers.
    let read = balance(bank.channel(3, &bank.certs.of_nobody()).await).await;
    assert_eq!(read.expect("a balance"), OPENING_BALANCE + 10);
    let status = bank.status(1).await;
    assert!(status.encrypted && !status.insecure, "{status:?}");
    let not_after = bank.certs.of_branch(1).not_after().expect("a certificate");
    let since_1970 = not_after.duration_since(std::time::UNIX_EPOCH).expect("later");
    assert_eq!(
        status.certificate_not_after_us,
        i64::try_from(since_1970.as_micros()).ok()
    );
}

#[tokio::test]
async fn only_operators_change_the_bank() {
    let bank = Bank::start().await;
    let by_secret = |secret: &Secret| Connector {
        proof: Proof::Secret(secret.clone()),
        ..bank.connector(1, &bank.certs.of_nobody())
    };
    for credentials in [bank.certs.of_client("teller"), bank.certs.of_nobody()] {
        let refused = init(&bank, bank.channel(1, &credentials).await).await;
        assert_eq!(refused.expect_err("refused").code(), Code::PermissionDenied);
    }
    let other = Secret::random().expect("randomness");
    let refused = by_secret(&other).dial().await.expect_err("refused");
    assert!(refusal(&refused).contains("another secret"), "{refused}");
    let files = bank.certs.dir.of_branch(1);
    let without_secret = Daemon::start(|data| config(1, one_set(files), SecretSource::Nowhere, data)).await;
    let connector = Connector {
        address: without_secret.address.clone(),
        ..by_secret(&bank.secret)
    };
    let refused = connector.dial().await.expect_err("refused");
    let told = "takes certificates only: give --certs-dir";
    assert!(refusal(&refused).contains(told), "{refused}");
    // On its own host, a branch with certificates takes an operator by the secret.
    let channel = open(by_secret(&bank.secret)).await.expect("a connection");
    let founded = init(&bank, channel).await.expect("founded");
    assert_eq!(founded.bank_id, bank.certs.bank.to_string());
}

/// Votes at branch 1 for a branch in a term that would end every other. Returns why that was refused.
async fn forge_a_vote(bank: &Bank, connector: Connector) -> Result<(), String> {
    let from_branch = match connector.me {
        Party::Branch(me) => me.branch,
        Party::Operator => 2,
    };
    let channel = open(connector)
        .await
        .map_err(|error| match DialError::refusal_in(&error) {
            Some(refusal) => refusal.to_string(),
            None => error.to_string(),
        })?;
    let vote = v1::VoteRequest {
        peer: Some(v1::Peer {
            format: 2,
            bank_id: bank.certs.bank.as_bytes().to_vec(),
            from_branch,
            to_replica: 1,
        }),
        vote: Some(v1::Vote {
            leader_id: Some(v1::LeaderId {
                term: FORGED_TERM,
                ..Default::default()
            }),
            committed: false,
        }),
        ..Default::default()
    };
    let mut stub = BranchServiceClient::new(channel);
    stub.vote(vote).await.map(drop).map_err(|status| status.to_string())
}

/// Tries again until the refusal has these words. A branch notices a new list of revoked certificates, or the end of a
/// certificate, in its own time.
async fn until_refused(bank: &Bank, words: &str, connector: &Connector) {
    let began = Instant::now();
    loop {
        match forge_a_vote(bank, connector.clone()).await {
            Err(refused) if refused.contains(words) => return,
            other => assert!(began.elapsed() < PATIENCE, "{words:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_forged_branch_is_refused_and_moves_nothing() {
    let (certs, foreign) = (Certs::make(None), Certs::make(None));
    // The branches trust the authority of the other bank too, so that only the bank in the certificate differs.
    certs.trust(&foreign);
    let bank = Bank::found_with(certs, None).await;
    let certs = &bank.certs;
    let impostor = Certs::make(Some(certs.bank));
    impostor.trust(certs);
    let with_own_of = |own: &Certs, trusted: &Certs| {
        let trusted_ca = trusted.dir.ca_cert();
        let files = own.dir.of_branch(2);
        Credentials::load(TlsFiles { trusted_ca, ..files }).expect("usable")
    };
    let (teller, nobody) = (certs.of_client("teller"), certs.of_nobody());
    let by_secret = Connector {
        proof: Proof::Secret(bank.secret.clone()),
        ..bank.as_branch(1, 2, &nobody)
    };
    for (what, connector, words) in [
        ("branch 2 as branch 3", bank.as_branch(1, 3, &certs.of_branch(2)), ""),
        (
            "another authority",
            bank.as_branch(1, 2, &with_own_of(&impostor, &impostor)),
            "not trusted there",
        ),
        (
            "another bank",
            bank.as_branch(1, 2, &with_own_of(&foreign, certs)),
            "another bank",
        ),
        ("a client as a branch", bank.as_branch(1, 2, &teller), ""),
        ("nobody as a branch", bank.as_branch(1, 2, &nobody), ""),
        ("a branch by the secret", by_secret, ""),
        ("a branch as a client", bank.connector(1, &certs.of_branch(2)), ""),
        ("a client", bank.connector(1, &teller), "only branches"),
        (
            "an operator",
            bank.connector(1, &certs.of_client("op")),
            "only branches",
        ),
        ("nobody", bank.connector(1, &nobody), "only branches"),
    ] {
        let refused = forge_a_vote(&bank, connector).await.expect_err(what);
        assert!(refused.contains(words), "{what}: {refused}");
    }

    let dir = &certs.dir;
    let revoked = dir.issue_branch(4, &[], valid_for(days(1))).expect("a certificate");
    let as_revoked = bank.as_branch(1, 4, &certs.of_branch(4));
    dir.revoke(&revoked.cert).expect("revoked");
    until_refused(&bank, "was revoked", &as_revoked).await;
    dir.issue_branch(5, &[], valid_for(Duration::from_secs(5)))
        .expect("a certificate");
    until_refused(&bank, "has expired", &bank.as_branch(1, 5, &certs.of_branch(5))).await;

    for branch in 1..=3 {
        let status = bank.status(branch).await;
        assert!(status.term < FORGED_TERM, "{status:?}");
        assert_eq!((status.position, status.branches.len()), (1, 3), "{status:?}");
    }
}

#[tokio::test]
async fn branches_may_have_an_authority_of_their_own() {
    let certs = Certs::make(None);
    let for_branches = Certs::make(Some(certs.bank));
    let bank = Bank::found_with(certs, Some(&for_branches)).await;
    let teller = bank.certs.of_client("teller");
    deposit(bank.channel(3, &teller).await, 10).await.expect("decided");
    // A certificate of the one authority is none of the other's. The branch itself is not trusted here either.
    for connector in [
        bank.connector(1, &for_branches.of_client("teller")),
        bank.as_branch(1, 2, &bank.certs.of_branch(2)),
    ] {
        let refused = connector.dial().await.expect_err("refused");
        assert!(refusal(&refused).contains("not trusted"), "{refused}");
    }
}

#[tokio::test]
async fn plain_text_to_tls_and_tls_to_plain_text_are_told_apart() {
    let bank = Bank::found().await;
    let channel = plain(bank.address(1)).await;
    for _ in 0..2 {
        let refused = deposit(channel.clone(), 10).await.expect_err("refused");
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(
            refused.message().contains("speaks TLS only: give --certs-dir"),
            "{refused:?}"
        );
    }
    let mut operator = OperatorServiceClient::new(channel);
    let refused = operator.get_status(v1::GetStatusRequest {}).await.expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied);

    let secret = SecretSource::Given {
        secret: bank.secret.clone(),
        from: "a test".to_owned(),
    };
    let without = Daemon::start(|data| config(1, None, secret, data)).await;
    for me in [Party::Operator, Party::Branch(BranchIdentity { branch: 2, replica: 7 })] {
        let connector = Connector {
            address: without.address.clone(),
            me,
            ..bank.connector(1, &bank.certs.of_branch(2))
        };
        let refused = connector.dial().await.expect_err("refused");
        let told = format!("branch 1 at {}", without.address);
        assert!(refused.is_refusal() && refused.to_string().contains(&told), "{refused}");
    }
}

/// Customers who deposit without a pause, some on an open connection and some each time on a new one.
struct Load {
    stop: Arc<AtomicBool>,
    deposits: Arc<AtomicU64>,
    customers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(bank: &Arc<Bank>, teller: &Credentials) -> Self {
        let (stop, deposits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let customer = |branch: u32, always_new: bool| {
            let (bank, teller) = (Arc::clone(bank), teller.clone());
            let (stop, deposits) = (Arc::clone(&stop), Arc::clone(&deposits));
            tokio::spawn(async move {
                let mut channel = bank.channel(branch, &teller).await;
                while !stop.load(Ordering::Relaxed) {
                    if always_new {
                        channel = bank.channel(branch, &teller).await;
                    }
                    deposit(channel.clone(), 1).await.expect("a write does not fail");
                    deposits.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let customers = (1..=3).flat_map(|branch| [customer(branch, false), customer(branch, true)]);
        let customers = customers.collect();
        Self {
            stop,
            deposits,
            customers,
        }
    }

    /// Waits until some more deposits were decided.
    async fn goes_on(&self) {
        let (began, before) = (Instant::now(), self.deposits.load(Ordering::Relaxed));
        while self.deposits.load(Ordering::Relaxed) < before + 20 {
            assert!(began.elapsed() < PATIENCE, "no deposit is decided");
            tokio::task::yield_now().await;
        }
    }

    async fn end(self) -> i64 {
        self.stop.store(true, Ordering::Relaxed);
        for customer in self.customers {
            customer.await.expect("no write failed");
        }
        i64::try_from(self.deposits.load(Ordering::Relaxed)).expect("few")
    }
}

/// Tells this process to look at its certificates.
fn hang_up() {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).expect("sent");
}

#[tokio::test]
async fn renewed_files_and_another_authority_are_taken_up_without_a_failed_call() {
    let bank = Arc::new(Bank::found().await);
    let (certs, dir) = (&bank.certs, &bank.certs.dir);
    let teller = certs.of_client("teller");
    let load = Load::start(&bank, &teller);
    load.goes_on().await;

    // The certificates of all branches are renewed, and each is presented to who connects.
    for branch in 1..=3 {
        let before = presented(&bank, branch, &teller).await;
        dir.renew(&dir.branch(branch).cert, None).expect("renewed");
        hang_up();
        until_presented(&bank, branch, &teller, |serial| serial != before).await;
    }
    load.goes_on().await;

    // A new authority signs beside the old one. Once everyone trusts it, all certificates are renewed. Once everyone uses
    // those, the old authority goes.
    dir.rotate_authority(valid_for(days(100))).expect("a new authority");
    teller.refresh().expect("usable");
    let newcomer = certs.client(Role::Teller, "newcomer", days(1));
    for branch in 1..=3 {
        let began = Instant::now();
        while balance_of(&bank, branch, &newcomer).await.is_err() {
            assert!(
                began.elapsed() < PATIENCE,
                "branch {branch} does not trust the new authority"
            );
            hang_up();
        }
    }
    for client in ["op", "teller"] {
        dir.renew(&dir.client(client).cert, None).expect("renewed");
    }
    teller.refresh().expect("usable");
    for branch in 1..=3 {
        let before = presented(&bank, branch, &teller).await;
        dir.renew(&dir.branch(branch).cert, None).expect("renewed");
        hang_up();
        until_presented(&bank, branch, &teller, |serial| serial != before).await;
    }
    load.goes_on().await;
    dir.drop_old_authority()
        .expect("the old authority is not used any more");
    teller.refresh().expect("usable");
    hang_up();
    load.goes_on().await;

    let deposits = load.end().await;
    let read = balance(bank.channel(1, &teller).await).await;
    assert_eq!(read.expect("a balance"), OPENING_BALANCE + deposits);
}

async fn balance_of(bank: &Bank, branch: u32, credentials: &Credentials) -> Result<i64, String> {
    let connector = bank.connector(branch, credentials);
    let channel = open(connector).await.map_err(|error| error.to_string())?;
    balance(channel).await.map_err(|status| status.to_string())
}

/// The serial number of the certificate that a branch presents.
async fn presented(bank: &Bank, branch: u32, credentials: &Credentials) -> String {
    let expected = Expected {
        bank: Some(bank.certs.bank),
        branch: Some(branch),
        host: "127.0.0.1".to_owned(),
    };
    let stream = TcpStream::connect(bank.address(branch)).await.expect("a connection");
    let connected = bank_tls::connect(credentials, Purpose::Client, &expected, stream).await;
    connected.expect("a connection").peer.serial
}

async fn until_presented(bank: &Bank, branch: u32, credentials: &Credentials, is: impl Fn(&str) -> bool) {
    let began = Instant::now();
    while !is(&presented(bank, branch, credentials).await) {
        assert!(
            began.elapsed() < PATIENCE,
            "branch {branch} presents the old certificate"
        );
    }
}

/// Reads on one connection until that is refused, and returns the refusal.
async fn until_unauthenticated(channel: Channel) -> String {
    let began = Instant::now();
    loop {
        match balance(channel.clone()).await {
            Ok(_) => assert!(began.elapsed() < PATIENCE, "it is still served"),
            Err(refused) => {
                assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
                return refused.message().to_owned();
            }
        }
    }
}

#[tokio::test]
async fn a_connection_whose_certificate_ends_is_refused_on_its_next_call() {
    let bank = Bank::found().await;
    let certs = &bank.certs;
    let dismissed = certs.client(Role::Teller, "dismissed", days(1));
    let channel = bank.channel(1, &dismissed).await;
    balance(channel.clone()).await.expect("served");
    certs.dir.revoke(&certs.dir.client("dismissed").cert).expect("revoked");
    hang_up();
    assert!(until_unauthenticated(channel.clone()).await.contains("was revoked"));
    // The connection ends in a while, so that a long call on it ends too. A new one is refused.
    let began = Instant::now();
    while balance(channel.clone()).await.expect_err("refused").code() == Code::Unauthenticated {
        assert!(began.elapsed() < PATIENCE, "the connection stays open");
    }

    // Long enough to found a connection on a busy machine.
    let temporary = certs.client(Role::Teller, "temporary", Duration::from_secs(5));
    let channel = bank.channel(1, &temporary).await;
    assert!(until_unauthenticated(channel).await.contains("has expired"));
    // Others are served as before.
    balance(bank.channel(1, &certs.of_client("teller")).await)
        .await
        .expect("served");
}

#[tokio::test]
async fn a_branch_with_the_certificate_of_another_does_not_start() {
    let certs = Certs::make(None);
    let data = tempfile::tempdir().expect("a directory");
    let start = async |branch: u32, files: TlsFiles| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let config = config(branch, one_set(files), SecretSource::Nowhere, data.path());
        let refused = daemon::run(config, listener, std::future::ready(())).await;
        match refused {
            Ok(()) => None,
            Err(DaemonError::Open(branchd::BranchError::Certificates(why))) => Some(why),
            Err(other) => panic!("{other}"),
        }
    };
    let other_branch = start(1, certs.dir.of_branch(2)).await;
    assert!(matches!(
        other_branch,
        Some(CertificatesError::OtherOwner { branch: 1, .. })
    ));
    let client = start(1, certs.dir.of_client(Some("op")).expect("the client")).await;
    assert!(matches!(client, Some(CertificatesError::OtherOwner { branch: 1, .. })));
    let file = data.path().join("branch.json");
    assert!(!file.exists(), "nothing is written before the certificate is checked");

    assert!(start(1, certs.dir.of_branch(1)).await.is_none(), "its own certificate");
    // The directory belongs to another bank.
    let text = std::fs::read_to_string(&file).expect("read");
    let other = format!("\"{}\"", Uuid::new_v4());
    std::fs::write(&file, text.replace("null", &other)).expect("written");
    let refused = start(1, certs.dir.of_branch(1)).await;
    assert!(
        matches!(refused, Some(CertificatesError::OtherBank { .. })),
        "{refused:?}"
    );
}
