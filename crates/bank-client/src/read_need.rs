//! What a read asks of the state that answers it.

use bank_types::Position;

/// A consistency level in positions: what a read asks of the state that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadNeed {
    /// Number of commands that the state must have applied at least.
    pub min_position: Position,
    /// The state must include every write that was acknowledged before the read began.
    pub linearizable: bool,
}
