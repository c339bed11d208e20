//! The result of opening a log directory, whether the log was recovered or created.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::active::ActiveSegment;
use crate::anchor::Anchor;
use crate::index::EntryIndex;
use crate::segment::SegmentFile;

/// A log that is ready to be written.
#[derive(Debug)]
pub(crate) struct RecoveredLog {
    pub(crate) index: EntryIndex,
    pub(crate) slots: BTreeMap<u8, Bytes>,
    /// All segments in use, including the active one.
    pub(crate) segments: BTreeMap<u32, Arc<SegmentFile>>,
    pub(crate) active: ActiveSegment,
    pub(crate) anchor: Anchor,
    /// The number of bytes of an unfinished write that were dropped.
    pub(crate) dropped_bytes: u64,
    /// Whether there was no log and a new one was created.
    pub(crate) created: bool,
}
