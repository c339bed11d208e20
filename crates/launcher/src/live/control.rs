//! The wire between a launcher that has a bank and the other shells: a port on the loopback, and a token that only those
//! can read who may read the launcher's own files. One connection carries one request and its response, each a line of JSON.
//!
//! (A Unix socket in the bank's directory would need no token, but a path of at most 104 bytes on macOS.)

use super::bank_dir::command;
use super::control_message::{ControlRequest, ControlResponse};
use super::error::LiveError;
use bank_cluster::{ANNOUNCE_TIMEOUT, STOP_TIMEOUT};
use durable_file::read_bounded;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// Says how the launcher is reached, while it runs.
pub(super) const FILE: &str = "control.json";
/// The file has three short fields.
const FILE_BYTES_MAX: u64 = 4096;
/// After an accept that failed, as for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// So many shells are listened to at once; a further one is turned away, and says so.
const CONNECTIONS_MAX: usize = 8;
/// A request is one short line.
const REQUEST_BYTES_MAX: u64 = 4096;
/// The longest response is the status of 512 branches, some 400 bytes each.
const RESPONSE_BYTES_MAX: u64 = 1 << 20;
/// Programs write their line at once, and read as fast; whoever does not is no program of ours.
const LINE_TIMEOUT: Duration = Duration::from_secs(5);
/// For an action that waits for another's restart, and then for its own.
const ACTION_TIMEOUT: Duration = Duration::from_secs(2 * ANNOUNCE_TIMEOUT.as_secs() + 5);
/// For a look, which waits for little.
const STATUS_TIMEOUT: Duration = Duration::from_secs(10);
/// For a stop, until the last branch has been killed.
const DOWN_TIMEOUT: Duration = Duration::from_secs(ANNOUNCE_TIMEOUT.as_secs() + 2 * STOP_TIMEOUT.as_secs());

/// What stands in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Reached {
    pid: u32,
    port: u16,
    token: String,
}

/// What goes over the wire to the launcher.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    token: String,
    #[serde(rename = "order")]
    request: ControlRequest,
}

/// The launcher's end.
#[derive(Debug)]
pub(super) struct Control {
    file: PathBuf,
    calls: mpsc::Receiver<Call>,
    places: Arc<Semaphore>,
    serving: JoinHandle<()>,
}

/// A request that waits for its response.
#[derive(Debug)]
pub(super) struct Call {
    /// What is asked.
    pub(super) request: ControlRequest,
    answer: oneshot::Sender<ControlResponse>,
}

impl Call {
    /// Answers it. A shell that has gone away misses it.
    pub(super) fn answer(self, answer: ControlResponse) {
        let _ = self.answer.send(answer);
    }
}

impl Control {
    /// Listens, and says where in the bank's directory.
    ///
    /// # Errors
    /// There is no port, or the file cannot be written.
    pub(super) async fn open(dir: &Path) -> Result<Self, LiveError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(LiveError::io("a port for other shells"))?;
        let port = listener
            .local_addr()
            .map_err(LiveError::io("a port for other shells"))?
            .port();
        let token = Uuid::new_v4().simple().to_string();
        let file = dir.join(FILE);
        let reached = Reached {
            pid: std::process::id(),
            port,
            token: token.clone(),
        };
        write_private(&file, &reached).map_err(LiveError::io(file.display()))?;
        let (sender, calls) = mpsc::channel(CONNECTIONS_MAX);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let serving = tokio::spawn(serve(listener, Arc::clone(&places), token.into(), sender));
        Ok(Control {
            file,
            calls,
            places,
            serving,
        })
    }

    /// The next request.
    pub(super) async fn next(&mut self) -> Call {
        match self.calls.recv().await {
            Some(call) => call,
            // The sender lives in the task that listens, and that lives as long as this.
            None => std::future::pending().await,
        }
    }

    /// Takes the file away, so that nobody is sent here any more.
    pub(super) fn withdraw(&self) {
        // A file that stays is recognised as stale.
        let _ = std::fs::remove_file(&self.file);
    }

    /// Stops listening, and waits until every answer is written.
    pub(super) async fn close(self) {
        self.serving.abort();
        // The port is free once the task is gone.
        let _ = self.serving.await;
        // Whoever still waits for an answer is told that there will be none.
        drop(self.calls);
        let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
        let _ = timeout(LINE_TIMEOUT, self.places.acquire_many(all)).await;
    }
}

/// Readable by its owner alone, whole or not at all.
fn write_private(path: &Path, reached: &Reached) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    // Such files are made with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".control-").tempfile_in(dir)?;
    writeln!(file, "{}", serde_json::to_string(reached)?)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

async fn serve(listener: TcpListener, places: Arc<Semaphore>, token: Arc<str>, calls: mpsc::Sender<Call>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        // One too many finds its connection closed.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (token, calls) = (Arc::clone(&token), calls.clone());
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let answer = hear(&mut stream, &token, &calls).await;
            // A shell that does not listen has gone away.
            let _ = timeout(LINE_TIMEOUT, write_line(stream.get_mut(), &answer)).await;
            drop(place);
        });
    }
}

async fn hear(stream: &mut BufReader<TcpStream>, token: &str, calls: &mpsc::Sender<Call>) -> ControlResponse {
    let refused = |message: &str| ControlResponse::Refused {
        exit_code: 1,
        message: message.to_owned(),
    };
    let envelope: Envelope = match timeout(LINE_TIMEOUT, read_line(stream, REQUEST_BYTES_MAX)).await {
        Ok(Ok(envelope)) => envelope,
        Ok(Err(error)) => return refused(&format!("the order was not understood: {error}")),
        Err(_) => return refused("no order came"),
    };
    if envelope.token != token {
        return refused("the token is not this bank's");
    }
    let (answer, answered) = oneshot::channel();
    let request = envelope.request;
    let heard = calls.send(Call { request, answer }).await;
    let stopped = || refused("the bank has stopped");
    match heard {
        Ok(()) => answered.await.unwrap_or_else(|_| stopped()),
        Err(_) => stopped(),
    }
}

async fn read_line<T: DeserializeOwned>(stream: &mut BufReader<TcpStream>, bytes_max: u64) -> io::Result<T> {
    let mut line = String::new();
    stream.take(bytes_max).read_line(&mut line).await?;
    if line.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&line)?)
}

async fn write_line<T: Serialize>(stream: &mut TcpStream, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}

/// Asks the launcher that has the bank in this directory.
///
/// # Errors
/// There is none, or it does not answer: with what to do.
pub(super) async fn ask(dir: &Path, request: ControlRequest) -> Result<ControlResponse, LiveError> {
    let up = command("up", dir);
    let (path, dir) = (dir.join(FILE), dir.display());
    let reached: Reached = match read_bounded(&path, FILE_BYTES_MAX) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| {
            let path = path.display();
            LiveError::Failed(format!(
                "{path} was not written by a launcher ({error}); start the bank again with: {up}"
            ))
        })?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(LiveError::Failed(format!(
                "no bank runs in {dir}; start one with: {up}"
            )));
        }
        Err(error) => return Err(LiveError::io(path.display())(error)),
    };
    let pid = reached.pid;
    let gone =
        || format!("the bank in {dir} does not run: its launcher, process {pid}, is gone; start it again with: {up}");
    let stream = timeout(LINE_TIMEOUT, TcpStream::connect((Ipv4Addr::LOCALHOST, reached.port))).await;
    let Ok(Ok(stream)) = stream else {
        return Err(LiveError::Failed(gone()));
    };
    let within = match request {
        ControlRequest::Status => STATUS_TIMEOUT,
        ControlRequest::Down => DOWN_TIMEOUT,
        ControlRequest::Do(_) => ACTION_TIMEOUT,
    };
    let mut stream = BufReader::new(stream);
    let envelope = Envelope {
        token: reached.token,
        request,
    };
    let asked = async {
        write_line(stream.get_mut(), &envelope).await?;
        read_line(&mut stream, RESPONSE_BYTES_MAX).await
    };
    match timeout(within, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof || error.kind() == ErrorKind::ConnectionReset => {
            Err(LiveError::Failed(format!(
                "the launcher of the bank in {dir}, process {pid}, closed the connection: it is busy with others, or ending"
            )))
        }
        Ok(Err(error)) => Err(LiveError::Failed(format!(
            "what answers for the bank in {dir} is not its launcher ({error}); start it again with: {up}"
        ))),
        Err(_) => Err(LiveError::Failed(format!(
            "the launcher of the bank in {dir}, process {pid}, did not answer within {within:?}: it is busy, or stopped \
             (kill -CONT {pid} lets it go on)"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    async fn raw(port: u16, line: &[u8]) -> ControlResponse {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .expect("it listens");
        let mut stream = BufReader::new(stream);
        stream.get_mut().write_all(line).await.expect("taken");
        read_line(&mut stream, RESPONSE_BYTES_MAX).await.expect("an answer")
    }

    fn message(answer: ControlResponse) -> String {
        match answer {
            ControlResponse::Refused { exit_code: 1, message } => message,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_request_is_answered_and_strangers_are_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let none = ask(dir.path(), ControlRequest::Status)
            .await
            .expect_err("nobody")
            .to_string();
        assert!(
            none.contains("no bank runs in") && none.contains("launcher up --dir"),
            "{none}"
        );
        let mut control = Control::open(dir.path()).await.expect("a port");
        let path = dir.path().join(FILE);
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (answer, ()) = tokio::join!(ask(dir.path(), ControlRequest::Down), async {
            let call = control.next().await;
            assert_eq!(call.request, ControlRequest::Down);
            call.answer(ControlResponse::Done("done".to_owned()));
        });
        assert_eq!(answer.expect("answered"), ControlResponse::Done("done".to_owned()));

        let reached: Reached = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
        let wrong = br#"{"token":"0","order":"down"}"#;
        assert!(message(raw(reached.port, &[wrong, &b"\n"[..]].concat()).await).contains("token"));
        for rubbish in [&b"\n"[..], b"GET / HTTP/1.1\r\n", b"{}\n", &[b'x'; 5000]] {
            assert!(message(raw(reached.port, rubbish).await).contains("not understood"));
        }
        assert!(control.calls.try_recv().is_err());

        control.withdraw();
        assert!(!path.exists());
        let status = format!("{{\"token\":\"{}\",\"order\":\"status\"}}\n", reached.token);
        let (answer, ()) = tokio::join!(raw(reached.port, status.as_bytes()), async {
            drop(control.next().await);
            control.close().await;
        });
        assert!(message(answer).contains("stopped"));
        write_private(&path, &reached).expect("as a launcher that was killed leaves it");
        let gone = ask(dir.path(), ControlRequest::Status)
            .await
            .expect_err("nobody")
            .to_string();
        let pid = format!("its launcher, process {}, is gone", std::process::id());
        assert!(gone.contains(&pid), "{gone}");
        std::fs::write(&path, "x").expect("written");
        let damaged = ask(dir.path(), ControlRequest::Status)
            .await
            .expect_err("nothing")
            .to_string();
        assert!(damaged.contains("was not written by a launcher"), "{damaged}");
    }

    #[tokio::test]
    async fn one_shell_too_many_is_turned_away() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut control = Control::open(dir.path()).await.expect("a port");
        let asked = (0..CONNECTIONS_MAX).map(|_| ask(dir.path(), ControlRequest::Status));
        let all = async {
            while control.places.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            let refused = ask(dir.path(), ControlRequest::Down)
                .await
                .expect_err("one too many")
                .to_string();
            assert!(refused.contains("busy"), "{refused}");
            for _ in 0..CONNECTIONS_MAX {
                control.next().await.answer(ControlResponse::Done(String::new()));
            }
        };
        let (answers, ()) = tokio::join!(futures::future::join_all(asked), all);
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
}
