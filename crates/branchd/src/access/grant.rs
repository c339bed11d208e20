//! What an allowed call may do.

use std::fmt;
use std::sync::Arc;

use bank_auth::{ClientIdentity, TokenId};
use bank_tls::{Peer, Subject};
use bank_types::AccountName;

use super::call::Call;
use super::decision::Who;
use super::denial::Denial;
use super::rules::Scope;
use crate::callers::ConnectionInfo;

/// Who makes a call, and for which accounts it may. The check of permission puts it into the request.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    call: Call,
    scope: Scope,
    holder: Holder,
    connection: Option<ConnectionInfo>,
}

/// Who makes a call, by what was proved.
#[derive(Debug, Clone)]
pub(super) enum Holder {
    /// A branch of the bank.
    Branch,
    /// An operator with the secret of the bank.
    SecretKeeper,
    /// The client that the certificate of the connection names.
    Certificate,
    /// The client of a token.
    Token { id: TokenId, identity: Arc<ClientIdentity> },
    /// A client that proved nothing.
    Nobody,
}

impl Grant {
    /// A call for no account but the caller's own.
    pub(super) fn new(call: Call, holder: Holder, connection: Option<ConnectionInfo>) -> Self {
        Self {
            call,
            scope: Scope::Own,
            holder,
            connection,
        }
    }

    /// The grant for these accounts.
    pub(super) fn with(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// The grant of every call, where clients need not prove who they are.
    pub(super) fn everything() -> Self {
        Self::nothing().with(Scope::All)
    }

    /// A grant for no account.
    pub(super) fn nothing() -> Self {
        Self::new(Call::Elsewhere, Holder::Nobody, None)
    }

    pub(super) fn call(&self) -> Call {
        self.call
    }

    pub(super) fn holder(&self) -> &Holder {
        &self.holder
    }

    pub(super) fn connection(&self) -> Option<&ConnectionInfo> {
        self.connection.as_ref()
    }

    /// Who makes the call, as far as the rules depend on it.
    pub(super) fn who(&self) -> Who {
        match &self.holder {
            Holder::Branch => Who::Branch,
            Holder::SecretKeeper => Who::SecretKeeper,
            Holder::Certificate | Holder::Token { .. } | Holder::Nobody => {
                Who::Client(self.client().map(|client| client.role))
            }
        }
    }

    fn client(&self) -> Option<&ClientIdentity> {
        match &self.holder {
            Holder::Token { identity, .. } => Some(identity),
            Holder::Certificate => client_of(self.connection.as_ref()?.peer()?),
            Holder::Branch | Holder::SecretKeeper | Holder::Nobody => None,
        }
    }

    /// Checks that the call may concern this account.
    pub(super) fn check(&self, account: &AccountName) -> Result<(), Denial> {
        let allowed = match self.scope {
            Scope::All => true,
            Scope::Own => self.client().is_some_and(|client| client.owns(account)),
        };
        match allowed {
            true => Ok(()),
            false => Err(Denial::Account {
                account: account.clone(),
                call: self.call,
            }),
        }
    }
}

/// The client that a certificate names. `None` for a branch.
fn client_of(peer: &Peer) -> Option<&ClientIdentity> {
    match &peer.named.subject {
        Subject::Client(client) => Some(client),
        Subject::Branch(_) => None,
    }
}

impl fmt::Display for Grant {
    /// Writes who makes the call, for the log: `customer alice by token 0f1e2d3c4b5a at 127.0.0.1:50312`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.holder, self.client()) {
            (Holder::Branch, _) => f.write_str("a branch")?,
            (Holder::SecretKeeper, _) => f.write_str("an operator")?,
            (Holder::Token { id, identity }, _) => write!(f, "{identity} by token {id}")?,
            (Holder::Certificate, Some(client)) => {
                let serial = self.connection.as_ref().and_then(ConnectionInfo::peer);
                let serial = serial.map_or("?", |peer| peer.serial.as_str());
                write!(f, "{client} by certificate {serial}")?;
            }
            (Holder::Certificate | Holder::Nobody, _) => f.write_str("an unknown client")?,
        }
        match self.connection.as_ref().and_then(ConnectionInfo::from) {
            Some(from) => write!(f, " at {from}"),
            None => Ok(()),
        }
    }
}
