//! Tests damage: a log that was damaged after its records were acknowledged either refuses to open, or opens with all
//! of them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use bank_wal::{OpenError, Wal};
use bytes::Bytes;
use proptest::prelude::*;
use support::{
    Content, STAMP, Sync, copy, entries, killed, killed_after, open, open_copy, segment_files, small, temp,
    temp_in_memory,
};

/// The files of a log, which are restored before each experiment.
struct Image {
    dir: tempfile::TempDir,
    files: Vec<(PathBuf, Vec<u8>)>,
    expected: Content,
}

impl Image {
    /// Makes a log of three segments with every kind of record, as a clean close or a killed process leaves it.
    fn new(clean: bool) -> Image {
        let source = temp_in_memory();
        let wal = open(&source, small());
        wal.sync_append(entries(0..4));
        wal.sync_append(vec![(4, Bytes::from(vec![4; 4096]))]);
        wal.sync_state(1, b"vote");
        wal.sync_append(entries(5..9));
        wal.sync_truncate(Some(6));
        wal.sync_append(vec![(7, Bytes::from(vec![7; 4096]))]);
        wal.sync_purge(2, b"note");
        wal.sync_append(entries(8..11));
        let killed = killed_after(&wal, source.path(), entries(11..12));
        let expected = Content::of(&wal);
        wal.close().unwrap();
        let taken = if clean { source.path() } else { killed.path() };
        let dir = temp_in_memory();
        let files = segment_files(taken).into_iter().chain([taken.join("ANCHOR")]);
        let files = files.map(|path| (dir.path().join(path.file_name().unwrap()), fs::read(&path).unwrap()));
        Image {
            files: files.collect(),
            dir,
            expected,
        }
    }

    fn restore(&self) {
        for path in fs::read_dir(self.dir.path()).unwrap() {
            fs::remove_file(path.unwrap().path()).unwrap();
        }
        for (path, bytes) in &self.files {
            fs::write(path, bytes).unwrap();
        }
    }

    /// The end of the last record in the newest segment.
    fn newest_end(&self) -> usize {
        let (_, newest) = &self.files[self.files.len() - 2];
        newest.iter().rposition(|&byte| byte != 0).unwrap() + 1
    }

    /// Replaces each file by each of its `variants`, opens the log, and passes the outcome to `check`.
    fn each_variant(
        &self,
        variants: impl Fn(usize, &[u8]) -> Vec<(usize, Vec<u8>)>,
        check: impl Fn(usize, usize, Result<Content, OpenError>),
    ) {
        self.restore();
        for (number, (path, bytes)) in self.files.iter().enumerate() {
            for (at, variant) in variants(number, bytes) {
                fs::write(path, &variant).unwrap();
                let outcome = open_copy(self.dir.path()).map(|wal| Content::of(&wal));
                match &outcome {
                    Ok(_) => self.restore(),
                    Err(_) => fs::write(path, bytes).unwrap(),
                }
                check(number, at, outcome);
            }
        }
    }

    fn is_segment(&self, number: usize) -> bool {
        number + 1 < self.files.len()
    }
}

fn flips(bytes: &[u8], ends: usize) -> Vec<(usize, Vec<u8>)> {
    // The bytes of a large payload are all equal. So every byte of the small records is taken, and every 61st of the
    // others.
    let picked =
        (0..bytes.len().min(ends)).filter(|at| at % 61 == 0 || bytes[at.saturating_sub(40)..*at] != [bytes[*at]; 40]);
    picked
        .map(|at| {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << (at % 8);
            (at, flipped)
        })
        .collect()
}

fn cuts(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let picked = (0..bytes.len()).filter(|at| at % 61 == 0 || bytes[at.saturating_sub(40)..*at] != [bytes[*at]; 40]);
    picked.map(|at| (at, bytes[..at].to_vec())).collect()
}

#[test]
fn no_flipped_byte_loses_an_acknowledged_record() {
    for clean in [true, false] {
        let image = Image::new(clean);
        let end = image.newest_end();
        let newest = image.files.len() - 2;
        image.each_variant(
            |number, bytes| flips(bytes, if number == newest { end } else { usize::MAX }),
            |number, at, outcome| match outcome {
                Ok(content) => {
                    assert!(
                        !image.is_segment(number),
                        "clean {clean}: byte {at} of segment {number}: not noticed"
                    );
                    assert_eq!(content, image.expected, "clean {clean}: byte {at} of the anchor");
                }
                Err(error) => assert!(says_where(&error), "{error}"),
            },
        );
    }
}

#[test]
fn no_cut_file_loses_an_acknowledged_record() {
    for clean in [true, false] {
        let image = Image::new(clean);
        image.each_variant(
            |_, bytes| cuts(bytes),
            |number, at, outcome| match outcome {
                Ok(content) => assert_eq!(content, image.expected, "clean {clean}: file {number} cut at {at}"),
                Err(error) => assert!(says_where(&error), "{error}"),
            },
        );
    }
}

/// A power cut may lose the hint. Damage may then drop only the last batch, and only if it is in that batch.
#[test]
fn without_the_hint_only_the_last_batch_can_be_taken_for_a_torn_one() {
    let mut image = Image::new(false);
    image.files.last_mut().unwrap().1[8192..].fill(0);
    let end = image.newest_end();
    let newest = image.files.len() - 2;
    let mut shorter = image.expected.clone();
    assert_eq!(shorter.entries.pop().unwrap().0, 11);
    shorter.bounds.last_index = Some(10);
    shorter.bounds.next_index = Some(11);
    let last_batch = end.next_multiple_of(8) - 24 - 24 - 8;
    image.each_variant(
        |number, bytes| {
            if number == newest {
                flips(bytes, end)
            } else {
                Vec::new()
            }
        },
        |_, at, outcome| match outcome {
            Ok(content) => {
                assert!(at >= last_batch, "byte {at}");
                assert_eq!(content, shorter, "byte {at}");
            }
            Err(_) => assert!(at < last_batch, "byte {at}"),
        },
    );
}

#[test]
fn a_missing_file_is_named() {
    for clean in [true, false] {
        let image = Image::new(clean);
        assert_eq!(image.files.len(), 4);
        for (path, _) in &image.files {
            image.restore();
            fs::remove_file(path).unwrap();
            let error = open_copy(image.dir.path()).unwrap_err();
            assert!(
                matches!(&error, OpenError::Missing { path: named, .. } if named == path),
                "{error}"
            );
            assert!(error.to_string().contains("new replica id"), "{error}");
        }
    }
}

#[test]
fn a_directory_without_any_file_is_new_unless_the_caller_knows_better() {
    let dir = temp();
    let options = bank_wal::Options {
        must_exist: true,
        ..small()
    };
    let error = Wal::open(dir.path(), STAMP, options).unwrap_err();
    assert!(matches!(error, OpenError::Absent { .. }), "{error}");
}

#[test]
fn an_old_copy_of_one_file_is_noticed() {
    for clean in [true, false] {
        let dir = temp();
        let wal = open(&dir, small());
        wal.sync_append(entries(0..3));
        let old = killed(&wal, dir.path());
        let killed = killed_after(&wal, dir.path(), entries(3..6));
        wal.close().unwrap();
        let newer = if clean { dir.path() } else { killed.path() };
        let newest = segment_files(newer).pop().unwrap();
        fs::copy(segment_files(old.path()).pop().unwrap(), &newest).unwrap();
        let error = open_copy(newer).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    }
}

#[test]
fn an_old_anchor_is_noticed_once_there_are_newer_segments() {
    let dir = temp();
    let wal = open(&dir, small());
    wal.sync_append(entries(0..3));
    let old = killed(&wal, dir.path());
    wal.sync_append(vec![(3, Bytes::from(vec![0; 5000]))]);
    wal.sync_append(entries(4..5));
    wal.close().unwrap();
    fs::copy(old.path().join("ANCHOR"), dir.path().join("ANCHOR")).unwrap();
    let error = open_copy(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn a_copied_directory_is_refused_unless_accepted() {
    let dir = temp();
    open(&dir, small()).sync_append(entries(0..3));
    if fs::metadata(dir.path().join("ANCHOR")).unwrap().created().is_err() {
        return; // Without birth times a copy cannot be detected.
    }
    let copied = copy(dir.path());
    let error = Wal::open(copied.path(), STAMP, small()).unwrap_err();
    assert!(matches!(error, OpenError::Copied { .. }), "{error}");
    assert_eq!(open_copy(copied.path()).unwrap().bounds().last_index, Some(2));
    open(&copied, small());
}

#[test]
fn a_file_of_another_journal_is_refused() {
    let (dir, other) = (temp(), temp());
    open(&dir, small()).sync_append(entries(0..3));
    drop(Wal::open(other.path(), *b"another replica!", small()).unwrap());
    let error = Wal::open(other.path(), STAMP, small()).unwrap_err();
    assert!(matches!(error, OpenError::OtherOwner { .. }), "{error}");
    fs::copy(
        segment_files(other.path()).pop().unwrap(),
        segment_files(dir.path()).pop().unwrap(),
    )
    .unwrap();
    let error = Wal::open(dir.path(), STAMP, small()).unwrap_err();
    assert!(matches!(error, OpenError::OtherOwner { .. }), "{error}");
}

#[test]
fn another_format_version_is_named() {
    let dir = temp();
    drop(open(&dir, small()));
    let anchor = dir.path().join("ANCHOR");
    let mut bytes = fs::read(&anchor).unwrap();
    (bytes[8], bytes[4096 + 8]) = (9, 9);
    fs::write(&anchor, bytes).unwrap();
    let error = open_copy(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::OtherFormat { found: 9, .. }), "{error}");
}

#[test]
fn damage_found_while_reading_is_an_error_that_names_the_place() {
    let dir = temp();
    let wal = open(
        &dir,
        bank_wal::Options {
            cache_bytes: 0,
            ..small()
        },
    );
    wal.sync_append(entries(0..5));
    let path = segment_files(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(7).position(|window| window == b"entry 3").unwrap();
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(wal.read(0..3, usize::MAX).unwrap(), entries(0..3));
    let error = wal.read(0..5, usize::MAX).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(error.to_string().contains(".segment is damaged at byte"), "{error}");
}

fn says_where(error: &OpenError) -> bool {
    let (path, text): (&Path, String) = match error {
        OpenError::Missing { path, .. } | OpenError::Damaged { path, .. } => (path, error.to_string()),
        OpenError::OtherFormat { path, .. } | OpenError::OtherOwner { path, .. } => (path, error.to_string()),
        _ => return false,
    };
    text.contains(path.to_str().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_larger_damage_loses_an_acknowledged_record(
        clean: bool,
        file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        damage in prop_oneof![
            Just(Damage::Zeros(512)), Just(Damage::Zeros(4096)), Just(Damage::Cut),
            proptest::collection::vec(any::<u8>(), 1..600).prop_map(Damage::Bytes),
            any::<prop::sample::Index>().prop_map(Damage::CopyOf),
        ],
    ) {
        let image = Image::new(clean);
        image.restore();
        let (path, bytes) = &image.files[file.index(image.files.len())];
        let mut damaged = bytes.clone();
        let at = at.index(bytes.len());
        match damage {
            Damage::Zeros(len) => damaged[at / len * len..][..len.min(bytes.len() - at / len * len)].fill(0),
            Damage::Cut => damaged.truncate(at),
            Damage::Bytes(new) => {
                let len = new.len().min(bytes.len() - at);
                damaged[at..at + len].copy_from_slice(&new[..len]);
            }
            Damage::CopyOf(from) => {
                let from = from.index(bytes.len());
                let len = (bytes.len() - at.max(from)).min(300);
                damaged.copy_within(from..from + len, at);
            }
        }
        fs::write(path, damaged).unwrap();
        match open_copy(image.dir.path()) {
            Ok(wal) => prop_assert_eq!(Content::of(&wal), image.expected),
            Err(error) => prop_assert!(says_where(&error), "{}", error),
        }
    }
}

#[derive(Clone, Debug)]
enum Damage {
    Zeros(usize),
    Cut,
    Bytes(Vec<u8>),
    CopyOf(prop::sample::Index),
}

#[test]
fn a_segment_of_another_history_is_noticed() {
    // The other log has the same owner, the same lengths and other payloads. Every checksum is valid, but the links are
    // not.
    let history = |text: &'static [u8]| {
        let dir = temp();
        let wal = open(&dir, small());
        wal.sync_append(vec![(0, Bytes::from_static(text)), (1, Bytes::from(vec![0; 4096]))]);
        wal.sync_append(vec![(2, Bytes::from_static(text))]);
        wal.close().unwrap();
        dir
    };
    let other = segment_files(history(b"theirs").path()).len();
    for number in 0..other {
        let (ours, theirs) = (history(b"ours.."), history(b"theirs"));
        fs::copy(
            &segment_files(theirs.path())[number],
            &segment_files(ours.path())[number],
        )
        .unwrap();
        let error = open_copy(ours.path()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    }
    let (ours, theirs) = (temp(), temp());
    for (dir, text) in [(&ours, &b"ours.."[..]), (&theirs, b"theirs")] {
        open(dir, small()).sync_append(vec![(0, Bytes::from_static(text))]);
    }
    fs::copy(&segment_files(theirs.path())[0], &segment_files(ours.path())[0]).unwrap();
    let error = open_copy(ours.path()).unwrap_err();
    assert!(error.to_string().contains("an old copy"), "{error}");
}

#[test]
fn a_cut_file_is_noticed_by_its_length_even_without_the_hint() {
    let mut image = Image::new(false);
    image.files.last_mut().unwrap().1[8192..].fill(0);
    let end = image.newest_end();
    let newest = image.files.len() - 2;
    let cut = |number, bytes: &[u8]| {
        if number == newest {
            vec![(end - 8, bytes[..end - 8].to_vec())]
        } else {
            Vec::new()
        }
    };
    image.each_variant(cut, |_, _, outcome| {
        assert!(outcome.unwrap_err().to_string().contains("cut short"))
    });
}
