//! Digests: branches at the same position have the same digest of their state, and every branch has a digest.

use crate::analysis::index::Run;
use crate::analysis::verdict_builder::{Case, VerdictBuilder};
use crate::verdict::{Unit, Verdict};
use std::collections::BTreeMap;

/// Digests that were compared with that of another branch.
const COMPARED: Unit = Unit::new("digest compared", "digests compared");

/// Judges each digest that can be compared with another branch's digest at the same position.
pub(crate) fn judge(run: &Run<'_>) -> Verdict {
    let mut verdict = VerdictBuilder::new("digests", COMPARED, run.options);
    if run.history.journals.is_empty() {
        verdict.note("there are no journals");
        return verdict.build();
    }
    let mut first_at: BTreeMap<u64, (u32, &str)> = BTreeMap::new();
    for journal in &run.history.journals {
        let (branch, position) = (journal.branch, journal.position);
        let digest = journal.digest.as_str();
        if digest.is_empty() {
            verdict.fail(Case::at(position, Vec::new(), vec![position], vec![branch]), || {
                format!("branch {branch} gave no digest at position {position}")
            });
            continue;
        }
        let (other, expected) = *first_at.entry(position).or_insert((branch, digest));
        if other == branch {
            continue;
        }
        if expected.eq_ignore_ascii_case(digest) {
            verdict.pass();
            continue;
        }
        let case = Case::at(position, Vec::new(), vec![position], vec![other, branch]);
        verdict.fail(case, || {
            format!("at position {position} branch {other} has digest {expected}, and branch {branch} has {digest}")
        });
    }
    for branch in &run.journals.missing {
        verdict.fail_missing(*branch, || format!("the digest of branch {branch} is missing"));
    }
    verdict.build()
}
