//! How branches and operators of one bank prove to each other that they belong to it.
//!
//! A bank has one secret of 32 random bytes. Each branch keeps a copy, and so does each operator who may change the bank.
//! Both ends of a connection prove that they have it, once, before the first byte of HTTP/2; see [`handshake`]. The secret
//! itself is never sent. The proof is one layer of a connection: certificates can replace it.
//!
//! In reading order: [`secret`] and its file, [`file`]; the pure [`messages`] of the handshake; [`handshake`] over any
//! stream; [`connector`], which dials and proves. Nothing here knows gRPC, or what a branch keeps besides this file.

pub mod connector;
pub mod file;
pub mod handshake;
pub mod messages;
pub mod secret;

pub use connector::{Connector, DialError, Observer};
pub use file::SecretFileError;
pub use handshake::HandshakeError;
pub use messages::{BranchIdentity, Party};
pub use secret::{Secret, SecretTextError};
