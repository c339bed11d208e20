//! Creates a log: first its first segment, then the anchor. The directory holds a log as soon as the anchor exists.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::active::ActiveSegment;
use crate::anchor::{Anchor, AnchorState};
use crate::error::OpenError;
use crate::format::{NO_INDEX, SEGMENT_HEADER_BYTES, SegmentHeader, segment_key};
use crate::index::EntryIndex;
use crate::options::Options;
use crate::recovered_log::RecoveredLog;
use crate::scan::synced_beyond;
use crate::segment::{SegmentFile, segment_path, sync_directory};

/// Refuses a directory without an anchor if it holds more than an unused first segment. An unfinished creation leaves
/// no more than that.
pub(crate) fn refuse_lost_anchor(
    dir: &Path,
    stamp: [u8; 16],
    options: &Options,
    found: &[u32],
) -> Result<(), OpenError> {
    for &sequence in found {
        let path = segment_path(dir, sequence);
        if sequence != 1 || holds_batches(&path, &stamp, sequence, options)? {
            return Err(OpenError::missing(
                &Anchor::path_in(dir),
                format!("{} is there", path.display()),
            ));
        }
    }
    Ok(())
}

/// Whether a batch was ever written to the segment after its creation.
pub(crate) fn holds_batches(
    path: &Path,
    stamp: &[u8; 16],
    sequence: u32,
    options: &Options,
) -> Result<bool, OpenError> {
    let bytes = SegmentFile::open(path.to_owned(), options)
        .and_then(|file| file.read_up_to(u64::MAX))
        .map_err(OpenError::io("reading", path))?;
    // The batch marker at the head of a new segment has the synced offset 0.
    Ok(synced_beyond(&bytes, segment_key(stamp, sequence), SEGMENT_HEADER_BYTES).is_some_and(|synced| synced > 0))
}

/// Creates a log and makes it durable. Removes the `leftovers` of an unfinished creation.
pub(crate) fn create(
    dir: &Path,
    stamp: [u8; 16],
    options: &Options,
    leftovers: &[u32],
) -> Result<RecoveredLog, OpenError> {
    for &sequence in leftovers {
        let path = segment_path(dir, sequence);
        std::fs::remove_file(&path).map_err(OpenError::io("removing", &path))?;
    }
    let path = segment_path(dir, 1);
    let io = |source| OpenError::Io {
        what: "creating",
        path: path.clone(),
        source,
    };
    let file = SegmentFile::create(path.clone(), options).map_err(io)?;
    let step = options.reserve_bytes;
    let reserve_step = if step != 0 && file.reserve(0, u64::from(step)).map_err(io)? {
        step
    } else {
        0
    };
    let header = SegmentHeader {
        stamp,
        sequence: 1,
        next_index: NO_INDEX,
        previous_len: 0,
        previous_chain: 0,
        reserve_step,
    };
    let active = ActiveSegment::start(Arc::new(file), 0, &header, &[], header.chain()).map_err(io)?;
    sync_directory(dir).map_err(io)?;
    let state = AnchorState {
        first: 1,
        synced: active.mark(),
        clean: false,
    };
    let anchor = Anchor::create(dir, stamp, state).map_err(OpenError::io("creating", &Anchor::path_in(dir)))?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_directory(parent).map_err(OpenError::io("syncing", parent))?;
    }
    Ok(RecoveredLog {
        index: EntryIndex::default(),
        slots: BTreeMap::new(),
        segments: BTreeMap::from([(1, active.file.clone())]),
        active,
        anchor,
        dropped_bytes: 0,
        created: true,
    })
}
