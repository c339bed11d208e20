//! Addresses of branches, `HOST:PORT`, and the check whether a branch may use one without encryption.

use std::fmt;

use bank_types::Address;

/// A branch, by its number and its addresses, `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BranchAddress {
    pub(crate) branch: u32,
    /// Where customers and operators reach the branch.
    pub(crate) address: String,
    /// Where the other branches reach it. `None`: at `address` too.
    pub(crate) peer_address: Option<String>,
}

impl BranchAddress {
    /// The address at which the other branches reach the branch.
    pub(crate) fn for_branches(&self) -> &str {
        self.peer_address.as_deref().unwrap_or(&self.address)
    }

    /// All addresses of the branch.
    pub(crate) fn all(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.address).chain(&self.peer_address)
    }

    /// The addresses as the command line has them, `ADDR` or `ADDR,PEER`.
    pub(crate) fn as_given(&self) -> String {
        self.all().map(String::as_str).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for BranchAddress {
    /// Names the address at which a branch reaches it, because branches report what other branches do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "branch {} at {}", self.branch, self.for_branches())
    }
}

/// The address for branches in a message. `None` if it is empty, or is the address for customers.
pub(crate) fn peer_address(address: &str, for_branches: String) -> Option<String> {
    Some(for_branches).filter(|own| !own.is_empty() && own != address)
}

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The text is not `HOST:PORT`.
    #[error(transparent)]
    Malformed(#[from] bank_types::AddressError),
    /// The address is not on this host. Others could read and change what is sent there.
    #[error(
        "{0} is not on this host, and without certificates nothing is encrypted: give --certs-dir (`branchd cert` makes \
         certificates), or --insecure on a private network or through a tunnel"
    )]
    BeyondThisHost(String),
}

/// Checks that a text is `HOST:PORT`. The host must be a loopback address unless `beyond_this_host`.
///
/// # Errors
/// See [`AddressError`].
pub fn check(address: &str, beyond_this_host: bool) -> Result<(), AddressError> {
    if Address::to_listen_on(address)?.is_loopback() || beyond_this_host {
        Ok(())
    } else {
        Err(AddressError::BeyondThisHost(address.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for good in ["127.0.0.1:50001", "localhost:1", "[::1]:65535", "127.8.8.8:0"] {
            assert_eq!(check(good, false), Ok(()), "{good}");
        }
        for beyond in ["10.0.0.7:50001", "bank.example:50001", "0.0.0.0:50001", "[::]:1"] {
            assert_eq!(
                check(beyond, false),
                Err(AddressError::BeyondThisHost(beyond.into())),
                "{beyond}"
            );
            assert_eq!(check(beyond, true), Ok(()), "{beyond}");
        }
        for bad in [
            "",
            "50001",
            "127.0.0.1",
            ":50001",
            "host:",
            "host:65536",
            "ho st:1",
            "::1:50001",
            "[x]:1",
            "http://h:1",
        ] {
            assert!(matches!(check(bad, true), Err(AddressError::Malformed(_))), "{bad}");
        }
    }
}
