//! Who a client of a bank is, and its role. A certificate or a token gives a client its identity.

use std::fmt;
use std::str::FromStr;

use bank_types::AccountName;

/// Longest name of a client, in bytes. It is short enough for a log line.
pub const CLIENT_NAME_LEN_MAX: usize = 64;

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads its own accounts and writes to them. A transfer out of an own account may go to any account.
    Customer,
    /// Reads every account and writes to every account.
    Teller,
    /// Reads everything and writes nothing.
    Auditor,
    /// Changes the branches of the bank: init, join, promote, remove. Reads the status and the journal.
    Operator,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Customer, Self::Teller, Self::Auditor, Self::Operator];

    /// The word for the role in flags, files and certificates.
    pub fn word(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Teller => "teller",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Error of reading a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role: give customer, teller, auditor or operator")]
pub struct RoleError(String);

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        let found = Self::ALL.into_iter().find(|role| role.word() == text);
        found.ok_or_else(|| RoleError(text.to_owned()))
    }
}

/// The name of a client: letters, digits, `.`, `_` and `-`, and it begins with a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientName(String);

/// Error of reading the name of a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name of a client: use a-z A-Z 0-9 . _ - and begin with a letter or a digit, {CLIENT_NAME_LEN_MAX} characters at the most"
)]
pub struct ClientNameError(String);

impl ClientName {
    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientName {
    type Err = ClientNameError;

    fn from_str(text: &str) -> Result<Self, ClientNameError> {
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if begins && text.len() <= CLIENT_NAME_LEN_MAX && text.bytes().all(inner) {
            return Ok(Self(text.to_owned()));
        }
        // A hostile name is cut, so that it does not fill the log.
        Err(ClientNameError(text.chars().take(CLIENT_NAME_LEN_MAX).collect()))
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of a client, as a certificate or a token proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// What the client may do.
    pub role: Role,
    /// Name of the client.
    pub name: ClientName,
    /// Own accounts of a customer. Empty for other roles, which own no account.
    pub accounts: Vec<AccountName>,
}

impl ClientIdentity {
    /// Whether the account is the client's own.
    pub fn owns(&self, account: &AccountName) -> bool {
        self.role == Role::Customer && self.accounts.contains(account)
    }
}

impl fmt::Display for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        for bad in ["", "Teller", "root", "customer "] {
            assert!(bad.parse::<Role>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_of_clients_are_checked() {
        for good in ["alice", "A", "7.b_c-d", &"x".repeat(CLIENT_NAME_LEN_MAX)] {
            assert!(good.parse::<ClientName>().is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "-a",
            ".a",
            "a/b",
            "a b",
            "é",
            "a\0",
            &"x".repeat(CLIENT_NAME_LEN_MAX + 1),
        ] {
            assert!(bad.parse::<ClientName>().is_err(), "{bad:?}");
        }
    }
}
