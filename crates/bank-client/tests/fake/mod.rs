//! A bank of branches that share one set of books in memory, for tests: each branch can be told to fail, hang or lie at
//! its next calls, and every call is recorded. It is no bank to keep money in.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod tls;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};

use bank_proto::v1::bank_service_server::{BankService, BankServiceServer};
use bank_proto::v1::{self, write_result};
use bank_tls::Credentials;
use tokio::sync::Notify;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Code, Request, Response, Status, Streaming};
use uuid::Uuid;

/// What a branch does at one call instead of its duty.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Fails, with this certainty, and has applied nothing.
    Fail(Code, Option<&'static str>),
    /// Applies the write, then fails with this code and no certainty.
    FailAfter(Code),
    /// Never answers. `true`: a write is applied all the same.
    Hang(bool),
    /// A read ends at its deadline, at this position.
    Behind { position: u64, needed: u64 },
    /// Answers with this position, whatever is right.
    Position(u64),
    /// Answers as this bank.
    Bank(Uuid),
    /// Answers without a stamp or result.
    Empty,
    /// These branches have not confirmed the write.
    Missing(Vec<u32>),
}

/// A call as a branch saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub branch: u32,
    /// `query main`, `deposit main 100`, …
    pub what: String,
    /// Of a write.
    pub request_id: String,
    pub bank_id: String,
    /// Of a read.
    pub min_position: u64,
    pub linearizable: bool,
    pub propagation: i32,
    pub has_deadline: bool,
    /// The header with a token.
    pub authorization: Option<String>,
    /// The owner of the client's certificate.
    pub client: Option<String>,
    /// Number of the connection by TLS.
    pub connection: u64,
}

#[derive(Default)]
struct State {
    position: u64,
    balances: BTreeMap<String, i64>,
    entries: Vec<(String, v1::Entry)>,
    decided: HashMap<String, (String, v1::WriteResult)>,
    faults: HashMap<u32, VecDeque<Fault>>,
    calls: Vec<Call>,
    /// Reads wait for the position that they need, as they do at a branch; otherwise they fail at once.
    reads_wait: bool,
}

#[derive(Clone)]
pub struct Bank {
    pub id: Uuid,
    state: Arc<Mutex<State>>,
    moved: Arc<Notify>,
}

struct Branch {
    number: u32,
    bank: Bank,
}

impl Bank {
    /// A bank whose `main` holds `opening`, at position 1.
    pub fn new(opening: i64) -> Self {
        let balances = BTreeMap::from([("main".to_owned(), opening)]);
        let state = State {
            position: 1,
            balances,
            ..State::default()
        };
        Self {
            id: Uuid::now_v7(),
            state: Arc::new(Mutex::new(state)),
            moved: Arc::default(),
        }
    }

    /// Reads wait, from now on, for the position that they need; without a deadline.
    pub fn let_reads_wait(&self) {
        self.state().reads_wait = true;
    }

    /// So many deposits of 1 to `main`, all of them applied at once.
    pub fn deposit(&self, count: usize) {
        let mut state = self.state();
        for _ in 0..count {
            let id = Uuid::now_v7().to_string();
            state.write(self.id, 1, &id, "deposit main 1").unwrap();
        }
        self.moved.notify_waiters();
    }

    /// Serves a branch for as long as the test process lives, and says where.
    pub fn start(&self, number: u32) -> SocketAddr {
        self.serve(number, None)
    }

    /// The same by TLS only, with these certificates.
    pub fn start_tls(&self, number: u32, credentials: Credentials) -> SocketAddr {
        self.serve(number, Some(credentials))
    }

    fn serve(&self, number: u32, credentials: Option<Credentials>) -> SocketAddr {
        let (listener, address) = tls::port();
        let service = BankServiceServer::new(Branch {
            number,
            bank: self.clone(),
        });
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let server = tonic::transport::Server::builder();
                let served = match credentials {
                    Some(credentials) => {
                        let incoming = tls::incoming(listener, credentials);
                        server.serve_with_incoming(service, incoming).await
                    }
                    None => {
                        let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
                        server.serve_with_incoming(service, incoming).await
                    }
                };
                served.unwrap();
            });
        });
        address
    }

    /// What the branch does at its next calls, one each.
    pub fn fault(&self, branch: u32, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.entry(branch).or_default().extend(faults);
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    pub fn balance(&self, account: &str) -> i64 {
        self.state().balances[account]
    }

    /// As if others had written so much.
    pub fn advance(&self, position: u64) {
        self.state().position = position;
        self.moved.notify_waiters();
    }

    fn check(&self, bank_id: &str) -> Result<(), Status> {
        if bank_id.is_empty() || bank_id == self.id.to_string() {
            return Ok(());
        }
        let mut status = Status::failed_precondition(format!("this is bank {}, not {bank_id}", self.id));
        status
            .metadata_mut()
            .insert("bank-fate", "not-applied".parse().unwrap());
        Err(status)
    }

    /// Serves a stream of writes, each message as one group. A fault comes at the second message of writes.
    async fn submitted(
        &self,
        branch: u32,
        mut fault: Option<Fault>,
        requests: &mut Streaming<v1::SubmitRequest>,
        responses: &tokio::sync::mpsc::Sender<Result<v1::SubmitResponse, Status>>,
    ) -> Result<(), Status> {
        use v1::submit_request::Part;
        let mut groups = 0;
        while let Some(request) = requests.message().await? {
            let part = match request.part.unwrap() {
                Part::Begin(begin) => {
                    self.check(&begin.bank_id)?;
                    v1::submit_response::Part::Begun(v1::SubmitBegun {
                        bank_id: self.id.to_string(),
                        branch,
                        window: begin.window.min(100),
                    })
                }
                Part::Writes(writes) => {
                    groups += 1;
                    let fault = fault.take_if(|_| groups == 2);
                    if let Some(Fault::Fail(code, certainty)) = fault {
                        return Err(failed(code, certainty));
                    }
                    let outcomes = writes.writes.into_iter().map(|write| self.streamed(branch, write));
                    let outcomes = outcomes.collect();
                    self.moved.notify_waiters();
                    match fault {
                        Some(Fault::FailAfter(code)) => return Err(failed(code, None)),
                        Some(Fault::Hang(_)) => std::future::pending().await,
                        _ => {}
                    }
                    v1::submit_response::Part::Outcomes(v1::SubmitOutcomes {
                        outcomes,
                        missing_branches: Vec::new(),
                    })
                }
            };
            let response = v1::SubmitResponse { part: Some(part) };
            if responses.send(Ok(response)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn streamed(&self, branch: u32, write: v1::SubmitWrite) -> v1::SubmitOutcome {
        use v1::submit_write::Action;
        let what = match write.action.unwrap() {
            Action::Deposit(paid) => format!("deposit {} {}", paid.account, paid.amount),
            Action::Withdraw(taken) => format!("withdraw {} {}", taken.account, taken.amount),
            Action::Transfer(moved) => format!("transfer {} {} {}", moved.from_account, moved.to_account, moved.amount),
            Action::Open(open) => format!("open {}", open.account),
        };
        let id = Uuid::from_slice(&write.request_id).unwrap().to_string();
        match self.state().write(self.id, branch, &id, &what) {
            Ok(result) => v1::SubmitOutcome {
                position: result.position,
                repeated: result.repeated,
                result: result.outcome.map(|outcome| match outcome {
                    write_result::Outcome::Accepted(accepted) => v1::submit_outcome::Result::Accepted(accepted),
                    write_result::Outcome::Refused(refused) => v1::submit_outcome::Result::Refused(refused),
                }),
            },
            Err(_) => v1::SubmitOutcome {
                position: 1,
                repeated: false,
                result: Some(v1::submit_outcome::Result::RequestIdInUse(v1::RequestIdInUse {})),
            },
        }
    }

    fn is_at(&self, position: u64) -> bool {
        let state = self.state();
        state.position >= position || !state.reads_wait
    }

    async fn reaches(&self, position: u64) {
        loop {
            // Listens before it looks: what comes between the two is not missed.
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            if self.is_at(position) {
                return;
            }
            moved.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// An address where nobody listens, nor will: the port is held.
pub fn closed() -> SocketAddr {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    std::mem::forget(socket);
    address
}

/// A listener that reads a little of each connection and closes it: whatever was sent, nobody answers.
pub fn rude() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let _ = connection.unwrap().read(&mut [0; 256]);
        }
    });
    address
}

impl State {
    fn write(&mut self, bank: Uuid, branch: u32, id: &str, what: &str) -> Result<v1::WriteResult, Status> {
        if let Some((first, result)) = self.decided.get(id) {
            if first != what {
                let mut status = Status::already_exists("this id named another write");
                status
                    .metadata_mut()
                    .insert("bank-fate", "not-applied".parse().unwrap());
                return Err(status);
            }
            return Ok(v1::WriteResult {
                repeated: true,
                branch,
                ..result.clone()
            });
        }
        self.position += 1;
        let outcome = match self.apply(id, what) {
            Ok(balance) => write_result::Outcome::Accepted(v1::Accepted { balance }),
            Err((reason, balance)) => write_result::Outcome::Refused(v1::Refused {
                reason: reason.into(),
                message: format!("the account holds {balance}"),
                balance,
            }),
        };
        let result = v1::WriteResult {
            bank_id: bank.to_string(),
            branch,
            position: self.position,
            outcome: Some(outcome),
            repeated: false,
            missing_branches: Vec::new(),
        };
        self.decided.insert(id.to_owned(), (what.to_owned(), result.clone()));
        Ok(result)
    }

    fn apply(&mut self, id: &str, what: &str) -> Result<i64, (v1::Refusal, i64)> {
        let words: Vec<_> = what.split(' ').collect();
        let amount = words.last().and_then(|word| word.parse().ok()).unwrap_or(0);
        match words[0] {
            "open" if self.balances.contains_key(words[1]) => Err((v1::Refusal::AccountExists, 0)),
            "open" => Ok(*self.balances.entry(words[1].to_owned()).or_default()),
            "deposit" => self.add(id, words[1], amount, v1::EntryKind::Deposit),
            "withdraw" => self.add(id, words[1], -amount, v1::EntryKind::Withdraw),
            _ => {
                let balance = self.add(id, words[1], -amount, v1::EntryKind::TransferOut)?;
                self.add(id, words[2], amount, v1::EntryKind::TransferIn)?;
                Ok(balance)
            }
        }
    }

    fn add(&mut self, id: &str, name: &str, change: i64, kind: v1::EntryKind) -> Result<i64, (v1::Refusal, i64)> {
        let balance = self.balances.get_mut(name).ok_or((v1::Refusal::NoSuchAccount, 0))?;
        let after = balance.checked_add(change).ok_or((v1::Refusal::Overflow, *balance))?;
        if after < 0 {
            return Err((v1::Refusal::InsufficientFunds, *balance));
        }
        *balance = after;
        let entry = v1::Entry {
            position: self.position,
            kind: kind.into(),
            amount: change.abs(),
            counter_account: String::new(),
            balance: after,
            request_id: id.to_owned(),
            time_us: 1_795_000_000_000_000,
        };
        self.entries.push((name.to_owned(), entry));
        Ok(after)
    }
}

impl Branch {
    fn record<M>(&self, request: &Request<M>, what: String, call: Call) -> Option<Fault> {
        let mut state = self.bank.state();
        let has_deadline = request.metadata().contains_key("grpc-timeout");
        let authorization = request.metadata().get("authorization");
        let caller = request.extensions().get::<tls::Caller>();
        state.calls.push(Call {
            branch: self.number,
            what,
            has_deadline,
            authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
            client: caller.and_then(|caller| caller.name.clone()),
            connection: caller.map_or(0, |caller| caller.connection),
            ..call
        });
        state.faults.get_mut(&self.number).and_then(VecDeque::pop_front)
    }

    async fn written<M>(
        &self,
        request: &Request<M>,
        options: Option<v1::WriteOptions>,
        what: String,
    ) -> Result<Option<v1::WriteResult>, Status> {
        let options = options.unwrap_or_default();
        let call = Call {
            request_id: options.request_id.clone(),
            bank_id: options.bank_id.clone(),
            propagation: options.propagation,
            ..blank()
        };
        let fault = self.record(request, what.clone(), call);
        self.bank.check(&options.bank_id)?;
        let write = || {
            let result = self
                .bank
                .state()
                .write(self.bank.id, self.number, &options.request_id, &what);
            self.bank.moved.notify_waiters();
            result
        };
        let mut result = match fault {
            Some(Fault::Fail(code, certainty)) => return Err(failed(code, certainty)),
            Some(Fault::FailAfter(code)) => {
                write()?;
                return Err(failed(code, None));
            }
            Some(Fault::Hang(applied)) => {
                if applied {
                    write()?;
                }
                std::future::pending().await
            }
            Some(Fault::Empty) => return Ok(None),
            _ => write()?,
        };
        match fault {
            Some(Fault::Position(position)) => result.position = position,
            Some(Fault::Bank(bank)) => result.bank_id = bank.to_string(),
            Some(Fault::Missing(branches)) => result.missing_branches = branches,
            _ => {}
        }
        Ok(Some(result))
    }

    async fn stamped<M>(
        &self,
        request: &Request<M>,
        options: Option<v1::ReadOptions>,
        what: String,
    ) -> Result<Option<v1::ReadStamp>, Status> {
        let options = options.unwrap_or_default();
        let (min_position, linearizable) = (options.min_position, options.linearizable);
        let call = Call {
            bank_id: options.bank_id.clone(),
            min_position,
            linearizable,
            ..blank()
        };
        let fault = self.record(request, what, call);
        self.bank.check(&options.bank_id)?;
        if fault.is_none() {
            self.bank.reaches(min_position).await;
        }
        let position = self.bank.state().position;
        let mut stamp = v1::ReadStamp {
            bank_id: self.bank.id.to_string(),
            branch: self.number,
            position,
            waited_us: 7,
        };
        match fault {
            Some(Fault::Fail(code, certainty)) => return Err(failed(code, certainty)),
            Some(Fault::FailAfter(code)) => return Err(failed(code, None)),
            Some(Fault::Hang(_)) => std::future::pending().await,
            Some(Fault::Behind { position, needed }) => return Err(behind(position, needed)),
            Some(Fault::Position(position)) => stamp.position = position,
            Some(Fault::Bank(bank)) => stamp.bank_id = bank.to_string(),
            Some(Fault::Empty) => return Ok(None),
            Some(Fault::Missing(_)) | None if position < min_position => return Err(behind(position, min_position)),
            Some(Fault::Missing(_)) | None => {}
        }
        Ok(Some(stamp))
    }
}

fn blank() -> Call {
    Call {
        branch: 0,
        what: String::new(),
        request_id: String::new(),
        bank_id: String::new(),
        min_position: 0,
        linearizable: false,
        propagation: 0,
        has_deadline: false,
        authorization: None,
        client: None,
        connection: 0,
    }
}

fn failed(code: Code, certainty: Option<&'static str>) -> Status {
    let mut status = Status::new(code, "told to fail");
    if let Some(certainty) = certainty {
        status.metadata_mut().insert("bank-fate", certainty.parse().unwrap());
    }
    status
}

fn behind(position: u64, needed: u64) -> Status {
    let mut status = Status::deadline_exceeded("not there yet");
    status.metadata_mut().insert("bank-position", position.into());
    status.metadata_mut().insert("bank-position-needed", needed.into());
    status
}

#[tonic::async_trait]
impl BankService for Branch {
    async fn query(&self, request: Request<v1::QueryRequest>) -> Result<Response<v1::QueryResponse>, Status> {
        let v1::QueryRequest { options, account } = request.get_ref().clone();
        let stamp = self.stamped(&request, options, format!("query {account}")).await?;
        let balance = self.bank.state().balances.get(&account).copied();
        let balance = balance.ok_or_else(|| Status::not_found(format!("there is no account {account}")))?;
        Ok(Response::new(v1::QueryResponse { stamp, balance }))
    }

    async fn deposit(&self, request: Request<v1::DepositRequest>) -> Result<Response<v1::DepositResponse>, Status> {
        let v1::DepositRequest {
            options,
            account,
            amount,
        } = request.get_ref().clone();
        let result = self
            .written(&request, options, format!("deposit {account} {amount}"))
            .await?;
        Ok(Response::new(v1::DepositResponse { result }))
    }

    async fn withdraw(&self, request: Request<v1::WithdrawRequest>) -> Result<Response<v1::WithdrawResponse>, Status> {
        let v1::WithdrawRequest {
            options,
            account,
            amount,
        } = request.get_ref().clone();
        let result = self
            .written(&request, options, format!("withdraw {account} {amount}"))
            .await?;
        Ok(Response::new(v1::WithdrawResponse { result }))
    }

    async fn transfer(&self, request: Request<v1::TransferRequest>) -> Result<Response<v1::TransferResponse>, Status> {
        let v1::TransferRequest {
            options,
            from_account,
            to_account,
            amount,
        } = request.get_ref().clone();
        let what = format!("transfer {from_account} {to_account} {amount}");
        let result = self.written(&request, options, what).await?;
        Ok(Response::new(v1::TransferResponse { result }))
    }

    async fn open_account(
        &self,
        request: Request<v1::OpenAccountRequest>,
    ) -> Result<Response<v1::OpenAccountResponse>, Status> {
        let v1::OpenAccountRequest { options, account } = request.get_ref().clone();
        let result = self.written(&request, options, format!("open {account}")).await?;
        Ok(Response::new(v1::OpenAccountResponse { result }))
    }

    type SubmitStream = ReceiverStream<Result<v1::SubmitResponse, Status>>;

    async fn submit(
        &self,
        request: Request<Streaming<v1::SubmitRequest>>,
    ) -> Result<Response<Self::SubmitStream>, Status> {
        let fault = self.record(&request, "submit".to_owned(), blank());
        let mut requests = request.into_inner();
        let (bank, branch) = (self.bank.clone(), self.number);
        let (responses, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            let ended = bank.submitted(branch, fault, &mut requests, &responses).await;
            if let Err(status) = ended {
                let _ = responses.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        let v1::ListAccountsRequest {
            options, after_account, ..
        } = request.get_ref().clone();
        let stamp = self
            .stamped(&request, options, format!("accounts {after_account}"))
            .await?;
        // Pages of two, so that every test turns pages.
        let state = self.bank.state();
        let mut after = state.balances.iter().filter(|(name, _)| **name > after_account);
        let page = after.by_ref().take(2).map(|(name, balance)| v1::Account {
            name: name.clone(),
            balance: *balance,
        });
        let accounts = page.collect();
        Ok(Response::new(v1::ListAccountsResponse {
            stamp,
            accounts,
            more: after.next().is_some(),
        }))
    }

    type ReadStatementStream = tokio_stream::Iter<std::vec::IntoIter<Result<v1::ReadStatementResponse, Status>>>;

    async fn read_statement(
        &self,
        request: Request<v1::ReadStatementRequest>,
    ) -> Result<Response<Self::ReadStatementStream>, Status> {
        let v1::ReadStatementRequest {
            options,
            account,
            limit,
        } = request.get_ref().clone();
        let stamp = self
            .stamped(&request, options, format!("statement {account} {limit}"))
            .await?;
        let limit = if limit == 0 { usize::MAX } else { limit as usize };
        let state = self.bank.state();
        let entries = state
            .entries
            .iter()
            .rev()
            .filter(|(name, _)| *name == account)
            .take(limit);
        let mut messages = vec![Ok(v1::ReadStatementResponse {
            stamp,
            entries: Vec::new(),
        })];
        messages.extend(entries.map(|(_, entry)| {
            Ok(v1::ReadStatementResponse {
                stamp: None,
                entries: vec![entry.clone()],
            })
        }));
        Ok(Response::new(tokio_stream::iter(messages)))
    }
}
