//! One connection, as the HTTP/2 library sees it: a byte stream that fails when the connection has to be closed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bank_tls::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;
use crate::callers::{CloseSignal, ConnectionInfo, Place};

/// How many bytes are read from a connection before other tasks of the branch get their turn. A caller that sends
/// without end would otherwise have the one thread for a megabyte at a time.
const TURN_BYTES: usize = 128 << 10;

/// The length of the text that every HTTP/2 connection begins with, in bytes.
const PREFACE_LEN: usize = 24;

/// A connection, and its place among those that may be open.
pub(super) struct Connection {
    stream: Stream,
    info: ConnectionInfo,
    /// Resolves when the certificate of the other side has been invalid for long enough. `None` without a certificate.
    certificate_over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The part of the connection's beginning that is still awaited. `None`: HTTP/2 has begun.
    preface: Option<Preface>,
    frames: Frames,
    /// How many bytes may be read in this turn.
    turn: usize,
    close_signal: CloseSignal,
    _place: Place,
}

/// The beginning of an HTTP/2 connection, while it is awaited.
struct Preface {
    /// How many bytes are missing.
    left: usize,
    /// Resolves when the connection has waited long enough, or the branch stops.
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Connection {
    /// `preface_over` resolves when the beginning of HTTP/2 is no longer awaited.
    pub(super) fn new(
        stream: Stream,
        info: ConnectionInfo,
        (place, close_signal): (Place, CloseSignal),
        preface_over: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let preface = Some(Preface {
            left: PREFACE_LEN,
            over: Box::pin(preface_over),
        });
        Self {
            stream,
            info,
            certificate_over: None,
            preface,
            frames: Frames::new(Instant::now()),
            turn: TURN_BYTES,
            close_signal,
            _place: place,
        }
    }

    /// The connection, which ends when `certificate_over` resolves.
    pub(super) fn until(mut self, certificate_over: impl Future<Output = ()> + Send + 'static) -> Self {
        self.certificate_over = Some(Box::pin(certificate_over));
        self
    }

    /// What the calls on this connection share.
    pub(super) fn info(&self) -> ConnectionInfo {
        self.info.clone()
    }

    fn count_written(&mut self, wrote: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = wrote {
            self.frames.wrote(*bytes);
        }
    }

    /// Fails once the connection has to be closed. Reads and writes both check, because either may be waiting.
    fn check_open(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match Pin::new(&mut self.close_signal).poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check_open(cx)?;
        if let Some(over) = &mut self.certificate_over
            && over.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::PermissionDenied.into()));
        }
        if self.turn == 0 {
            self.turn = TURN_BYTES;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let filled = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let bytes = &buf.filled()[filled..];
        if bytes.is_empty() {
            self.turn = TURN_BYTES;
        } else {
            self.turn = self.turn.saturating_sub(bytes.len());
            if let Err(flood) = self.frames.read(bytes, Instant::now()) {
                tracing::debug!("closed a connection: {flood}");
                return Poll::Ready(Err(io::Error::other(flood)));
            }
        }
        if let Some(preface) = &mut self.preface {
            preface.left = preface.left.saturating_sub(buf.filled().len() - filled);
            if preface.left == 0 {
                self.preface = None;
            } else if preface.over.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check_open(cx)?;
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.count_written(&wrote);
        wrote
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_open(cx)?;
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.count_written(&wrote);
        wrote
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
