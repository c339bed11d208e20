//! The metadata of a failed call, beside its gRPC status. `bank.proto` says what each key means.

/// Whether a failed write may have been applied: [`NOT_APPLIED`] or [`UNKNOWN`].
pub const FATE: &str = "bank-fate";
/// The value of [`FATE`] for a write that was not, and will not be, applied.
pub const NOT_APPLIED: &str = "not-applied";
/// The value of [`FATE`] for a write that may have been applied.
pub const UNKNOWN: &str = "unknown";
/// The position that the branch has, beside a read that was not served in time.
pub const POSITION: &str = "bank-position";
/// The position that the read needs.
pub const POSITION_NEEDED: &str = "bank-position-needed";
/// Between branches: the exhausted resource is the leader's disk. Without this key it is the leader's queue.
pub const DISK_FULL: &str = "bank-disk-full";
