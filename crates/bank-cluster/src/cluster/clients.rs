//! Clients of a cluster, with the certificates that they need.

use super::Cluster;
use crate::certificates::{Certificates, OPERATOR, TELLER, client_flags};
use crate::error::ClusterError;
use bank_client::{Client, ClientOptions, Operator, Security};
use std::ffi::OsString;
use std::time::Duration;

impl Cluster {
    /// A client for customers, who may use every account.
    ///
    /// # Errors
    /// The bank has not been founded.
    pub fn client(&self, options: ClientOptions) -> Result<Client, ClusterError> {
        let bank = self.bank().ok_or(ClusterError::NotFounded)?;
        Ok(Client::of_bank(bank, options).with_security(self.teller()))
    }

    /// A client for the calls of an operator that change nothing, at one branch.
    ///
    /// # Errors
    /// There is no such branch.
    pub fn operator(&self, branch: u32, timeout: Duration) -> Result<Operator, ClusterError> {
        let operator = Operator::at(self.address(branch)?.into(), timeout);
        let bank_id = self.bank().map(|bank| bank.bank_id());
        Ok(operator
            .with_security(self.security(|certificates| &certificates.operator))
            .expecting(bank_id, Some(branch)))
    }

    /// What secures the calls of customers, who may use every account. Plain without TLS, and before the start.
    pub fn teller(&self) -> Security {
        self.security(|certificates| &certificates.teller)
    }

    /// The flags by which `customer-cli` connects. None without TLS.
    pub fn customer_flags(&self) -> Vec<OsString> {
        self.flags(TELLER)
    }

    /// The flags by which the verbs of `branchd` connect. None without TLS.
    pub fn operator_flags(&self) -> Vec<OsString> {
        self.flags(OPERATOR)
    }

    fn flags(&self, client: &str) -> Vec<OsString> {
        let directory = self.config.certs_dir();
        directory.map_or_else(Vec::new, |directory| client_flags(&directory, client))
    }

    fn security(&self, of: impl FnOnce(&Certificates) -> &Security) -> Security {
        self.certificates.as_ref().map(of).cloned().unwrap_or_default()
    }
}
