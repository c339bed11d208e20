//! Certificates of a bank: who they name, how they are made, read and taken up anew, and TLS connections with them.
//!
//! A certificate names its owner by a URI among its alternative names: `bank://BANK/branch/N` for a branch,
//! `bank://BANK/ROLE/NAME` for a client. BANK is the id of the bank. An own account of a customer is one more URI,
//! `bank://BANK/account/NAME`. Only TLS 1.3 is spoken.
//!
//! In reading order: [`subject`] reads and writes the URIs; [`certificate`] says what a certificate holds and why one is
//! not accepted; [`issue`] makes certificates; [`files`] says in which file of a directory each is, and [`directory`]
//! makes and changes these files; `load` reads and checks the files for [`credentials`], which are read again when the
//! files change; `verify` is the check of both directions; [`channel`] says what a connection is for; [`mod@accept`] and
//! [`mod@connect`] are the two sides of a connection; [`alert`] has the errors of TLS in plain words; [`stream`] is the bytes
//! of a connection; [`connector`] opens connections with either proof, the secret of `bank-auth` or a certificate. The
//! crate knows neither gRPC nor the inside of a branch.

pub mod accept;
pub mod alert;
pub mod certificate;
pub mod channel;
pub mod connect;
pub mod connector;
pub mod credentials;
pub mod directory;
pub mod files;
pub mod issue;
mod load;
pub mod stream;
pub mod subject;
mod verify;

pub use accept::{AcceptError, Accepted, accept, accept_by_purpose};
pub use certificate::{BadCertificate, Facts};
pub use channel::Purpose;
pub use connect::{ConnectError, Connected, Expected, connect};
pub use connector::{Connector, DialError, Observer, Proof};
pub use credentials::{Credentials, CredentialsError, NotValid, Peer};
pub use directory::{IssueError, Listed};
pub use files::{CertsDir, OwnFiles, TlsFiles};
pub use issue::{Validity, days};
pub use stream::Stream;
pub use subject::{Named, Subject, SubjectError};
