//! What the ledger decided, as messages: to customers, and between branches.

use bank_ledger::{AccountName, Applied, Outcome, Refusal};
use bank_proto::v1;

/// For the branch that sent the command here.
pub(crate) fn to_wire(applied: &Applied) -> v1::Outcome {
    use v1::outcome::Result;
    let result = match &applied.outcome {
        Outcome::Accepted { balance } => Result::AcceptedBalance(*balance),
        Outcome::Refused(refusal) => Result::Refused(v1::RefusedOutcome {
            reason: reason(refusal).into(),
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

/// From the branch that had the command decided; `None` where the message is malformed.
pub(crate) fn from_wire(outcome: v1::Outcome) -> Option<Applied> {
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

/// For a customer; `None` where the request id belongs to another write, which is an error, not a result.
pub(crate) fn to_customer(applied: &Applied, bank_id: String, branch: u32) -> Option<v1::WriteResult> {
    use v1::write_result;
    let outcome = match &applied.outcome {
        Outcome::Accepted { balance } => write_result::Outcome::Accepted(v1::Accepted { balance: *balance }),
        Outcome::Refused(refusal) => write_result::Outcome::Refused(refused(refusal)),
        Outcome::IdReused => return None,
    };
    Some(v1::WriteResult {
        bank_id,
        branch,
        position: applied.position,
        outcome: Some(outcome),
        repeated: applied.repeated,
        missing_branches: Vec::new(),
    })
}

/// A refusal in words and numbers.
pub(crate) fn refused(refusal: &Refusal) -> v1::Refused {
    v1::Refused {
        reason: reason(refusal).into(),
        message: refusal.to_string(),
        balance: refusal.balance(),
    }
}

fn reason(refusal: &Refusal) -> v1::Refusal {
    match refusal {
        Refusal::InsufficientFunds { .. } => v1::Refusal::InsufficientFunds,
        Refusal::NoSuchAccount { .. } => v1::Refusal::NoSuchAccount,
        Refusal::AccountExists { .. } => v1::Refusal::AccountExists,
        Refusal::Overflow { .. } => v1::Refusal::Overflow,
        Refusal::SameAccount { .. } => v1::Refusal::SameAccount,
    }
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
            assert_eq!(from_wire(to_wire(&applied)), Some(applied));
        }
        assert_eq!(from_wire(v1::Outcome::default()), None);
    }
}
