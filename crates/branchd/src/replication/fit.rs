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
         an old copy. Move the data directory aside, start the branch on an empty one, and let it join again with \
         `branchd join`"
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

#[cfg(test)]
mod tests {
    use super::*;
    use bank_proto::v1;
    use prost::Message;

    /// What the check says of books at one entry and a log that lacks the entries up to `purged` and ends at `last`.
    fn checked(applied: Option<u64>, purged: Option<u64>, last: Option<u64>) -> Result<Option<u64>, Misfit> {
        let leader_id = Some(v1::LeaderId { term: 1, replica: 7 });
        let wire = applied.map(|index| v1::LogId { leader_id, index }.encode_to_vec());
        let state = AppliedState {
            applied: wire,
            membership: None,
        };
        let bounds = Bounds {
            purged: purged.map(|index| (index, Default::default())),
            last_index: last,
            ..Bounds::default()
        };
        check(&bounds, &state)
    }

    #[test]
    fn a_log_must_begin_where_the_books_end_and_reach_as_far() {
        assert!(matches!(checked(None, None, None), Ok(None)));
        assert!(matches!(checked(Some(9), None, Some(12)), Ok(Some(9))));
        // Older books: the log has what they lack, and it is applied again.
        assert!(matches!(checked(Some(3), Some(3), Some(12)), Ok(Some(3))));
        assert!(matches!(checked(Some(9), Some(9), None), Ok(Some(9))));
        let older = checked(Some(2), Some(3), Some(12));
        assert!(matches!(older, Err(Misfit::OldBooks { applied: 2, purged: 3 })));
        let none = checked(None, Some(3), Some(12));
        assert!(matches!(none, Err(Misfit::OldBooks { applied: 0, purged: 3 })));
        let old_log = checked(Some(13), Some(3), Some(12));
        assert!(matches!(old_log, Err(Misfit::OldJournal { applied: 13, last: 12 })));
    }
}
