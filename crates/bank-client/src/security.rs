//! What secures the connections of a client, and how the client proves who it is.

use std::fmt;
use std::path::{Path, PathBuf};

use bank_auth::SecretFileError;
use bank_tls::Credentials;
use thiserror::Error;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use uuid::Uuid;

/// Longest token, in bytes. Those that `branchd token` makes are much shorter.
const TOKEN_LEN_MAX: usize = 256;

/// What secures the connections of a client. Without anything, they are plain TCP, and the client is nobody in
/// particular. Clones share the certificates, also after these were read again.
#[derive(Clone, Default)]
pub struct Security {
    credentials: Option<Credentials>,
    token: Option<Token>,
}

impl Security {
    /// Connections by TLS, with these certificates.
    pub fn tls(credentials: Credentials) -> Self {
        Self {
            credentials: Some(credentials),
            token: None,
        }
    }

    /// The same, and each call carries this token. It is sent only by TLS, or to an address of this host.
    #[must_use]
    pub fn with_token(self, token: Token) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    /// Whether connections are plain and calls carry no token.
    pub fn is_none(&self) -> bool {
        self.credentials.is_none() && self.token.is_none()
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The bank that the own certificate names. A branch of another bank is refused. `None` without a certificate.
    pub fn bank_id(&self) -> Option<Uuid> {
        Some(self.credentials.as_ref()?.me()?.bank)
    }

    pub(crate) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("tls", &self.credentials.is_some())
            .field("token", &self.token)
            .finish()
    }
}

/// A token that says who the client is: one line of text, which is sent as it is. It never shows itself in logs.
#[derive(Clone)]
pub struct Token(MetadataValue<Ascii>);

/// A text that is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it holds no token, which is one line of visible ASCII characters without spaces, at most {TOKEN_LEN_MAX}")]
pub struct TokenError;

/// Error of reading the file of a token.
#[derive(Debug, Error)]
pub enum TokenFileError {
    /// The file cannot be read, or others than its owner can read it.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The file holds something else.
    #[error("{path}: {source}; `branchd token` makes one", path = path.display())]
    NotToken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TokenError,
    },
}

impl Token {
    /// The token in a text. A line break after it is ignored.
    ///
    /// # Errors
    /// The text is not a token.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let visible = line.bytes().all(|byte| byte.is_ascii_graphic());
        if line.is_empty() || line.len() > TOKEN_LEN_MAX || !visible {
            return Err(TokenError);
        }
        let mut bearer = MetadataValue::try_from(format!("Bearer {line}")).map_err(|_| TokenError)?;
        // Kept out of debug output, and out of the tables of header compression.
        bearer.set_sensitive(true);
        Ok(Self(bearer))
    }

    /// The token in a file that only its owner can read.
    ///
    /// # Errors
    /// See [`TokenFileError`].
    pub fn read(path: &Path) -> Result<Self, TokenFileError> {
        let text = bank_auth::file::read_text(path)?;
        Self::new(&text).map_err(|source| TokenFileError::NotToken {
            path: path.to_owned(),
            source,
        })
    }
}

impl Token {
    /// Adds the token to a request.
    pub(crate) fn authorize<M>(&self, request: &mut Request<M>) {
        request.metadata_mut().insert("authorization", self.0.clone());
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_visible_line() {
        for text in ["passbook-token-1:abc", "x\n", "x\r\n"] {
            assert!(Token::new(text).is_ok(), "{text:?}");
        }
        let long = "x".repeat(TOKEN_LEN_MAX + 1);
        for text in ["", "\n", "a b", "a\nb", "a\n\n", "é", "a\tb", "a\0", long.as_str()] {
            assert!(Token::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_token_is_sent_and_never_shown() {
        let token = Token::new("passbook-token-1:abc\n").expect("a token");
        let mut request = Request::new(());
        token.authorize(&mut request);
        let security = Security::default().with_token(token);
        let sent = request.metadata().get("authorization").expect("sent");
        assert_eq!(sent.to_str().ok(), Some("Bearer passbook-token-1:abc"));
        let shown = format!("{security:?} {request:?}");
        assert!(!shown.contains("abc"), "{shown}");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_of_a_token_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        assert!(matches!(
            Token::read(&path),
            Err(TokenFileError::File(SecretFileError::Missing { .. }))
        ));
        std::fs::write(&path, "passbook-token-1:abc\n").expect("written");
        for (mode, fine) in [(0o600, true), (0o400, true), (0o640, false), (0o644, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("changed");
            assert_eq!(Token::read(&path).is_ok(), fine, "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("changed");
        std::fs::write(&path, "two words\n").expect("written");
        let error = Token::read(&path).expect_err("no token").to_string();
        assert!(
            error.contains("token: it holds no token") && !error.contains("words"),
            "{error}"
        );
    }
}
