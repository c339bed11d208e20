//! Addresses of branches, `HOST:PORT`, and which of them may be spoken to in the clear.

use bank_types::Address;

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is not `HOST:PORT`.
    #[error(transparent)]
    Malformed(#[from] bank_types::AddressError),
    /// It is beyond this host, and what is said to it can be read and changed on the way.
    #[error(
        "{0} is not on this host, and branches speak in the clear: put them on a private network or a tunnel, and give --insecure to accept it"
    )]
    BeyondThisHost(String),
}

/// Checks `HOST:PORT`; in the clear, only this host's own (loopback) addresses will do unless `insecure`.
///
/// # Errors
/// See [`AddressError`].
pub fn check(address: &str, insecure: bool) -> Result<(), AddressError> {
    if Address::to_listen_on(address)?.is_loopback() || insecure {
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
