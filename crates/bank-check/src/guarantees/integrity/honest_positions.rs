//! Honest positions: the balance of every reply is what the account held at the position of the reply, by the checker's
//! own replay of the journal. Without a journal, replies are compared with each other: `honest_replies`.

use super::honest_replies;
use crate::analysis::describe::{asked, did, whose};
use crate::analysis::index::Run;
use crate::analysis::replay::{Replay, refused_balances};
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Operation, Outcome, Refusal};
use crate::verdict::Verdict;

/// Judged: the replies that hold a position and a balance.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("honest-positions", "replies", run.options);
    match &run.replay {
        Some(replay) => {
            for operation in &run.history.operations {
                judge_reply(run, replay, operation, &mut findings);
            }
        }
        None => honest_replies::judge(run, &mut findings),
    }
    findings.done()
}

fn judge_reply(run: &Run<'_>, replay: &Replay<'_>, operation: &Operation, findings: &mut VerdictBuilder) {
    let Some(position) = operation.position else { return };
    let ends = run.journals.reference().map_or(0, |copy| copy.journal.position);
    if position > ends {
        if run.journals.must_know(position) {
            findings.fail(case(operation, position), || {
                format!(
                    "{} answered from position {position}, and no journal goes past {ends}",
                    whose(operation)
                )
            });
        }
        return;
    }
    let held = |account: &str| replay.balance(account, position);
    let expected: [Option<i128>; 2] = match operation.outcome {
        Outcome::Refused(Refusal::NoSuchAccount) if operation.is_read() => [None, None],
        Outcome::Refused(refusal) => refused_balances(&operation.action, refusal, held).map(Some),
        Outcome::Answered | Outcome::Accepted => [held(operation.action.account()); 2],
        Outcome::NotApplied | Outcome::Unknown | Outcome::Failed => return,
    };
    let said = match (operation.outcome, operation.balance) {
        (Outcome::Refused(_), None) if operation.is_read() => held(operation.action.account()),
        (_, None) => return,
        (_, Some(balance)) => Some(i128::from(balance)),
    };
    if expected.contains(&said) {
        findings.pass();
        return;
    }
    findings.fail(case(operation, position), || {
        wrong(operation, position, expected[0], said)
    });
}

fn wrong(operation: &Operation, position: u64, expected: Option<i128>, said: Option<i128>) -> String {
    let held = match expected {
        Some(balance) => format!("the account held {balance} there"),
        None => "there was no such account there".to_owned(),
    };
    let said = said.map_or("no such account".to_owned(), |balance| format!("balance {balance}"));
    if operation.is_read() {
        let (customer, read) = (operation.customer, asked(operation));
        format!("customer {customer}'s {read} answered {said} from position {position}, but {held}")
    } else {
        format!("{}, and was told {said}, but {held}", did(operation))
    }
}

pub(crate) fn case(operation: &Operation, position: u64) -> Case<'_> {
    Case::at(position, vec![operation], vec![position], Vec::new())
}
