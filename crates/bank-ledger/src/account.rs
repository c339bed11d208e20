//! Accounts as the books hold them.

use bank_types::Position;

/// The state of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Balance in minor units, never negative.
    pub balance: i64,
    /// Position of the newest entry that touched the account. A statement starts there and follows the links.
    pub last_entry: Position,
}
