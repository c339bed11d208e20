//! Tests clients by TLS and with tokens: what is sent, to whom, what is refused, and that a refusal is final.

mod fake;

use std::net::SocketAddr;
use std::time::Duration;

use bank_client::{
    AccountName, Address, Amount, BankFile, Branch, Certainty, Client, ClientOptions, Failure, Level, Operator,
    PendingWrite, Propagation, ReadError, RequestId, Security, Session, SubmitOptions, Token, Write, WriteError,
};
use bank_proto::v1;
use bank_proto::v1::operator_service_server::{OperatorService, OperatorServiceServer};
use fake::tls::{Caller, Certs};
use fake::{Bank, Fault};
use tokio_stream::Iter;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

const TOKEN: &str = "passbook-token-1:c0ffee";
const AS_SENT: &str = "Bearer passbook-token-1:c0ffee";

/// A timeout that is long enough for any machine. No test that passes waits for its end.
const PATIENT: ClientOptions = ClientOptions {
    timeout: Duration::from_secs(30),
    failover: true,
};

fn token() -> Token {
    Token::new(TOKEN).expect("a token")
}

/// A client of a bank at these addresses of branches 1, 2, ...
fn of_bank(id: Uuid, addresses: &[SocketAddr], security: Security) -> Client {
    let branches = (1..).zip(addresses).map(|(branch, address)| Branch {
        branch,
        address: (*address).into(),
    });
    let file = BankFile::new(id, branches.collect()).expect("a bank");
    Client::of_bank(&file, PATIENT).with_security(security)
}

async fn query(client: &Client) -> Result<i64, Failure> {
    let read = client
        .query(Some(1), &mut Session::default(), Level::Eventual, "main")
        .await;
    match read {
        Ok(reply) => Ok(reply.value),
        Err(ReadError::Failed { cause, attempts }) => {
            assert_eq!(attempts, 1, "{cause}");
            Err(cause)
        }
        Err(error) => panic!("{error}"),
    }
}

fn deposit() -> Write {
    Write::Deposit {
        account: AccountName::main(),
        amount: Amount::new(5).expect("an amount"),
    }
}

/// Makes a call of every kind: unary, a stream of answers, a stream of writes.
async fn call_all(client: &Client) {
    let mut session = Session::default();
    let write = PendingWrite::new(deposit(), Propagation::Quorum);
    client.write(Some(1), &mut session, write).await.expect("done");
    client
        .query(Some(1), &mut session, Level::Session, "main")
        .await
        .expect("read");
    client
        .accounts(Some(1), &mut session, Level::Session, "", 0)
        .await
        .expect("a page");
    let mut statement = client
        .statement(Some(1), &mut session, Level::Session, "main", 0)
        .await
        .expect("read");
    assert!(statement.value.next().await.expect("an entry").is_some());
    let mut stream = client
        .submit(Some(1), &session, SubmitOptions::default())
        .expect("a stream");
    stream.add(RequestId::from(Uuid::now_v7()), deposit());
    while stream.next(&mut session).await.expect("outcomes").is_some() {}
}

#[tokio::test]
async fn every_call_goes_by_tls_with_the_certificate() {
    let bank = Bank::new(0);
    let certs = Certs::new(bank.id);
    let address = bank.start_tls(1, certs.branch(1));
    call_all(&of_bank(bank.id, &[address], certs.client("ann"))).await;
    let calls = bank.calls();
    assert_eq!(calls.len(), 5);
    for call in &calls {
        assert_eq!(call.client.as_deref(), Some("customer ann"), "{call:?}");
        assert_eq!(call.authorization, None);
    }
    assert_eq!(bank.balance("main"), 10);
}

#[tokio::test]
async fn every_call_carries_the_token_by_tls_or_on_this_host() {
    let bank = Bank::new(0);
    let certs = Certs::new(bank.id);
    let by_tls = certs.nobody().with_token(token());
    call_all(&of_bank(bank.id, &[bank.start_tls(1, certs.branch(1))], by_tls)).await;
    let plain = Security::default().with_token(token());
    call_all(&of_bank(bank.id, &[bank.start(1)], plain)).await;
    let calls = bank.calls();
    assert_eq!(calls.len(), 10);
    for call in &calls {
        assert_eq!(call.authorization.as_deref(), Some(AS_SENT), "{call:?}");
        assert_eq!(call.client, None);
    }
}

#[tokio::test]
async fn a_token_stays_here_if_the_connection_is_open_to_others() {
    let id = Uuid::now_v7();
    // Nobody listens there, and nothing is sent.
    let address: Address = "192.0.2.1:50001".parse().expect("an address");
    let file = BankFile::new(
        id,
        vec![Branch {
            branch: 1,
            address: address.clone(),
        }],
    )
    .expect("a bank");
    let client = Client::of_bank(&file, PATIENT).with_security(Security::default().with_token(token()));
    let kept = query(&client).await.expect_err("kept");
    assert!(matches!(kept, Failure::TokenKept { .. }), "{kept:?}");
    let said = kept.to_string();
    assert!(said.contains("--certs-dir") && !said.contains("c0ffee"), "{said}");
    let write = PendingWrite::new(deposit(), Propagation::Quorum);
    let error = client
        .write(None, &mut Session::default(), write)
        .await
        .expect_err("kept");
    assert_eq!((error.certainty(), error.attempts()), (Certainty::NotApplied, 1));
    let operator = Operator::at(address, PATIENT.timeout).with_security(Security::default().with_token(token()));
    let secret = bank_auth::Secret::random().expect("randomness");
    for operator in [operator.clone(), operator.with_secret(secret)] {
        let kept = operator.status().await.expect_err("kept").cause;
        assert!(matches!(kept, Failure::TokenKept { .. }), "{kept:?}");
    }
}

/// Each of these is final, nothing reaches a branch, and the message says what is wrong.
#[tokio::test]
async fn who_is_not_trusted_gets_nothing() {
    let bank = Bank::new(0);
    let (certs, strangers) = (Certs::new(bank.id), Certs::new(bank.id));
    let other_bank = Certs::new(Uuid::new_v4());
    let (tls, plain) = (bank.start_tls(1, certs.branch(1)), bank.start(1));
    let second = bank.start_tls(1, certs.branch(2));
    let ann = || certs.client("ann");
    for (what, id, address, security, expected) in [
        (
            "another authority",
            bank.id,
            tls,
            strangers.client("ann"),
            "an authority that is not trusted here",
        ),
        ("no TLS there", bank.id, plain, ann(), "does not speak TLS"),
        (
            "branch 2 in the place of 1",
            bank.id,
            second,
            ann(),
            "is of branch 2, not branch 1",
        ),
        (
            "another bank",
            other_bank_id(),
            tls,
            certs.nobody(),
            "is of another bank",
        ),
        (
            "another bank's branch",
            bank.id,
            tls,
            other_bank.nobody(),
            "not trusted here",
        ),
    ] {
        let failure = query(&of_bank(id, &[address], security)).await.expect_err(what);
        let said = failure.to_string();
        assert!(
            matches!(failure, Failure::NotTrusted { .. }) && said.contains(expected),
            "{what}: {failure:?}"
        );
        assert!(said.starts_with("branch 1 (127.0.0.1:"), "{said}");
    }
    assert_eq!(bank.calls(), []);
    assert_eq!(query(&of_bank(bank.id, &[tls], ann())).await.expect("trusted"), 0);
}

fn other_bank_id() -> Uuid {
    Uuid::from_u128(9)
}

/// In TLS 1.3 the branch looks at the certificate of the client after the client is done. Nothing was sent until then, so
/// that a write is certainly not applied.
#[tokio::test]
async fn a_revoked_client_hears_so_before_it_sends_a_write() {
    let bank = Bank::new(0);
    let certs = Certs::new(bank.id);
    let ann = certs.client("ann");
    certs.certs.revoke(&certs.certs.client("ann").cert).expect("revoked");
    let client = of_bank(bank.id, &[bank.start_tls(1, certs.branch(1))], ann);
    let write = PendingWrite::new(deposit(), Propagation::Quorum);
    let error = client
        .write(Some(1), &mut Session::default(), write)
        .await
        .expect_err("refused");
    assert!(
        matches!(&error, WriteError::NotApplied { cause: Failure::NotTrusted { reason, .. }, attempts: 1, .. }
            if reason.contains("was revoked")),
        "{error:?}"
    );
    assert_eq!(bank.calls(), []);
}

#[tokio::test]
async fn an_address_is_enough_if_the_certificate_is_valid_for_the_host() {
    let bank = Bank::new(7);
    let certs = Certs::new(bank.id);
    let address = bank.start_tls(3, certs.branch(3));
    for security in [certs.client("ann"), certs.nobody()] {
        let client = Client::at(address.into(), PATIENT).with_security(security);
        let read = client
            .query(None, &mut Session::default(), Level::Eventual, "main")
            .await;
        assert_eq!(read.expect("read").value, 7);
    }
}

#[tokio::test]
async fn a_denied_call_is_final_and_no_other_branch_is_asked() {
    let bank = Bank::new(0);
    let client = of_bank(bank.id, &[bank.start(1), bank.start(2)], Security::default());
    for code in [Code::PermissionDenied, Code::Unauthenticated] {
        bank.fault(
            1,
            [
                Fault::Fail(code, Some("not-applied")),
                Fault::Fail(code, Some("not-applied")),
            ],
        );
        let denied = query(&client).await.expect_err("denied");
        assert!(matches!(denied, Failure::Denied { .. }), "{denied:?}");
        assert_eq!(denied.branch_message(), Some("told to fail"));
        let write = PendingWrite::new(deposit(), Propagation::Quorum);
        let error = client
            .write(Some(1), &mut Session::default(), write)
            .await
            .expect_err("denied");
        assert_eq!((error.certainty(), error.attempts()), (Certainty::NotApplied, 1));
    }
    assert!(bank.calls().iter().all(|call| call.branch == 1));
}

/// After a denied call by TLS, the next one has a new connection, with the certificate that is in the files then.
#[tokio::test]
async fn a_renewed_certificate_is_taken_after_a_denial() {
    let bank = Bank::new(0);
    let certs = Certs::new(bank.id);
    let client = of_bank(bank.id, &[bank.start_tls(1, certs.branch(1))], certs.client("ann"));
    query(&client).await.expect("read");
    bank.fault(1, [Fault::Fail(Code::Unauthenticated, None)]);
    query(&client).await.expect_err("denied");
    query(&client).await.expect("read");
    let connections: Vec<_> = bank.calls().iter().map(|call| call.connection).collect();
    assert!(
        connections[0] == connections[1] && connections[1] != connections[2],
        "{connections:?}"
    );
}

/// A branch that tells the caller of `GetStatus` in its answer.
struct Telling;

#[tonic::async_trait]
impl OperatorService for Telling {
    async fn get_status(&self, call: Request<v1::GetStatusRequest>) -> Result<Response<v1::GetStatusResponse>, Status> {
        let caller = call.extensions().get::<Caller>().and_then(|caller| caller.name.clone());
        let token = call
            .metadata()
            .get("authorization")
            .map(|sent| sent.to_str().unwrap_or_default());
        let said = format!("{} {}", caller.unwrap_or_default(), token.unwrap_or_default());
        Ok(Response::new(v1::GetStatusResponse {
            branch: 1,
            role: v1::Role::Learner.into(),
            version: said,
            ..v1::GetStatusResponse::default()
        }))
    }

    async fn init(&self, _: Request<v1::InitRequest>) -> Result<Response<v1::InitResponse>, Status> {
        Err(Status::permission_denied("an operator may"))
    }

    async fn join(&self, _: Request<v1::JoinRequest>) -> Result<Response<v1::JoinResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn promote(&self, _: Request<v1::PromoteRequest>) -> Result<Response<v1::PromoteResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn remove(&self, _: Request<v1::RemoveRequest>) -> Result<Response<v1::RemoveResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    type ReadJournalStream = Iter<std::vec::IntoIter<Result<v1::ReadJournalResponse, Status>>>;

    async fn read_journal(
        &self,
        _: Request<v1::ReadJournalRequest>,
    ) -> Result<Response<Self::ReadJournalStream>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tokio::test]
async fn an_operator_proves_itself_by_certificate_or_token() {
    let id = Uuid::now_v7();
    let certs = Certs::new(id);
    let (listener, address) = fake::tls::port();
    let incoming = fake::tls::incoming(listener, certs.branch(1));
    let served = tonic::transport::Server::builder().serve_with_incoming(OperatorServiceServer::new(Telling), incoming);
    tokio::spawn(served);
    let operator = |security| Operator::at(address.into(), PATIENT.timeout).with_security(security);
    let secret = bank_auth::Secret::random().expect("randomness");
    // The certificate counts before the secret.
    let ops = operator(certs.client("ops")).with_secret(secret);
    assert_eq!(ops.status().await.expect("a status").version, "operator ops ");
    let ops = operator(certs.nobody().with_token(token())).expecting(Some(id), Some(1));
    assert_eq!(ops.status().await.expect("a status").version, format!(" {AS_SENT}"));
    let wrong = operator(certs.nobody()).expecting(Some(id), Some(2));
    let wrong = wrong.status().await.expect_err("another branch").cause;
    assert!(matches!(wrong, Failure::NotTrusted { .. }), "{wrong:?}");
    let denied = operator(certs.client("ann"))
        .init(&[], 0, 0)
        .await
        .expect_err("denied")
        .cause;
    assert!(matches!(denied, Failure::Denied { .. }), "{denied:?}");
}
