//! Authentication between the branches and operators of one bank.
//!
//! A bank has one secret of 32 random bytes. Each branch has a copy, and so has each operator who may change the bank.
//! Both ends of a connection prove once that they have the secret, before the first byte of HTTP/2; see [`handshake`].
//! The secret itself is never sent. The proof is one layer of a connection, so certificates can replace it.
//!
//! In reading order: [`secret`] and its file, [`mod@file`]; the pure [`messages`] of the handshake; [`handshake`] over
//! any stream. [`identity`] has the roles and names of clients, and [`token`] the text that proves one. The crate knows
//! neither gRPC nor the other files of a branch.

pub mod file;
pub mod handshake;
mod hex;
pub mod identity;
pub mod messages;
pub mod secret;
pub mod token;

pub use file::SecretFileError;
pub use handshake::HandshakeError;
pub use identity::{ClientIdentity, ClientName, Role};
pub use messages::{Audience, BranchIdentity, Party};
pub use secret::{Secret, SecretTextError};
pub use token::{Token, TokenHash, TokenId, TokenTextError};
