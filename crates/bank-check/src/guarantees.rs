//! Judges a recorded run: one file for each guarantee.
//!
//! The run is indexed once ([`crate::analysis`]). Each judge then reads what it needs from the index and changes
//! nothing. The cost of each judge is near-linear in the length of the history. Entries that a branch's journal shares
//! with the reference journal are judged once; a journal that differs is also judged by itself.

mod integrity;
mod ordering;
mod session;

use crate::analysis::index::Run;
use crate::history::History;
use crate::options::Options;
use crate::verdict::{Group, Verdict};

/// Every verdict on a run, in the order of the tables that users see: group by group, and the four session guarantees
/// come first.
pub fn judge(history: &History, options: &Options) -> Vec<Verdict> {
    let run = Run::new(history, options);
    let mut verdicts = vec![
        session::read_your_writes::judge(&run),
        session::monotonic_reads::judge(&run),
        session::monotonic_writes::judge(&run),
        session::writes_follow_reads::judge(&run),
    ];
    verdicts.extend(session::by_balances::judge(&run));
    let verdicts = in_group(Group::Session, verdicts);
    let ordering = [
        ordering::linearizability::judge(&run),
        ordering::no_future_reads::judge(&run),
        ordering::agreement::judge(&run),
        ordering::applied_order::judge(&run),
    ];
    let integrity = [
        integrity::honest_positions::judge(&run),
        integrity::conservation::judge(&run),
        integrity::no_overdraft::judge(&run),
        integrity::decisions::judge(&run),
        integrity::replayed_balances::judge(&run),
        integrity::at_most_once::judge(&run),
        integrity::acknowledged::judge(&run),
        integrity::attempted::judge(&run),
        integrity::rejected::judge(&run),
        integrity::digests::judge(&run),
        integrity::entries_chained::judge(&run),
    ];
    verdicts
        .chain(in_group(Group::Ordering, ordering))
        .chain(in_group(Group::Integrity, integrity))
        .collect()
}

fn in_group(group: Group, verdicts: impl IntoIterator<Item = Verdict>) -> impl Iterator<Item = Verdict> {
    verdicts.into_iter().map(move |verdict| Verdict { group, ..verdict })
}
