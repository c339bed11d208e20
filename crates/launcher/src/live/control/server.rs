//! The launcher's end of the control connections: accepts requests and hands them to the supervisor, one after the
//! other.

use super::wire::{
    ControlAddress, ControlRequest, ControlResponse, Envelope, LINE_TIMEOUT, REQUEST_BYTES_MAX, read_line, write_line,
};
use crate::live::error::LiveError;
use crate::run::bank_files::CONTROL_FILE;
use durable_file::{Durability, create_private};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// Pause after an accept that failed, for example because there was no free file descriptor.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// Most connections at once. A further connection is closed without a response.
const CONNECTIONS_MAX: usize = 8;

/// A listener for requests from other shells.
#[derive(Debug)]
pub(in crate::live) struct Control {
    file: PathBuf,
    calls: mpsc::Receiver<Call>,
    /// One permit for each connection that may still be opened.
    places: Arc<Semaphore>,
    serving: JoinHandle<()>,
}

/// A request whose sender waits for the response. Dropping it answers that the bank has stopped.
#[derive(Debug)]
pub(in crate::live) struct Call {
    /// What is asked.
    pub(in crate::live) request: ControlRequest,
    answer: oneshot::Sender<ControlResponse>,
}

impl Call {
    /// Sends the response. It is lost if the shell has closed the connection.
    pub(in crate::live) fn answer(self, answer: ControlResponse) {
        let _ = self.answer.send(answer);
    }
}

impl Control {
    /// Listens on a free port, and writes its address into the bank's directory.
    ///
    /// # Errors
    /// There is no free port, or the file cannot be written.
    pub(in crate::live) async fn open(dir: &Path) -> Result<Self, LiveError> {
        let failed = |source| LiveError::io("a port for other shells")(source);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let token = Uuid::new_v4().simple().to_string();
        let file = dir.join(CONTROL_FILE);
        let address = ControlAddress {
            pid: std::process::id(),
            port,
            token: token.clone(),
        };
        write(&file, &address).map_err(LiveError::io(file.display()))?;
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

    /// Waits for the next request.
    pub(in crate::live) async fn next(&mut self) -> Call {
        match self.calls.recv().await {
            Some(call) => call,
            // Never: the listening task holds a sender for as long as `self` lives.
            None => std::future::pending().await,
        }
    }

    /// Removes the file, so that no further shell connects.
    pub(in crate::live) fn withdraw(&self) {
        // `ask` recognises a file that was left behind.
        let _ = std::fs::remove_file(&self.file);
    }

    /// Stops listening, and waits until every response is written.
    pub(in crate::live) async fn close(self) {
        self.serving.abort();
        // The port is free once the task has ended.
        let _ = self.serving.await;
        // Requests that still wait are answered that the bank has stopped.
        drop(self.calls);
        let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
        let _ = timeout(LINE_TIMEOUT, self.places.acquire_many(all)).await;
    }
}

/// Writes the file, readable by its owner alone. A file that a killed launcher left is replaced.
fn write(path: &Path, address: &ControlAddress) -> io::Result<()> {
    let line = format!("{}\n", serde_json::to_string(address)?);
    let _ = std::fs::remove_file(path);
    create_private(path, line.as_bytes(), Durability::Process)
}

async fn serve(listener: TcpListener, places: Arc<Semaphore>, token: Arc<str>, calls: mpsc::Sender<Call>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (token, calls) = (Arc::clone(&token), calls.clone());
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let answer = respond(&mut stream, &token, &calls).await;
            // An error means that the shell has closed the connection.
            let _ = timeout(LINE_TIMEOUT, write_line(stream.get_mut(), &answer)).await;
            drop(place);
        });
    }
}

/// Reads a request, checks its token, and waits for the supervisor's response.
async fn respond(stream: &mut BufReader<TcpStream>, token: &str, calls: &mpsc::Sender<Call>) -> ControlResponse {
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
    // Both fail only when the bank has stopped.
    let answer = match calls.send(Call { request, answer }).await {
        Ok(()) => answered.await.ok(),
        Err(_) => None,
    };
    answer.unwrap_or_else(|| refused("the bank has stopped"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::control::client::ask;
    use crate::live::control::wire::RESPONSE_BYTES_MAX;
    use std::os::unix::fs::PermissionsExt;
    use tokio::io::AsyncWriteExt;

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
        let path = dir.path().join(CONTROL_FILE);
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (answer, ()) = tokio::join!(ask(dir.path(), ControlRequest::Down), async {
            let call = control.next().await;
            assert_eq!(call.request, ControlRequest::Down);
            call.answer(ControlResponse::Done("done".to_owned()));
        });
        assert_eq!(answer.expect("answered"), ControlResponse::Done("done".to_owned()));

        let reached: ControlAddress = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
        let wrong = br#"{"token":"0","order":"down"}"#;
        assert!(message(raw(reached.port, &[wrong, &b"\n"[..]].concat()).await).contains("token"));
        for rubbish in [&b"\n"[..], b"GET / HTTP/1.1\r\n", b"{}\n", &[b'x'; 70_000]] {
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
        write(&path, &reached).expect("as a launcher that was killed leaves it");
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
