//! Certificates of a bank: who they name, how they are made, read and taken up anew, and TLS connections with them.
//!
//! A certificate names its owner by a URI among its alternative names: `bank://BANK/branch/N` for a branch,
//! `bank://BANK/ROLE/NAME` for a client. BANK is the id of the bank. An own account of a customer is one more URI,
//! `bank://BANK/account/NAME`. Only TLS 1.3 is spoken.
//!
//! In reading order: [`subject`] reads and writes the URIs; [`issue`] makes certificates; [`files`] says in which file of
//! a directory each is; [`credentials`] are read from files, and read again when the files change; [`accept`] and
//! [`connect`] are the two sides of a connection. The crate knows neither gRPC nor the inside of a branch.

pub mod accept;
pub mod connect;
pub mod credentials;
pub mod files;
pub mod issue;
pub mod subject;

pub use accept::{AcceptError, Accepted, Purpose, accept};
pub use connect::{ConnectError, Expected, connect};
pub use credentials::{Credentials, CredentialsError, NotValid, Peer};
pub use files::{CertsDir, TlsFiles};
pub use subject::{Named, Subject, SubjectError};
