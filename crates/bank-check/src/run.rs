//! Judges a whole recorded run: one file for each thing that has to hold.
//!
//! The run is looked through once and put in order ([`index`], [`journals`], [`replay`]); each judge then reads what it
//! needs of that, and none changes it. All are near-linear in the history. What one branch's journal has in common with the
//! others' is judged once; a journal that differs is judged by itself too.
//!
//! The four session guarantees are those of Terry et al., "Session Guarantees for Weakly Consistent Replicated Data"
//! (1994), section 3. The two about writes bind every branch, so they are judged from the journals; without any, from
//! the positions in the replies, and the verdict's note says so.

mod findings;
mod index;
mod journals;
mod replay;
mod slips;
mod words;

mod monotonic_reads;
mod monotonic_writes;
mod read_your_writes;
mod writes_follow_reads;

mod by_balances;
mod honest_positions;
mod honest_replies;
mod linearizability;

mod conservation;
mod decisions;
mod no_overdraft;
mod replayed_balances;

mod acknowledged;
mod at_most_once;
mod attempted;
mod rejected;

mod agreement;
mod applied_order;
mod digests;

use crate::history::History;
use crate::verdict::Verdict;

/// What a judge cannot see from the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Commands up to this position were not asked for in the run. 1 for a bank that was founded for it: its opening.
    pub before: u64,
    /// What `main` was to open with, in minor units, where it is known.
    pub opening: Option<i64>,
    /// Judge every read for linearizability, not only those at level `strong`; that others fail is no broken promise.
    pub every_read: bool,
    /// How many witnesses a verdict keeps.
    pub witnesses_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            before: 1,
            opening: None,
            every_read: false,
            witnesses_max: 16,
        }
    }
}

/// Every verdict on a run, in the order in which a reader wants them: the four guarantees first.
pub fn judge(history: &History, options: &Options) -> Vec<Verdict> {
    let run = index::Run::new(history, options);
    let mut verdicts = vec![
        read_your_writes::judge(&run),
        monotonic_reads::judge(&run),
        monotonic_writes::judge(&run),
        writes_follow_reads::judge(&run),
    ];
    verdicts.extend(by_balances::judge(&run));
    verdicts.extend([
        linearizability::judge(&run),
        honest_positions::judge(&run),
        conservation::judge(&run),
        no_overdraft::judge(&run),
        decisions::judge(&run),
        replayed_balances::judge(&run),
        at_most_once::judge(&run),
        acknowledged::judge(&run),
        attempted::judge(&run),
        rejected::judge(&run),
        agreement::judge(&run),
        digests::judge(&run),
        applied_order::judge(&run),
    ]);
    verdicts
}
