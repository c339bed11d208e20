//! A client that misbehaves. It speaks HTTP/2 by hand, so that it can leave requests unfinished and answers unread.

use bank_proto::v1;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request};
use prost::Message;
use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

pub const QUERY: &str = "/bank.v1.BankService/Query";
pub const VOTE: &str = "/bank.v1.BranchService/Vote";

/// Room for many answers at once.
const WINDOW_BYTES: u32 = 8 << 20;

pub type Failed = Box<dyn Error + Send + Sync>;

/// One connection.
pub struct Line {
    requests: SendRequest<Bytes>,
    /// Ends with the connection.
    driver: JoinHandle<()>,
}

impl Line {
    /// As a customer, who says nothing first.
    pub async fn open(address: SocketAddr) -> Result<Line, Failed> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Line::over(stream).await
    }

    /// As a customer who takes no byte of any answer.
    pub async fn that_takes_nothing(address: SocketAddr) -> Result<Line, Failed> {
        let stream = TcpStream::connect(address).await?;
        let mut settings = h2::client::Builder::new();
        Line::begin(stream, settings.initial_window_size(0)).await
    }

    /// Over a connection on which the other side already knows who speaks.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Line, Failed> {
        let mut settings = h2::client::Builder::new();
        settings
            .initial_connection_window_size(WINDOW_BYTES)
            .data_frame_budget(usize::MAX);
        Line::begin(stream, &settings).await
    }

    async fn begin(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        settings: &h2::client::Builder,
    ) -> Result<Line, Failed> {
        let (requests, connection) = settings.handshake(stream).await?;
        let driver = tokio::spawn(async move {
            // How it ends is seen by the calls on it.
            let _ = connection.await;
        });
        Ok(Line { requests, driver })
    }

    /// The connection has been closed.
    pub fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }

    /// Begins a call, as soon as the other side takes one more.
    pub async fn call(&mut self, path: &str) -> Result<Call, Failed> {
        poll_fn(|cx| self.requests.poll_ready(cx)).await?;
        let request = Request::post(format!("http://branch{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", "60S")
            .body(())?;
        let (answer, body) = self.requests.send_request(request, false)?;
        Ok(Call { answer, body })
    }

    /// Begins a call and sends its one message.
    pub async fn ask(&mut self, path: &str, message: &impl Message) -> Result<Call, Failed> {
        let mut call = self.call(path).await?;
        call.send(framed(message), true).await?;
        Ok(call)
    }
}

impl Drop for Line {
    /// Closes the connection, whatever calls are under way on it.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// One call.
pub struct Call {
    answer: ResponseFuture,
    body: SendStream<Bytes>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The number of the gRPC code.
    pub code: i32,
    pub message: String,
}

impl Call {
    /// Sends some of the request, as the other side takes it.
    pub async fn send(&mut self, mut bytes: Bytes, end: bool) -> Result<(), Failed> {
        while !bytes.is_empty() {
            self.body.reserve_capacity(bytes.len());
            let room = poll_fn(|cx| self.body.poll_capacity(cx))
                .await
                .ok_or("the call has ended")??;
            let part = bytes.split_to(room.min(bytes.len()));
            self.body.send_data(part, end && bytes.is_empty())?;
        }
        Ok(())
    }

    /// Waits for the end of the answer.
    pub async fn ended(self) -> Result<Ended, Failed> {
        // Dropped earlier, it would reset the call.
        let _body = self.body;
        let (head, mut body) = self.answer.await?.into_parts();
        match ended(&head.headers) {
            Some(ended) => Ok(ended),
            None => {
                read(&mut body).await?;
                let trailers = body.trailers().await?.ok_or("no trailers")?;
                ended(&trailers).ok_or_else(|| "no status".into())
            }
        }
    }
}

async fn read(body: &mut RecvStream) -> Result<(), Failed> {
    while let Some(data) = body.data().await {
        let len = data?.len();
        body.flow_control().release_capacity(len)?;
    }
    Ok(())
}

fn ended(headers: &HeaderMap) -> Option<Ended> {
    let text = |key| headers.get(key).and_then(|value| value.to_str().ok());
    Some(Ended {
        code: text("grpc-status")?.parse().ok()?,
        message: text("grpc-message").unwrap_or_default().replace("%20", " "),
    })
}

/// A whole message, as it stands in a request.
pub fn framed(message: &impl Message) -> Bytes {
    let bytes = message.encode_to_vec();
    let mut framed = header(bytes.len());
    framed.extend(bytes);
    framed.into()
}

/// The beginning of a message that is to have `len` bytes, of which `there` are here.
pub fn unfinished(len: usize, there: usize) -> Bytes {
    let mut bytes = header(len);
    bytes.resize(5 + there, 0);
    bytes.into()
}

fn header(len: usize) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    bytes
}

/// A read of `main` that waits for this position.
pub fn query(min_position: u64) -> v1::QueryRequest {
    v1::QueryRequest {
        options: Some(v1::ReadOptions {
            min_position,
            ..v1::ReadOptions::default()
        }),
        account: String::new(),
    }
}

/// The memory of a process that is not swapped out or given back, in bytes. `None` where the system does not say.
pub fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kb: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kb * 1024)
}
