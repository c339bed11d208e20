//! Compares a log with a plain list under random changes, reads, clean reopens and kills.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use bank_wal::{Options, Wal};
use bytes::Bytes;
use proptest::prelude::*;
use support::{Content, STAMP, killed, temp_in_memory};

#[derive(Clone, Debug)]
enum Step {
    Append {
        count: u64,
        bytes: usize,
        delay: Duration,
    },
    State {
        slot: u8,
    },
    LazyState {
        slot: u8,
    },
    /// Truncates to this number of entries.
    Truncate {
        keep: prop::sample::Index,
    },
    /// Purges this far after the first entry, perhaps beyond the end.
    Purge {
        by: u64,
    },
    Read {
        from: u64,
        len: u64,
        max_bytes: usize,
    },
    Reopen,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..5u64, 0..400usize, delay()).prop_map(|(count, bytes, delay)| Step::Append { count, bytes, delay }),
        2 => (0..4u8).prop_map(|slot| Step::State { slot }),
        2 => (4..6u8).prop_map(|slot| Step::LazyState { slot }),
        2 => any::<prop::sample::Index>().prop_map(|keep| Step::Truncate { keep }),
        2 => (0..30u64).prop_map(|by| Step::Purge { by }),
        4 => (0..60u64, 0..60u64, 0..3000usize).prop_map(|(from, len, max_bytes)| Step::Read { from, len, max_bytes }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
    ]
}

/// How long the sync of an append may wait. No test waits an hour: another change ends the delay.
fn delay() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_micros(100)),
        Just(Duration::from_secs(3600))
    ]
}

/// The expected content of the log.
#[derive(Default)]
struct Model {
    purged: Option<(u64, Bytes)>,
    entries: Vec<(u64, Bytes)>,
    next: u64,
    states: BTreeMap<u8, Bytes>,
    /// Values that a crash may leave in the lazy slots.
    perhaps: Vec<(u8, Option<Bytes>)>,
    written: u64,
}

impl Model {
    fn bytes(&mut self, len: usize) -> Bytes {
        self.written += 1;
        let mut bytes = format!("{}:", self.written).into_bytes();
        bytes.resize(bytes.len() + len, self.written as u8);
        bytes.into()
    }

    fn first(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    fn apply(&mut self, wal: &Wal, step: &Step) {
        match *step {
            Step::Append { count, bytes, delay } => {
                let new: Vec<_> = (self.next..self.next + count)
                    .map(|index| (index, self.bytes(bytes)))
                    .collect();
                wal.append_within(new.clone(), delay, Result::unwrap).unwrap();
                self.entries.extend(new);
                self.next += count;
            }
            Step::State { slot } => {
                let value = self.bytes(5);
                wal.put_state(slot, value.clone(), Result::unwrap).unwrap();
                self.states.insert(slot, value);
            }
            Step::LazyState { slot } => {
                let value = self.bytes(5);
                wal.put_state_lazily(slot, value.clone()).unwrap();
                self.perhaps.push((slot, self.states.insert(slot, value)));
            }
            Step::Truncate { keep } => {
                let keep = keep.index(self.entries.len() + 1);
                let next = self.first() + keep as u64;
                // There is no index before 0, so only `None` can drop entry 0.
                wal.truncate_after(next.checked_sub(1), Result::unwrap).unwrap();
                self.entries.truncate(keep);
                self.next = next;
            }
            Step::Purge { by } => {
                let index = self.first() + by;
                let note = self.bytes(3);
                wal.purge_to(index, note.clone(), Result::unwrap).unwrap();
                self.entries.retain(|entry| entry.0 > index);
                self.purged = Some((index, note));
                self.next = self.next.max(index + 1);
            }
            Step::Read { from, len, max_bytes } => {
                let range = from..from + len;
                let mut bytes = 0;
                let wanted = self.entries.iter().filter(|entry| range.contains(&entry.0)).enumerate();
                let wanted = wanted.take_while(|(at, entry)| {
                    bytes += entry.1.len();
                    *at == 0 || bytes <= max_bytes
                });
                let wanted: Vec<_> = wanted.map(|(_, entry)| entry.clone()).collect();
                assert_eq!(wal.read(range, max_bytes).unwrap(), wanted);
            }
            Step::Reopen | Step::Kill => {}
        }
    }

    fn check(&self, wal: &Wal) {
        let content = Content::of(wal);
        assert_eq!(content.entries, self.entries);
        assert_eq!(content.bounds.purged, self.purged);
        assert_eq!(content.bounds.next_index.unwrap_or(self.next), self.next);
        assert_eq!(content.states, self.states);
    }

    /// Adopts the lazy slots after a crash. Each has its newest value or one that it had since the last sync.
    fn settle(&mut self, wal: &Wal) {
        for slot in 4..6 {
            let found = wal.state(slot);
            let newest = self.states.get(&slot).cloned();
            let possible = self.perhaps.iter().any(|(s, value)| *s == slot && *value == found) || newest == found;
            assert!(possible, "slot {slot}: {found:?}");
            match found {
                Some(value) => drop(self.states.insert(slot, value)),
                None => drop(self.states.remove(&slot)),
            }
        }
        self.perhaps.clear();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_log_has_the_same_content_as_the_list(
        steps in proptest::collection::vec(step(), 1..80),
        reserve_bytes in prop_oneof![Just(0u32), Just(4096)],
        cache_bytes in 0..3000usize,
    ) {
        let options = Options { segment_bytes: 4096, reserve_bytes, cache_bytes, accept_copy: true, ..Options::default() };
        let mut dir = temp_in_memory();
        let mut wal = Wal::open(dir.path(), STAMP, options.clone()).unwrap();
        let mut model = Model::default();
        // The first entry of an empty log may have any index. The model starts at 0.
        for step in &steps {
            model.apply(&wal, step);
            match step {
                Step::Reopen => {
                    wal.close().unwrap();
                    wal = Wal::open(dir.path(), STAMP, options.clone()).unwrap();
                    model.perhaps.clear();
                    model.check(&wal);
                }
                Step::Kill => {
                    let taken = killed(&wal, dir.path());
                    drop(wal);
                    dir = taken;
                    wal = Wal::open(dir.path(), STAMP, options.clone()).unwrap();
                    model.settle(&wal);
                    model.check(&wal);
                }
                _ => {}
            }
        }
        model.check(&wal);
        drop(wal);
        let wal = Wal::open(dir.path(), STAMP, options).unwrap();
        model.check(&wal);
    }
}
