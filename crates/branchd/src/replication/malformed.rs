//! The error for a message that does not follow the protocol.

/// A message lacks a field or holds an impossible value. The text says which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {0}")]
pub(crate) struct Malformed(pub(crate) String);

impl Malformed {
    pub(super) fn missing(what: &str) -> Self {
        Self(format!("no {what}"))
    }
}
