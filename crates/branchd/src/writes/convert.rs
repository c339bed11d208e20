//! Conversion between the outcomes of forwarded commands and messages. Both types come from other crates, so the
//! conversions are functions and not `From` implementations.

use bank_ledger::{AccountName, Applied, Outcome, Refusal};
use bank_proto::v1;

/// Converts an outcome to the message for the branch that forwarded the command.
pub(crate) fn outcome_to_wire(applied: &Applied) -> v1::Outcome {
    use v1::outcome::Result;
    let result = match &applied.outcome {
        Outcome::Accepted { balance } => Result::AcceptedBalance(*balance),
        Outcome::Refused(refusal) => Result::Refused(v1::RefusedOutcome {
            reason: refusal_reason(refusal).into(),
            balance: refusal.balance(),
            account: refusal.account().to_string(),
        }),
        Outcome::IdReused => Result::IdReused(true),
    };
    v1::Outcome {
        position: applied.position,
        repeated: applied.repeated,
        result: Some(result),
    }
}

/// Converts the leader's message to an outcome. `None`: the message is malformed.
pub(super) fn outcome_from_wire(outcome: v1::Outcome) -> Option<Applied> {
    use v1::outcome::Result;
    let decided = match outcome.result? {
        Result::AcceptedBalance(balance) => Outcome::Accepted { balance },
        Result::Refused(refused) => Outcome::Refused(refusal(&refused)?),
        Result::IdReused(_) => Outcome::IdReused,
    };
    Some(Applied {
        position: outcome.position,
        outcome: decided,
        repeated: outcome.repeated,
    })
}

/// Converts the reason of a refusal to the protocol's value.
pub(crate) fn refusal_reason(refusal: &Refusal) -> v1::Refusal {
    refusal.reason().into()
}

fn refusal(refused: &v1::RefusedOutcome) -> Option<Refusal> {
    let account = AccountName::new(&refused.account).ok()?;
    let balance = refused.balance;
    Some(match v1::Refusal::try_from(refused.reason).ok()? {
        v1::Refusal::InsufficientFunds => Refusal::InsufficientFunds { account, balance },
        v1::Refusal::NoSuchAccount => Refusal::NoSuchAccount { account },
        v1::Refusal::AccountExists => Refusal::AccountExists { account, balance },
        v1::Refusal::Overflow => Refusal::Overflow { account, balance },
        v1::Refusal::SameAccount => Refusal::SameAccount { account, balance },
        v1::Refusal::Unspecified => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_back_as_they_went() {
        let account = AccountName::main();
        let outcomes = [
            Outcome::Accepted { balance: 7 },
            Outcome::IdReused,
            Outcome::Refused(Refusal::InsufficientFunds {
                account: account.clone(),
                balance: 3,
            }),
            Outcome::Refused(Refusal::NoSuchAccount {
                account: account.clone(),
            }),
            Outcome::Refused(Refusal::AccountExists {
                account: account.clone(),
                balance: 0,
            }),
            Outcome::Refused(Refusal::Overflow {
                account: account.clone(),
                balance: i64::MAX,
            }),
            Outcome::Refused(Refusal::SameAccount { account, balance: 1 }),
        ];
        for (at, outcome) in outcomes.into_iter().enumerate() {
            let applied = Applied {
                position: at as u64 + 1,
                outcome,
                repeated: at % 2 == 0,
            };
            assert_eq!(outcome_from_wire(outcome_to_wire(&applied)), Some(applied));
        }
        assert_eq!(outcome_from_wire(v1::Outcome::default()), None);
    }
}
