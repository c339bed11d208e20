//! Where branches listen, and whether they can, found out before anything starts.

use super::ClusterError;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Where branches listen on the loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Wherever there is room; the branches say where.
    Auto,
    /// This and the branch's number.
    Base(u16),
}

impl Ports {
    /// The address for each branch; port 0 stands for any free one.
    ///
    /// # Errors
    /// A port past 65535, by branch; ports that are taken, each by branch.
    pub(super) fn addresses(self, branches: &[u32]) -> Result<Vec<SocketAddr>, ClusterError> {
        self.held(branches)?;
        let ports = self.numbers(branches)?;
        Ok(ports.into_iter().map(on_loopback).collect())
    }

    /// Keeps the ports of the branches from everybody else, for as long as what it returns lives.
    ///
    /// # Errors
    /// As [`Ports::addresses`].
    pub(super) fn held(self, branches: &[u32]) -> Result<Vec<TcpListener>, ClusterError> {
        let ports = self.numbers(branches)?;
        // All are tried, and all are held until then, so that two branches cannot be promised one port.
        let tried: Vec<_> = ports.iter().map(|&port| TcpListener::bind(on_loopback(port))).collect();
        let taken = branches.iter().zip(&ports).zip(&tried);
        let taken: Vec<_> = taken
            .filter(|(_, tried)| tried.is_err())
            .map(|((&branch, &port), _)| (branch, port))
            .collect();
        match taken.as_slice() {
            [] => Ok(tried.into_iter().flatten().collect()),
            [(branch, port), rest @ ..] => {
                let reason = tried
                    .into_iter()
                    .find_map(Result::err)
                    .map(|error| error.to_string())
                    .unwrap_or_default();
                Err(ClusterError::PortTaken {
                    branch: *branch,
                    port: *port,
                    more: rest.len(),
                    reason,
                })
            }
        }
    }

    /// Finds out whether the branches can listen, before anything is made.
    ///
    /// # Errors
    /// A port past 65535, or one that is taken, by branch.
    pub fn check(self, branches: &[u32]) -> Result<(), ClusterError> {
        self.addresses(branches).map(|_| ())
    }

    /// The port of each branch; 0 for any free one.
    ///
    /// # Errors
    /// [`ClusterError::PortRange`].
    pub fn numbers(self, branches: &[u32]) -> Result<Vec<u16>, ClusterError> {
        let Ports::Base(base) = self else {
            return Ok(vec![0; branches.len()]);
        };
        let port = |&branch: &u32| {
            let port = u64::from(base) + u64::from(branch);
            u16::try_from(port).map_err(|_| ClusterError::PortRange { branch, port })
        };
        branches.iter().map(port).collect()
    }
}

fn on_loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl std::str::FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Ports::Auto),
            (_, Ok(base)) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(Ports::Base(base)),
            _ => Err("write \"auto\", or a number from 0 to 65534: branch N listens on that and N".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_ports() {
        for (text, expected) in [
            ("auto", Some(Ports::Auto)),
            ("50000", Some(Ports::Base(50000))),
            ("65536", None),
            ("+5", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        assert_eq!(Ports::Base(50000).numbers(&[1, 345]).expect("in range"), [50001, 50345]);
        let error = Ports::Base(50000)
            .numbers(&[1, 15536])
            .expect_err("past the last port")
            .to_string();
        assert!(
            error.contains("branch 15536") && error.contains("65536") && error.contains("--base-port"),
            "{error}"
        );
        assert!(Ports::Base(1).numbers(&[u32::MAX]).is_err());
    }

    #[test]
    fn a_taken_port_is_named_with_its_branch() {
        let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = held.local_addr().expect("bound").port();
        let error = Ports::Base(port - 7).addresses(&[7]).expect_err("taken").to_string();
        assert!(
            error.contains(&format!("port {port}")) && error.contains("branch 7"),
            "{error}"
        );
    }
}
