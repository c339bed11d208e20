//! Why a call is denied, and how many calls were.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bank_auth::{Role, TokenId};
use bank_types::AccountName;

use super::call::Call;
use super::rules::{allowed_roles, with_article};
use crate::callers::LogLimit;
use crate::certificates::ConnectionRefused;

/// How often the log reports a denied call, at most.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Why a call is denied. The message says what would be needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denial {
    #[error(
        "only branches that prove that they have the bank's secret may make this call: run the same version of branchd at every branch, each with the bank's secret file"
    )]
    BranchesOnly,
    /// Clients need not prove who they are here, but this call changes the bank.
    #[error(
        "only those who prove that they have the bank's secret may make this call: use branchd, with --secret-file"
    )]
    OperatorsOnly,
    #[error(
        "this branch must know who calls: {roles} may do this, with the certificate of a client or a token (--token-file)",
        roles = allowed_roles(*.call, false)
    )]
    NoIdentity { call: Call },
    /// The token is malformed.
    #[error(
        "the authorization of the call is not `Bearer` and a token: take the line that `branchd token add` printed"
    )]
    MalformedToken,
    /// There is no such token. Its secret may be wrong too, which is not told.
    #[error(
        "this branch knows no such token as {id}: it may be revoked; `branchd token list` shows those that there are"
    )]
    UnknownToken { id: TokenId },
    #[error("the token {id} has expired: `branchd token add` makes a new one")]
    ExpiredToken { id: TokenId },
    /// The connection is not encrypted, or its certificate is no longer valid.
    #[error(transparent)]
    Connection(#[from] ConnectionRefused),
    #[error("{is} may not do this: {roles} may", is = with_article(*.role), roles = allowed_roles(*.call, false))]
    Role { role: Role, call: Call },
    #[error("the account {account} is not yours: {roles} may do this", roles = allowed_roles(*.call, true))]
    Account { account: AccountName, call: Call },
}

impl Denial {
    /// Whether the caller did not prove who it is. Otherwise it did, and may not make the call.
    pub(crate) fn is_unauthenticated(&self) -> bool {
        matches!(
            self.reason(),
            Reason::NoIdentity | Reason::UnknownToken | Reason::ExpiredToken | Reason::Certificate
        )
    }

    fn reason(&self) -> Reason {
        match self {
            Self::BranchesOnly => Reason::BranchesOnly,
            Self::OperatorsOnly => Reason::OperatorsOnly,
            Self::NoIdentity { .. } => Reason::NoIdentity,
            Self::MalformedToken | Self::UnknownToken { .. } => Reason::UnknownToken,
            Self::ExpiredToken { .. } => Reason::ExpiredToken,
            Self::Connection(ConnectionRefused::NotEncrypted) => Reason::NotEncrypted,
            Self::Connection(ConnectionRefused::Certificate(_)) => Reason::Certificate,
            Self::Role { .. } => Reason::Role,
            Self::Account { .. } => Reason::Account,
        }
    }
}

/// A reason by which denied calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    BranchesOnly,
    OperatorsOnly,
    NoIdentity,
    UnknownToken,
    ExpiredToken,
    NotEncrypted,
    Certificate,
    Role,
    Account,
}

impl Reason {
    const ALL: [Self; 9] = [
        Self::BranchesOnly,
        Self::OperatorsOnly,
        Self::NoIdentity,
        Self::UnknownToken,
        Self::ExpiredToken,
        Self::NotEncrypted,
        Self::Certificate,
        Self::Role,
        Self::Account,
    ];

    /// The word for the reason in status and log.
    fn word(self) -> &'static str {
        match self {
            Self::BranchesOnly => "branches-only",
            Self::OperatorsOnly => "operators-only",
            Self::NoIdentity => "no-identity",
            Self::UnknownToken => "unknown-token",
            Self::ExpiredToken => "expired-token",
            Self::NotEncrypted => "not-encrypted",
            Self::Certificate => "certificate",
            Self::Role => "role",
            Self::Account => "account",
        }
    }
}

/// Counts and logs the calls that are denied.
#[derive(Debug)]
pub(super) struct Denials {
    counts: [AtomicU64; Reason::ALL.len()],
    log: Mutex<LogLimit>,
}

impl Denials {
    pub(super) fn new() -> Self {
        Self {
            counts: Default::default(),
            log: Mutex::new(LogLimit::every(LOG_INTERVAL)),
        }
    }

    /// Counts a denied call, and logs it with its caller.
    pub(super) fn add(&self, denial: &Denial, by: &dyn std::fmt::Display) {
        let reason = denial.reason();
        self.counts[reason as usize].fetch_add(1, Ordering::Relaxed);
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(suppressed) = log.allow(Instant::now()) {
            tracing::warn!(reason = reason.word(), %by, suppressed, "a call was denied: {denial}");
        }
    }

    /// How many calls were denied, by reason. A reason without a call is left out.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = Reason::ALL.into_iter().zip(&self.counts);
        let counts = counts.map(|(reason, count)| (reason.word(), count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denied_calls_are_counted_by_reason() {
        let denials = Denials::new();
        assert_eq!(denials.counts(), []);
        for (position, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, position);
        }
        let role = Denial::Role {
            role: Role::Auditor,
            call: Call::Write,
        };
        let account = Denial::Account {
            account: AccountName::main(),
            call: Call::Write,
        };
        for denial in [&role, &account, &role] {
            denials.add(denial, &"a test");
        }
        assert_eq!(denials.counts(), [("role", 2), ("account", 1)]);
    }

    #[test]
    fn a_denial_says_what_would_be_needed() {
        let account: AccountName = AccountName::new("rent").expect("a name");
        for (denial, text) in [
            (
                Denial::NoIdentity { call: Call::Write },
                "this branch must know who calls: a customer of the account or a teller may do this, with the certificate \
                 of a client or a token (--token-file)",
            ),
            (
                Denial::Role {
                    role: Role::Auditor,
                    call: Call::Write,
                },
                "an auditor may not do this: a customer of the account or a teller may",
            ),
            (
                Denial::Account {
                    account,
                    call: Call::Write,
                },
                "the account rent is not yours: a teller may do this",
            ),
        ] {
            assert_eq!(denial.to_string(), text);
        }
    }
}
