//! Calls of the verbs to a branch that runs.

use std::time::Duration;

use bank_auth::{Connector, DialError, Party, Secret};
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::failure::{FAILED, Failure, REFUSED, USAGE};

/// How long it may take to connect to a branch.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a branch may take to report its status.
pub(super) const STATUS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a branch may take to found a bank, or to change its members. A branch ends such a call by itself after 300 s at
/// most.
pub(super) const CHANGE_TIMEOUT: Duration = Duration::from_secs(330);

/// Runs a call on a runtime of its own.
pub(super) fn on_one_thread<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Failure::new(FAILED, format!("cannot start a runtime: {error}")))?
        .block_on(work)
}

/// Connects to a branch. With the secret of the bank, the caller may change the bank; without it, the caller may only read.
pub(super) async fn reach(address: &str, secret: Option<Secret>) -> Result<OperatorServiceClient<Channel>, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| Failure::new(USAGE, error))?;
    let channel = match secret {
        None => {
            let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
            endpoint.connect().await
        }
        Some(secret) => {
            let connector = Connector {
                address: address.to_owned(),
                branch: 0,
                me: Party::Operator,
                secret,
                connect_timeout: CONNECT_TIMEOUT,
                observer: None,
            };
            endpoint.connect_with_connector(connector).await
        }
    };
    channel
        .map(OperatorServiceClient::new)
        .map_err(|error| match DialError::refusal_in(&error) {
            Some(refusal) => Failure::new(REFUSED, refusal),
            None => Failure::new(
                FAILED,
                format!("no branch answers at {address}: is it started, and is this its address?"),
            ),
        })
}

/// A request with a time limit.
pub(super) fn within<T>(limit: Duration, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(limit);
    request
}

/// The failure of a verb that a branch answered with this status.
pub(super) fn refused(status: &Status) -> Failure {
    let code = match status.code() {
        Code::InvalidArgument => USAGE,
        Code::FailedPrecondition | Code::PermissionDenied => REFUSED,
        _ => FAILED,
    };
    Failure::new(code, status.message())
}
