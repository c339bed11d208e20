//! How a branch is, as it tells operators and whoever founds a bank.

use std::time::Duration;

use bank_proto::v1;

use crate::branch::Branch;
use crate::reconfiguration::plan::{has_caught_up, is_joining, predecessor};
use crate::replication::engine::{Engine, Replica};
use crate::replication::membership::{Progress, Seats};

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
    let removed = bank.standing.removed();
    let member = bank.standing.is_settled() && removed.is_none();
    status.ready = status.leader != 0 && status.position > 0 && member;
    status.removed = removed.map(|why| why.to_string()).unwrap_or_default();
    status.behind = bank.catching_up.behind(&bank.engine);
    status.branches = branches(&bank.engine, bank.members.window());
    status
}

/// Every branch of the bank, and where its join stands.
fn branches(engine: &Engine, window: Duration) -> Vec<v1::BranchStatus> {
    let seats = engine.seats();
    let progress = engine.progress(window);
    let replicas = seats.replicas.iter();
    replicas
        .map(|replica| v1::BranchStatus {
            branch: replica.branch,
            address: replica.address.clone(),
            voter: replica.voter,
            joining: joining(&seats, replica, progress.as_ref()),
        })
        .collect()
}

fn joining(seats: &Seats, replica: &Replica, progress: Option<&Progress>) -> Option<v1::JoinProgress> {
    let votes = seats.voters.contains(&replica.id);
    let exchanging = replica.voter != votes || seats.exchanging && is_joining(seats, replica);
    let catching_up = progress.is_some_and(|progress| !has_caught_up(progress, replica.id));
    if !exchanging && !is_joining(seats, replica) && (replica.voter || !catching_up) {
        return None;
    }
    let replaced = predecessor(seats, replica);
    Some(v1::JoinProgress {
        to_vote: replica.to_vote && !votes,
        replaces: replaced.map(|replaced| replaced.address.clone()).unwrap_or_default(),
        entries: progress.map(|progress| progress.matched.get(&replica.id).map_or(0, |last| last + 1)),
        entries_of: progress.map(|progress| progress.last + 1),
        answers: progress.map(|progress| progress.answering.contains(&replica.id)),
        exchanging,
    })
}
