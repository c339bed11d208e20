//! The ports of branches. They are checked before any branch starts.

use crate::error::ClusterError;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The ports at which branches listen on the loopback address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// Free ports, which the operating system chooses and the branches announce.
    Auto,
    /// The sum of this base port and the branch number.
    Base(u16),
    /// The addresses that the bank has for its branches, in the order of the branches.
    Kept(Vec<SocketAddr>),
}

impl Ports {
    /// The address for each branch, after a check that it is free. Port 0 stands for any free port.
    ///
    /// # Errors
    /// A port is past 65535, or taken.
    pub(crate) fn addresses(&self, branches: &[u32]) -> Result<Vec<SocketAddr>, ClusterError> {
        self.held(branches)?;
        self.chosen(branches)
    }

    /// Reserves the ports of the branches for as long as the returned listeners live.
    ///
    /// # Errors
    /// A port is past 65535, or taken.
    pub(crate) fn held(&self, branches: &[u32]) -> Result<Vec<TcpListener>, ClusterError> {
        // All ports are held at the same time, so that two branches cannot get the same port.
        let addresses = self.chosen(branches)?;
        let tried: Vec<_> = addresses.iter().map(TcpListener::bind).collect();
        let more = tried.iter().filter(|tried| tried.is_err()).count().saturating_sub(1);
        let mut held = Vec::with_capacity(tried.len());
        for ((&branch, address), tried) in branches.iter().zip(&addresses).zip(tried) {
            match tried {
                Ok(listener) => held.push(listener),
                Err(error) => return Err(self.taken(branch, address.port(), more, error.to_string())),
            }
        }
        Ok(held)
    }

    fn taken(&self, branch: u32, port: u16, more: usize, reason: String) -> ClusterError {
        match self {
            Ports::Kept(_) => ClusterError::KeptPortTaken {
                branch,
                port,
                more,
                reason,
            },
            Ports::Auto | Ports::Base(_) => ClusterError::PortTaken {
                branch,
                port,
                more,
                reason,
            },
        }
    }

    /// Checks that the branches can listen.
    ///
    /// # Errors
    /// A port is past 65535, or taken.
    pub fn check(&self, branches: &[u32]) -> Result<(), ClusterError> {
        self.addresses(branches).map(|_| ())
    }

    /// The address for each branch, without a check that it is free. Port 0 stands for any free port.
    ///
    /// # Errors
    /// A port is past 65535.
    pub fn chosen(&self, branches: &[u32]) -> Result<Vec<SocketAddr>, ClusterError> {
        let on_loopback = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match self {
            Ports::Kept(addresses) => Ok(addresses.clone()),
            Ports::Auto => Ok(vec![on_loopback(0); branches.len()]),
            Ports::Base(base) => {
                let address = |&branch: &u32| {
                    let port = u64::from(*base) + u64::from(branch);
                    let port = u16::try_from(port).map_err(|_| ClusterError::PortRange { branch, port })?;
                    Ok(on_loopback(port))
                };
                branches.iter().map(address).collect()
            }
        }
    }
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
        let chosen = Ports::Base(50000).chosen(&[1, 345]).expect("in range");
        assert_eq!(chosen.iter().map(SocketAddr::port).collect::<Vec<_>>(), [50001, 50345]);
        let error = Ports::Base(50000)
            .chosen(&[1, 15536])
            .expect_err("past the last port")
            .to_string();
        assert!(
            error.contains("branch 15536") && error.contains("65536") && error.contains("--base-port"),
            "{error}"
        );
        assert!(Ports::Base(1).chosen(&[u32::MAX]).is_err());
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
        let kept = Ports::Kept(vec![([127, 0, 0, 1], port).into()]);
        let error = kept.addresses(&[7]).expect_err("taken").to_string();
        assert!(
            error.starts_with(&format!("port {port}, which branch 7 has in its bank, is taken")),
            "{error}"
        );
    }
}
