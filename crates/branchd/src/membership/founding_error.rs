//! Why a bank was not founded.

use uuid::Uuid;

use crate::address::{AddressError, BranchAddress};

use crate::branch_client::BranchCallError;
use crate::branch_error::{AdoptError, BankUnavailable};
use crate::reconfiguration::plan::BRANCHES_MAX;
use crate::writes::error::WriteError;

/// Why a bank was not founded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FoundError {
    #[error("a bank has 1 to {BRANCHES_MAX} branches, not {0}")]
    BranchCount(usize),
    #[error("a branch has the number 0: numbers begin at 1")]
    NumberZero,
    #[error("branch {0} is named twice")]
    NumberTwice(u32),
    #[error("the address {0} is given to two branches")]
    AddressTwice(String),
    #[error(
        "branch {branch} has a listener for branches at {peer_address}: name it too, --branch {branch}={address},{peer_address}"
    )]
    PeerAddressMissing {
        branch: u32,
        address: String,
        peer_address: String,
    },
    #[error(
        "branch {branch} has no listener for branches at {peer_address}: start it with --listen-peer {peer_address}"
    )]
    NoPeerListener { branch: u32, peer_address: String },
    #[error("branch {branch}: {error}")]
    Address { branch: u32, error: AddressError },
    #[error("the opening balance is {0}: it cannot be negative")]
    NegativeBalance(i64),
    #[error("{given} branches cannot vote: give 1 to {most}")]
    VoterCount { given: u32, most: u32 },
    #[error("the request went to branch {0}, which is not among the branches that it names")]
    NotAmong(u32),
    #[error("branch {0} is busy with another founding: try again")]
    Busy(u32),
    #[error(transparent)]
    Call(#[from] BranchCallError),
    #[error("branch {branch} serves bank {bank} already: nothing was changed")]
    Exists { branch: u32, bank: String },
    #[error("{} is branch {found}, not branch {}: check the addresses", asked.for_branches(), asked.branch)]
    OtherNumber { asked: BranchAddress, found: u32 },
    #[error(
        "branch {} belongs to bank {}, branch {} to bank {}, and neither bank is open: start one of them on an empty data directory",
        .first.0, .first.1, .second.0, .second.1
    )]
    TwoBanks {
        first: (u32, String),
        second: (u32, String),
    },
    #[error("branch {branch} says that it belongs to bank {bank:?}, which is not an id")]
    NoBankId { branch: u32, bank: String },
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    #[error(transparent)]
    Bank(#[from] BankUnavailable),
    #[error("founding bank {bank_id}: {error}: run init again")]
    Begin { bank_id: Uuid, error: std::io::Error },
    #[error(
        "bank {bank_id} was begun with {voters} voters among {named}: run init with those, or start all branches on empty directories"
    )]
    OtherPlan {
        bank_id: Uuid,
        voters: usize,
        /// The branches that the bank was begun with, as `N=HOST:PORT`.
        named: String,
    },
    #[error("adding branches: {0}: run init again")]
    AddLearners(std::io::Error),
    #[error("founding bank {bank_id}: {error}: run init again")]
    Open { bank_id: Uuid, error: WriteError },
}
