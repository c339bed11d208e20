//! Where a branch listens: `HOST:PORT`, checked once, when it is read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// `HOST:PORT`. The host is a name, an IPv4 address, or an IPv6 address in brackets; the port is 1 to 65535.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Address(String);

/// A text that is no [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not an address: {what}; write HOST:PORT, such as 127.0.0.1:50001")]
pub struct AddressError {
    text: String,
    what: &'static str,
}

/// A DNS name has at most 253 characters; more than that is some other text.
const HOST_LEN_MAX: usize = 253;

impl Address {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |what| AddressError {
            text: text.chars().take(80).collect(),
            what,
        };
        if text.contains("://") {
            return Err(wrong("it has a scheme"));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("it has no port"))?;
        if host.is_empty() || host.len() > HOST_LEN_MAX {
            return Err(wrong("its host is empty or too long"));
        }
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host_ok = match bracketed {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
        };
        if !host_ok {
            return Err(wrong(
                "its host is neither a name, nor an IPv4 address, nor an IPv6 address in brackets",
            ));
        }
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        match port.parse::<u16>() {
            Ok(port) if digits && port > 0 => Ok(Self(text.to_owned())),
            _ => Err(wrong("its port is not a number from 1 to 65535")),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.0
    }
}

impl From<std::net::SocketAddr> for Address {
    /// A port of 0 is kept: nothing can be reached there.
    fn from(address: std::net::SocketAddr) -> Self {
        Self(address.to_string())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_checked() {
        for good in [
            "127.0.0.1:50001",
            "localhost:1",
            "[::1]:65535",
            "branch-1.bank_x.example:50001",
        ] {
            assert_eq!(good.parse::<Address>().expect(good).as_str(), good);
        }
        let bad = [
            "",
            "127.0.0.1",
            ":50001",
            "h:",
            "h:0",
            "h:65536",
            "h:+1",
            "h: 1",
            "::1:50001",
            "[::1]",
            "h\u{0}:1",
        ];
        for bad in bad
            .iter()
            .copied()
            .chain(["http://h:1", "a/b:1", "[x]:1", "h\u{202e}:1", "u@h:1"])
        {
            let error = bad.parse::<Address>().expect_err(bad).to_string();
            assert!(error.contains("HOST:PORT"), "{error}");
        }
    }
}
