//! Conservation of money: after every entry, all accounts together hold the opening balance plus all deposits minus all
//! withdrawals. A transfer does not change the total. It is judged from the journal's own balances.

use crate::analysis::describe;
use crate::analysis::index::Run;
use crate::analysis::journals::JournalCopy;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Action, Applied, Outcome};
use crate::verdict::{Unit, Verdict};
use std::collections::HashMap;

/// Balances by the journal, and their total.
#[derive(Default)]
struct Totals<'a> {
    accounts: HashMap<&'a str, i128>,
    total: i128,
    /// Total that the accounts must hold.
    expected: i128,
}

/// Judges each entry of the reference journal and of each journal that differs from it.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("conservation", Unit::ENTRIES, run.options);
    if run.journals.reference().is_none() {
        verdict.note("there are no journals");
    }
    for copy in run.journals.distinct() {
        judge_opening(run, copy, &mut verdict);
        judge_entries(run, copy, &mut verdict);
    }
    verdict.build()
}

/// The bank opened with the balance that was asked for.
fn judge_opening(run: &Run<'_>, copy: &JournalCopy<'_>, verdict: &mut VerdictBuilder) {
    let (Some(asked), Some(first)) = (run.options.opening, copy.entries.first()) else {
        return;
    };
    let Action::Open { account, amount } = &first.action else {
        return;
    };
    if account == "main" && first.position <= run.options.before && *amount != asked {
        verdict.fail(case(run, copy, first), || {
            format!("the bank opened with {amount}, and {asked} was asked for")
        });
    }
}

fn judge_entries(run: &Run<'_>, copy: &JournalCopy<'_>, verdict: &mut VerdictBuilder) {
    let mut totals = Totals::default();
    for entry in &copy.entries {
        let error_before = totals.total - totals.expected;
        totals.add(entry);
        let (total, expected) = (totals.total, totals.expected);
        // An error of an earlier entry is not counted again.
        if total - expected == error_before {
            verdict.pass();
            continue;
        }
        verdict.fail(case(run, copy, entry), || {
            format!(
                "after {} at position {} in the journal of branch {} the accounts hold {total}, and had to hold {expected}",
                describe::command(run, entry),
                entry.position,
                copy.journal.branch
            )
        });
    }
}

fn case<'a>(run: &Run<'a>, copy: &JournalCopy<'_>, entry: &Applied) -> Case<'a> {
    let journals = vec![copy.journal.branch];
    Case::at(
        entry.position,
        describe::operations_of(run, entry),
        vec![entry.position],
        journals,
    )
}

impl<'a> Totals<'a> {
    /// Adds an entry. A refused command changes nothing; its balance is judged by the replay.
    fn add(&mut self, entry: &'a Applied) {
        if entry.outcome != Outcome::Accepted {
            return;
        }
        self.expected += match &entry.action {
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
