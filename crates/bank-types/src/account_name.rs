//! Names of accounts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Name of the account that opens with the bank.
pub const MAIN: &str = "main";

/// Longest name, in bytes (and characters: names are ASCII). It is short enough for a table and an error line.
const NAME_LEN_MAX: usize = 64;

/// The name of an account: 1 to 64 of `a-z A-Z 0-9 . _ -`, the first a letter or a digit.
///
/// A name can stand in a command line, a file and a log without quoting, and no two names look alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(String);

/// A text that is not an [`AccountName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountNameError {
    /// The text is empty.
    #[error("an account name is empty: give 1 to {NAME_LEN_MAX} of a-z A-Z 0-9 . _ -")]
    Empty,
    /// The text is longer than 64 bytes.
    #[error("an account name has {0} bytes: give at most {NAME_LEN_MAX}")]
    TooLong(usize),
    /// The text has a character that a name cannot have at that place.
    #[error(
        "an account name has {character:?} at place {place}: use a-z A-Z 0-9 . _ - and begin with a letter or a digit"
    )]
    Character {
        /// The character.
        character: char,
        /// Place of the character in the text, counted in characters from 1.
        place: usize,
    },
}

impl AccountName {
    /// The name `main`.
    pub fn main() -> Self {
        Self(MAIN.to_owned())
    }

    /// Checks a name.
    ///
    /// # Errors
    /// The text is not a name; the error says which character is wrong, and where it is.
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

impl FromStr for AccountName {
    type Err = AccountNameError;

    fn from_str(text: &str) -> Result<Self, AccountNameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for AccountName {
    type Error = AccountNameError;

    fn try_from(text: String) -> Result<Self, AccountNameError> {
        Self::new(&text)
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.0
    }
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

    #[test]
    fn names_in_json_are_checked() {
        let name: AccountName = serde_json::from_str("\"rent\"").expect("a name");
        assert_eq!(serde_json::to_string(&name).expect("JSON"), "\"rent\"");
        assert!(serde_json::from_str::<AccountName>("\"a b\"").is_err());
    }
}
