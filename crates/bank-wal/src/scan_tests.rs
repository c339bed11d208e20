use proptest::prelude::*;

use super::*;
use crate::format::{Encoder, SEGMENT_HEADER_BYTES, SegmentHeader, segment_key};

const STAMP: [u8; 16] = *b"bank-and-replica";
const START: u64 = SEGMENT_HEADER_BYTES;

fn header() -> SegmentHeader {
    SegmentHeader {
        stamp: STAMP,
        sequence: 1,
        next_index: NO_INDEX,
        previous_len: 0,
        previous_chain: 0,
        reserve_step: 0,
    }
}

fn segment(fill: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut records = Vec::new();
    let mut encoder = Encoder::new(&mut records, segment_key(&STAMP, 1), START, header().chain());
    fill(&mut encoder);
    let mut bytes = header().encode().to_vec();
    bytes.extend(records);
    bytes
}

fn scanner(bytes: &[u8]) -> Scanner<'_> {
    Scanner::new(bytes, segment_key(&STAMP, 1), START, header().chain())
}

#[test]
fn what_was_encoded_is_read_back() {
    let bytes = segment(|e| {
        e.batch(64);
        e.record(Kind::Entry, 0, 7, b"seven");
        e.record(Kind::State, 3, 0, b"vote");
        e.record(Kind::Truncate, 0, NO_INDEX, b"");
        e.record(Kind::Purge, 0, 9, b"note");
    });
    let mut scanner = scanner(&bytes);
    let expected = [
        Record::Batch { synced: 64 },
        Record::Entry {
            index: 7,
            payload: b"seven",
        },
        Record::State {
            slot: 3,
            value: b"vote",
        },
        Record::Truncate { after: None },
        Record::Purge {
            index: 9,
            note: b"note",
        },
    ];
    for record in expected {
        assert_eq!(scanner.next_record(), Ok(Some(record)));
    }
    assert_eq!(scanner.next_record(), Ok(None));
    assert_eq!(scanner.offset(), bytes.len() as u64);
}

#[test]
fn a_record_is_valid_in_one_place_only() {
    let bytes = segment(|e| {
        e.record(Kind::Entry, 0, 1, b"one");
        e.record(Kind::Entry, 0, 2, b"two");
    });
    let mut moved = bytes.clone();
    moved.copy_within(96..128, 64);
    assert!(scanner(&moved).next_record().is_err());
    let mut elsewhere = Scanner::new(&bytes, segment_key(&STAMP, 2), START, 0);
    assert!(elsewhere.next_record().is_err(), "another segment's record");
}

#[test]
fn a_page_that_went_back_to_a_well_formed_older_content_breaks_the_chain() {
    let older = segment(|e| {
        e.batch(64);
        e.record(Kind::Entry, 0, 1, b"OLD");
    });
    let mut newer = segment(|e| {
        e.batch(64);
        e.record(Kind::Entry, 0, 1, b"new");
        e.batch(64);
    });
    newer[..older.len()].copy_from_slice(&older);
    let mut scanner = scanner(&newer);
    assert!(scanner.next_record().is_ok());
    assert!(scanner.next_record().is_ok());
    assert!(scanner.next_record().is_err());
}

#[test]
fn markers_behind_a_damaged_record_are_found() {
    let mut bytes = segment(|e| {
        e.batch(64);
        e.record(Kind::Entry, 0, 1, b"one");
        e.batch(120);
    });
    bytes[64 + 24 + 4] ^= 0x40; // The entry's length field.
    let mut scanner = scanner(&bytes);
    assert!(scanner.next_record().is_ok());
    assert!(scanner.next_record().is_err());
    assert_eq!(
        synced_beyond(&bytes, segment_key(&STAMP, 1), scanner.offset()),
        Some(120)
    );
}

fn drain(bytes: &[u8], key: u32, chain: u32) {
    let mut scanner = Scanner::new(bytes, key, START, chain);
    while let Ok(Some(_)) = scanner.next_record() {}
    assert!(scanner.offset() <= bytes.len().max(START as usize) as u64);
    synced_beyond(bytes, key, 0);
    let _ = SegmentHeader::decode(bytes);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), key: u32) {
        drain(&bytes, key, 0);
    }

    #[test]
    fn damaged_segments_never_panic_and_never_invent(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..12),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = segment(|e| {
            for (i, payload) in payloads.iter().enumerate() {
                e.batch(START);
                e.record(Kind::Entry, 0, i as u64, payload);
            }
        });
        for (at, mask) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        drain(&bytes, segment_key(&STAMP, 1), header().chain());
        let mut scanner = scanner(&bytes);
        while let Ok(Some(record)) = scanner.next_record() {
            if let Record::Entry { index, payload } = record {
                prop_assert_eq!(&payloads[index as usize][..], payload);
            }
        }
    }
}
