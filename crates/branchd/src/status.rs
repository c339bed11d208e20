//! How a branch is, as it tells operators and whoever founds a bank.

use bank_proto::v1;

use crate::branch::Branch;

/// How a branch is, from what it knows.
pub(crate) fn status(branch: &Branch) -> v1::GetStatusResponse {
    let mut status = v1::GetStatusResponse {
        branch: branch.config.branch,
        role: v1::Role::Uninitialized.into(),
        address: branch.address.clone(),
        data_directory: branch.directory.path().display().to_string(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        customers: branch.customers.count(),
        // Also where the bank could not be opened: founding must not take this branch for a new one.
        bank_id: branch.directory.bank_id().map(|id| id.to_string()).unwrap_or_default(),
        ..Default::default()
    };
    let Some(bank) = branch.bank_if_any() else {
        return status;
    };
    let (role, term) = bank.engine.role();
    let ledger = bank.books.ledger();
    status.role = role.into();
    status.term = term;
    status.leader = bank.engine.leader().map_or(0, |leader| leader.branch);
    status.position = ledger.position;
    status.digest = ledger.digest.0.to_vec();
    status.ready = status.leader != 0 && status.position > 0;
    let replicas = bank.engine.replicas().into_iter();
    status.branches = replicas
        .map(|r| v1::BranchStatus {
            branch: r.branch,
            address: r.address,
            voter: r.voter,
        })
        .collect();
    status
}
