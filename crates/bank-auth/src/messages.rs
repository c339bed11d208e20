//! The messages of the handshake, as bytes of fixed length, and the proofs in them. The module is pure.
//!
//! ```text
//! client hello   magic 8, version 2, from branch 4, from replica 8, to branch 4, nonce 32     58 bytes
//! server hello   magic 8, version 2, nonce 32                                                 42 bytes
//! client proof   HMAC(secret, "client" ‖ client hello ‖ server hello)                         32 bytes
//! answer         verdict 1, branch 4, replica 8,
//!                HMAC(secret, "server" ‖ client hello ‖ server hello ‖ branch ‖ replica)      45 bytes
//! ```
//!
//! Numbers are big-endian. The two labels differ, so that the proof of one side cannot be used as the proof of the
//! other. Both nonces and both identities are in the last proof, so that a proof is not valid on another connection or
//! between another pair of branches. The server gives its identity only in its answer, after it has verified the
//! client's proof.

use hmac::Mac;

use crate::secret::Secret;

/// First bytes of the first message of each side. HTTP begins with a capital letter, TLS with 0x16.
pub const MAGIC: [u8; 8] = *b"\xA5pbauth\n";
/// Version of the handshake. Later versions keep the length of both hellos, so that each side can name its version.
pub const VERSION: u16 = 1;
/// Length of a nonce, in bytes.
pub const NONCE_LEN: usize = 32;
/// Length of a proof, in bytes.
pub const PROOF_LEN: usize = 32;
/// Length of the client's hello, in bytes.
pub const CLIENT_HELLO_LEN: usize = 8 + 2 + 4 + 8 + 4 + NONCE_LEN;
/// Length of the server's hello, in bytes.
pub const SERVER_HELLO_LEN: usize = 8 + 2 + NONCE_LEN;
/// Length of the server's answer, in bytes.
pub const ANSWER_LEN: usize = 1 + 4 + 8 + PROOF_LEN;

const CLIENT_LABEL: &[u8] = b"passbook handshake 1: client\n";
const SERVER_LABEL: &[u8] = b"passbook handshake 1: server\n";

/// A random number that is used once.
pub type Nonce = [u8; NONCE_LEN];
/// HMAC-SHA256 over the messages before it.
pub type Proof = [u8; PROOF_LEN];

/// Identity of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchIdentity {
    /// Number of the branch, at least 1.
    pub branch: u32,
    /// Random id of the branch's data directory.
    pub replica: u64,
}

/// The clients that a listener takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// All clients.
    All,
    /// Customers and operators. Branches have a listener of their own.
    Clients,
    /// Branches only.
    Branches,
}

impl Audience {
    /// Whether the listener takes this client.
    pub fn takes(self, client: Party) -> bool {
        match self {
            Self::All => true,
            Self::Clients => client == Party::Operator,
            Self::Branches => client != Party::Operator,
        }
    }
}

/// The side that opens a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// A person or program that may change the bank. On the wire: branch 0, replica 0.
    Operator,
    /// A branch.
    Branch(BranchIdentity),
}

/// The client's first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHello {
    /// Identity that the client claims.
    pub from: Party,
    /// Number of the branch that should answer. 0 stands for any branch.
    pub to_branch: u32,
    /// Nonce of the client.
    pub nonce: Nonce,
}

/// The server's first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerHello {
    /// Nonce of the server.
    pub nonce: Nonce,
}

/// The server's answer to the client's proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The client's proof is valid.
    Accepted {
        /// Identity of the server.
        server: BranchIdentity,
        /// Makes the server's proof.
        proof: Proof,
    },
    /// The client's proof is not valid.
    Refused,
    /// The server takes no proof by the secret. It says so to everyone.
    CertificatesOnly,
    /// The client's proof is valid, and the listener is not for such clients.
    OtherListener,
}

/// Error of decoding a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// The bytes do not begin with [`MAGIC`], or a field has an impossible value.
    Malformed,
    /// The message is of another version.
    Version(u16),
}

/// Reads fixed fields from the front of a message.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Unreadable::Malformed)?;
        self.0 = rest;
        Ok(*field)
    }

    fn head(&mut self) -> Result<(), Unreadable> {
        if self.take()? != MAGIC {
            return Err(Unreadable::Malformed);
        }
        match u16::from_be_bytes(self.take()?) {
            VERSION => Ok(()),
            other => Err(Unreadable::Version(other)),
        }
    }
}

/// Writes fixed fields one after the other. Their lengths are constants that add up to the length of the message.
fn fill<const N: usize>(fields: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut rest = &mut bytes[..];
    for field in fields {
        let (here, after) = rest.split_at_mut(field.len());
        here.copy_from_slice(field);
        rest = after;
    }
    bytes
}

impl ClientHello {
    /// Encodes the message.
    pub fn encode(&self) -> [u8; CLIENT_HELLO_LEN] {
        let (branch, replica) = match self.from {
            Party::Operator => (0, 0),
            Party::Branch(from) => (from.branch, from.replica),
        };
        fill(&[
            &MAGIC,
            &VERSION.to_be_bytes(),
            &branch.to_be_bytes(),
            &replica.to_be_bytes(),
            &self.to_branch.to_be_bytes(),
            &self.nonce,
        ])
    }

    /// Decodes the message.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub fn decode(bytes: &[u8; CLIENT_HELLO_LEN]) -> Result<Self, Unreadable> {
        let mut fields = Fields(bytes);
        fields.head()?;
        let branch = u32::from_be_bytes(fields.take()?);
        let replica = u64::from_be_bytes(fields.take()?);
        let from = match (branch, replica) {
            (0, 0) => Party::Operator,
            (0, _) => return Err(Unreadable::Malformed),
            _ => Party::Branch(BranchIdentity { branch, replica }),
        };
        Ok(Self {
            from,
            to_branch: u32::from_be_bytes(fields.take()?),
            nonce: fields.take()?,
        })
    }
}

impl ServerHello {
    /// Encodes the message.
    pub fn encode(&self) -> [u8; SERVER_HELLO_LEN] {
        fill(&[&MAGIC, &VERSION.to_be_bytes(), &self.nonce])
    }

    /// Decodes the message.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub fn decode(bytes: &[u8; SERVER_HELLO_LEN]) -> Result<Self, Unreadable> {
        let mut fields = Fields(bytes);
        fields.head()?;
        Ok(Self { nonce: fields.take()? })
    }
}

const REFUSED: u8 = 0;
const ACCEPTED: u8 = 1;
const CERTIFICATES_ONLY: u8 = 3;
const OTHER_LISTENER: u8 = 2;

impl Answer {
    /// Encodes the message.
    pub fn encode(&self) -> [u8; ANSWER_LEN] {
        match self {
            Self::Refused => fill(&[&[REFUSED]]),
            Self::CertificatesOnly => fill(&[&[CERTIFICATES_ONLY]]),
            Self::OtherListener => fill(&[&[OTHER_LISTENER]]),
            Self::Accepted { server, proof } => fill(&[
                &[ACCEPTED],
                &server.branch.to_be_bytes(),
                &server.replica.to_be_bytes(),
                proof,
            ]),
        }
    }

    /// Decodes the message.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub fn decode(bytes: &[u8; ANSWER_LEN]) -> Result<Self, Unreadable> {
        let mut fields = Fields(bytes);
        match fields.take()? {
            [REFUSED] => Ok(Self::Refused),
            [CERTIFICATES_ONLY] => Ok(Self::CertificatesOnly),
            [OTHER_LISTENER] => Ok(Self::OtherListener),
            [ACCEPTED] => Ok(Self::Accepted {
                server: BranchIdentity {
                    branch: u32::from_be_bytes(fields.take()?),
                    replica: u64::from_be_bytes(fields.take()?),
                },
                proof: fields.take()?,
            }),
            _ => Err(Unreadable::Malformed),
        }
    }
}

/// The messages of both sides before the first proof.
#[derive(Debug, Clone, Copy)]
pub struct Transcript {
    client: [u8; CLIENT_HELLO_LEN],
    server: [u8; SERVER_HELLO_LEN],
}

impl Transcript {
    /// The transcript of the two hellos.
    pub fn of(client: &ClientHello, server: &ServerHello) -> Self {
        Self {
            client: client.encode(),
            server: server.encode(),
        }
    }

    fn begin(&self, secret: &Secret, label: &[u8]) -> hmac::Hmac<sha2::Sha256> {
        secret
            .mac()
            .chain_update(label)
            .chain_update(self.client)
            .chain_update(self.server)
    }

    fn server_mac(&self, secret: &Secret, server: BranchIdentity) -> hmac::Hmac<sha2::Sha256> {
        self.begin(secret, SERVER_LABEL)
            .chain_update(server.branch.to_be_bytes())
            .chain_update(server.replica.to_be_bytes())
    }

    /// Makes the client's proof.
    pub fn client_proof(&self, secret: &Secret) -> Proof {
        self.begin(secret, CLIENT_LABEL).finalize().into_bytes().into()
    }

    /// Whether this is the client's proof. The comparison takes constant time.
    pub fn is_client_proof(&self, secret: &Secret, proof: &Proof) -> bool {
        self.begin(secret, CLIENT_LABEL).verify_slice(proof).is_ok()
    }

    /// Makes the server's proof.
    pub fn server_proof(&self, secret: &Secret, server: BranchIdentity) -> Proof {
        self.server_mac(secret, server).finalize().into_bytes().into()
    }

    /// Whether this is the server's proof. The comparison takes constant time.
    pub fn is_server_proof(&self, secret: &Secret, server: BranchIdentity, proof: &Proof) -> bool {
        self.server_mac(secret, server).verify_slice(proof).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: BranchIdentity = BranchIdentity {
        branch: 2,
        replica: 0x1122_3344_5566_7788,
    };
    const SERVER: BranchIdentity = BranchIdentity {
        branch: 3,
        replica: u64::MAX,
    };

    fn hello() -> ClientHello {
        ClientHello {
            from: Party::Branch(FROM),
            to_branch: 3,
            nonce: [7; NONCE_LEN],
        }
    }

    #[test]
    fn messages_come_back_as_they_went() {
        for from in [Party::Operator, Party::Branch(FROM)] {
            let hello = ClientHello { from, ..hello() };
            assert_eq!(ClientHello::decode(&hello.encode()), Ok(hello));
        }
        let hello = ServerHello { nonce: [9; NONCE_LEN] };
        assert_eq!(ServerHello::decode(&hello.encode()), Ok(hello));
        let accepted = Answer::Accepted {
            server: SERVER,
            proof: [5; PROOF_LEN],
        };
        for answer in [
            Answer::Refused,
            Answer::CertificatesOnly,
            Answer::OtherListener,
            accepted,
        ] {
            assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        }
    }

    #[test]
    fn no_http_or_tls_connection_begins_like_a_hello() {
        for other in [
            &b"PRI * HTTP/2.0\r\n"[..],
            b"GET / HTTP/1.1\r\n",
            b"\x16\x03\x01",
            b"\0",
        ] {
            assert_ne!(other[0], MAGIC[0]);
        }
    }

    #[test]
    fn what_is_no_hello_is_told_apart() {
        let mut other_version = hello().encode();
        other_version[9] = 2;
        assert_eq!(ClientHello::decode(&other_version), Err(Unreadable::Version(2)));
        let mut other_magic = hello().encode();
        other_magic[0] = b'P';
        assert_eq!(ClientHello::decode(&other_magic), Err(Unreadable::Malformed));
        // A replica without a branch.
        let mut nobody = hello().encode();
        nobody[10..14].fill(0);
        assert_eq!(ClientHello::decode(&nobody), Err(Unreadable::Malformed));
        assert_eq!(
            ServerHello::decode(&[0x5a; SERVER_HELLO_LEN]),
            Err(Unreadable::Malformed)
        );
        assert_eq!(Answer::decode(&[0x5a; ANSWER_LEN]), Err(Unreadable::Malformed));
    }

    #[test]
    fn a_proof_is_good_for_what_was_said_and_for_nothing_else() {
        let secret = Secret::random().expect("randomness");
        let server = ServerHello { nonce: [9; NONCE_LEN] };
        let said = Transcript::of(&hello(), &server);
        let (client, proof) = (said.client_proof(&secret), said.server_proof(&secret, SERVER));
        assert!(said.is_client_proof(&secret, &client) && said.is_server_proof(&secret, SERVER, &proof));
        // A proof of one side is none of the other.
        assert!(!said.is_client_proof(&secret, &proof) && !said.is_server_proof(&secret, SERVER, &client));
        let other = Secret::random().expect("randomness");
        assert!(!said.is_client_proof(&other, &client) && !said.is_server_proof(&other, SERVER, &proof));
        let swapped = BranchIdentity {
            branch: SERVER.branch,
            replica: FROM.replica,
        };
        assert!(!said.is_server_proof(&secret, swapped, &proof));
        // Any bit of what was said.
        for at in 0..CLIENT_HELLO_LEN {
            let mut changed = said;
            changed.client[at] ^= 1;
            assert!(!changed.is_client_proof(&secret, &client) && !changed.is_server_proof(&secret, SERVER, &proof));
        }
        for at in 0..SERVER_HELLO_LEN {
            let mut changed = said;
            changed.server[at] ^= 1;
            assert!(!changed.is_client_proof(&secret, &client) && !changed.is_server_proof(&secret, SERVER, &proof));
        }
    }
}
