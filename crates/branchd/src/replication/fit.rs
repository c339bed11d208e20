//! Whether the write-ahead log and the ledger database of a branch fit together.

use std::io;

use bank_wal::Bounds;

use super::types::SnapshotMeta;
use crate::store::AppliedState;

/// Why the write-ahead log and the ledger database do not fit together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Misfit {
    #[error(
        "the books have applied the log up to entry {applied}, and the journal begins after entry {purged}: the books are \
         an old copy. Put the newest ledger.db back, or put the data directory aside, start the branch on an empty one, \
         and let it join again with `branchd join`"
    )]
    OldBooks { applied: u64, purged: u64 },
    #[error(
        "the books have applied the log up to entry {applied}, and the journal ends at entry {last}: the journal is an old \
         copy, or the branch was stopped while it installed a copy of the books"
    )]
    OldJournal { applied: u64, last: u64 },
    #[error("the applied state in the books cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Checks that the log has every entry after those that the ledger database has applied. Returns the index of the newest
/// applied entry.
///
/// # Errors
/// See [`Misfit`]. [`Misfit::OldJournal`] can be the trace of an interrupted installation, which a start settles.
pub(crate) fn check(bounds: &Bounds, applied_state: &AppliedState) -> Result<Option<u64>, Misfit> {
    let applied = SnapshotMeta::try_from(applied_state)?.last_log_id.map(|id| id.index);
    let purged = bounds.purged.as_ref().map(|(index, _)| *index);
    if let Some(purged) = purged
        && applied.is_none_or(|applied| applied < purged)
    {
        let applied = applied.unwrap_or(0);
        return Err(Misfit::OldBooks { applied, purged });
    }
    let last = bounds.last_index.max(purged);
    if let Some(applied) = applied
        && last.is_none_or(|last| last < applied)
    {
        let last = last.unwrap_or(0);
        return Err(Misfit::OldJournal { applied, last });
    }
    Ok(applied)
}

/// Checks before a start that the log has what the ledger database lacks. The engine settles an older log itself.
///
/// # Errors
/// See [`Misfit`].
pub(crate) fn check_start(bounds: &Bounds, applied_state: &AppliedState) -> Result<(), Misfit> {
    match check(bounds, applied_state) {
        Ok(_) | Err(Misfit::OldJournal { .. }) => Ok(()),
        Err(misfit) => Err(misfit),
    }
}
