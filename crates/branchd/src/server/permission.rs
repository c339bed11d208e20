//! Denies calls that their callers may not make. One check stands in front of all services, and runs before a message is
//! received. It knows a call by its path. What the call may do is put into the request for the checks of accounts.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tower_layer::Layer;

use crate::access::Access;
use crate::callers::ConnectionInfo;

/// The header with the token of a call.
const AUTHORIZATION: &str = "authorization";

/// Puts the check in front of all services of a server.
#[derive(Clone)]
pub(super) struct PermissionLayer {
    access: Arc<Access>,
}

impl PermissionLayer {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access }
    }
}

impl<S> Layer<S> for PermissionLayer {
    type Service = Permission<S>;

    fn layer(&self, inner: S) -> Permission<S> {
        let access = Arc::clone(&self.access);
        Permission { inner, access }
    }
}

/// The services behind the check.
#[derive(Clone)]
pub(super) struct Permission<S> {
    inner: S,
    access: Arc<Access>,
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

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        let connection = request.extensions().get::<ConnectionInfo>();
        let authorization = request.headers().get(AUTHORIZATION);
        let authorization = authorization.map(|value| value.as_bytes());
        match self.access.permit(request.uri().path(), connection, authorization) {
            Ok(grant) => {
                if let Some(grant) = grant {
                    request.extensions_mut().insert(grant);
                }
                Either::Right(self.inner.call(request))
            }
            Err(denial) => Either::Left(ready(Ok(Status::from(denial).into_http()))),
        }
    }
}
