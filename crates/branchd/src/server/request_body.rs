//! The body of a request, with limits on its size and on the time in which it arrives. Its bytes count against quotas
//! until a message is complete.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body as _, Frame};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use super::bounds::{Bounds, Kind};
use super::framing::{Framing, HEADER_LEN};
use crate::api::error;
use crate::callers::{Quota, QuotaExceeded, QuotaPermit};

/// The body of a request. It ends with an error if it exceeds a limit.
pub(super) struct RequestBody {
    body: Body,
    bounds: Bounds,
    framing: Framing,
    /// The quotas for bytes of incomplete messages: of the connection, and of all connections.
    connection: Quota,
    all: Quota,
    /// The bytes that this body has taken from both.
    held: Option<QuotaPermit>,
    /// How many of the announced bytes have been taken from the quotas so far, including those given back since.
    counted: u64,
    /// When the body, or the message that has begun, must be complete.
    due: Instant,
    /// Runs until `due`, while bytes are awaited.
    timer: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl RequestBody {
    pub(super) fn new(body: Body, bounds: Bounds, connection: Quota, all: Quota) -> Self {
        let first = match bounds.kind {
            Kind::Single { within } => within,
            Kind::Stream { first, .. } => first,
        };
        Self {
            body,
            bounds,
            framing: Framing::default(),
            connection,
            all,
            held: None,
            counted: 0,
            due: Instant::now() + first,
            timer: None,
            ended: false,
        }
    }

    /// Checks and counts the bytes that have arrived, before they are passed on.
    fn take(&mut self, data: &Bytes) -> Result<(), Status> {
        let max = self.bounds.message_bytes_max;
        let was_within = self.framing.is_within();
        if let Some(len) = self.framing.take(data)
            && len > max
        {
            return Err(too_large(u64::from(len), max));
        }
        match self.bounds.kind {
            Kind::Single { .. } if self.framing.announced() > u64::from(max + HEADER_LEN) => {
                return Err(too_large(self.framing.announced(), max));
            }
            // The message is complete. Its bytes stay counted until the request ends, which may take the caller some
            // time.
            Kind::Single { .. } if self.body.is_end_stream() => return Ok(()),
            Kind::Single { .. } => {}
            Kind::Stream { each, .. } if self.framing.is_within() => {
                // A chunk that ends one message and begins the next also starts the time of the next.
                if !was_within || self.framing.announced() > self.counted {
                    self.restart(each);
                }
            }
            Kind::Stream { .. } => {
                // The message is complete and is passed to the reader of the stream.
                self.held = None;
                self.counted = self.framing.announced();
                self.timer = None;
                return Ok(());
            }
        }
        self.count()
    }

    fn restart(&mut self, limit: Duration) {
        self.due = Instant::now() + limit;
        self.timer = None;
    }

    /// Takes the bytes from the quotas that were announced since the last call.
    fn count(&mut self) -> Result<(), Status> {
        let more = self.framing.announced() - self.counted;
        if more == 0 {
            return Ok(());
        }
        if matches!(self.bounds.kind, Kind::Stream { .. }) {
            // The previous message is complete.
            self.held = None;
        }
        // One chunk of a stream may announce many messages. Only the last of them may be incomplete, and it is no
        // larger than the limit.
        let amount = u32::try_from(more)
            .unwrap_or(u32::MAX)
            .min(self.bounds.message_bytes_max + HEADER_LEN);
        let held = Quota::take_both(&self.connection, &self.all, amount).map_err(too_much)?;
        match &mut self.held {
            Some(before) => before.merge(held),
            None => self.held = Some(held),
        }
        self.counted = self.framing.announced();
        Ok(())
    }

    /// Whether awaited bytes have not arrived in time.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let awaited = match self.bounds.kind {
            Kind::Single { .. } => true,
            // A stream may pause between two messages.
            Kind::Stream { .. } => self.framing.announced() == 0 || self.framing.is_within(),
        };
        if !awaited {
            return false;
        }
        let due = self.due;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        timer.as_mut().poll(cx).is_ready()
    }

    fn end(&mut self) {
        self.ended = true;
        self.held = None;
        self.timer = None;
        // The rest of the body is not read.
        self.body = Body::empty();
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let failed = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.data_ref().map(|data| self.take(data)) {
                Some(Err(status)) => status,
                _ => return Poll::Ready(Some(Ok(frame))),
            },
            Poll::Ready(ended) => {
                self.end();
                return Poll::Ready(ended);
            }
            Poll::Pending if self.is_late(cx) => late(),
            Poll::Pending => return Poll::Pending,
        };
        self.end();
        Poll::Ready(Some(Err(refused(failed, self.bounds.kind))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// The answer to a request whose body failed. A call with one message has not begun, so a write in it was not applied.
fn refused(status: Status, kind: Kind) -> Status {
    match kind {
        Kind::Single { .. } => error::not_applied(status),
        Kind::Stream { .. } => status,
    }
}

fn too_large(len: u64, max: u32) -> Status {
    Status::out_of_range(format!(
        "the message has {len} bytes, and this call takes {max}: send a smaller one"
    ))
}

fn too_much(full: QuotaExceeded) -> Status {
    let why = match full {
        QuotaExceeded::Connection(max) => format!("messages that are not complete hold {max} bytes of this connection"),
        QuotaExceeded::All(max) => format!("messages that are not complete hold {max} bytes of this branch"),
    };
    Status::resource_exhausted(format!("{why}: complete them, then try again"))
}

fn late() -> Status {
    Status::deadline_exceeded("the request did not arrive in time: send each message in one piece, then try again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use tonic::Code;

    const QUERY: &str = "/bank.v1.BankService/Query";
    const VOTE: &str = "/bank.v1.BranchService/Vote";
    const APPEND: &str = "/bank.v1.BranchService/Append";

    /// A body that yields these chunks, and then ends or stays silent.
    struct Chunks {
        chunks: VecDeque<Vec<u8>>,
        ends: bool,
    }

    impl http_body::Body for Chunks {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            match self.chunks.pop_front() {
                Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk.into())))),
                None if self.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    /// The beginning of a message of `len` bytes: its header, and `there` bytes.
    fn part(len: u32, there: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(len.to_be_bytes());
        bytes.resize(5 + there, 7);
        bytes
    }

    struct Test {
        connection: Quota,
        all: Quota,
    }

    impl Test {
        fn new(connection: u32, all: u32) -> Self {
            Self {
                connection: Quota::new(connection),
                all: Quota::new(all),
            }
        }

        fn body(&self, path: &str, chunks: impl IntoIterator<Item = Vec<u8>>, ends: bool) -> RequestBody {
            let chunks = chunks.into_iter().collect();
            let body = Body::new(Chunks { chunks, ends });
            RequestBody::new(body, Bounds::of(path), self.connection.clone(), self.all.clone())
        }

        fn left(&self) -> (u32, u32) {
            (self.connection.left(), self.all.left())
        }
    }

    /// Reads to the end, as tonic does. Returns how many bytes came, or the error.
    async fn read(body: &mut RequestBody) -> Result<usize, Status> {
        let mut len = 0;
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            len += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(len)
    }

    fn poll(body: &mut RequestBody) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()))
    }

    #[tokio::test]
    async fn a_message_over_its_calls_bound_is_refused_by_its_header() {
        let test = Test::new(32 << 20, 64 << 20);
        for (path, len, code) in [
            (QUERY, 300, None),
            (QUERY, 64 << 10, None),
            (QUERY, (64 << 10) + 1, Some(Code::OutOfRange)),
            (VOTE, 15_000_000, Some(Code::OutOfRange)),
            (APPEND, 15_000_000, None),
            (APPEND, u32::MAX, Some(Code::OutOfRange)),
        ] {
            let mut body = test.body(path, [part(len, 1)], true);
            let refused = read(&mut body).await.err().map(|status| status.code());
            assert_eq!(refused, code, "{path} {len}");
            assert_eq!(test.left(), (32 << 20, 64 << 20), "{path} {len}: all is given back");
        }
    }

    #[tokio::test]
    async fn many_small_messages_are_no_way_round_the_bound_of_a_call_with_one() {
        let test = Test::new(1 << 20, 1 << 20);
        let many = (0..9).map(|_| part(500, 500));
        let refused = read(&mut test.body(VOTE, many, true)).await.expect_err("refused");
        assert_eq!(refused.code(), Code::OutOfRange);
        assert_eq!(fate_of(&refused), Some("not-applied"));
    }

    fn fate_of(status: &Status) -> Option<&str> {
        status.metadata().get("bank-fate")?.to_str().ok()
    }

    #[tokio::test]
    async fn what_does_not_arrive_ends_in_time_and_gives_all_back() {
        let test = Test::new(1 << 20, 2 << 20);
        let soon = Duration::from_millis(5);
        let hasten = |body: &mut RequestBody| {
            body.due = Instant::now() + soon;
            body.bounds.kind = match body.bounds.kind {
                Kind::Single { .. } => Kind::Single { within: soon },
                Kind::Stream { .. } => Kind::Stream {
                    first: soon,
                    each: soon,
                },
            };
        };
        // (call, chunks that arrive before silence)
        for (path, chunks) in [
            (QUERY, vec![]),
            (QUERY, vec![part(60_000, 100)]),
            (QUERY, vec![vec![0, 0]]),
            (QUERY, vec![part(100, 100)]),
            (APPEND, vec![]),
            (APPEND, vec![part(100, 100), part(1000, 3)]),
        ] {
            let mut body = test.body(path, chunks.clone(), false);
            hasten(&mut body);
            let late = read(&mut body).await.expect_err("silent");
            assert_eq!(late.code(), Code::DeadlineExceeded, "{path} {chunks:?}");
            assert_eq!(test.left(), (1 << 20, 2 << 20), "{path} {chunks:?}");
        }
        // A stream may pause between two messages.
        let mut resting = test.body(APPEND, [part(100, 100)], false);
        hasten(&mut resting);
        let rested = tokio::time::timeout(10 * soon, read(&mut resting)).await;
        assert!(rested.is_err(), "{rested:?}");
    }

    #[tokio::test]
    async fn unfinished_messages_hold_no_more_than_their_quotas() {
        let test = Test::new(100_000, 150_000);
        let begin = |len| {
            let mut body = test.body(QUERY, [part(len, 1)], false);
            match poll(&mut body) {
                Poll::Ready(Some(Ok(_))) => Ok(body),
                Poll::Ready(Some(Err(status))) => Err(status),
                other => panic!("{other:?}"),
            }
        };
        let first = begin(60_000).expect("there is room");
        let refused = begin(60_000).map(|_| ()).expect_err("the connection has no more");
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("of this connection"), "{refused:?}");
        let other = Test {
            connection: Quota::new(200_000),
            all: test.all.clone(),
        };
        let mut elsewhere = other.body(QUERY, [part(60_000, 1)], false);
        assert!(matches!(poll(&mut elsewhere), Poll::Ready(Some(Ok(_)))));
        let mut one_more = other.body(QUERY, [part(60_000, 1)], false);
        let Poll::Ready(Some(Err(refused))) = poll(&mut one_more) else {
            panic!("taken")
        };
        assert!(refused.message().contains("of this branch"), "{refused:?}");
        drop((first, elsewhere));
        assert_eq!(test.left(), (100_000, 150_000));
    }

    #[tokio::test]
    async fn a_streams_complete_messages_hold_nothing() {
        let test = Test::new(1 << 20, 1 << 20);
        let messages = (0..10).map(|_| part(900_000, 900_000)).chain([part(900_000, 10)]);
        let mut body = test.body(APPEND, messages, false);
        for _ in 0..10 {
            assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
            assert_eq!(test.left().0, 1 << 20);
        }
        assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
        assert_eq!(test.left().0, (1 << 20) - 900_005);
    }
}
