//! Decides who may make which call. One check stands in front of all services, and runs before a message is received.
//! It knows a call by its path, and the caller by [`Caller`].

use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tower_layer::Layer;

use crate::api::error;
use crate::callers::{Caller, ConnectionInfo, caller_of};
use crate::certificates::{Certificates, ConnectionRefused};

const BRANCH_SERVICE: &str = "/bank.v1.BranchService/";
const OPERATOR_SERVICE: &str = "/bank.v1.OperatorService/";
/// The operators' calls that change nothing, which anyone may make. Any other call of an operator needs the secret.
const OPEN_TO_ALL: [&str; 2] = ["GetStatus", "ReadJournal"];

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Denied {
    #[error(
        "only branches that prove that they have the bank's secret may make this call: run the same version of branchd at every branch, each with the bank's secret file"
    )]
    BranchesOnly,
    #[error(
        "only those who prove that they have the bank's secret may make this call: use branchd, with --secret-file"
    )]
    OperatorsOnly,
}

fn check(path: &str, caller: Caller) -> Result<(), Denied> {
    if path.starts_with(BRANCH_SERVICE) {
        return match caller {
            Caller::Branch(_) => Ok(()),
            Caller::Customer | Caller::Operator => Err(Denied::BranchesOnly),
        };
    }
    match (path.strip_prefix(OPERATOR_SERVICE), caller) {
        (Some(call), Caller::Customer) if !OPEN_TO_ALL.contains(&call) => Err(Denied::OperatorsOnly),
        _ => Ok(()),
    }
}

/// Puts the check in front of all services of a server.
#[derive(Clone)]
pub(crate) struct PermissionLayer {
    certificates: Option<Certificates>,
}

impl PermissionLayer {
    pub(crate) fn new(certificates: Option<Certificates>) -> Self {
        Self { certificates }
    }
}

impl<S> Layer<S> for PermissionLayer {
    type Service = Permission<S>;

    fn layer(&self, inner: S) -> Permission<S> {
        Permission {
            inner,
            certificates: self.certificates.clone(),
        }
    }
}

/// The services behind the check.
#[derive(Clone)]
pub(crate) struct Permission<S> {
    inner: S,
    certificates: Option<Certificates>,
}

impl<S> Permission<S> {
    /// Checks the connection that a call came on.
    fn check_connection(&self, call: &http::Extensions) -> Result<(), Status> {
        match (&self.certificates, call.get::<ConnectionInfo>()) {
            (Some(certificates), Some(connection)) => certificates.check(connection).map_err(|refused| match refused {
                ConnectionRefused::NotEncrypted => Status::permission_denied(refused.to_string()),
                ConnectionRefused::Certificate(_) => Status::unauthenticated(refused.to_string()),
            }),
            _ => Ok(()),
        }
    }
}

impl<S, B> Service<http::Request<B>> for Permission<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<S::Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let checked = self.check_connection(request.extensions()).and_then(|()| {
            check(request.uri().path(), caller_of(request.extensions()))
                .map_err(|denied| Status::permission_denied(denied.to_string()))
        });
        match checked {
            Ok(()) => Either::Right(self.inner.call(request)),
            // The call may be a write that a branch of an older version forwards. It was not applied, so it may be sent to
            // another branch.
            Err(status) => Either::Left(ready(Ok(error::not_applied(status).into_http()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bank_auth::BranchIdentity;

    #[test]
    fn who_may_make_which_call() {
        let branch = Caller::Branch(BranchIdentity { branch: 2, replica: 7 });
        // (path, customer, operator, branch)
        let table = [
            ("/bank.v1.BankService/Deposit", true, true, true),
            ("/bank.v1.BankService/Submit", true, true, true),
            ("/bank.v1.OperatorService/GetStatus", true, true, true),
            ("/bank.v1.OperatorService/ReadJournal", true, true, true),
            ("/bank.v1.OperatorService/Init", false, true, true),
            ("/bank.v1.OperatorService/Join", false, true, true),
            ("/bank.v1.OperatorService/Promote", false, true, true),
            ("/bank.v1.OperatorService/Remove", false, true, true),
            ("/bank.v1.OperatorService/ACallOfALaterVersion", false, true, true),
            ("/bank.v1.OperatorService/GetStatus/", false, true, true),
            ("/bank.v1.BranchService/Vote", false, false, true),
            ("/bank.v1.BranchService/Append", false, false, true),
            ("/bank.v1.BranchService/ChangeMembers", false, false, true),
            ("/bank.v1.BranchService/AskMembership", false, false, true),
            ("/bank.v1.BranchService/ACallOfALaterVersion", false, false, true),
            ("/bank.v1.BranchService/", false, false, true),
            ("/elsewhere", true, true, true),
        ];
        for (path, customer, operator, by_branch) in table {
            assert_eq!(check(path, Caller::Customer).is_ok(), customer, "{path}");
            assert_eq!(check(path, Caller::Operator).is_ok(), operator, "{path}");
            assert_eq!(check(path, branch).is_ok(), by_branch, "{path}");
        }
    }
}
