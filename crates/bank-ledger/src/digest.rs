//! A hash of everything decided so far.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::{Account, AccountName, Action, Applied, Command, Outcome, Position, Refusal};

/// What a command adds to the digest. The journal's entry says which, so that branches of different ages that apply the
/// same entry come to the same digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestRule {
    /// The command, its outcome, and where its id was decided. Of a bank's entries from before the other rule.
    Outcomes,
    /// These, and the accounts as they were read for the decision. A wrong balance then shows at the first command that
    /// reads it, even where the outcome does not tell: of the account that a transfer pays, say.
    Reads,
}

impl DigestRule {
    /// The rule of new entries.
    pub const NEWEST: Self = Self::Reads;
}

/// The accounts that one command's decision read, in the order of the reads; `None`: there is no such account.
pub(crate) type Reads = Vec<(AccountName, Option<Account>)>;

/// SHA-256, chained over every decided command by its [`DigestRule`]. Two branches with the same digest at the same
/// position have decided the same, from the same balances; with different ones, their books differ.
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
            // Its length, which is known, ends the name before it.
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
