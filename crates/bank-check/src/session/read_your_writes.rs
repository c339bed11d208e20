//! Read your writes: a read's position is at or past that of the session's own last acknowledged write.

use super::{Kind, Session, compare};
use crate::verdict::Verdict;

/// Judged: the reads that come after an acknowledged write of their session.
pub(super) fn judge(sessions: &[Session]) -> Verdict {
    let verdict = Verdict::new("read-your-writes", "reads");
    compare(verdict, sessions, Kind::Write, Kind::Read, |customer, write, read| {
        (read.position < write.position).then(|| {
            format!(
                "customer {customer}'s {} read at position {}; it had to include the {}, at position {}",
                read.operation.name, read.position, write.operation.name, write.position
            )
        })
    })
}
