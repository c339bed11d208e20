//! Addresses of branches: `HOST:PORT`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Address of a branch: `HOST:PORT`. The host is a name, an IPv4 address, or an IPv6 address in brackets; the port is 1
/// to 65535.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Address(String);

/// A text that is not an [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not an address: {what}; write HOST:PORT, such as 127.0.0.1:50001")]
pub struct AddressError {
    text: String,
    what: &'static str,
}

/// A DNS name has at most 253 characters; more than that is some other text.
const HOST_LEN_MAX: usize = 253;

impl Address {
    /// Reads an address to listen on. The port may also be 0: the system then chooses one.
    ///
    /// # Errors
    /// The text is not an address.
    pub fn to_listen_on(text: &str) -> Result<Self, AddressError> {
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
        let host_ok = match without_brackets(host) {
            Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
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
        if !digits || port.parse::<u16>().is_err() {
            return Err(wrong("its port is not a number from 1 to 65535"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the address is one of this host's own (loopback): `localhost`, 127.0.0.0/8 or `[::1]`. What is sent
    /// there does not leave the host.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The name or the IP address of the host. An IPv6 address is without its brackets.
    pub fn host(&self) -> &str {
        let host = self.0.rsplit_once(':').map_or("", |(host, _)| host);
        without_brackets(host).unwrap_or(host)
    }

    fn port(&self) -> Option<u16> {
        self.0.rsplit_once(':')?.1.parse().ok()
    }
}

/// The part of a host between `[` and `]`.
fn without_brackets(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let address = Self::to_listen_on(text)?;
        if address.port() == Some(0) {
            return Err(AddressError {
                text: text.to_owned(),
                what: "its port is not a number from 1 to 65535",
            });
        }
        Ok(address)
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
    /// Keeps a port of 0, at which nothing can be reached.
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

    #[test]
    fn an_address_to_listen_on_may_have_port_0() {
        assert_eq!(
            Address::to_listen_on("127.8.8.8:0").expect("an address").as_str(),
            "127.8.8.8:0"
        );
        assert!("127.8.8.8:0".parse::<Address>().is_err());
    }

    #[test]
    fn loopback_addresses_are_told_apart() {
        for (text, loopback) in [
            ("127.0.0.1:50001", true),
            ("localhost:1", true),
            ("[::1]:65535", true),
            ("127.8.8.8:1", true),
            ("10.0.0.7:50001", false),
            ("bank.example:50001", false),
            ("0.0.0.0:50001", false),
            ("[::]:1", false),
        ] {
            assert_eq!(text.parse::<Address>().expect(text).is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn the_host_is_the_part_before_the_port() {
        for (text, host) in [
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:1", "::1"),
            ("b.example:9", "b.example"),
        ] {
            assert_eq!(text.parse::<Address>().expect(text).host(), host);
        }
    }
}
