//! The gRPC service for customers.

use std::sync::Arc;

use bank_ledger::{AccountName, Action, Command, RequestId};
use bank_proto::v1;
use bank_proto::v1::bank_service_server::BankService;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::time::Instant;
use tonic::{Extensions, Request, Response, Status, Streaming};
use uuid::Uuid;

use super::deadline;
use super::error;
use super::fields::{account, amount, check_bank, check_opened, invalid, named_account, payer_and_payee, shortened};
use super::outcome::Decision;
use super::statement::{Statement, no_such_account};
use super::submit::Submissions;
use crate::access::Grant;
use crate::branch::{Bank, Branch};
use crate::callers::Quota;
use crate::callers::{streamed_writes, waiting_places};
use crate::clock;
use crate::reads::ReadRequirement;

/// How many accounts a page has, at most.
const PAGE_LEN_MAX: u32 = 1000;

/// Serves the calls of customers.
pub(crate) struct BankApi {
    branch: Arc<Branch>,
    submissions: Submissions,
}

fn stopping(bank: &Bank) -> Status {
    let (branch, at) = (bank.identity.branch, bank.books.position());
    Status::unavailable(format!(
        "branch {branch} is stopping, at position {at}: ask another branch, or this one after its next start"
    ))
}

/// A read whose state is recent enough.
struct ReadyRead<'a> {
    bank: &'a Bank,
    waited_us: u64,
}

impl ReadyRead<'_> {
    fn stamp(&self, position: u64) -> v1::ReadStamp {
        v1::ReadStamp {
            bank_id: self.bank.identity.bank_id.to_string(),
            branch: self.bank.identity.branch,
            position,
            waited_us: self.waited_us,
        }
    }
}

impl BankApi {
    pub(crate) fn new(branch: Arc<Branch>) -> Self {
        Self {
            branch,
            submissions: Submissions::new(),
        }
    }

    async fn ready(
        &self,
        options: Option<v1::ReadOptions>,
        connection: Quota,
        deadline: Instant,
    ) -> Result<ReadyRead<'_>, Status> {
        let bank = self.branch.bank()?;
        let options = options.unwrap_or_default();
        check_bank(bank, &options.bank_id)?;
        let member = tokio::time::timeout_at(deadline, bank.standing.check()).await;
        member.map_err(|_| Status::deadline_exceeded("the branch was just started: try again"))??;
        let required = ReadRequirement {
            min_position: options.min_position,
            linearizable: options.linearizable,
        };
        let waited = tokio::select! {
            biased;
            waited = bank.reads.wait(required, &connection, deadline) => waited?,
            removed = bank.standing.lost() => return Err(removed.into()),
            // A waiting read is better answered by another branch.
            () = async { self.branch.stopping().await } => return Err(stopping(bank)),
        };
        let waited_us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        Ok(ReadyRead { bank, waited_us })
    }

    /// What a call may do, as the check of permission has found.
    fn grant(&self, call: &Extensions) -> Grant {
        self.branch.access.given(call.get())
    }

    /// Checks that a read of this account is allowed, before anything is said about the account.
    fn check_read(&self, grant: &Grant, account: &AccountName) -> Result<(), Status> {
        Ok(self.branch.access.check_account(grant, account)?)
    }

    /// Submits one write. A request that is wrong is refused before anything is proposed. Permission is checked before
    /// the request id is looked up, so that nobody learns of another client's write by its id.
    async fn write(
        &self,
        grant: Grant,
        options: Option<v1::WriteOptions>,
        action: Result<Action, Status>,
        deadline: Instant,
    ) -> Result<v1::WriteResult, Status> {
        let action = action.and_then(|action| {
            self.branch.access.check_write(&grant, &action)?;
            Ok(action)
        });
        let (bank, command, propagation) = self.checked(options, action).map_err(error::not_applied)?;
        bank.standing
            .check_now()
            .map_err(|removed| error::not_applied(removed.into()))?;
        let request_id = command.request_id;
        let _place = match propagation {
            v1::Propagation::All => Some(bank.propagation.place()?),
            _ => None,
        };
        let applied = bank.writer.submit(command, deadline).await?;
        let decision = Decision {
            answers: bank.identity,
            request_id,
            applied,
        };
        let mut result = v1::WriteResult::try_from(decision)?;
        if propagation == v1::Propagation::All {
            result.missing_branches = bank.propagation.everywhere(result.position, deadline).await;
        }
        Ok(result)
    }

    fn checked(
        &self,
        options: Option<v1::WriteOptions>,
        action: Result<Action, Status>,
    ) -> Result<(&Bank, Command, v1::Propagation), Status> {
        let bank = self.branch.bank()?;
        let options = options.ok_or_else(|| invalid("options", "missing: a write needs a request_id"))?;
        check_bank(bank, &options.bank_id)?;
        let id: Uuid = options.request_id.parse().map_err(|_| {
            invalid(
                "request_id",
                format!("{:?} is not a UUID", shortened(&options.request_id)),
            )
        })?;
        let propagation = v1::Propagation::try_from(options.propagation)
            .map_err(|_| invalid("propagation", format!("there is no {}", options.propagation)))?;
        let action = action?;
        check_opened(bank)?;
        Ok((
            bank,
            Command {
                request_id: RequestId(*id.as_bytes()),
                time_us: clock::now_us(),
                action,
            },
            propagation,
        ))
    }
}

#[tonic::async_trait]
impl BankService for BankApi {
    async fn query(&self, request: Request<v1::QueryRequest>) -> Result<Response<v1::QueryResponse>, Status> {
        let deadline = deadline::of(request.metadata());
        let connection = waiting_places(request.extensions());
        let grant = self.grant(request.extensions());
        let request = request.into_inner();
        let name = account("account", &request.account)?;
        self.check_read(&grant, &name)?;
        #[cfg(feature = "planted-bugs")]
        let needed = request.options.as_ref().map_or(0, |options| options.min_position);
        let ready = self.ready(request.options, connection, deadline).await?;
        let books = ready.bank.books.clone();
        let (balance, position) = match books.recent_balance(&name) {
            Some((balance, position)) => (Some(balance), position),
            None => {
                let name = name.clone();
                ready
                    .bank
                    .file_reads
                    .run(deadline, move || books.balance(&name))
                    .await?
            }
        };
        let balance = balance.ok_or_else(|| no_such_account(&name))?;
        #[cfg(feature = "planted-bugs")]
        let (balance, position) = crate::planted::told(balance, position, needed);
        Ok(Response::new(v1::QueryResponse {
            stamp: Some(ready.stamp(position)),
            balance,
        }))
    }

    async fn deposit(&self, request: Request<v1::DepositRequest>) -> Result<Response<v1::DepositResponse>, Status> {
        let deadline = deadline::of(request.metadata());
        let grant = self.grant(request.extensions());
        let request = request.into_inner();
        let action = || {
            Ok(Action::Deposit {
                account: account("account", &request.account)?,
                amount: amount(request.amount)?,
            })
        };
        let result = self.write(grant, request.options.clone(), action(), deadline).await?;
        Ok(Response::new(v1::DepositResponse { result: Some(result) }))
    }

    async fn withdraw(&self, request: Request<v1::WithdrawRequest>) -> Result<Response<v1::WithdrawResponse>, Status> {
        let deadline = deadline::of(request.metadata());
        let grant = self.grant(request.extensions());
        let request = request.into_inner();
        let action = || {
            Ok(Action::Withdraw {
                account: account("account", &request.account)?,
                amount: amount(request.amount)?,
            })
        };
        let result = self.write(grant, request.options.clone(), action(), deadline).await?;
        Ok(Response::new(v1::WithdrawResponse { result: Some(result) }))
    }

    async fn transfer(&self, request: Request<v1::TransferRequest>) -> Result<Response<v1::TransferResponse>, Status> {
        let deadline = deadline::of(request.metadata());
        let grant = self.grant(request.extensions());
        let request = request.into_inner();
        let action = || {
            let (from, to) = payer_and_payee(&request.from_account, &request.to_account)?;
            Ok(Action::Transfer {
                from,
                to,
                amount: amount(request.amount)?,
            })
        };
        let result = self.write(grant, request.options.clone(), action(), deadline).await?;
        Ok(Response::new(v1::TransferResponse { result: Some(result) }))
    }

    async fn open_account(
        &self,
        request: Request<v1::OpenAccountRequest>,
    ) -> Result<Response<v1::OpenAccountResponse>, Status> {
        let deadline = deadline::of(request.metadata());
        let grant = self.grant(request.extensions());
        let request = request.into_inner();
        let action = named_account("account", &request.account).map(|account| Action::Open { account });
        let result = self.write(grant, request.options, action, deadline).await?;
        Ok(Response::new(v1::OpenAccountResponse { result: Some(result) }))
    }

    type SubmitStream = BoxStream<'static, Result<v1::SubmitResponse, Status>>;

    async fn submit(
        &self,
        request: Request<Streaming<v1::SubmitRequest>>,
    ) -> Result<Response<Self::SubmitStream>, Status> {
        // The answer begins now, so that the client begins to send. Its first message has what is to be checked.
        let connection = streamed_writes(request.extensions());
        let grant = self.grant(request.extensions());
        let branch = Arc::clone(&self.branch);
        let outcomes = self.submissions.serve(branch, grant, connection, request.into_inner());
        Ok(Response::new(outcomes))
    }

    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        let deadline = deadline::of(request.metadata());
        let connection = waiting_places(request.extensions());
        let request = request.into_inner();
        let after = match request.after_account.as_str() {
            "" => None,
            text => Some(named_account("after_account", text)?),
        };
        let limit = match request.page_size {
            0 => PAGE_LEN_MAX,
            given => given.min(PAGE_LEN_MAX),
        };
        let ready = self.ready(request.options, connection, deadline).await?;
        let books = ready.bank.books.clone();
        let read = move || books.accounts(after.as_ref(), limit as usize);
        let page = ready.bank.file_reads.run(deadline, read).await?;
        let accounts = page.accounts.into_iter();
        Ok(Response::new(v1::ListAccountsResponse {
            stamp: Some(ready.stamp(page.position)),
            accounts: accounts
                .map(|(name, balance)| v1::Account {
                    name: name.to_string(),
                    balance,
                })
                .collect(),
            more: page.more,
        }))
    }

    type ReadStatementStream = BoxStream<'static, Result<v1::ReadStatementResponse, Status>>;

    async fn read_statement(
        &self,
        request: Request<v1::ReadStatementRequest>,
    ) -> Result<Response<Self::ReadStatementStream>, Status> {
        let deadline = deadline::of(request.metadata());
        let connection = waiting_places(request.extensions());
        let grant = self.grant(request.extensions());
        let request = request.into_inner();
        let name = account("account", &request.account)?;
        self.check_read(&grant, &name)?;
        let ready = self.ready(request.options, connection, deadline).await?;
        let statement = Statement::new(ready.bank, name, request.limit, deadline);
        let (first, rest) = statement.page().await?;
        let stamp = ready.stamp(first.position);
        let first = v1::ReadStatementResponse {
            stamp: Some(stamp),
            entries: first.entries,
        };
        let rest = futures::stream::try_unfold(rest, |rest| async move {
            let Some(statement) = rest else { return Ok(None) };
            let (page, rest) = statement.page().await?;
            Ok(Some((
                v1::ReadStatementResponse {
                    stamp: None,
                    entries: page.entries,
                },
                rest,
            )))
        });
        let pages = futures::stream::once(async { Ok(first) }).chain(rest.into_stream());
        Ok(Response::new(pages.boxed()))
    }
}
