//! The ports of branches. They are checked before any branch starts.

use crate::error::ClusterError;
use crate::port_user::PortUser;
use std::io::{self, ErrorKind};
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
    /// As for [`Ports::held`].
    pub(crate) async fn addresses(&self, branches: &[u32]) -> Result<Vec<SocketAddr>, ClusterError> {
        self.check(branches).await?;
        self.chosen(branches)
    }

    /// Reserves the ports of the branches for as long as the returned listeners live.
    ///
    /// # Errors
    /// A port is past 65535, in use, or not permitted. The error names the user of the port.
    pub(crate) async fn held(&self, branches: &[u32]) -> Result<Vec<TcpListener>, ClusterError> {
        // All ports are held at the same time, so that two branches cannot get the same port.
        let addresses = self.chosen(branches)?;
        let tried: Vec<_> = addresses.iter().map(TcpListener::bind).collect();
        let more = tried.iter().filter(|tried| tried.is_err()).count().saturating_sub(1);
        let mut held = Vec::with_capacity(tried.len());
        for ((&branch, &address), tried) in branches.iter().zip(&addresses).zip(tried) {
            match tried {
                Ok(listener) => held.push(listener),
                Err(error) => return Err(refused(branch, address, more, error).await),
            }
        }
        Ok(held)
    }

    /// Checks that the branches can listen.
    ///
    /// # Errors
    /// A port is past 65535, in use, or not permitted. The error names the user of the port.
    pub async fn check(&self, branches: &[u32]) -> Result<(), ClusterError> {
        self.held(branches).await.map(|_| ())
    }

    /// Free ports of this moment, for branches that have to know each other's ports before they start.
    ///
    /// # Errors
    /// There are not enough ports.
    pub async fn free(branches: &[u32]) -> Result<Self, ClusterError> {
        let held = Ports::Auto.held(branches).await?;
        let addresses = held.iter().map(TcpListener::local_addr).collect::<Result<_, _>>();
        addresses.map(Ports::Kept).map_err(ClusterError::Network)
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

async fn refused(branch: u32, address: SocketAddr, more: usize, source: io::Error) -> ClusterError {
    let port = address.port();
    match source.kind() {
        ErrorKind::AddrInUse => ClusterError::PortTaken {
            branch,
            port,
            more,
            user: PortUser::of(address).await,
        },
        ErrorKind::PermissionDenied => ClusterError::PortPrivileged { branch, port, source },
        _ => ClusterError::PortUnusable { branch, port, source },
    }
}

impl std::str::FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Ports::Auto),
            (_, Ok(base)) if base > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(Ports::Base(base)),
            _ => {
                Err("write auto for free ports, or a number from 1 to 65534: branch N listens on that and N".to_owned())
            }
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
            ("0", None),
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

    #[tokio::test]
    async fn a_taken_port_is_named_with_its_branch_and_its_user() {
        let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = held.local_addr().expect("bound").port();
        for ports in [Ports::Base(port - 7), Ports::Kept(vec![([127, 0, 0, 1], port).into()])] {
            let error = ports.check(&[7]).await.expect_err("taken");
            let said = error.to_string();
            assert!(
                said.starts_with(&format!("port {port} of branch 7 is taken by ")) && said.contains("--base-port auto"),
                "{said}"
            );
            assert!(error.is_usage());
        }
        let free = Ports::free(&[1, 2]).await.expect("ports");
        assert!(free.check(&[1, 2]).await.is_ok());
    }

    #[tokio::test]
    async fn a_port_that_is_not_permitted_is_not_said_to_be_taken() {
        let denied = refused(1, ([127, 0, 0, 1], 1).into(), 0, ErrorKind::PermissionDenied.into()).await;
        let said = denied.to_string();
        assert!(
            said.starts_with("port 1 of branch 1 needs root (permission denied); use a base port from 1024"),
            "{said}"
        );
    }
}
