//! Recovery: opens the log in a directory, or says why it cannot be opened.
//!
//! Recovery reads every segment once, in order, and replays its records. If the records stop before a place that is
//! known to be synced, or if files do not fit together, recovery refuses and changes nothing. If they stop in the
//! newest segment after every place that is known to be synced, the rest is a torn tail, the part of an unfinished
//! write. Recovery overwrites a torn tail with zeros, so that it can never be read as a record later.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::anchor::{Anchor, AnchorState, SyncedMark};
use crate::creation::{create, holds_batches, refuse_lost_anchor};
use crate::error::OpenError;
use crate::format::{FORMAT_VERSION, HeaderFault, NO_INDEX, SEGMENT_HEADER_BYTES, SegmentHeader, segment_key};
use crate::index::{EntryIndex, Place};
use crate::options::Options;
use crate::recovered_log::RecoveredLog;
use crate::repair::{OpenSegment, Tail, prepare_tail, remove_leftovers};
use crate::scan::{Record, Scanner, synced_beyond};
use crate::segment::{SegmentFile, list_segments, segment_path};

/// The length of a file with reserved space is a multiple of this, in bytes, even if a crash or a full disk cut the
/// reservation short.
const PAGE_BYTES: u64 = 4096;

/// Recovers the log in `dir`, or creates one. The caller holds the directory's lock.
pub(crate) fn recover(dir: &Path, stamp: [u8; 16], options: &Options) -> Result<RecoveredLog, OpenError> {
    let found = list_segments(dir)?;
    match Anchor::load(dir, stamp)? {
        Some(anchor) if anchor.is_copied() && !options.accept_copy => Err(OpenError::Copied { dir: dir.to_owned() }),
        Some(anchor) => Replay::new(dir, stamp, options, anchor).run(&found),
        None => {
            refuse_lost_anchor(dir, stamp, options, &found)?;
            if options.must_exist {
                return Err(OpenError::Absent { dir: dir.to_owned() });
            }
            create(dir, stamp, options, &found)
        }
    }
}

/// Checks the log in `dir` as an open does, and changes nothing. The caller holds the directory's lock.
pub(crate) fn examine(dir: &Path, stamp: [u8; 16], options: &Options) -> Result<(EntryIndex, usize), OpenError> {
    let found = list_segments(dir)?;
    let Some(anchor) = Anchor::load(dir, stamp)? else {
        refuse_lost_anchor(dir, stamp, options, &found)?;
        return Err(OpenError::Absent { dir: dir.to_owned() });
    };
    if anchor.is_copied() && !options.accept_copy {
        return Err(OpenError::Copied { dir: dir.to_owned() });
    }
    let mut replay = Replay::new(dir, stamp, options, anchor);
    let segments = replay.examine(&found)?.segments.len();
    Ok((replay.index, segments))
}

/// A log that has passed all checks.
struct Examined {
    segments: Vec<OpenSegment>,
    /// The last of the segments.
    newest: OpenSegment,
    tail: Tail,
    /// The segment of an unfinished rotation, if there is one.
    unfinished: Option<u32>,
}

/// The replay of an existing log.
struct Replay<'a> {
    dir: &'a Path,
    stamp: [u8; 16],
    options: &'a Options,
    anchor: Anchor,
    index: EntryIndex,
    slots: BTreeMap<u8, Bytes>,
}

impl<'a> Replay<'a> {
    fn new(dir: &'a Path, stamp: [u8; 16], options: &'a Options, anchor: Anchor) -> Self {
        Replay {
            dir,
            stamp,
            options,
            anchor,
            index: EntryIndex::default(),
            slots: BTreeMap::new(),
        }
    }

    fn run(mut self, found: &[u32]) -> Result<RecoveredLog, OpenError> {
        let first = self.anchor.state().first;
        let Examined {
            segments,
            newest,
            tail,
            unfinished,
        } = self.examine(found)?;

        // All checks have passed. The directory is changed only from here on.
        let (active, dropped_bytes) = prepare_tail(&newest, &tail)?;
        remove_leftovers(self.dir, first, found, unfinished, &segments)?;
        let state = AnchorState {
            first,
            synced: active.mark(),
            clean: false,
        };
        let path = self.anchor.path().to_owned();
        self.anchor.store(state).map_err(OpenError::io("updating", &path))?;
        Ok(RecoveredLog {
            index: self.index,
            slots: self.slots,
            segments: segments.into_iter().map(|s| (s.header.sequence, s.file)).collect(),
            active,
            anchor: self.anchor,
            dropped_bytes,
            created: false,
        })
    }

    /// Reads and checks everything. Changes nothing.
    fn examine(&mut self, found: &[u32]) -> Result<Examined, OpenError> {
        let state = self.anchor.state();
        let unfinished = self.check_segment_files(found)?;
        let segments = self.open_segments(state.first, state.synced.sequence)?;
        let mut newest = None;
        for (at, segment) in segments.iter().enumerate() {
            if at == 0 {
                let next = segment.header.next_index;
                self.index = EntryIndex::starting_at((next != NO_INDEX).then_some(next));
            }
            match segments.get(at + 1) {
                Some(next) => self.replay_sealed(segment, &next.header)?,
                None => newest = Some((segment.clone(), self.replay_newest(segment)?)),
            }
        }
        let Some((newest, tail)) = newest else {
            return Err(OpenError::damaged(self.anchor.path(), 0, "it names no segment"));
        };
        self.check_no_gap(&segments)?;
        Ok(Examined {
            segments,
            newest,
            tail,
            unfinished,
        })
    }

    /// Compares the segment files with the segments that the anchor names. Returns the segment of an unfinished
    /// rotation, if there is one.
    fn check_segment_files(&self, found: &[u32]) -> Result<Option<u32>, OpenError> {
        let state = self.anchor.state();
        let (first, last) = (state.first, state.synced.sequence);
        if first == 0 || first > last {
            return Err(OpenError::damaged(
                self.anchor.path(),
                0,
                "it names an impossible range of segments",
            ));
        }
        if let Some(missing) = (first..=last).find(|sequence| found.binary_search(sequence).is_err()) {
            let what = format!("the journal consists of the segments {first} to {last}");
            return Err(OpenError::missing(&segment_path(self.dir, missing), what));
        }
        let beyond: Vec<u32> = found.iter().copied().filter(|&sequence| sequence > last).collect();
        match beyond[..] {
            [] => Ok(None),
            [one]
                if one == last + 1 && !holds_batches(&segment_path(self.dir, one), &self.stamp, one, self.options)? =>
            {
                Ok(Some(one))
            }
            _ => {
                let what =
                    format!("it names segments up to {last}, and there are newer ones: it is damaged or an old copy");
                Err(OpenError::damaged(self.anchor.path(), 0, what))
            }
        }
    }

    /// Opens the segments and verifies their headers.
    fn open_segments(&self, first: u32, last: u32) -> Result<Vec<OpenSegment>, OpenError> {
        let mut segments = Vec::new();
        for sequence in first..=last {
            let path = segment_path(self.dir, sequence);
            let file = SegmentFile::open(path.clone(), self.options).map_err(OpenError::io("opening", &path))?;
            let raw = file
                .read_up_to(SEGMENT_HEADER_BYTES)
                .map_err(OpenError::io("reading", &path))?;
            let header = SegmentHeader::decode(&raw).map_err(|fault| match fault {
                HeaderFault::Bad(what) => OpenError::damaged(&path, 0, what),
                HeaderFault::Version(found) => OpenError::OtherFormat {
                    path: path.clone(),
                    found,
                    supported: FORMAT_VERSION,
                },
            })?;
            if header.stamp != self.stamp {
                return Err(OpenError::OtherOwner {
                    path,
                    found: header.stamp,
                    expected: self.stamp,
                });
            }
            if header.sequence != sequence {
                let what = format!("the file is segment {}, not {sequence}", header.sequence);
                return Err(OpenError::damaged(&path, 0, what));
            }
            segments.push(OpenSegment {
                file: Arc::new(file),
                header,
            });
        }
        Ok(segments)
    }

    /// Replays a segment that has a successor. All of it was synced, so every fault is damage.
    fn replay_sealed(&mut self, segment: &OpenSegment, next: &SegmentHeader) -> Result<(), OpenError> {
        let path = segment.file.path();
        let bytes = segment
            .file
            .read_up_to(next.previous_len)
            .map_err(OpenError::io("reading", path))?;
        let (scanner, fault, _) = self.replay(segment, &bytes, &[])?;
        if scanner.offset() != next.previous_len || fault.is_some() {
            let what = fault.unwrap_or("the records end too early");
            let what = format!(
                "{what}; segment {} says that there are {} bytes",
                next.sequence, next.previous_len
            );
            return Err(OpenError::damaged(path, scanner.offset(), what));
        }
        if scanner.chain() != next.previous_chain {
            let what = format!(
                "its records are not those that segment {} continues (an old copy)",
                next.sequence
            );
            return Err(OpenError::damaged(path, SEGMENT_HEADER_BYTES, what));
        }
        let next_index = self.index.next().unwrap_or(NO_INDEX);
        if next_index != next.next_index {
            let what = format!(
                "it continues at entry {}, but the entries before it end at {next_index}",
                next.next_index
            );
            return Err(OpenError::damaged(&segment_path(self.dir, next.sequence), 0, what));
        }
        Ok(())
    }

    /// Replays the newest segment, and decides whether the bytes after its records are a torn tail or damage.
    fn replay_newest(&mut self, segment: &OpenSegment) -> Result<Tail, OpenError> {
        let path = segment.file.path();
        let state = self.anchor.state();
        let len = segment.file.len().map_err(OpenError::io("stat", path))?;
        // A reservation extends a file in whole pages, and only a clean close cuts it.
        if !state.clean && segment.header.reserve_step != 0 && (len == 0 || !len.is_multiple_of(PAGE_BYTES)) {
            let what = format!("the file is {len} bytes long, not a multiple of {PAGE_BYTES}: it was cut short");
            return Err(OpenError::damaged(path, len, what));
        }
        let limit = if state.clean { state.synced.offset } else { u64::MAX };
        let bytes = segment.file.read_up_to(limit).map_err(OpenError::io("reading", path))?;
        let hint = self
            .anchor
            .found_hint()
            .filter(|hint| hint.sequence == segment.header.sequence);
        let mut marks: Vec<SyncedMark> = hint.into_iter().chain([state.synced]).collect();
        marks.sort_by_key(|mark| mark.offset);
        let (scanner, fault, vouched) = self.replay(segment, &bytes, &marks)?;

        let key = segment_key(&self.stamp, segment.header.sequence);
        let known_synced = marks
            .iter()
            .map(|mark| mark.offset)
            .max()
            .max(Some(vouched))
            .unwrap_or(0);
        let behind = synced_beyond(&bytes, key, scanner.offset()).unwrap_or(0);
        if scanner.offset() < known_synced.max(behind) {
            let what = fault.unwrap_or("the records end too early");
            let what = format!(
                "{what}; everything before byte {} was on disk",
                known_synced.max(behind)
            );
            return Err(OpenError::damaged(path, scanner.offset(), what));
        }
        Ok(Tail {
            offset: scanner.offset(),
            chain: scanner.chain(),
            known_synced,
        })
    }

    /// Replays the records in `bytes`. Returns the scanner at the end of the records, the fault at that place (`None`:
    /// zeros follow), and the highest synced offset in the batch markers.
    fn replay<'b>(
        &mut self,
        segment: &OpenSegment,
        bytes: &'b [u8],
        marks: &[SyncedMark],
    ) -> Result<(Scanner<'b>, Option<&'static str>, u64), OpenError> {
        let (path, sequence) = (segment.file.path(), segment.header.sequence);
        let key = segment_key(&self.stamp, sequence);
        let mut scanner = Scanner::new(bytes, key, SEGMENT_HEADER_BYTES, segment.header.chain());
        let mut marks = marks.iter().peekable();
        let mut vouched = SEGMENT_HEADER_BYTES;
        loop {
            while let Some(mark) = marks.next_if(|mark| mark.offset <= scanner.offset()) {
                if (mark.offset, mark.chain) != (scanner.offset(), scanner.chain()) {
                    let what = "the records up to here are not those that the anchor knows (an old copy)";
                    return Err(OpenError::damaged(path, mark.offset, what));
                }
            }
            let offset = scanner.offset();
            let record = match scanner.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok((scanner, None, vouched)),
                Err(fault) => return Ok((scanner, Some(fault), vouched)),
            };
            if let Record::Batch { synced } = record {
                vouched = vouched.max(synced);
            }
            self.apply(sequence, offset, &record)
                .map_err(|what| OpenError::damaged(path, offset, what))?;
        }
    }

    fn apply(&mut self, sequence: u32, offset: u64, record: &Record<'_>) -> Result<(), String> {
        match *record {
            Record::Batch { .. } => Ok(()),
            Record::Entry { index, payload } => {
                let offset = u32::try_from(offset).map_err(|_| "the segment is longer than 4 GiB")?;
                self.index.append(
                    index,
                    Place {
                        sequence,
                        offset,
                        len: payload.len() as u32,
                    },
                )
            }
            Record::State { slot, value } => {
                self.slots.insert(slot, Bytes::copy_from_slice(value));
                Ok(())
            }
            Record::Truncate { after } => self.index.truncate(after),
            Record::Purge { index, note } => self.index.purge(index, Bytes::copy_from_slice(note)),
        }
    }

    /// Checks that no entry is missing between the purged index and the first entry.
    fn check_no_gap(&self, segments: &[OpenSegment]) -> Result<(), OpenError> {
        let first = segments.first().map_or(0, |segment| segment.header.sequence);
        if let Some(gap) = self.index.gap() {
            let what = format!(
                "the entries {} to {} are in no segment",
                gap.start,
                gap.end.saturating_sub(1)
            );
            return Err(OpenError::missing(
                &segment_path(self.dir, first.saturating_sub(1)),
                what,
            ));
        }
        if first > 1 && self.index.purged().is_none() {
            let what = format!("segment {first} is the first one, and nothing was ever purged");
            return Err(OpenError::missing(&segment_path(self.dir, 1), what));
        }
        Ok(())
    }
}
