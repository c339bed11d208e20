//! Accounts and their names.

use std::fmt;

use crate::Position;

/// The account that opens with the bank.
pub const MAIN: &str = "main";

/// The longest name, in bytes (and characters: names are ASCII). Short enough to stand in a table and an error line.
const NAME_LEN_MAX: usize = 64;

/// The name of an account: 1 to 64 of `a-z A-Z 0-9 . _ -`, the first a letter or a digit.
///
/// So a name can stand in a command line, a file and a log without quoting, and no two names look alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

/// Why a name is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountNameError {
    /// Nothing at all.
    #[error("an account name is empty: give 1 to {NAME_LEN_MAX} of a-z A-Z 0-9 . _ -")]
    Empty,
    /// Longer than 64 bytes.
    #[error("an account name has {0} bytes: give at most {NAME_LEN_MAX}")]
    TooLong(usize),
    /// A character that no name has, or has first.
    #[error(
        "an account name has {character:?} at place {place}: use a-z A-Z 0-9 . _ - and begin with a letter or a digit"
    )]
    Character {
        /// The character.
        character: char,
        /// Where it stands, counted from 1, in characters.
        place: usize,
    },
}

impl AccountName {
    /// `main`, the account that opens with the bank.
    pub fn main() -> Self {
        Self(MAIN.to_owned())
    }

    /// Checks a name.
    ///
    /// # Errors
    /// Where the text is no name; the error says which character, and where.
    pub fn new(text: &str) -> Result<Self, AccountNameError> {
        if text.is_empty() {
            return Err(AccountNameError::Empty);
        }
        if text.len() > NAME_LEN_MAX {
            return Err(AccountNameError::TooLong(text.len()));
        }
        for (at, character) in text.chars().enumerate() {
            let inner = at > 0 && matches!(character, '.' | '_' | '-');
            if !(character.is_ascii_alphanumeric() || inner) {
                return Err(AccountNameError::Character {
                    character,
                    place: at + 1,
                });
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the books hold of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// In minor units; never negative.
    pub balance: i64,
    /// The position of the newest entry that touched the account. A statement starts there and follows the links.
    pub last_entry: Position,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["main", "a", "0", "savings-2.eur_x", &"x".repeat(64)] {
            assert_eq!(AccountName::new(good).map(|n| n.to_string()), Ok(good.to_owned()));
        }
        assert_eq!(AccountName::new(""), Err(AccountNameError::Empty));
        assert_eq!(
            AccountName::new(&"x".repeat(10_000)),
            Err(AccountNameError::TooLong(10_000))
        );
        for (bad, character, place) in [
            ("-a", '-', 1),
            (".a", '.', 1),
            ("a b", ' ', 2),
            ("a\0", '\0', 2),
            ("a\u{202e}b", '\u{202e}', 2),
            ("é", 'é', 1),
        ] {
            assert_eq!(
                AccountName::new(bad),
                Err(AccountNameError::Character { character, place }),
                "{bad:?}"
            );
        }
    }
}
