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
        let ports = self.numbers(branches)?;
        let addresses: Vec<SocketAddr> = ports.iter().map(|&port| (Ipv4Addr::LOCALHOST, port).into()).collect();
        match taken(branches, &addresses) {
            None => Ok(addresses),
            Some(Taken {
                branch,
                port,
                more,
                reason,
            }) => Err(ClusterError::PortTaken {
                branch,
                port,
                more,
                reason,
            }),
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

/// Finds out whether branches can listen where they did before.
///
/// # Errors
/// A port that is taken, by branch.
pub(super) fn check_kept(branches: &[u32], addresses: &[SocketAddr]) -> Result<(), ClusterError> {
    taken(branches, addresses).map_or(
        Ok(()),
        |Taken {
             branch,
             port,
             more,
             reason,
         }| {
            Err(ClusterError::KeptPortTaken {
                branch,
                port,
                more,
                reason,
            })
        },
    )
}

/// The first port that is taken.
struct Taken {
    branch: u32,
    port: u16,
    /// How many others are.
    more: usize,
    /// What the operating system says.
    reason: String,
}

fn taken(branches: &[u32], addresses: &[SocketAddr]) -> Option<Taken> {
    // All are held until all were tried, so that two branches cannot be promised one port.
    let tried: Vec<_> = addresses.iter().map(TcpListener::bind).collect();
    let mut taken = branches
        .iter()
        .zip(addresses)
        .zip(&tried)
        .filter_map(|((&branch, address), tried)| {
            let reason = tried.as_ref().err()?.to_string();
            Some(Taken {
                branch,
                port: address.port(),
                more: 0,
                reason,
            })
        });
    let first = taken.next()?;
    Some(Taken {
        more: taken.count(),
        ..first
    })
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
