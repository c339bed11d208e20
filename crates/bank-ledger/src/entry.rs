//! What an accepted command leaves in the books.

use crate::{Account, AccountName, Command, Outcome, Position, Remembered};

/// One accepted command. It is the statement's line and the remembered outcome at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where in the journal; entries of refused and repeated commands do not exist, so positions may skip.
    pub position: Position,
    /// The command, whole: the request id and what it asked.
    pub command: Command,
    /// What it did to the account it names first.
    pub account: Leg,
    /// What it did to the account that a transfer pays; `None` for every other command.
    pub counter_account: Option<Leg>,
}

/// What an entry did to one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// The balance right after, in minor units.
    pub balance: i64,
    /// The position of the account's entry before this one; 0: this is its first.
    pub previous: Position,
}

impl Entry {
    /// The entry as the outcome of its request id.
    pub fn remembered(&self) -> Remembered {
        Remembered {
            position: self.position,
            action: self.command.action.clone(),
            outcome: Outcome::Accepted {
                balance: self.account.balance,
            },
        }
    }

    /// What the entry did to the account; `None`: nothing.
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

    /// The accounts that the entry touched, as they were right after it: the one its command names first, then the
    /// one that a transfer pays.
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
