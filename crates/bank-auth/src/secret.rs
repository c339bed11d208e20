//! The secret of a bank, and its text form: one line with `passbook-secret-1:` and 64 hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::hex;

/// Length of a secret, in bytes.
pub const SECRET_LEN: usize = 32;
/// Beginning of the text form. The number is the version of the form.
const PREFIX: &str = "passbook-secret-1:";

/// The secret of a bank. Its `Debug` form does not show it.
#[derive(Clone)]
pub struct Secret([u8; SECRET_LEN]);

/// Error of reading a secret. It does not show the text, which may be a part of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the secret of a bank: one line is expected, {PREFIX} and {digits} hexadecimal digits", digits = 2 * SECRET_LEN)]
pub struct SecretTextError;

impl Secret {
    /// A new secret from the operating system's source of randomness.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; SECRET_LEN];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The secret with these bytes, which must be as random as those of [`Secret::random`].
    pub fn from_bytes(bytes: [u8; SECRET_LEN]) -> Self {
        Self(bytes)
    }

    /// The text form without a newline. It contains the secret, so it must not be shown to others.
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}", hex::encode(&self.0))
    }

    /// HMAC-SHA256, keyed with this secret.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        // HMAC takes keys of every length.
        #[allow(clippy::expect_used)]
        Hmac::new_from_slice(&self.0).expect("HMAC takes keys of every length")
    }
}

impl FromStr for Secret {
    type Err = SecretTextError;

    /// Reads the text form. White space around it is ignored.
    fn from_str(text: &str) -> Result<Self, SecretTextError> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(SecretTextError)?;
        hex::decode(digits).map(Self).ok_or(SecretTextError)
    }
}

impl PartialEq for Secret {
    /// Compares all bytes, so that the time does not depend on where two secrets differ.
    fn eq(&self, other: &Self) -> bool {
        let difference = self.0.iter().zip(&other.0).fold(0, |found, (a, b)| found | (a ^ b));
        difference == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_back_from_its_text() {
        let secret = Secret::random().expect("randomness");
        let text = secret.to_text();
        assert_eq!(text.len(), PREFIX.len() + 64);
        assert_eq!(text.parse(), Ok(secret.clone()));
        assert_eq!(
            format!(
                " {}\r\n",
                text.to_uppercase().replace("PASSBOOK-SECRET", "passbook-secret")
            )
            .parse(),
            Ok(secret.clone())
        );
        assert_ne!(Secret::random().expect("randomness"), secret);
    }

    #[test]
    fn what_is_not_a_secret_is_refused_without_being_shown() {
        let digits = "5a".repeat(32);
        for text in [
            String::new(),
            digits.clone(),
            PREFIX.to_owned(),
            format!("passbook-secret-2:{digits}"),
            format!("{PREFIX}{}", &digits[1..]),
            format!("{PREFIX}{digits}0"),
            format!("{PREFIX}{}g", &digits[1..]),
            format!("{PREFIX}{}é", &digits[2..]),
            format!("{PREFIX}{}+", &digits[1..]),
            format!("{PREFIX}{digits}\n{PREFIX}{digits}"),
        ] {
            let refused = text.parse::<Secret>().expect_err("refused").to_string();
            assert!(!refused.contains(&digits[..8]), "{refused}");
        }
    }

    #[test]
    fn the_debug_form_shows_nothing() {
        assert_eq!(format!("{:?}", Secret([0x5a; SECRET_LEN])), "Secret");
    }
}
