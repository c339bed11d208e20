//! Converts the decision on a write to the answer to a customer.

use bank_ledger::{Applied, Outcome, Position, Refusal, RequestId};
use bank_proto::v1;
use uuid::Uuid;

use crate::peers::Identity;
use crate::writes::convert::refusal_reason;

/// The decision on a customer's write.
pub(super) struct Decision {
    /// The branch that answers.
    pub(super) answers: Identity,
    pub(super) request_id: RequestId,
    pub(super) applied: Applied,
}

/// The request id of a write belongs to another write, which was decided first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("request id {request_id} was used for another write, at position {first}: give this write an id of its own")]
pub(super) struct IdReused {
    request_id: Uuid,
    first: Position,
}

impl TryFrom<Decision> for v1::WriteResult {
    type Error = IdReused;

    fn try_from(decision: Decision) -> Result<Self, IdReused> {
        use v1::write_result;
        let Decision {
            answers,
            request_id,
            applied,
        } = decision;
        let outcome = match &applied.outcome {
            Outcome::Accepted { balance } => write_result::Outcome::Accepted(v1::Accepted { balance: *balance }),
            Outcome::Refused(refusal) => write_result::Outcome::Refused(refused(refusal)),
            Outcome::IdReused => {
                return Err(IdReused {
                    request_id: Uuid::from_bytes(request_id.0),
                    first: applied.position,
                });
            }
        };
        Ok(Self {
            bank_id: answers.bank_id.to_string(),
            branch: answers.branch,
            position: applied.position,
            outcome: Some(outcome),
            repeated: applied.repeated,
            missing_branches: Vec::new(),
        })
    }
}

/// A refusal in words and numbers.
pub(super) fn refused(refusal: &Refusal) -> v1::Refused {
    v1::Refused {
        reason: refusal_reason(refusal).into(),
        message: refusal.to_string(),
        balance: refusal.balance(),
    }
}
