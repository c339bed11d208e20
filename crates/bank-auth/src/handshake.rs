//! The handshake over any stream: [`connect`] at the side that opened the connection, [`accept`] at the other.
//!
//! The handshake runs once for each connection, before anything else is sent on it. After it, each side knows the
//! identity of the other and that the other has the secret. The data that follows is neither encrypted nor signed. On a
//! network that others can change, branches need a tunnel.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::messages::{
    ANSWER_LEN, Answer, Audience, BranchIdentity, CLIENT_HELLO_LEN, ClientHello, NONCE_LEN, Nonce, PROOF_LEN, Party,
    SERVER_HELLO_LEN, ServerHello, Transcript, Unreadable, VERSION,
};
use crate::secret::Secret;

/// Longest time for one message of the other side: a round trip and the pause of a busy host. Branches close a
/// connection that is silent for this long.
pub const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// Error of a handshake.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The connection failed or was closed.
    #[error("the connection broke off during the handshake: {0}")]
    Io(#[from] io::Error),
    /// The other side sent no message, or an incomplete one.
    #[error("no answer to the handshake within {READ_TIMEOUT:?}")]
    TimedOut,
    /// The other side does not speak this protocol.
    #[error("speaks something else than a branch of this version: run the same version of branchd everywhere")]
    NotSpoken,
    /// The other side speaks another version of the handshake.
    #[error(
        "speaks version {theirs} of the handshake, this is version {VERSION}: run the same version of branchd everywhere"
    )]
    OtherVersion {
        /// Version of the other side.
        theirs: u16,
    },
    /// The other side has another secret.
    #[error("has another secret: give both the same secret file")]
    OtherSecret,
    /// The server takes no proof by the secret.
    #[error("takes certificates only: give --certs-dir")]
    CertificatesOnly,
    /// The server has another listener for such clients.
    #[error(
        "{}",
        match me {
            Party::Branch(_) => "takes branches at another address: name that too, as in --branch N=ADDR,PEER",
            Party::Operator => "takes only branches there: give its address for customers and operators",
        }
    )]
    OtherListener {
        /// This side, the client.
        me: Party,
    },
    /// The client is not one that this listener takes.
    #[error(
        "{}",
        match from {
            Party::Branch(_) => "is a branch, and branches have a listener of their own here: name it, as in --branch N=ADDR,PEER",
            Party::Operator => "is an operator, and this listener takes branches only",
        }
    )]
    NotTaken {
        /// The client.
        from: Party,
    },
    /// The client expects a branch with another number.
    #[error("is branch {found}, not branch {meant}: check the addresses")]
    OtherBranch {
        /// Number that the client expects.
        meant: u32,
        /// Number of the server.
        found: u32,
    },
}

impl HandshakeError {
    /// Whether the other side answered and is the wrong one. A retry cannot succeed until the configuration is changed.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::TimedOut)
    }
}

impl From<Unreadable> for HandshakeError {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Malformed => Self::NotSpoken,
            Unreadable::Version(theirs) => Self::OtherVersion { theirs },
        }
    }
}

/// Does the handshake at the side that opened the connection. `to_branch` is the number of the branch that should
/// answer; 0 stands for any branch.
///
/// # Errors
/// See [`HandshakeError`]. The connection cannot be used then.
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    secret: &Secret,
    me: Party,
    to_branch: u32,
) -> Result<BranchIdentity, HandshakeError> {
    let hello = ClientHello {
        from: me,
        to_branch,
        nonce: nonce()?,
    };
    send(stream, &hello.encode()).await?;
    let server = ServerHello::decode(&read::<SERVER_HELLO_LEN>(stream).await?)?;
    let transcript = Transcript::of(&hello, &server);
    send(stream, &transcript.client_proof(secret)).await?;
    let (server, proof) = match Answer::decode(&read::<ANSWER_LEN>(stream).await?)? {
        Answer::Accepted { server, proof } => (server, proof),
        Answer::Refused => return Err(HandshakeError::OtherSecret),
        Answer::CertificatesOnly => return Err(HandshakeError::CertificatesOnly),
        Answer::OtherListener => return Err(HandshakeError::OtherListener { me }),
    };
    if !transcript.is_server_proof(secret, server, &proof) {
        return Err(HandshakeError::OtherSecret);
    }
    meant(to_branch, server)?;
    Ok(server)
}

/// Does the handshake at the side that was connected to. The other side gives its proof first. Nothing about this
/// branch is sent before that. `audience` has the clients that the listener takes.
///
/// # Errors
/// See [`HandshakeError`]. The connection cannot be used then.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    secret: &Secret,
    me: BranchIdentity,
    audience: Audience,
) -> Result<Party, HandshakeError> {
    let hello = ClientHello::decode(&read::<CLIENT_HELLO_LEN>(stream).await?);
    let server = ServerHello { nonce: nonce()? };
    // A client of another version gets the hello too, so that it can name both versions.
    if !matches!(hello, Err(Unreadable::Malformed)) {
        send(stream, &server.encode()).await?;
    }
    let hello = hello?;
    let transcript = Transcript::of(&hello, &server);
    let proof = read::<PROOF_LEN>(stream).await?;
    if !transcript.is_client_proof(secret, &proof) {
        send(stream, &Answer::Refused.encode()).await?;
        return Err(HandshakeError::OtherSecret);
    }
    if !audience.takes(hello.from) {
        send(stream, &Answer::OtherListener.encode()).await?;
        return Err(HandshakeError::NotTaken { from: hello.from });
    }
    let proof = transcript.server_proof(secret, me);
    send(stream, &Answer::Accepted { server: me, proof }.encode()).await?;
    // The client makes the same check from the answer.
    meant(hello.to_branch, me)?;
    Ok(hello.from)
}

/// Tells a client that this side takes no proof by the secret. Nothing else is sent, and the proof is not looked at.
///
/// # Errors
/// See [`HandshakeError`]. The connection cannot be used in any case.
pub async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), HandshakeError> {
    ClientHello::decode(&read::<CLIENT_HELLO_LEN>(stream).await?)?;
    send(stream, &ServerHello { nonce: nonce()? }.encode()).await?;
    read::<PROOF_LEN>(stream).await?;
    send(stream, &Answer::CertificatesOnly.encode()).await
}

fn meant(meant: u32, server: BranchIdentity) -> Result<(), HandshakeError> {
    if meant == 0 || meant == server.branch {
        return Ok(());
    }
    Err(HandshakeError::OtherBranch {
        meant,
        found: server.branch,
    })
}

fn nonce() -> Result<Nonce, HandshakeError> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(|error| HandshakeError::Io(error.into()))?;
    Ok(nonce)
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, message: &[u8]) -> Result<(), HandshakeError> {
    // A message is much smaller than the socket's buffer, so this waits only if the other side does not read.
    let sent = async {
        stream.write_all(message).await?;
        stream.flush().await
    };
    let sent = tokio::time::timeout(READ_TIMEOUT, sent).await;
    sent.map_err(|_| HandshakeError::TimedOut)?.map_err(HandshakeError::Io)
}

async fn read<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> Result<[u8; N], HandshakeError> {
    let mut message = [0; N];
    let read = tokio::time::timeout(READ_TIMEOUT, stream.read_exact(&mut message)).await;
    read.map_err(|_| HandshakeError::TimedOut)??;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{DuplexStream, duplex};

    const ME: BranchIdentity = BranchIdentity { branch: 1, replica: 11 };
    const CLIENT: Party = Party::Branch(BranchIdentity { branch: 2, replica: 22 });

    fn secret() -> Secret {
        Secret::random().expect("randomness")
    }

    /// Both ends of a connection, one of them with the handshake's server.
    fn server(secret: &Secret) -> (DuplexStream, tokio::task::JoinHandle<Result<Party, HandshakeError>>) {
        let (client, mut server) = duplex(1024);
        let secret = secret.clone();
        let accepted = tokio::spawn(async move { accept(&mut server, &secret, ME, Audience::All).await });
        (client, accepted)
    }

    #[tokio::test]
    async fn both_sides_know_each_other_and_the_stream_goes_on() {
        let secret = secret();
        for (from, to_branch) in [(CLIENT, 1), (Party::Operator, 0), (CLIENT, 0)] {
            let (mut client, mut server) = duplex(1024);
            let both = tokio::join!(
                connect(&mut client, &secret, from, to_branch),
                accept(&mut server, &secret, ME, Audience::All)
            );
            assert_eq!((both.0.expect("known"), both.1.expect("known")), (ME, from));
            client.write_all(b"PRI").await.expect("sent");
            let mut next = [0; 3];
            server.read_exact(&mut next).await.expect("read");
            assert_eq!(&next, b"PRI");
        }
    }

    #[tokio::test]
    async fn another_secret_is_refused_at_both_sides() {
        let (mut client, accepted) = server(&secret());
        let connected = connect(&mut client, &secret(), CLIENT, 1).await;
        assert!(matches!(connected, Err(HandshakeError::OtherSecret)), "{connected:?}");
        let accepted = accepted.await.expect("ended");
        assert!(matches!(accepted, Err(HandshakeError::OtherSecret)), "{accepted:?}");
    }

    #[tokio::test]
    async fn a_listener_takes_its_own_clients_only() {
        let secret = secret();
        for (from, audience, taken) in [
            (CLIENT, Audience::Branches, true),
            (CLIENT, Audience::Clients, false),
            (Party::Operator, Audience::Clients, true),
            (Party::Operator, Audience::Branches, false),
        ] {
            let (mut client, mut server) = duplex(1024);
            let (connected, accepted) = tokio::join!(
                connect(&mut client, &secret, from, 1),
                accept(&mut server, &secret, ME, audience)
            );
            if taken {
                assert_eq!((connected.expect("known"), accepted.expect("known")), (ME, from));
                continue;
            }
            assert!(
                matches!(connected, Err(HandshakeError::OtherListener { me }) if me == from),
                "{connected:?}"
            );
            assert!(
                matches!(accepted, Err(HandshakeError::NotTaken { from: client }) if client == from),
                "{accepted:?}"
            );
        }
        // Without the secret nobody learns which listener it is.
        let other = Secret::random().expect("randomness");
        let (mut client, mut server) = duplex(1024);
        let (connected, _) = tokio::join!(
            connect(&mut client, &other, CLIENT, 1),
            accept(&mut server, &secret, ME, Audience::Clients)
        );
        assert!(matches!(connected, Err(HandshakeError::OtherSecret)), "{connected:?}");
    }

    #[tokio::test]
    async fn a_server_that_takes_certificates_only_says_so() {
        let (secret, (mut client, mut server)) = (secret(), duplex(1024));
        let (connected, refused) = tokio::join!(connect(&mut client, &secret, CLIENT, 1), refuse(&mut server));
        assert!(
            matches!(connected, Err(HandshakeError::CertificatesOnly)),
            "{connected:?}"
        );
        refused.expect("told");
    }

    #[tokio::test]
    async fn another_branch_than_was_meant_is_named() {
        let secret = secret();
        let (mut client, accepted) = server(&secret);
        let connected = connect(&mut client, &secret, CLIENT, 3).await.expect_err("refused");
        assert_eq!(connected.to_string(), "is branch 1, not branch 3: check the addresses");
        let accepted = accepted.await.expect("ended");
        assert!(
            matches!(accepted, Err(HandshakeError::OtherBranch { meant: 3, found: 1 })),
            "{accepted:?}"
        );
    }

    /// What a server without the secret can do: repeat what it has heard, or make something up.
    #[tokio::test]
    async fn a_server_without_the_secret_is_refused() {
        let secret = secret();
        type Forge = fn(&Secret, &ClientHello, &ServerHello, [u8; PROOF_LEN]) -> Answer;
        let forged: [(&str, Forge); 3] = [
            ("the client's own proof", |_, _, _, proof| Answer::Accepted {
                server: ME,
                proof,
            }),
            ("zeroes", |_, _, _, _| Answer::Accepted {
                server: ME,
                proof: [0; PROOF_LEN],
            }),
            ("the proof of another branch", |secret, hello, server, _| {
                Answer::Accepted {
                    server: ME,
                    proof: Transcript::of(hello, server).server_proof(secret, BranchIdentity { branch: 9, ..ME }),
                }
            }),
        ];
        for (what, forge) in forged {
            let (mut client, mut server) = duplex(1024);
            let secret = secret.clone();
            let heard = secret.clone();
            let forging = async {
                let hello = read::<CLIENT_HELLO_LEN>(&mut server).await.expect("a hello");
                let hello = ClientHello::decode(&hello).expect("a hello");
                let own = ServerHello { nonce: [0; NONCE_LEN] };
                send(&mut server, &own.encode()).await.expect("sent");
                let proof = read::<PROOF_LEN>(&mut server).await.expect("a proof");
                let answer = forge(&heard, &hello, &own, proof);
                send(&mut server, &answer.encode()).await.expect("sent");
            };
            let (connected, ()) = tokio::join!(connect(&mut client, &secret, CLIENT, 1), forging);
            assert!(
                matches!(connected, Err(HandshakeError::OtherSecret)),
                "{what}: {connected:?}"
            );
        }
    }

    /// What was recorded of a good handshake opens no other connection: the server's nonce is another one.
    #[tokio::test]
    async fn a_recorded_proof_is_refused() {
        let secret = secret();
        let hello = ClientHello {
            from: CLIENT,
            to_branch: 1,
            nonce: [7; NONCE_LEN],
        };
        let (mut first, accepted) = server(&secret);
        send(&mut first, &hello.encode()).await.expect("sent");
        let said = ServerHello::decode(&read(&mut first).await.expect("a hello")).expect("a hello");
        let recorded = Transcript::of(&hello, &said).client_proof(&secret);
        send(&mut first, &recorded).await.expect("sent");
        assert_eq!(accepted.await.expect("ended").expect("accepted"), CLIENT);

        let (mut second, accepted) = server(&secret);
        send(&mut second, &hello.encode()).await.expect("sent");
        let _ = read::<SERVER_HELLO_LEN>(&mut second).await.expect("a hello");
        send(&mut second, &recorded).await.expect("sent");
        let answer = Answer::decode(&read(&mut second).await.expect("an answer"));
        assert_eq!(answer, Ok(Answer::Refused));
        assert!(accepted.await.expect("ended").is_err());
    }

    /// A proof made as one branch does not let the client in as another.
    #[tokio::test]
    async fn swapped_identities_are_refused() {
        let secret = secret();
        let hello = |from| ClientHello {
            from,
            to_branch: 1,
            nonce: [7; NONCE_LEN],
        };
        let (mut client, accepted) = server(&secret);
        send(&mut client, &hello(Party::Operator).encode()).await.expect("sent");
        let said = ServerHello::decode(&read(&mut client).await.expect("a hello")).expect("a hello");
        let as_another = Transcript::of(&hello(CLIENT), &said).client_proof(&secret);
        send(&mut client, &as_another).await.expect("sent");
        assert!(matches!(
            accepted.await.expect("ended"),
            Err(HandshakeError::OtherSecret)
        ));
    }

    /// What an unauthenticated client hears of the server: a nonce and a refusal, and nothing that names it.
    #[tokio::test]
    async fn an_unauthenticated_client_learns_nothing() {
        let (mut client, accepted) = server(&secret());
        let hello = ClientHello {
            from: CLIENT,
            to_branch: 0,
            nonce: [7; NONCE_LEN],
        };
        send(&mut client, &hello.encode()).await.expect("sent");
        send(&mut client, &[0; PROOF_LEN]).await.expect("sent");
        assert!(accepted.await.expect("ended").is_err());
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.expect("read");
        assert_eq!(heard.len(), SERVER_HELLO_LEN + ANSWER_LEN);
        assert!(heard[SERVER_HELLO_LEN..].iter().all(|byte| *byte == 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_handshake_ends_at_the_server() {
        let good = ClientHello {
            from: CLIENT,
            to_branch: 1,
            nonce: [7; NONCE_LEN],
        };
        let mut next_version = good.encode();
        next_version[9] = 2;
        type Expected = fn(&HandshakeError) -> bool;
        // (what, bytes, whether the client then closes its side, expected)
        let table: [(&str, Vec<u8>, bool, Expected); 7] = [
            ("nothing", vec![], true, |e| matches!(e, HandshakeError::Io(_))),
            ("silence", vec![], false, |e| matches!(e, HandshakeError::TimedOut)),
            ("half a hello", good.encode()[..20].to_vec(), true, |e| {
                matches!(e, HandshakeError::Io(_))
            }),
            ("half a hello, then silence", good.encode()[..20].to_vec(), false, |e| {
                matches!(e, HandshakeError::TimedOut)
            }),
            ("a hello, then silence", good.encode().to_vec(), false, |e| {
                matches!(e, HandshakeError::TimedOut)
            }),
            ("random bytes", vec![0x5a; 500], false, |e| {
                matches!(e, HandshakeError::NotSpoken)
            }),
            ("another version", next_version.to_vec(), false, |e| {
                matches!(e, HandshakeError::OtherVersion { theirs: 2 })
            }),
        ];
        for (what, bytes, closes, expected) in table {
            let (mut client, accepted) = server(&secret());
            client.write_all(&bytes).await.expect("sent");
            if closes {
                client.shutdown().await.expect("closed");
            }
            let error = accepted.await.expect("ended").expect_err("refused");
            assert!(expected(&error), "{what}: {error:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_handshake_ends_at_the_client() {
        let mut next_version = ServerHello { nonce: [0; NONCE_LEN] }.encode();
        next_version[9] = 2;
        type Expected = fn(&HandshakeError) -> bool;
        let table: [(&str, Vec<u8>, bool, Expected); 4] = [
            ("closed", vec![], true, |e| {
                matches!(e, HandshakeError::Io(_)) && !e.is_refusal()
            }),
            ("silence", vec![], false, |e| {
                matches!(e, HandshakeError::TimedOut) && !e.is_refusal()
            }),
            // As a branch without a handshake begins.
            ("HTTP/2 settings", [0, 0, 0, 4, 0, 0, 0, 0, 0].repeat(9), true, |e| {
                matches!(e, HandshakeError::NotSpoken) && e.is_refusal()
            }),
            ("another version", next_version.to_vec(), false, |e| {
                e.to_string().contains("version 2") && e.to_string().contains("version 1") && e.is_refusal()
            }),
        ];
        for (what, bytes, closes, expected) in table {
            let (mut client, mut server) = duplex(1024);
            server.write_all(&bytes).await.expect("sent");
            if closes {
                server.shutdown().await.expect("closed");
            }
            let error = connect(&mut client, &secret(), CLIENT, 1).await.expect_err("refused");
            assert!(expected(&error), "{what}: {error:?}");
        }
    }
}
