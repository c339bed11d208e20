//! The part of the ledger database's state that belongs to the caller.

/// What the caller stores with the ledger. Its bytes have no meaning to the store. It changes in the same transaction
/// as the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AppliedState {
    /// The caller's identifier of the last batch. `None`: no batch has been applied.
    pub(crate) applied: Option<Vec<u8>>,
    /// The caller's membership as of that batch.
    pub(crate) membership: Option<Vec<u8>>,
}
