//! A hash chain over the entries.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::command::Action;
use crate::entry::Entry;

/// The head of the chain of entries: SHA-256 over the head before the newest entry and the bytes of that entry. The head
/// stands for every entry so far: nobody can change, remove or insert an entry and keep the head. It can be recomputed
/// from the entries alone. The head of no entries is all zeros.
///
/// The bytes of an entry, with all integers in big-endian order:
/// - position (8), request id (16), time in microseconds since 1970 (8)
/// - kind (1): 1 found and open, 2 deposit, 3 withdraw, 4 transfer
/// - amount (8); for `found` the opening balance, for `open` 0
/// - length of the account's name (8), the name, its balance after the entry (8)
/// - for a transfer: length of the other account's name (8), the name, its balance after the entry (8)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChainHead(pub [u8; 32]);

impl ChainHead {
    /// The head after one more entry.
    #[must_use]
    pub fn after(self, entry: &Entry) -> Self {
        let (kind, amount) = match &entry.command.action {
            Action::Found { opening_balance } => (1u8, *opening_balance),
            Action::Open { .. } => (1, 0),
            Action::Deposit { amount, .. } => (2, amount.get()),
            Action::Withdraw { amount, .. } => (3, amount.get()),
            Action::Transfer { amount, .. } => (4, amount.get()),
        };
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(entry.position.to_be_bytes());
        hash.update(entry.command.request_id.0);
        hash.update(entry.command.time_us.to_be_bytes());
        hash.update([kind]);
        hash.update(amount.to_be_bytes());
        for (name, account) in entry.accounts() {
            hash.update((name.as_str().len() as u64).to_be_bytes());
            hash.update(name.as_str());
            hash.update(account.balance.to_be_bytes());
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Display for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a head of the chain of entries has 64 hexadecimal digits")]
pub struct ChainHeadError;

impl FromStr for ChainHead {
    type Err = ChainHeadError;

    fn from_str(text: &str) -> Result<Self, ChainHeadError> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ChainHeadError);
        }
        let mut head = [0; 32];
        for (byte, at) in head.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| ChainHeadError)?;
        }
        Ok(Self(head))
    }
}
