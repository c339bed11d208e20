//! Every call on its way in and out: how many are under way, what their requests hold while they arrive, and what their
//! answers hold until they are sent.

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
use super::connections::Calls;
use super::receiving::Receiving;
use super::sending::Sending;
use crate::caller::Caller;
use crate::customers::Visitor;
use crate::fate;
use crate::quota::{Full, Share};

/// What calls may hold: those of one connection, or of all connections of a kind of callers. A call holds about 9 KB with its
/// stream.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    /// Calls under way.
    calls: Share,
    /// Bytes of messages that are not complete.
    receiving: Share,
    /// Bytes of answers that are not sent.
    sending: Share,
}

impl Allowance {
    fn new(calls: u32, receiving: u32, sending: u32) -> Self {
        Self {
            calls: Share::new(calls),
            receiving: Share::new(receiving),
            sending: Share::new(sending),
        }
    }

    /// Of one connection, which has 1,024 calls under way at the most.
    ///
    /// Customers: sixteen of their largest requests, or every call's of the usual size; a hundred pages of accounts.
    /// Branches: two of the largest messages.
    pub(crate) fn of_connection(caller: Caller) -> Self {
        match caller {
            Caller::Customer => Self::new(1024, 1 << 20, 8 << 20),
            Caller::Operator => Self::new(64, 2 << 20, 8 << 20),
            Caller::Branch(_) => Self::new(1024, 32 << 20, 32 << 20),
        }
    }
}

/// What the calls of all connections may hold, by who makes them: none takes the others' share.
#[derive(Debug)]
struct Allowances {
    customers: Allowance,
    operators: Allowance,
    branches: Allowance,
}

impl Allowances {
    /// Customers: all writes that may wait (`writer::QUEUE_LEN_MAX`) and all reads (`reads::WAITING_MAX`). Branches: sixteen with
    /// all the calls that a connection may have under way, and four of the largest messages.
    fn new() -> Self {
        Self {
            customers: Allowance::new(24 << 10, 16 << 20, 64 << 20),
            operators: Allowance::new(256, 4 << 20, 16 << 20),
            branches: Allowance::new(16 << 10, 64 << 20, 64 << 20),
        }
    }

    fn of(&self, caller: Caller) -> &Allowance {
        match caller {
            Caller::Customer => &self.customers,
            Caller::Operator => &self.operators,
            Caller::Branch(_) => &self.branches,
        }
    }
}

/// Puts the bounds around every service.
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

/// A service within its bounds.
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
        let caller = Caller::of(request.extensions());
        let all = self.all.of(caller);
        let visitor = request.extensions().get::<Visitor>();
        // A call without a connection is made in this process: by a test.
        let own = visitor.map_or_else(
            || Allowance::of_connection(caller),
            |visitor| visitor.allowance().clone(),
        );
        let place = match Share::take_both(&own.calls, &all.calls, 1) {
            Ok(place) => place,
            Err(full) => {
                let refused = fate::not_applied(too_many(full)).into_http();
                return Box::pin(std::future::ready(Ok(refused)));
            }
        };
        let under_way = visitor.and_then(Visitor::calls).map(Calls::begin);
        let sending = (own.sending, all.sending.clone());
        let request = request.map(|body| Body::new(Receiving::new(body, bounds, own.receiving, all.receiving.clone())));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let (head, body) = answer.await?.into_parts();
            let body = Sending::begin(body, sending, (place, under_way)).await;
            Ok(Response::from_parts(head, Body::new(body)))
        })
    }
}

fn too_many(full: Full) -> Status {
    let why = match full {
        Full::Connection(max) => format!("{max} calls of this connection are under way: await their answers"),
        Full::All(max) => format!("{max} calls are under way at this branch: wait a moment"),
    };
    Status::resource_exhausted(format!("{why}, then try again"))
}
