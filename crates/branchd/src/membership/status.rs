//! The status of a branch, from what the branch knows itself.

use std::time::{Duration, SystemTime};

use bank_ledger::{Digest, Position};
use uuid::Uuid;

use crate::address::BranchAddress;
use crate::branch::Branch;
use crate::certificates::Certificates;
use crate::reconfiguration::plan::{has_caught_up, is_joining, predecessor};
use crate::replication::engine::{Engine, Replica};
use crate::replication::majority::NoMajority;
use crate::replication::membership::{Progress, Seats};
use crate::replication::role::Role;
use crate::scrubbing::FinishedRound;

/// The status of a branch.
#[derive(Debug)]
pub(crate) struct BranchStatus {
    pub(crate) branch: u32,
    /// The address on which the branch listens.
    pub(crate) address: String,
    /// The address on which the branch listens for other branches. `None`: at `address` too.
    pub(crate) peer_address: Option<String>,
    pub(crate) data_directory: String,
    /// The number of connections on which a customer has made a call.
    pub(crate) customers: u32,
    /// The bank that the data directory names. It is set even if the files of the bank could not be opened.
    pub(crate) bank_id: Option<Uuid>,
    /// Whether the branch has certificates.
    pub(crate) encrypted: bool,
    /// Whether the branch accepts that connections beyond its host are not encrypted.
    pub(crate) insecure: bool,
    /// The end of the validity of the certificate.
    pub(crate) certificate_not_after: Option<SystemTime>,
    /// The rest of the status. `None`: the bank is not open.
    pub(crate) bank: Option<BankStatus>,
}

/// The part of the status that only a branch with an open bank has.
#[derive(Debug)]
pub(crate) struct BankStatus {
    pub(crate) role: Role,
    pub(crate) term: u64,
    /// The number of the branch that leads. `None`: this branch has heard no leader for its election timeout.
    pub(crate) leader: Option<u32>,
    pub(crate) position: Position,
    pub(crate) digest: Digest,
    /// Whether the branch can serve customers.
    pub(crate) ready: bool,
    /// What is known if no majority of the voters can be reached from this branch.
    pub(crate) no_majority: Option<NoMajority>,
    /// Why the branch is not a member any more. `None`: it is a member, or does not know yet.
    pub(crate) removed: Option<String>,
    /// The number of log entries that the branch must still apply to be current after its start.
    pub(crate) behind: u64,
    pub(crate) members: Vec<Member>,
    /// The newest finished round of the scrub.
    pub(crate) scrub: Option<FinishedRound>,
    /// The number of syncs of the journal's segments since it was opened.
    pub(crate) journal_syncs: u64,
}

/// One branch of the bank.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) place: BranchAddress,
    pub(crate) voter: bool,
    /// How far the join, promotion or replacement of the branch is, while one is under way.
    pub(crate) joining: Option<JoinProgress>,
}

/// How far a join, promotion or replacement is.
#[derive(Debug)]
pub(crate) struct JoinProgress {
    /// Whether the branch does not vote yet and will become a voter.
    pub(crate) to_vote: bool,
    /// The address of the replica that this one replaces.
    pub(crate) replaces: Option<String>,
    /// What the leader knows of the branch. `None` at every other branch.
    pub(crate) at_leader: Option<ProgressAtLeader>,
    /// Whether an exchange of voters is under way.
    pub(crate) exchanging: bool,
}

/// What only the leader knows of a joining branch.
#[derive(Debug)]
pub(crate) struct ProgressAtLeader {
    /// The number of log entries that the branch has.
    pub(crate) entries: u64,
    /// The number of entries in the leader's log.
    pub(crate) entries_of: u64,
    /// Whether the branch answers the leader.
    pub(crate) answers: bool,
}

/// The status of this branch. Answers at once.
pub(crate) fn status(branch: &Branch) -> BranchStatus {
    BranchStatus {
        branch: branch.config.branch,
        address: branch.address.clone(),
        peer_address: branch.peer_address.clone(),
        data_directory: branch.directory.path().display().to_string(),
        customers: branch.customers.count(),
        // A branch whose bank could not be opened must not look new to a founding.
        bank_id: branch.directory.bank_id(),
        encrypted: branch.certificates.is_some(),
        insecure: branch.config.insecure,
        certificate_not_after: branch.certificates.as_ref().and_then(Certificates::not_after),
        bank: branch.bank_if_any().map(|bank| {
            let (role, term) = bank.engine.role();
            let window = bank.members.window();
            let leader = bank.engine.heard_leader(window).map(|leader| leader.branch);
            let ledger = bank.books.ledger();
            let removed = bank.standing.removed();
            let member = bank.standing.is_settled() && removed.is_none();
            BankStatus {
                role,
                term,
                leader,
                position: ledger.position,
                digest: ledger.digest,
                ready: leader.is_some() && ledger.position > 0 && member,
                no_majority: bank.engine.no_majority(),
                removed: removed.map(|why| why.to_string()),
                behind: bank.catching_up.behind(&bank.engine),
                members: members(&bank.engine, window),
                scrub: bank.scrubbing.newest(),
                journal_syncs: bank.journal.syncs(),
            }
        }),
    }
}

fn members(engine: &Engine, window: Duration) -> Vec<Member> {
    let seats = engine.seats();
    let progress = engine.progress(window);
    let replicas = seats.replicas.iter();
    replicas
        .map(|replica| Member {
            place: replica.into(),
            voter: replica.voter,
            joining: joining(&seats, replica, progress.as_ref()),
        })
        .collect()
}

fn joining(seats: &Seats, replica: &Replica, progress: Option<&Progress>) -> Option<JoinProgress> {
    let votes = seats.voters.contains(&replica.id);
    let exchanging = replica.voter != votes || seats.exchanging && is_joining(seats, replica);
    let catching_up = progress.is_some_and(|progress| !has_caught_up(progress, replica.id));
    if !exchanging && !is_joining(seats, replica) && (replica.voter || !catching_up) {
        return None;
    }
    Some(JoinProgress {
        to_vote: replica.to_vote && !votes,
        replaces: predecessor(seats, replica).map(|replaced| replaced.address.clone()),
        at_leader: progress.map(|progress| ProgressAtLeader {
            entries: progress.matched.get(&replica.id).map_or(0, |last| last + 1),
            entries_of: progress.last + 1,
            answers: progress.answering.contains(&replica.id),
        }),
        exchanging,
    })
}
