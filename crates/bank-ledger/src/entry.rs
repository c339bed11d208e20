//! Entries: the accepted commands in the books.

use bank_types::{AccountName, Position};

use crate::account::Account;
use crate::command::Command;
use crate::outcome::{Outcome, Remembered};

/// One accepted command. It serves both as a line of a statement and as the remembered decision on its request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position of the command in the journal. Refused and repeated commands have no entry, so positions may skip.
    pub position: Position,
    /// The command, with its request id.
    pub command: Command,
    /// Effect on the account that the command names first.
    pub account: Leg,
    /// Effect on the account that a transfer pays. `None` for every other command.
    pub counter_account: Option<Leg>,
}

/// Effect of an entry on one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Balance right after the entry, in minor units.
    pub balance: i64,
    /// Position of the account's entry before this one. 0 if this is its first.
    pub previous: Position,
}

impl Entry {
    /// The entry as the remembered decision on its request id.
    pub fn remembered(&self) -> Remembered {
        Remembered {
            position: self.position,
            action: self.command.action.clone(),
            outcome: Outcome::Accepted {
                balance: self.account.balance,
            },
        }
    }

    /// Effect of the entry on this account. `None` if it did not touch the account.
    pub fn leg_of(&self, account: &AccountName) -> Option<Leg> {
        let (first, second) = self.command.action.accounts();
        if *account == first {
            return Some(self.account);
        }
        if second.as_ref() == Some(account) {
            return self.counter_account;
        }
        None
    }

    /// The accounts that the entry changed, with their balances right after it. The account that the command names first
    /// comes first. The account that a transfer pays comes second.
    pub fn accounts(&self) -> Vec<(AccountName, Account)> {
        let (first, second) = self.command.action.accounts();
        let mut touched = vec![(
            first,
            Account {
                balance: self.account.balance,
                last_entry: self.position,
            },
        )];
        if let (Some(name), Some(leg)) = (second, self.counter_account) {
            touched.push((
                name,
                Account {
                    balance: leg.balance,
                    last_entry: self.position,
                },
            ));
        }
        touched
    }
}
