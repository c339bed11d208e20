//! Session guarantees: what the reads of one session show, and in which order its writes are applied.
//!
//! The four guarantees are defined by Terry et al., "Session Guarantees for Weakly Consistent Replicated Data" (1994),
//! section 3. The two guarantees about writes concern every branch, so they are judged from the journals. Without
//! journals they are judged from the positions in the replies, and the verdict's note says so.

pub(crate) mod by_balances;
pub(crate) mod monotonic_reads;
pub(crate) mod monotonic_writes;
pub(crate) mod read_your_writes;
pub(crate) mod writes_follow_reads;
