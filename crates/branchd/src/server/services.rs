//! The three gRPC services of a branch. A call goes to one of them by its path.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bank_proto::v1::bank_service_server::BankServiceServer;
use bank_proto::v1::branch_service_server::BranchServiceServer;
use bank_proto::v1::operator_service_server::OperatorServiceServer;
use futures::future::BoxFuture;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};

use crate::api::{self, BankApi, BranchApi, OperatorApi};
use crate::branch::Branch;
use crate::callers::ConnectionInfo;
use crate::peers::MESSAGE_BYTES_MAX;

/// The largest message of a customer or operator that is decoded, in bytes. `bounds` has tighter limits for each call.
const CUSTOMER_MESSAGE_BYTES_MAX: usize = 1 << 20;

type Answer = BoxFuture<'static, Result<Response<Body>, Infallible>>;

/// The services of a branch. Cheap to clone.
#[derive(Clone)]
pub(super) struct Services {
    bank: BankServiceServer<BankApi>,
    operator: OperatorServiceServer<OperatorApi>,
    branch: BranchServiceServer<BranchApi>,
}

impl Services {
    pub(super) fn new(branch: &Arc<Branch>) -> Self {
        let bank = BankServiceServer::new(BankApi::new(Arc::clone(branch)));
        let operator = OperatorServiceServer::new(OperatorApi(Arc::clone(branch)));
        let peer = BranchServiceServer::new(BranchApi(Arc::clone(branch)));
        Self {
            bank: bank.max_decoding_message_size(CUSTOMER_MESSAGE_BYTES_MAX),
            operator: operator.max_decoding_message_size(CUSTOMER_MESSAGE_BYTES_MAX),
            branch: peer
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
        }
    }
}

impl<B> Service<Request<B>> for Services
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        let service = request.uri().path().strip_prefix("/bank.v1.");
        let service = service.and_then(|rest| rest.split_once('/')).map(|(name, _)| name);
        let given = api::deadline::given(request.headers());
        match service {
            // Each call of a customer has a deadline of its own.
            Some("BankService") => {
                if let Some(connection) = request.extensions().get::<ConnectionInfo>() {
                    connection.count_customer();
                }
                self.bank.call(request)
            }
            Some("OperatorService") => within(given, self.operator.call(request)),
            Some("BranchService") => within(given, self.branch.call(request)),
            _ => Box::pin(std::future::ready(Ok(Status::unimplemented("").into_http()))),
        }
    }
}

/// Ends a call that has not answered when its caller gives up.
fn within(limit: Option<Duration>, answer: Answer) -> Answer {
    let Some(limit) = limit else { return answer };
    Box::pin(async move {
        match tokio::time::timeout(limit, answer).await {
            Ok(answered) => answered,
            Err(_) => Ok(Status::cancelled("the time that the caller gave is over").into_http()),
        }
    })
}
