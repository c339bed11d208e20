//! The body of an answer. Its bytes count against quotas until they are sent.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::{Body as _, Frame};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;
use tonic::codegen::http::HeaderMap;

use crate::callers::{ActiveCall, Flow};
use crate::callers::{Quota, QuotaExceeded, QuotaPermit};

/// The body of an answer. It ends with RESOURCE_EXHAUSTED if too many bytes wait for a caller that does not read.
pub(super) struct ResponseBody {
    body: Body,
    /// The quotas for unsent bytes: of the connection, and of all connections.
    quotas: (Quota, Quota),
    /// The first frame, which is taken from the body before the HTTP/2 library asks for it.
    ahead: Option<Result<Frame<Bytes>, Status>>,
    /// The place of the call, among all calls and among those of its connection. `None` after the end.
    place: Option<(QuotaPermit, Option<ActiveCall>)>,
}

impl ResponseBody {
    /// Takes the first frame of the answer at once. The HTTP/2 library asks for it only when the caller has room, and
    /// until then it would not be counted.
    pub(super) async fn begin(body: Body, quotas: (Quota, Quota), place: (QuotaPermit, Option<ActiveCall>)) -> Self {
        let mut answer = Self {
            body,
            quotas,
            ahead: None,
            place: Some(place),
        };
        poll_fn(|cx| {
            if let Poll::Ready(Some(first)) = Pin::new(&mut answer).poll_frame(cx) {
                answer.ahead = Some(first);
            }
            Poll::Ready(())
        })
        .await;
        answer
    }

    /// Counts the bytes until they are sent.
    fn counted(&self, bytes: Bytes) -> Result<Bytes, QuotaExceeded> {
        let (connection, all) = &self.quotas;
        let amount = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let held = Quota::take_both(connection, all, amount)?;
        let active_call = self.place.as_ref().and_then(|(_, active_call)| active_call.as_ref());
        let flow = active_call.map(ActiveCall::flow);
        if let Some(flow) = &flow {
            flow.add_queued(bytes.len());
        }
        Ok(Bytes::from_owner(Counted {
            bytes,
            flow,
            _held: held,
        }))
    }

    fn end(&mut self) {
        self.body = Body::empty();
        self.place = None;
    }
}

/// Bytes that are counted until they are sent.
struct Counted {
    bytes: Bytes,
    flow: Option<Arc<Flow>>,
    _held: QuotaPermit,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(flow) = &self.flow {
            flow.add_sent(self.bytes.len());
        }
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(ahead));
        }
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(ended) => {
                self.end();
                return Poll::Ready(ended);
            }
            Poll::Pending => return Poll::Pending,
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
        };
        let frame = match self.counted(data) {
            Ok(data) => Frame::data(data),
            Err(full) => {
                self.end();
                let mut trailers = HeaderMap::new();
                let told = unread(full).add_header(&mut trailers);
                return Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))));
            }
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self.ahead {
            Some(_) => http_body::SizeHint::default(),
            None => self.body.size_hint(),
        }
    }
}

fn unread(full: QuotaExceeded) -> Status {
    Status::resource_exhausted(match full {
        QuotaExceeded::Connection(max) => {
            format!("answers of {max} bytes wait to be read on this connection: read them, then try again")
        }
        QuotaExceeded::All(max) => {
            format!("answers of {max} bytes wait to be read at this branch: try again in a moment")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    /// An answer of this many chunks of 1,000 bytes.
    struct Chunks(usize);

    impl http_body::Body for Chunks {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(self.0.checked_sub(1).map(|left| {
                self.0 = left;
                Ok(Frame::data(vec![7; 1000].into()))
            }))
        }
    }

    fn next(body: &mut ResponseBody) -> Frame<Bytes> {
        match Pin::new(body).poll_frame(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_not_sent_is_bounded_and_what_is_sent_is_given_back() {
        let (calls, connection, all) = (Quota::new(1), Quota::new(2500), Quota::new(10_000));
        let place = (calls.take(1).expect("there is room"), None);
        let quotas = (connection.clone(), all.clone());
        let mut body = ResponseBody::begin(Body::new(Chunks(9)), quotas, place).await;
        assert_eq!(
            (connection.left(), all.left()),
            (1500, 9000),
            "counted before it is asked for"
        );
        for sent in 0..5 {
            let data = next(&mut body).into_data().expect("data");
            assert_eq!((&data[..], connection.left()), (&[7; 1000][..], 1500), "{sent}");
        }
        let mut unsent = || next(&mut body).into_data().expect("data");
        let unsent = (unsent(), unsent());
        assert_eq!((connection.left(), all.left(), calls.left()), (500, 8000, 0));
        let trailers = next(&mut body).into_trailers().expect("the end");
        let status = Status::from_header_map(&trailers).expect("a status");
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        assert_eq!(calls.left(), 1, "the call is over");
        drop(unsent);
        assert_eq!((connection.left(), all.left()), (2500, 10_000));
    }
}
