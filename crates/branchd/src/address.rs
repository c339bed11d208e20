//! Addresses of branches, `HOST:PORT`, and which of them may be spoken to in the clear.

use std::net::IpAddr;

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has no port, or none that is a number.
    #[error("{0:?} is no address: give HOST:PORT, 127.0.0.1:50001 say")]
    Malformed(String),
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
    let malformed = || AddressError::Malformed(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let sound = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(is_host),
    };
    if !sound || port.parse::<u16>().is_err() {
        return Err(malformed());
    }
    let loopback = host == "localhost" || bare.unwrap_or(host).parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if loopback || insecure {
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
            assert_eq!(check(bad, true), Err(AddressError::Malformed(bad.into())), "{bad}");
        }
    }
}
