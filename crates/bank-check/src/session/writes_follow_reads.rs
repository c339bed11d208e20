//! Writes follow reads: a write's position is past every position that its session had read at.

use super::{Kind, Session, compare};
use crate::verdict::Verdict;

/// Judged: the writes that come after a read of their session.
pub(super) fn judge(sessions: &[Session]) -> Verdict {
    let verdict = Verdict::new("writes-follow-reads", "writes");
    compare(verdict, sessions, Kind::Read, Kind::Write, |customer, read, write| {
        (write.position <= read.position).then(|| {
            format!(
                "customer {customer}'s {} came at position {}, not after what its {} had read, at position {}",
                write.operation.name, write.position, read.operation.name, read.position
            )
        })
    })
}
