//! Applies the quotas to every call: the number of calls in progress, the bytes of requests that are not complete, and
//! the bytes of answers that are not sent.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};
use tower_layer::Layer;

use super::bounds::Bounds;
use super::request_body::RequestBody;
use super::response_body::ResponseBody;
use crate::api::error;
use crate::callers::{Allowance, Allowances, Calls, ConnectionInfo, Quota, QuotaExceeded, caller_of};

/// Applies the quotas to every service of a server.
#[derive(Debug, Clone)]
pub(super) struct BoundsLayer {
    all: Arc<Allowances>,
}

impl BoundsLayer {
    pub(super) fn new() -> Self {
        Self {
            all: Arc::new(Allowances::new()),
        }
    }
}

impl<S> Layer<S> for BoundsLayer {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded {
            inner,
            all: Arc::clone(&self.all),
        }
    }
}

/// A service with quotas.
#[derive(Debug, Clone)]
pub(super) struct Bounded<S> {
    inner: S,
    all: Arc<Allowances>,
}

impl<S> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let bounds = Bounds::of(request.uri().path());
        let caller = caller_of(request.extensions());
        let all = self.all.of(caller);
        let connection = request.extensions().get::<ConnectionInfo>();
        // Only a test makes a call without a connection, within this process.
        let own = connection.map_or_else(
            || Allowance::of_connection(caller),
            |connection| connection.allowance().clone(),
        );
        let place = match Quota::take_both(&own.calls, &all.calls, 1) {
            Ok(place) => place,
            Err(full) => {
                let refused = error::not_applied(too_many(full)).into_http();
                return Box::pin(std::future::ready(Ok(refused)));
            }
        };
        let active_call = connection.and_then(ConnectionInfo::calls).map(Calls::begin);
        let sending = (own.sending, all.sending.clone());
        let request =
            request.map(|body| Body::new(RequestBody::new(body, bounds, own.receiving, all.receiving.clone())));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let (head, body) = answer.await?.into_parts();
            let body = ResponseBody::begin(body, sending, (place, active_call)).await;
            Ok(Response::from_parts(head, Body::new(body)))
        })
    }
}

fn too_many(full: QuotaExceeded) -> Status {
    let why = match full {
        QuotaExceeded::Connection(max) => format!("{max} calls of this connection are under way: await their answers"),
        QuotaExceeded::All(max) => format!("{max} calls are under way at this branch: wait a moment"),
    };
    Status::resource_exhausted(format!("{why}, then try again"))
}
