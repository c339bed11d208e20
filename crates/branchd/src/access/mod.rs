//! Who a client is, and what it may do. A client proves itself by a certificate or by a token. Nothing here knows gRPC.
//!
//! - [`call`] says what a call does; [`rules`] is the table of the roles; [`decision`] decides; [`denial`] says why a
//!   call is denied, and counts
//! - [`tokens`] is what a branch keeps of tokens; [`token_file`] is the file with them
//! - [`grant`] is what an allowed call may do, and checks the accounts of its messages
//!
//! A connection with a certificate is the client's that the certificate names. A token counts only on a connection
//! without one.

mod call;
mod decision;
mod denial;
mod grant;
mod rules;
mod token_file;
mod tokens;

use std::sync::Arc;
use std::time::SystemTime;

use bank_auth::{Token, TokenId};
use bank_ledger::Action;
use bank_types::AccountName;

pub(crate) use call::Call;
pub(crate) use denial::Denial;
pub(crate) use grant::Grant;
pub use token_file::TokenFileError;
pub(crate) use token_file::{LiveTokens, edit, read};
pub(crate) use tokens::{KeptToken, TokenSet, check_accounts, date};

use crate::callers::{Caller, ConnectionInfo};
use crate::certificates::Certificates;
use decision::decide;
use denial::Denials;
use grant::Holder;

/// The scheme of the `authorization` of a call.
const SCHEME: &str = "Bearer ";

/// Decides what callers of this branch may do.
pub(crate) struct Access {
    /// Whether each client must prove who it is.
    required: bool,
    tokens: Option<LiveTokens>,
    /// They say whether the certificate of an open connection is still valid.
    certificates: Option<Certificates>,
    denials: Denials,
}

impl Access {
    /// With tokens, each client must prove who it is.
    pub(crate) fn new(client_cert_auth: bool, tokens: Option<LiveTokens>, certificates: Option<Certificates>) -> Self {
        Self {
            required: client_cert_auth || tokens.is_some(),
            tokens,
            certificates,
            denials: Denials::new(),
        }
    }

    /// Whether each client must prove who it is.
    pub(crate) fn required(&self) -> bool {
        self.required
    }

    /// How many calls were denied since the start, by reason.
    pub(crate) fn denied(&self) -> Vec<(&'static str, u64)> {
        self.denials.counts()
    }

    /// Reads the file of tokens again if it has changed. Returns whether there are new tokens.
    ///
    /// # Errors
    /// See [`TokenFileError`]. The old tokens stay in use.
    #[cfg(test)]
    pub(crate) fn refresh(&self) -> Result<bool, TokenFileError> {
        self.tokens.as_ref().map_or(Ok(false), LiveTokens::refresh)
    }

    /// Decides whether a call is allowed. `authorization` is the header of the call with that name. Returns `None` if
    /// the call is allowed to everyone, because clients need not prove who they are.
    ///
    /// # Errors
    /// The call is denied. That is counted and logged.
    pub(crate) fn permit(
        &self,
        path: &str,
        connection: Option<&ConnectionInfo>,
        authorization: Option<&[u8]>,
    ) -> Result<Option<Grant>, Denial> {
        let call = Call::of(path);
        let asked = |holder| Grant::new(call, holder, connection.cloned());
        let holder = self.identify(connection, authorization).map_err(|denial| {
            let certified = connection.is_some_and(|connection| connection.peer().is_some());
            let unproved = if certified { Holder::Certificate } else { Holder::Nobody };
            self.deny(denial, &asked(unproved))
        })?;
        let grant = asked(holder);
        match decide(call, grant.who(), self.required) {
            Ok(_) if !self.required => Ok(None),
            Ok(scope) => Ok(Some(grant.with(scope))),
            Err(denial) => Err(self.deny(denial, &grant)),
        }
    }

    /// Finds out who makes a call. A token is looked at only if clients must prove who they are.
    fn identify(&self, connection: Option<&ConnectionInfo>, authorization: Option<&[u8]>) -> Result<Holder, Denial> {
        self.check_connection(connection)?;
        let caller = connection.map_or(Caller::Customer, ConnectionInfo::caller);
        let certified = connection.is_some_and(|connection| connection.peer().is_some());
        match caller {
            Caller::Branch(_) => Ok(Holder::Branch),
            Caller::Operator | Caller::Customer if certified => Ok(Holder::Certificate),
            Caller::Operator => Ok(Holder::SecretKeeper),
            Caller::Customer => match (&self.tokens, authorization) {
                (Some(tokens), Some(authorization)) => {
                    let token = bearer(authorization).ok_or(Denial::MalformedToken)?;
                    let tokens = tokens.current();
                    let kept = tokens.get(token.id()).filter(|kept| kept.hash == token.hash());
                    holder(token.id(), kept)
                }
                _ => Ok(Holder::Nobody),
            },
        }
    }

    /// Checks again that the proof of a grant is valid: that its certificate or token was not revoked and has not
    /// expired. Long streams call this. Returns the grant with the present role and accounts of its token.
    ///
    /// # Errors
    /// The grant is not valid any more. That is counted and logged.
    pub(crate) fn renew(&self, grant: &Grant) -> Result<Grant, Denial> {
        let renewed = match (grant.holder(), &self.tokens) {
            (Holder::Token { id, .. }, Some(tokens)) => holder(*id, tokens.current().get(*id)).and_then(|holder| {
                let renewed = Grant::new(grant.call(), holder, grant.connection().cloned());
                let scope = decide(renewed.call(), renewed.who(), self.required)?;
                Ok(renewed.with(scope))
            }),
            _ => self.check_connection(grant.connection()).map(|()| grant.clone()),
        };
        renewed.map_err(|denial| self.deny(denial, grant))
    }

    /// What a call may do to which the check of permission gave this. It gives nothing to a call that everyone may
    /// make.
    pub(crate) fn given(&self, grant: Option<&Grant>) -> Grant {
        match grant {
            Some(grant) => grant.clone(),
            None if self.required => Grant::nothing(),
            None => Grant::everything(),
        }
    }

    /// Checks that a call may concern this account.
    ///
    /// # Errors
    /// It may not. That is counted and logged.
    pub(crate) fn check_account(&self, grant: &Grant, account: &AccountName) -> Result<(), Denial> {
        grant.check(account).map_err(|denial| self.deny(denial, grant))
    }

    /// Checks that a write is allowed: for a transfer, that the account that pays may be used. Any account may be paid.
    ///
    /// # Errors
    /// It is not. That is counted and logged.
    pub(crate) fn check_write(&self, grant: &Grant, action: &Action) -> Result<(), Denial> {
        match action {
            Action::Open { account }
            | Action::Deposit { account, .. }
            | Action::Withdraw { account, .. }
            | Action::Transfer { from: account, .. } => self.check_account(grant, account),
            // The opening of the bank, which no client can ask for.
            Action::Found { .. } => self.check_account(grant, &AccountName::main()),
        }
    }

    /// Counts and logs a denied call.
    fn deny(&self, denial: Denial, by: &Grant) -> Denial {
        self.denials.add(&denial, by);
        denial
    }

    /// Checks that a connection is encrypted where it must be, and that its certificate is still valid, if it has one.
    fn check_connection(&self, connection: Option<&ConnectionInfo>) -> Result<(), Denial> {
        match (&self.certificates, connection) {
            (Some(certificates), Some(connection)) => Ok(certificates.check(connection)?),
            _ => Ok(()),
        }
    }
}

/// The holder of a token, if the branch keeps the token and it has not expired.
fn holder(id: TokenId, kept: Option<&KeptToken>) -> Result<Holder, Denial> {
    let kept = kept.ok_or(Denial::UnknownToken { id })?;
    if kept.has_expired(SystemTime::now()) {
        return Err(Denial::ExpiredToken { id });
    }
    let identity = Arc::clone(&kept.identity);
    Ok(Holder::Token { id, identity })
}

/// The token in the `authorization` of a call. Upper and lower case of the scheme are the same (RFC 9110, section 11.1).
fn bearer(authorization: &[u8]) -> Option<Token> {
    let text = std::str::from_utf8(authorization).ok()?;
    let (scheme, token) = text.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    token.parse().ok()
}

#[cfg(test)]
mod tests;
