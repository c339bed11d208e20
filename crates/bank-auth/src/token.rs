//! The token of a client, and its text form: one line with `passbook-token-1:`, the id and the secret of the token. Who
//! shows the token has the identity that a branch keeps for its id. A branch keeps the hash of the secret only.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::hex;

/// Length of the id, in bytes. Random ids of a million tokens are distinct with a probability of 99.8 %.
const ID_LEN: usize = 6;
/// Length of the secret, in bytes.
const SECRET_LEN: usize = 32;
/// Length of a hash, in bytes.
const HASH_LEN: usize = 32;
/// Beginning of the text form. The number is the version of the form.
const PREFIX: &str = "passbook-token-1:";

/// The id of a token. It is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; ID_LEN]);

/// A token. Its `Debug` form does not show the secret.
#[derive(Clone)]
pub struct Token {
    id: TokenId,
    secret: [u8; SECRET_LEN],
}

/// SHA-256 of the secret of a token. The secret is 32 random bytes, so a fast hash without a salt hides it.
#[derive(Debug, Clone, Copy)]
pub struct TokenHash([u8; HASH_LEN]);

/// Error of reading a token. It does not show the text, which may be a part of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a token: one line is expected, {PREFIX}ID:SECRET with {id} and {secret} hexadecimal digits",
    id = 2 * ID_LEN,
    secret = 2 * SECRET_LEN
)]
pub struct TokenTextError;

/// Error of reading the id or the hash of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} hexadecimal digits are expected")]
pub struct HexError(usize);

impl Token {
    /// A new token from the operating system's source of randomness.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let (mut id, mut secret) = ([0; ID_LEN], [0; SECRET_LEN]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        let id = TokenId(id);
        Ok(Self { id, secret })
    }

    /// The id.
    pub fn id(&self) -> TokenId {
        self.id
    }

    /// The hash of the secret.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.secret).into())
    }

    /// The text form without a newline. It contains the secret, so it must not be shown to others.
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}:{}", self.id, hex::encode(&self.secret))
    }
}

impl FromStr for Token {
    type Err = TokenTextError;

    /// Reads the text form. White space around it is ignored.
    fn from_str(text: &str) -> Result<Self, TokenTextError> {
        let parts = text.trim().strip_prefix(PREFIX).and_then(|rest| rest.split_once(':'));
        let (id, secret) = parts.ok_or(TokenTextError)?;
        Ok(Self {
            id: id.parse().map_err(|_| TokenTextError)?,
            secret: hex::decode(secret).ok_or(TokenTextError)?,
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.id)
    }
}

impl FromStr for TokenId {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::decode(text).map(Self).ok_or(HexError(2 * ID_LEN))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl FromStr for TokenHash {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::decode(text).map(Self).ok_or(HexError(2 * HASH_LEN))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl PartialEq for TokenHash {
    /// Takes the same time wherever two hashes differ.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_from_its_text_and_its_debug_form_has_no_secret() {
        let token = Token::random().expect("randomness");
        let text = token.to_text();
        let read: Token = format!(" {text}\r\n").parse().expect("a token");
        assert_eq!((read.id(), read.hash()), (token.id(), token.hash()));
        let other = Token::random().expect("randomness");
        assert!(other.id() != token.id() && other.hash() != token.hash());
        let secret = text.rsplit(':').next().expect("the last part");
        assert!(!format!("{token:?} {}", token.hash()).contains(&secret[..8]));
    }

    #[test]
    fn the_hash_is_sha_256_of_the_secret() {
        let token: Token = format!("{PREFIX}010203040506:{}", "61".repeat(32))
            .parse()
            .expect("a token");
        assert_eq!(token.id().to_string(), "010203040506");
        let hash = "3ba3f5f43b92602683c19aee62a20342b084dd5971ddd33808d81a328879a547";
        assert_eq!(token.hash().to_string(), hash);
        assert_eq!(hash.parse(), Ok(token.hash()));
    }

    #[test]
    fn what_is_not_a_token_is_refused_without_being_shown() {
        let (id, secret) = ("0102030405ff", "5a".repeat(32));
        for text in [
            String::new(),
            PREFIX.to_owned(),
            format!("{id}:{secret}"),
            format!("passbook-token-2:{id}:{secret}"),
            format!("passbook-secret-1:{secret}"),
            format!("{PREFIX}{secret}"),
            format!("{PREFIX}{id}:{}", &secret[1..]),
            format!("{PREFIX}{id}:{secret}0"),
            format!("{PREFIX}{id}0:{secret}"),
            format!("{PREFIX}{id}:{secret}:"),
            format!("{PREFIX}{id}:{}é", &secret[2..]),
            format!("{PREFIX}{id}:{}+", &secret[1..]),
        ] {
            let refused = text.parse::<Token>().expect_err("refused").to_string();
            assert!(!refused.contains(&secret[..8]), "{refused}");
        }
    }
}
