//! One line of `customer-cli replay`: the record of one operation.

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::account_name::AccountName;
use crate::call_outcome::CallOutcome;
use crate::level::Level;
use crate::position::Position;
use crate::propagation::Propagation;
use crate::refusal_reason::RefusalReason;
use crate::request_id::RequestId;
use crate::words::words;

/// What a customer asked in one event of a replay and how the call ended.
///
/// A field that does not apply is left out. A reader ignores fields that it does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// Place of the event in the input, from 0.
    pub seq: usize,
    /// Id of the event in the input, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    /// Kind of the operation.
    pub interface: Interface,
    /// Branch that the event names.
    pub branch: u32,
    /// Account of the operation.
    pub account: AccountName,
    /// For a write: whether the bank applied it, as far as the customer knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<WriteResult>,
    /// How the call ended.
    pub outcome: CallOutcome,
    /// Balance in the reply, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// Position in the reply: the state that a read saw, or the place of a write in the journal, refused or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Request id of a write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// Branch that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_by: Option<u32>,
    /// Bank that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank_id: Option<Uuid>,
    /// The bank had decided this request id before, and the reply repeats that decision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    /// With propagation `all`: branches that had not confirmed the write by the deadline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_branches: Vec<u32>,
    /// Reason of a refusal. `None` also if the reason is one that the reader does not know.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known_reason")]
    pub reason: Option<RefusalReason>,
    /// Time that the branch took to reach the state that a read needs, in microseconds. 0 for a write.
    pub waited_us: u64,
    /// Number of times that the request was sent.
    pub attempts: u32,
    /// Error message, if the customer has no answer or a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Consistency level of the customer's reads.
    pub level: Level,
    /// For a write: the branches that it waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagation: Option<Propagation>,
    /// Time at which the operation began, in microseconds of the host's monotonic clock.
    pub invoked_us: u64,
    /// Time at which its outcome was known, by the same clock.
    pub completed_us: u64,
}

impl OperationRecord {
    /// A record of an operation that has not been sent: without a reply, at time 0.
    pub fn unsent(seq: usize, interface: Interface, branch: u32, account: AccountName, level: Level) -> Self {
        Self {
            seq,
            id: None,
            interface,
            branch,
            account,
            result: None,
            outcome: CallOutcome::NotApplied,
            balance: None,
            position: None,
            request_id: None,
            served_by: None,
            bank_id: None,
            repeated: false,
            missing_branches: Vec::new(),
            reason: None,
            waited_us: 0,
            attempts: 0,
            error: None,
            level,
            propagation: None,
            invoked_us: 0,
            completed_us: 0,
        }
    }
}

/// Id of an event in the input of a replay: a whole number or a text, which is repeated in the output as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EventId {
    /// A number that is not negative.
    Unsigned(u64),
    /// A negative number.
    Signed(i64),
    /// A text.
    Text(String),
}

/// Kind of the operation that an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// Asks for a balance.
    Query,
    /// Pays money in.
    Deposit,
    /// Takes money out.
    Withdraw,
}

words!(Interface {
    Query = "query",
    Deposit = "deposit",
    Withdraw = "withdraw",
});

/// Whether the bank applied a write, as far as the customer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteResult {
    /// The bank applied the write.
    Success,
    /// The bank refused the write, did not apply it, or gave no decision on it.
    Fail,
}

words!(WriteResult {
    Success = "success",
    Fail = "fail",
});

/// Reads a reason, in kebab-case or in the older snake_case. A later version of the customer's program may write
/// others.
fn known_reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RefusalReason>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    Ok(word.and_then(|word| word.replace('_', "-").parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = r#"{"seq":2,"id":"x","interface":"withdraw","branch":2,"account":"main","result":"fail","outcome":"refused","balance":400,"position":3,"request_id":"01980000-0000-7000-8000-000000000001","served_by":2,"missing_branches":[3],"reason":"insufficient-funds","waited_us":0,"attempts":1,"error":"the account holds 400","level":"session","propagation":"all","invoked_us":1,"completed_us":2}"#;

    #[test]
    fn a_record_is_written_as_it_was_read() {
        let record: OperationRecord = serde_json::from_str(REFUSED).expect("a record");
        assert_eq!(record.reason, Some(RefusalReason::InsufficientFunds));
        assert_eq!(serde_json::to_string(&record).expect("JSON"), REFUSED);
    }

    #[test]
    fn older_and_newer_records_are_read() {
        let reason = |word: &str| {
            let line = REFUSED
                .replace("insufficient-funds", word)
                .replacen('{', r#"{"weather":"good","#, 1);
            serde_json::from_str::<OperationRecord>(&line).expect("a record").reason
        };
        assert_eq!(reason("insufficient_funds"), Some(RefusalReason::InsufficientFunds));
        assert_eq!(reason("bad-weather"), None);
    }

    #[test]
    fn an_id_is_repeated_as_it_is() {
        for text in ["7", "18446744073709551615", "-7", "\"seven\""] {
            let id: EventId = serde_json::from_str(text).expect("an id");
            assert_eq!(serde_json::to_string(&id).expect("JSON"), text);
        }
        for text in ["1.5", "true", "null", "[1]"] {
            assert!(serde_json::from_str::<EventId>(text).is_err(), "{text}");
        }
    }
}
