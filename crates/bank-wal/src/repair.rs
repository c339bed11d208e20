//! The changes that recovery makes to a directory after all checks have passed.

use std::path::Path;
use std::sync::Arc;

use crate::active::{ActiveSegment, reserve_for};
use crate::error::OpenError;
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader, record_bytes};
use crate::segment::{SegmentFile, segment_path, sync_directory};

/// A segment whose header has been verified.
#[derive(Debug, Clone)]
pub(crate) struct OpenSegment {
    pub(crate) file: Arc<SegmentFile>,
    pub(crate) header: SegmentHeader,
}

/// The end of the newest segment's records.
pub(crate) struct Tail {
    /// The offset of the end, in bytes.
    pub(crate) offset: u64,
    /// The chain at `offset`.
    pub(crate) chain: u32,
    /// The offset up to which the segment is known to be synced, in bytes.
    pub(crate) known_synced: u64,
}

/// Makes the newest segment ready to be written: its records are synced, and zeros follow them. Returns the number
/// of dropped bytes as well.
pub(crate) fn prepare_tail(segment: &OpenSegment, tail: &Tail) -> Result<(ActiveSegment, u64), OpenError> {
    let path = segment.file.path().to_owned();
    let io = |source| OpenError::Io {
        what: "recovering",
        path: path.clone(),
        source,
    };
    let SegmentHeader {
        sequence, reserve_step, ..
    } = segment.header;
    let file = segment.file.clone();
    let bytes = file.read_up_to(u64::MAX).map_err(io)?;
    let (keep, rest) = bytes.split_at(usize::try_from(tail.offset).unwrap_or(usize::MAX).min(bytes.len()));

    // Bytes that are not known to be synced may be only in the page cache, and a failed fsync may have marked them
    // clean. So they are written again.
    let suspect = usize::try_from(tail.known_synced).unwrap_or(usize::MAX).min(keep.len());
    if suspect < keep.len() {
        file.write(&keep[suspect..], suspect as u64).map_err(io)?;
    }
    let dropped = rest.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
    if reserve_step == 0 {
        file.set_len(tail.offset).map_err(io)?;
    } else if dropped > 0 {
        file.write(&vec![0; dropped], tail.offset).map_err(io)?;
    }
    let needed = (tail.offset + record_bytes(0) as u64).max(SEGMENT_HEADER_BYTES);
    let len = if reserve_step == 0 { 0 } else { bytes.len() as u64 };
    let len = len - len % u64::from(reserve_step.max(1));
    let reserved = reserve_for(&file, len, needed, reserve_step).map_err(io)?;
    file.sync().map_err(io)?;
    if dropped > 0 {
        tracing::warn!(
            file = %path.display(),
            offset = tail.offset,
            bytes = dropped,
            "dropped an unfinished write"
        );
    }
    let active = ActiveSegment {
        file,
        sequence,
        tail: tail.offset,
        chain: tail.chain,
        reserved,
        reserve_step,
    };
    Ok((active, dropped as u64))
}

/// Removes the files and reserved space that an interrupted rotation, purge or close has left. `first` is the oldest
/// segment in use, and `found` are all segment files.
pub(crate) fn remove_leftovers(
    dir: &Path,
    first: u32,
    found: &[u32],
    unfinished: Option<u32>,
    segments: &[OpenSegment],
) -> Result<(), OpenError> {
    for sequence in found
        .iter()
        .copied()
        .filter(|&sequence| sequence < first)
        .chain(unfinished)
    {
        let path = segment_path(dir, sequence);
        std::fs::remove_file(&path).map_err(OpenError::io("removing", &path))?;
    }
    if unfinished.is_some() {
        sync_directory(dir).map_err(OpenError::io("syncing", dir))?;
    }
    for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
        let path = segment.file.path();
        let len = segment.file.len().map_err(OpenError::io("stat", path))?;
        if len > next.header.previous_len {
            segment
                .file
                .set_len(next.header.previous_len)
                .map_err(OpenError::io("trimming", path))?;
        }
    }
    Ok(())
}
