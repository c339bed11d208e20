//! Honest positions: the balance in a reply is the balance of the account at the position in the reply, by the
//! checker's own replay of the journal. Without journals, replies are compared with each other: see `honest_replies`.

use super::honest_replies;
use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::replay::{Replay, refused_balances};
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Operation, Outcome, RefusalReason};
use crate::verdict::{Unit, Verdict};

/// Replies to customers.
const REPLIES: Unit = Unit::new("reply", "replies");

/// Judges each reply that has a position and a balance.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("honest-positions", REPLIES, run.options);
    match &run.replay {
        Some(replay) => {
            for operation in &run.history.operations {
                judge_reply(run, replay, operation, &mut verdict);
            }
        }
        None => honest_replies::judge(run, &mut verdict),
    }
    verdict.build()
}

fn judge_reply(run: &Run<'_>, replay: &Replay<'_>, operation: &Operation, verdict: &mut VerdictBuilder) {
    let Some(position) = operation.position else { return };
    let ends = run.journals.reference().map_or(0, |copy| copy.journal.position);
    if position > ends {
        if run.journals.must_know(position) {
            verdict.fail(case(operation, position), || {
                format!(
                    "{} answered from position {position}, and no journal goes past {ends}",
                    describe::customer_request(operation)
                )
            });
        }
        return;
    }
    let held = |account: &str| replay.balance(account, position);
    let expected: [Option<i128>; 2] = match operation.outcome {
        Outcome::Refused(RefusalReason::NoSuchAccount) if operation.is_read() => [None, None],
        Outcome::Refused(refusal) => refused_balances(&operation.action, refusal, held).map(Some),
        Outcome::Answered | Outcome::Accepted => [held(operation.action.account()); 2],
        Outcome::NotApplied | Outcome::Unknown | Outcome::Failed => return,
    };
    let found = match (operation.outcome, operation.balance) {
        (Outcome::Refused(_), None) if operation.is_read() => held(operation.action.account()),
        (_, None) => return,
        (_, Some(balance)) => Some(i128::from(balance)),
    };
    if expected.contains(&found) {
        verdict.pass();
        return;
    }
    verdict.fail(case(operation, position), || {
        describe_failure(operation, position, expected[0], found)
    });
}

fn describe_failure(operation: &Operation, position: u64, expected: Option<i128>, found: Option<i128>) -> String {
    let held = match expected {
        Some(balance) => format!("the account held {balance} there"),
        None => "there was no such account there".to_owned(),
    };
    let found = found.map_or("no such account".to_owned(), |balance| format!("balance {balance}"));
    if operation.is_read() {
        let read = describe::customer_request(operation);
        format!("{read} answered {found} from position {position}, but {held}")
    } else {
        format!("{}, and was told {found}, but {held}", describe::result(operation))
    }
}

fn case(operation: &Operation, position: u64) -> Case<'_> {
    Case::at(position, vec![operation], vec![position], Vec::new())
}
