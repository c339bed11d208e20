//! A hash over every decision so far.

use std::fmt;

use bank_types::{AccountName, Position};
use sha2::{Digest as _, Sha256};

use crate::account::Account;
use crate::command::{Action, Command};
use crate::outcome::{Applied, Outcome, Refusal};

/// What a command adds to the digest. The log entry of the command says which rule applies, so that branches of
/// different versions come to the same digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestRule {
    /// The command, its outcome, and the position at which its request id was decided. Log entries from before the
    /// other rule have this one.
    Outcomes,
    /// In addition, the accounts as they were read for the decision. A wrong balance then shows at the first command
    /// that reads it, even if the outcome does not depend on it, such as the balance of the account that a transfer
    /// pays.
    Reads,
}

impl DigestRule {
    /// The rule of new log entries.
    pub const NEWEST: Self = Self::Reads;
}

/// The accounts that the decision on one command read, in the order of the reads. `None` stands for an account that
/// does not exist.
pub(crate) type Reads = Vec<(AccountName, Option<Account>)>;

/// SHA-256, chained over every decided command by its [`DigestRule`]. Two branches with the same digest at the same
/// position have made the same decisions from the same balances. With different digests, their books differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest after one more command.
    pub(crate) fn chain(self, position: Position, command: &Command, applied: &Applied, reads: Option<&Reads>) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(position.to_be_bytes());
        hash.update(command.request_id.0);
        hash.update(command.time_us.to_be_bytes());
        // Every variable part follows its length, so that no two commands feed the same bytes.
        let mut text = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        let (kind, amount) = match &command.action {
            Action::Found { opening_balance } => (0u8, *opening_balance),
            Action::Open { account } => {
                text(account.as_str());
                (1, 0)
            }
            Action::Deposit { account, amount } => {
                text(account.as_str());
                (2, amount.get())
            }
            Action::Withdraw { account, amount } => {
                text(account.as_str());
                (3, amount.get())
            }
            Action::Transfer { from, to, amount } => {
                text(from.as_str());
                text(to.as_str());
                (4, amount.get())
            }
        };
        hash.update([kind]);
        hash.update(amount.to_be_bytes());
        hash.update(applied.position.to_be_bytes());
        let (result, refused_account, balance) = match &applied.outcome {
            Outcome::Accepted { balance } => (0u8, "", *balance),
            Outcome::Refused(refusal) => {
                let reason = match refusal {
                    Refusal::InsufficientFunds { .. } => 1,
                    Refusal::NoSuchAccount { .. } => 2,
                    Refusal::AccountExists { .. } => 3,
                    Refusal::Overflow { .. } => 4,
                    Refusal::SameAccount { .. } => 6,
                };
                (reason, refusal.account().as_str(), refusal.balance())
            }
            Outcome::IdReused => (5, "", 0),
        };
        hash.update([result]);
        hash.update(balance.to_be_bytes());
        hash.update(refused_account);
        if let Some(reads) = reads {
            // The length marks where the name before it ends.
            hash.update((refused_account.len() as u64).to_be_bytes());
            add_reads(&mut hash, reads);
        }
        Self(hash.finalize().into())
    }
}

fn add_reads(hash: &mut Sha256, reads: &Reads) {
    hash.update((reads.len() as u64).to_be_bytes());
    for (name, read) in reads {
        hash.update((name.as_str().len() as u64).to_be_bytes());
        hash.update(name.as_str());
        hash.update([u8::from(read.is_some())]);
        if let Some(account) = read {
            hash.update(account.balance.to_be_bytes());
            hash.update(account.last_entry.to_be_bytes());
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
