//! The chain of entries. The head that a branch reports must be the head that its journal gives. All journals must give
//! the same head at the same position.
//!
//! The bytes of an entry are those of `bank_ledger::ChainHead`. They are computed here by code of the judge's own.

use crate::analysis::index::Run;
use crate::analysis::journals::JournalCopy;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::history::{Action, Applied, Outcome};
use crate::verdict::{Unit, Verdict};
use sha2::{Digest, Sha256};

/// Heads that were compared with a journal.
const HEADS: Unit = Unit::new("head", "heads");

type Head = [u8; 32];

/// Judges the head that each branch reports, and compares the journals by their heads.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("entries-chained", HEADS, run.options);
    if run.history.journals.is_empty() {
        verdict.note("there are no journals");
        return verdict.build();
    }
    let mut unjudged = false;
    for copy in &run.journals.copies {
        match reported(copy) {
            Some((position, head)) => judge_reported(&mut verdict, copy, position, head),
            None => unjudged = true,
        }
    }
    if let Some(reference) = run.journals.reference() {
        for copy in &run.journals.copies {
            if copy.journal.branch != reference.journal.branch {
                compare(&mut verdict, reference, copy);
            }
        }
    }
    if unjudged {
        verdict.note("a journal has no head of its entries");
    }
    verdict.build()
}

fn judge_reported(verdict: &mut VerdictBuilder, copy: &JournalCopy<'_>, position: u64, head: Head) {
    let Some(found) = head_at(copy, position) else { return };
    if found == head {
        verdict.pass();
        return;
    }
    let branch = copy.journal.branch;
    let case = Case::at(position, Vec::new(), vec![position], vec![branch]);
    verdict.fail(case, || {
        let (head, found) = (hexadecimal(head), hexadecimal(found));
        format!("branch {branch} reports the head {head} at position {position}, and its journal gives {found}")
    });
}

fn compare(verdict: &mut VerdictBuilder, reference: &JournalCopy<'_>, copy: &JournalCopy<'_>) {
    let position = reference.journal.position.min(copy.journal.position);
    let (Some(expected), Some(found)) = (head_at(reference, position), head_at(copy, position)) else {
        return;
    };
    if expected == found {
        verdict.pass();
        return;
    }
    let (one, other) = (reference.journal.branch, copy.journal.branch);
    let case = Case::at(position, Vec::new(), vec![position], vec![one, other]);
    verdict.fail(case, || {
        let (expected, found) = (hexadecimal(expected), hexadecimal(found));
        format!(
            "up to position {position} the entries of branch {one} give the head {expected}, and those of branch {other} \
             give {found}"
        )
    });
}

/// The position and the head that the branch reports. `None` if it reports none, or one past the end of its journal.
fn reported(copy: &JournalCopy<'_>) -> Option<(u64, Head)> {
    let (position, head) = copy.journal.entries_head.as_deref()?.split_once(':')?;
    let position = position.parse().ok()?;
    (position <= copy.journal.position).then_some((position, bytes(head)?))
}

/// The head that the entries up to a position give. `None` if an entry lacks its time, as in journals of older versions.
fn head_at(copy: &JournalCopy<'_>, position: u64) -> Option<Head> {
    let entries = copy.entries.iter().take_while(|entry| entry.position <= position);
    let accepted = entries.filter(|entry| entry.outcome == Outcome::Accepted);
    accepted.copied().try_fold([0; 32], after)
}

/// The head after one more entry.
fn after(head: Head, entry: &Applied) -> Option<Head> {
    let (kind, amount) = match &entry.action {
        Action::Open { amount, .. } => (1u8, *amount),
        Action::Deposit { amount, .. } => (2, *amount),
        Action::Withdraw { amount, .. } => (3, *amount),
        Action::Transfer { amount, .. } => (4, *amount),
        Action::Query { .. } => return None,
    };
    let mut hash = Sha256::new();
    hash.update(head);
    hash.update(entry.position.to_be_bytes());
    hash.update(bytes::<16>(&entry.request_id)?);
    hash.update(entry.time_us?.to_be_bytes());
    hash.update([kind]);
    hash.update(amount.to_be_bytes());
    let mut account = |name: &str, balance: i64| {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
        hash.update(balance.to_be_bytes());
    };
    account(entry.action.account(), entry.balance);
    if let Some(to) = entry.action.to() {
        account(to, entry.to_balance?);
    }
    Some(hash.finalize().into())
}

/// The bytes of a number in hexadecimal. Hyphens are ignored.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|digit| *digit != '-')
        .map(|digit| digit.to_digit(16))
        .collect::<Option<_>>()?;
    let pairs: Vec<u8> = digits
        .chunks(2)
        .map(|pair| (pair.iter().fold(0, |byte, digit| byte * 16 + digit)) as u8)
        .collect();
    (digits.len() == 2 * N).then(|| pairs.try_into().ok()).flatten()
}

fn hexadecimal(head: Head) -> String {
    head.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{History, Journal};
    use crate::options::Options;

    /// Computed apart from this program. `bank-ledger` has the same one.
    const HEAD: &str = "4:e4ee181028213a6d3798b93eb3cb394026b41651f97cdc43f071ab0d40817fe5";

    fn journal(branch: u32) -> Journal {
        let (main, a) = ("main".to_owned(), "a".to_owned());
        let entry = |position, id: &str, time_us, action, balance| Applied {
            position,
            request_id: id.repeat(16),
            action,
            outcome: Outcome::Accepted,
            balance,
            to_balance: None,
            time_us: Some(time_us),
            applied_us: None,
        };
        let transfer = Action::Transfer {
            account: main.clone(),
            to: a.clone(),
            amount: 200,
        };
        let opened = |account, amount| Action::Open { account, amount };
        let paid = Applied {
            to_balance: Some(200),
            ..entry(4, "03", 30, transfer, 300)
        };
        Journal {
            branch,
            position: 5,
            entries_head: Some(HEAD.to_owned()),
            applied: vec![
                entry(1, "01", 10, opened(main, 500), 500),
                entry(2, "02", 20, opened(a, 0), 0),
                paid,
            ],
            ..Journal::default()
        }
    }

    fn judged(change: fn(&mut Journal)) -> Verdict {
        let mut third = journal(3);
        change(&mut third);
        let history = History {
            journals: vec![journal(1), journal(2), third],
            branches: vec![1, 2, 3],
            ..History::default()
        };
        judge(&Run::new(&history, &Options::default()))
    }

    #[test]
    fn heads_and_journals_that_differ_are_told() {
        let sound = judged(|_| ());
        assert_eq!((sound.judged, sound.failed), (5, 0), "{sound:?}");
        let older = judged(|journal| {
            journal.entries_head = None;
            journal.applied.iter_mut().for_each(|entry| entry.time_us = None);
        });
        assert_eq!((older.judged, older.failed), (3, 0), "{older:?}");
        assert_eq!(older.note, Some("a journal has no head of its entries"));
        let other_head = judged(|journal| journal.entries_head = Some(HEAD.replace("e4ee", "e4ef")));
        assert!(
            other_head.failures[0].starts_with("branch 3 reports the head e4ef"),
            "{other_head:?}"
        );
        let changes: [fn(&mut Journal); 3] = [
            |journal| journal.applied[2].time_us = Some(31),
            |journal| journal.applied[2].to_balance = Some(201),
            |journal| {
                journal.applied.remove(1);
            },
        ];
        for change in changes {
            let changed = judged(change);
            assert_eq!(changed.failed, 2, "{changed:?}");
            assert!(
                changed
                    .failures
                    .iter()
                    .any(|told| told.contains("those of branch 3 give")),
                "{changed:?}"
            );
        }
    }
}
