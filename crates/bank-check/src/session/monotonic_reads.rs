//! Monotonic reads: the positions that a session reads at never fall.

use super::{Kind, Session, compare};
use crate::verdict::Verdict;

/// Judged: the reads that come after a read of their session.
pub(super) fn judge(sessions: &[Session]) -> Verdict {
    let verdict = Verdict::new("monotonic-reads", "reads");
    compare(verdict, sessions, Kind::Read, Kind::Read, |customer, earlier, read| {
        (read.position < earlier.position).then(|| {
            format!(
                "customer {customer}'s {} read at position {}, after its {} had read at position {}",
                read.operation.name, read.position, earlier.operation.name, earlier.position
            )
        })
    })
}
