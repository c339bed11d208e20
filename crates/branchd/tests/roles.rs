//! Clients of every role, and clients without one, at whole branches in this process: every call by everyone.

// Each file of tests uses another part of it.
#[allow(dead_code)]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bank_auth::{Party, Role, Token};
use bank_client::operator::BranchStatus;
use bank_proto::metadata::{FATE, NOT_APPLIED};
use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use bank_proto::v1::branch_service_client::BranchServiceClient;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use bank_proto::v1::submit_request::Part;
use bank_proto::v1::submit_write::{Action, Move};
use bank_tls::{Connector, Proof};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use uuid::Uuid;

use support::{Bank, Daemon, OPENING_BALANCE, PATIENCE, Setup};

/// A bank whose clients prove who they are by the tokens in the file.
fn setup(token_file: PathBuf) -> Setup {
    Setup {
        secret: bank_auth::Secret::random().expect("randomness"),
        hand_over: true,
        two_listeners: false,
        token_file: Some(token_file),
    }
}

/// A file of tokens, written as the format says.
struct TokenFile {
    directory: TempDir,
    tokens: Vec<serde_json::Value>,
}

impl TokenFile {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            tokens: Vec::new(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("tokens.json")
    }

    fn add(&mut self, role: Role, name: &str, accounts: &[&str], expires: &str) -> Authorization {
        let token = Token::random().expect("randomness");
        self.tokens.push(json!({
            "id": token.id().to_string(),
            "hash": token.hash().to_string(),
            "role": role.word(),
            "name": name,
            "accounts": accounts,
            "created": "2026-11-23T03:05:12Z",
            "expires": expires,
        }));
        self.save();
        Authorization(Some(format!("Bearer {}", token.to_text())))
    }

    /// Replaces the file, as `branchd token` does.
    fn save(&self) {
        let new = self.directory.path().join("new");
        fs::write(&new, json!({ "format": 1, "tokens": self.tokens }).to_string()).expect("written");
        set_mode(&new, 0o600);
        fs::rename(new, self.path()).expect("replaced");
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
}

/// Puts a token on each call.
#[derive(Clone)]
struct Authorization(Option<String>);

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(text) = &self.0 {
            let text = text.parse().expect("ASCII");
            request.metadata_mut().insert("authorization", text);
        }
        Ok(request)
    }
}

type Line = InterceptedService<Channel, Authorization>;

fn line(daemon: &Daemon, by: &Authorization) -> Line {
    let endpoint = Endpoint::from_shared(format!("http://{}", daemon.address)).expect("an address");
    InterceptedService::new(endpoint.connect_lazy(), by.clone())
}

/// A connection of an operator who has the secret of the bank.
fn keeper(bank: &Bank, daemon: &Daemon) -> Line {
    let endpoint = Endpoint::from_shared(format!("http://{}", daemon.address)).expect("an address");
    let channel = endpoint.connect_with_connector_lazy(Connector {
        address: daemon.address.to_string(),
        branch: 0,
        bank: None,
        me: Party::Operator,
        proof: Proof::Secret(bank.setup.secret.clone()),
        connect_timeout: PATIENCE,
        observer: None,
    });
    InterceptedService::new(channel, Authorization(None))
}

fn options() -> Option<v1::WriteOptions> {
    Some(v1::WriteOptions {
        request_id: Uuid::now_v7().to_string(),
        ..Default::default()
    })
}

fn write(account: &str) -> v1::SubmitWrite {
    v1::SubmitWrite {
        request_id: Uuid::now_v7().as_bytes().to_vec(),
        action: Some(Action::Deposit(Move {
            account: account.to_owned(),
            amount: 1,
        })),
    }
}

fn stream(messages: impl IntoIterator<Item = Vec<v1::SubmitWrite>>) -> Vec<v1::SubmitRequest> {
    let begin = Part::Begin(v1::SubmitBegin {
        window: 100,
        ..Default::default()
    });
    let writes = messages
        .into_iter()
        .map(|writes| Part::Writes(v1::SubmitWrites { writes }));
    let parts = std::iter::once(begin).chain(writes);
    parts.map(|part| v1::SubmitRequest { part: Some(part) }).collect()
}

/// The number of outcomes of a stream, and how it ends.
async fn submit(line: Line, messages: Vec<v1::SubmitRequest>) -> (usize, Result<(), Status>) {
    let begun = BankServiceClient::new(line).submit(tokio_stream::iter(messages)).await;
    let mut answers = match begun {
        Ok(answers) => answers.into_inner(),
        Err(status) => return (0, Err(status)),
    };
    let mut outcomes = 0;
    loop {
        match timeout(PATIENCE, answers.message()).await.expect("in time") {
            Ok(Some(message)) => {
                if let Some(v1::submit_response::Part::Outcomes(more)) = message.part {
                    outcomes += more.outcomes.len();
                }
            }
            Ok(None) => return (outcomes, Ok(())),
            Err(status) => return (outcomes, Err(status)),
        }
    }
}

/// Calls of every service. Those that an allowed caller makes with success concern the account of alice. Those that would
/// change the bank are malformed, so that an allowed caller hears INVALID_ARGUMENT.
const CALLS: [&str; 21] = [
    "Query",
    "ReadStatement",
    "ListAccounts",
    "Deposit",
    "Withdraw",
    "Transfer",
    "OpenAccount",
    "Submit",
    "GetStatus",
    "ReadJournal",
    "Init",
    "Join",
    "Promote",
    "Remove",
    "Vote",
    "PreVote",
    "Append",
    "Forward",
    "InstallSnapshot",
    "ReadIndex",
    "ChangeMembers",
];

async fn call(line: Line, name: &str) -> Result<(), Status> {
    let mut bank = BankServiceClient::new(line.clone());
    let mut operator = OperatorServiceClient::new(line.clone());
    let mut branch = BranchServiceClient::new(line.clone());
    let account = || "alice".to_owned();
    match name {
        "Query" => {
            let request = v1::QueryRequest {
                options: None,
                account: account(),
            };
            bank.query(request).await.map(drop)
        }
        "ReadStatement" => {
            let request = v1::ReadStatementRequest {
                account: account(),
                ..Default::default()
            };
            bank.read_statement(request).await.map(drop)
        }
        "ListAccounts" => bank.list_accounts(v1::ListAccountsRequest::default()).await.map(drop),
        "Deposit" => {
            let request = v1::DepositRequest {
                options: options(),
                account: account(),
                amount: 1,
            };
            bank.deposit(request).await.map(drop)
        }
        "Withdraw" => {
            let request = v1::WithdrawRequest {
                options: options(),
                account: account(),
                amount: 1,
            };
            bank.withdraw(request).await.map(drop)
        }
        "Transfer" => {
            let request = v1::TransferRequest {
                options: options(),
                from_account: account(),
                to_account: "bob".to_owned(),
                amount: 1,
            };
            bank.transfer(request).await.map(drop)
        }
        "OpenAccount" => {
            let request = v1::OpenAccountRequest {
                options: options(),
                account: account(),
            };
            bank.open_account(request).await.map(drop)
        }
        "Submit" => submit(line, stream([vec![write("alice")]])).await.1,
        "GetStatus" => operator.get_status(v1::GetStatusRequest {}).await.map(drop),
        "ReadJournal" => operator.read_journal(v1::ReadJournalRequest::default()).await.map(drop),
        "Init" => operator.init(v1::InitRequest::default()).await.map(drop),
        "Join" => operator.join(v1::JoinRequest::default()).await.map(drop),
        "Promote" => operator.promote(v1::PromoteRequest::default()).await.map(drop),
        "Remove" => operator.remove(v1::RemoveRequest::default()).await.map(drop),
        "Vote" => branch.vote(v1::VoteRequest::default()).await.map(drop),
        "PreVote" => branch.pre_vote(v1::PreVoteRequest::default()).await.map(drop),
        "Append" => branch.append(tokio_stream::empty()).await.map(drop),
        "Forward" => branch.forward(v1::ForwardRequest::default()).await.map(drop),
        "InstallSnapshot" => branch.install_snapshot(tokio_stream::empty()).await.map(drop),
        "ReadIndex" => branch.read_index(v1::ReadIndexRequest::default()).await.map(drop),
        "ChangeMembers" => branch
            .change_members(v1::ChangeMembersRequest::default())
            .await
            .map(drop),
        other => panic!("{other} is not in the list"),
    }
}

/// What must not move by a call that is denied.
fn state(status: &BranchStatus) -> impl PartialEq + std::fmt::Debug + use<> {
    let voters = status.voters();
    (
        status.term,
        status.leader,
        status.position,
        status.digest.clone(),
        voters,
    )
}

#[tokio::test]
async fn every_call_by_everyone() {
    let mut file = TokenFile::new();
    let nobody = Authorization(None);
    let alice = file.add(Role::Customer, "alice", &["alice"], "never");
    let bob = file.add(Role::Customer, "bob", &["bob"], "never");
    let teller = file.add(Role::Teller, "tom", &[], "never");
    let auditor = file.add(Role::Auditor, "ada", &[], "2126-01-01T00:00:00Z");
    let operator = file.add(Role::Operator, "otto", &[], "never");
    let expired = file.add(Role::Teller, "old", &[], "2026-11-23T03:05:13Z");
    let revoked = file.add(Role::Teller, "gone", &[], "never");
    file.tokens.pop();
    file.save();
    let unknown = Authorization(Some(format!(
        "Bearer {}",
        Token::random().expect("randomness").to_text()
    )));
    let malformed = Authorization(Some("Basic YWxpY2U6".to_owned()));

    let bank = Bank::found_with(setup(file.path())).await;
    let daemon = &bank.daemons[0];
    for account in ["alice", "bob"] {
        let request = v1::OpenAccountRequest {
            options: options(),
            account: account.to_owned(),
        };
        let opened = BankServiceClient::new(line(daemon, &teller))
            .open_account(request)
            .await;
        opened.expect("opened");
    }
    let lines = [
        line(daemon, &nobody),
        line(daemon, &malformed),
        line(daemon, &unknown),
        line(daemon, &revoked),
        line(daemon, &expired),
        line(daemon, &bob),
        line(daemon, &alice),
        line(daemon, &teller),
        line(daemon, &auditor),
        line(daemon, &operator),
        keeper(&bank, daemon),
    ];
    let mut denied = 0;
    let mut table =
        String::from("nobody, malformed, unknown, revoked, expired; bob, alice, teller, auditor, operator, secret\n");
    for name in CALLS {
        table.push_str(&format!("{name:<15} "));
        for (column, by) in lines.iter().enumerate() {
            let before = daemon.status().await;
            let status = call(by.clone(), name).await.err();
            let code = status.as_ref().map_or(Code::Ok, Status::code);
            let letter = match code {
                Code::Unauthenticated => 'u',
                Code::PermissionDenied => 'd',
                Code::Ok | Code::InvalidArgument => '+',
                other => panic!("{name}, column {column}: {other:?} {status:?}"),
            };
            if let Some(status) = status.filter(|_| letter != '+') {
                denied += 1;
                let fate = status.metadata().get(FATE).expect("a fate");
                assert_eq!(fate, NOT_APPLIED, "{name}, column {column}");
                assert_eq!(state(&daemon.status().await), state(&before), "{name}, column {column}");
            }
            table.push(letter);
            if column == 4 {
                table.push(' ');
            }
        }
        table.push('\n');
    }
    let expected = "\
nobody, malformed, unknown, revoked, expired; bob, alice, teller, auditor, operator, secret
Query           uuuuu d+++d+
ReadStatement   uuuuu d+++d+
ListAccounts    uuuuu dd++d+
Deposit         uuuuu d++dd+
Withdraw        uuuuu d++dd+
Transfer        uuuuu d++dd+
OpenAccount     uuuuu d++dd+
Submit          uuuuu d++dd+
GetStatus       uuuuu ddd+++
ReadJournal     uuuuu ddd+++
Init            uuuuu dddd++
Join            uuuuu dddd++
Promote         uuuuu dddd++
Remove          uuuuu dddd++
Vote            duuuu dddddd
PreVote         duuuu dddddd
Append          duuuu dddddd
Forward         duuuu dddddd
InstallSnapshot duuuu dddddd
ReadIndex       duuuu dddddd
ChangeMembers   duuuu dddddd
";
    assert_eq!(table, expected, "\n{table}");
    let status = daemon.status().await;
    assert!(status.identities_required);
    assert_eq!(
        status.denied_calls.values().sum::<u64>(),
        denied,
        "{:?}",
        status.denied_calls
    );
    let reasons: Vec<&str> = status.denied_calls.keys().map(String::as_str).collect();
    let expected = [
        "account",
        "branches-only",
        "expired-token",
        "no-identity",
        "role",
        "unknown-token",
    ];
    assert_eq!(reasons, expected);
}

async fn balance(daemon: &Daemon, by: &Authorization, account: &str) -> i64 {
    let request = v1::QueryRequest {
        options: Some(v1::ReadOptions {
            linearizable: true,
            ..Default::default()
        }),
        account: account.to_owned(),
    };
    let read = BankServiceClient::new(line(daemon, by)).query(request).await;
    read.expect("a balance").into_inner().balance
}

#[tokio::test]
async fn a_write_is_checked_by_the_branch_that_takes_it_and_before_its_request_id() {
    let mut file = TokenFile::new();
    let owner = file.add(Role::Customer, "owner", &["main"], "never");
    let other = file.add(Role::Customer, "other", &["other"], "never");
    let bank = Bank::found_with(setup(file.path())).await;
    let deposit = |at: usize, by: &Authorization, options: Option<v1::WriteOptions>| {
        let request = v1::DepositRequest {
            options,
            account: "main".to_owned(),
            amount: 1,
        };
        let mut client = BankServiceClient::new(line(&bank.daemons[at], by));
        async move { client.deposit(request).await }
    };
    // Two of the branches forward the write to a third.
    for at in 0..3 {
        deposit(at, &owner, options()).await.expect("decided");
        let denied = deposit(at, &other, options()).await.expect_err("denied");
        assert_eq!(denied.message(), "the account main is not yours: a teller may do this");
    }
    let known = options();
    deposit(0, &owner, known.clone()).await.expect("decided");
    let again = deposit(1, &owner, known.clone()).await.expect("decided").into_inner();
    assert!(again.result.expect("a result").repeated);
    let known = deposit(1, &other, known).await.expect_err("denied");
    let new = deposit(1, &other, options()).await.expect_err("denied");
    assert_eq!((known.code(), known.message()), (new.code(), new.message()));
    assert_eq!(balance(&bank.daemons[2], &owner, "main").await, OPENING_BALANCE + 4);
}

#[tokio::test]
async fn a_stream_ends_at_a_message_with_a_write_to_an_account_of_another() {
    let mut file = TokenFile::new();
    let owner = file.add(Role::Customer, "owner", &["main"], "never");
    let bank = Bank::found_with(setup(file.path())).await;
    let daemon = &bank.daemons[0];
    let mut malformed = write("main");
    malformed.request_id.pop();
    // (messages, outcomes, code, text)
    let table = [
        (
            stream([vec![write("rent")]]),
            0,
            Code::PermissionDenied,
            "the account rent is not yours: a teller may do this",
        ),
        (
            // Neither the write before the denied one in its message is submitted, nor those after it.
            stream([
                vec![write("main"), write("main")],
                vec![write("main"), write("rent"), write("main")],
                vec![write("main")],
            ]),
            2,
            Code::PermissionDenied,
            "the account rent",
        ),
        (
            stream([vec![write("main"), malformed, write("rent")]]),
            1,
            Code::InvalidArgument,
            "write 2 of the stream",
        ),
    ];
    let mut expected = OPENING_BALANCE;
    for (messages, outcomes, code, text) in table {
        let (decided, ended) = submit(line(daemon, &owner), messages).await;
        let status = ended.expect_err(text);
        assert_eq!((decided, status.code()), (outcomes, code), "{status:?}");
        assert!(status.message().contains(text), "{status:?}");
        assert_eq!(status.metadata().get(FATE).expect("a fate"), NOT_APPLIED);
        expected += i64::try_from(outcomes).expect("a few");
        assert_eq!(balance(daemon, &owner, "main").await, expected);
    }
}

#[tokio::test]
async fn a_running_branch_takes_up_a_changed_file_and_keeps_the_tokens_of_a_broken_one() {
    let mut file = TokenFile::new();
    let first = file.add(Role::Teller, "first", &[], "never");
    let bank = Bank::found_with(setup(file.path())).await;
    let daemon = &bank.daemons[0];
    let becomes = async |by: &Authorization, code: Code| {
        let began = Instant::now();
        loop {
            let found = call(line(daemon, by), "ListAccounts").await.err();
            if found.as_ref().map_or(Code::Ok, Status::code) == code {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{code:?} never came: {found:?}");
        }
    };
    becomes(&first, Code::Ok).await;
    // The second token comes, and the first one goes with the next file.
    let second = file.add(Role::Teller, "second", &[], "never");
    becomes(&second, Code::Ok).await;
    becomes(&first, Code::Ok).await;
    file.tokens.remove(0);
    file.save();
    let told = becomes(&first, Code::Unauthenticated).await.expect("a status");
    assert!(told.message().contains("it may be revoked"), "{told:?}");
    // A file that cannot be used changes nothing. The next good one is taken up.
    fs::write(file.path(), "{").expect("written");
    let third = file.tokens.clone();
    becomes(&second, Code::Ok).await;
    file.tokens = third;
    let third = file.add(Role::Teller, "third", &[], "never");
    becomes(&third, Code::Ok).await;
}

#[tokio::test]
async fn a_branch_does_not_start_without_its_file_of_tokens() {
    let mut file = TokenFile::new();
    for content in [None, Some("{")] {
        if let Some(content) = content {
            fs::write(file.path(), content).expect("written");
            set_mode(&file.path(), 0o600);
        }
        let refused = Daemon::start(1, &setup(file.path()))
            .await
            .ended()
            .await
            .expect_err("refused");
        assert!(refused.to_string().contains("tokens.json"), "{refused}");
    }
    file.add(Role::Teller, "tom", &[], "never");
    set_mode(&file.path(), 0o644);
    let refused = Daemon::start(1, &setup(file.path()))
        .await
        .ended()
        .await
        .expect_err("refused");
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
}
