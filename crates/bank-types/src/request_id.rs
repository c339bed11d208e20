//! Request ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Request id of a write: 128 bits, written as a UUID. The bank decides each request id once.
///
/// Ids that rise with time (UUIDv7) are stored faster than random ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Uuid", into = "Uuid")]
pub struct RequestId(pub [u8; 16]);

impl From<Uuid> for RequestId {
    fn from(id: Uuid) -> Self {
        Self(id.into_bytes())
    }
}

impl From<RequestId> for Uuid {
    fn from(id: RequestId) -> Self {
        Self::from_bytes(id.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from(*self).fmt(f)
    }
}

impl FromStr for RequestId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_in_text_and_in_json() {
        let id = RequestId(0x0198_0000_0000_7000_8000_0000_0000_0001_u128.to_be_bytes());
        let text = "01980000-0000-7000-8000-000000000001";
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(serde_json::to_string(&id).expect("JSON"), format!("\"{text}\""));
        assert_eq!(
            serde_json::from_str::<RequestId>(&format!("\"{text}\"")).expect("read back"),
            id
        );
        assert!("main".parse::<RequestId>().is_err());
    }
}
