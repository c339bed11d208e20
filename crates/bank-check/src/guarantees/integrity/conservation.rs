//! Conservation: after every entry the accounts hold what the bank opened with, plus what was deposited, minus what was
//! withdrawn; a transfer moves nothing in or out. Judged from the journal's own balances.

use crate::analysis::describe::{behind, command};
use crate::analysis::index::Run;
use crate::analysis::journals::Copy;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Action, Applied, Outcome};
use crate::verdict::Verdict;
use std::collections::HashMap;

/// What a journal says that each account holds, and what all hold together.
#[derive(Default)]
struct Held<'a> {
    accounts: HashMap<&'a str, i128>,
    total: i128,
    /// What all have to hold together.
    due: i128,
}

/// Judged: the entries of the reference journal, and of each that differs from it.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut findings = VerdictBuilder::new("conservation", "entries", run.options);
    if run.journals.reference().is_none() {
        findings.note("there are no journals");
    }
    for copy in run.journals.distinct() {
        judge_opening(run, copy, &mut findings);
        judge_entries(run, copy, &mut findings);
    }
    findings.done()
}

/// The bank opened with what was asked for.
fn judge_opening(run: &Run<'_>, copy: &Copy<'_>, findings: &mut VerdictBuilder) {
    let (Some(asked), Some(first)) = (run.options.opening, copy.entries.first()) else {
        return;
    };
    let Action::Open { account, amount } = &first.action else {
        return;
    };
    if account == "main" && first.position <= run.options.before && *amount != asked {
        findings.fail(case(run, copy, first), || {
            format!("the bank opened with {amount}, and was to open with {asked}")
        });
    }
}

fn judge_entries(run: &Run<'_>, copy: &Copy<'_>, findings: &mut VerdictBuilder) {
    let mut held = Held::default();
    for entry in &copy.entries {
        let excess = held.total - held.due;
        held.take(entry);
        let (total, due) = (held.total, held.due);
        // One that went wrong before is not the fault of this entry.
        if total - due == excess {
            findings.pass();
            continue;
        }
        findings.fail(case(run, copy, entry), || {
            format!(
                "after {} at position {} in the journal of branch {} the accounts hold {total}, and had to hold {due}",
                command(run, entry),
                entry.position,
                copy.journal.branch
            )
        });
    }
}

fn case<'a>(run: &Run<'a>, copy: &Copy<'_>, entry: &Applied) -> Case<'a> {
    let journals = vec![copy.journal.branch];
    Case::at(entry.position, behind(run, entry), vec![entry.position], journals)
}

impl<'a> Held<'a> {
    /// A refused command moves nothing; the balance that it was told is judged by the replay.
    fn take(&mut self, entry: &'a Applied) {
        if entry.outcome != Outcome::Accepted {
            return;
        }
        self.due += match &entry.action {
            Action::Open { amount, .. } | Action::Deposit { amount, .. } => i128::from(*amount),
            Action::Withdraw { amount, .. } => -i128::from(*amount),
            Action::Transfer { .. } | Action::Query { .. } => 0,
        };
        self.set(entry.action.account(), i128::from(entry.balance));
        if let (Action::Transfer { to, amount, .. }, to_balance) = (&entry.action, entry.to_balance) {
            let known = self.accounts.get(to.as_str()).copied().unwrap_or(0);
            let now = to_balance.map_or(known + i128::from(*amount), i128::from);
            self.set(to, now);
        }
    }

    fn set(&mut self, account: &'a str, balance: i128) {
        let before = self.accounts.insert(account, balance).unwrap_or(0);
        self.total += balance - before;
    }
}
