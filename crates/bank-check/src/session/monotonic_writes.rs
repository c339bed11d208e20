//! Monotonic writes: the positions of a session's writes rise.

use super::{Kind, Session, compare};
use crate::verdict::Verdict;

/// Judged: the writes that come after an acknowledged write of their session.
pub(super) fn judge(sessions: &[Session]) -> Verdict {
    let verdict = Verdict::new("monotonic-writes", "writes");
    compare(
        verdict,
        sessions,
        Kind::Write,
        Kind::Write,
        |customer, earlier, write| {
            (write.position <= earlier.position).then(|| {
                format!(
                    "customer {customer}'s {} came at position {}, not after its {}, at position {}",
                    write.operation.name, write.position, earlier.operation.name, earlier.position
                )
            })
        },
    )
}
