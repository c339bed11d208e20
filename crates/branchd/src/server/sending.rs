//! The body of an answer: what of it has been handed on and is not sent yet is counted, and bounded.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;
use tonic::codegen::http::HeaderMap;

use crate::quota::{Full, Held, Share};

/// An answer's body. It ends with RESOURCE_EXHAUSTED where too much waits for a caller that does not read.
pub(super) struct Sending {
    body: Body,
    /// Of the bytes that a connection, and all together, may have waiting to be sent.
    shares: (Share, Share),
    /// The call's place among those under way.
    place: Option<Held>,
}

impl Sending {
    pub(super) fn new(body: Body, shares: (Share, Share), place: Held) -> Self {
        Self {
            body,
            shares,
            place: Some(place),
        }
    }

    fn end(&mut self) {
        self.body = Body::empty();
        self.place = None;
    }
}

/// Bytes that are counted until they are sent.
struct Counted {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn counted(bytes: Bytes, (connection, all): &(Share, Share)) -> Result<Bytes, Full> {
    let amount = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let held = Share::take_both(connection, all, amount)?;
    Ok(Bytes::from_owner(Counted { bytes, _held: held }))
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
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
        let frame = match counted(data, &self.shares) {
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
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

fn unread(full: Full) -> Status {
    Status::resource_exhausted(match full {
        Full::Connection(max) => {
            format!("answers of {max} bytes wait to be read on this connection: read them, then try again")
        }
        Full::All(max) => format!("answers of {max} bytes wait to be read at this branch: try again in a moment"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;
    use tonic::Code;

    /// An answer of so many chunks of 1,000 bytes.
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

    #[test]
    fn what_is_not_sent_is_bounded_and_what_is_sent_is_given_back() {
        let (calls, connection, all) = (Share::new(1), Share::new(2500), Share::new(10_000));
        let place = calls.take(1).expect("there is room");
        let shares = (connection.clone(), all.clone());
        let mut body = Sending::new(Body::new(Chunks(9)), shares, place);
        let mut next = || match Pin::new(&mut body).poll_frame(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => panic!("{other:?}"),
        };
        for sent in 0..5 {
            let data = next().into_data().expect("data");
            assert_eq!((&data[..], connection.left()), (&[7; 1000][..], 1500), "{sent}");
        }
        let unsent = (next().into_data().expect("data"), next().into_data().expect("data"));
        assert_eq!((connection.left(), all.left(), calls.left()), (500, 8000, 0));
        let trailers = next().into_trailers().expect("the end");
        let status = Status::from_header_map(&trailers).expect("a status");
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        assert_eq!(calls.left(), 1, "the call is over");
        drop(unsent);
        assert_eq!((connection.left(), all.left()), (2500, 10_000));
    }
}
