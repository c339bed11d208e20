//! The digests of a branch at its newest positions.

use std::collections::VecDeque;

use bank_ledger::{Digest, Ledger, Position};

/// The number of states that are kept, about 160 kB. At a thousand log entries a second they reach back further than
/// the last comparison.
const LEN_MAX: usize = 4096;

/// The positions and digests after the newest log entries, oldest first. Never empty.
#[derive(Debug)]
pub(super) struct Ring {
    kept: VecDeque<Ledger>,
    newest: Ledger,
}

impl Ring {
    pub(super) fn new(first: Ledger) -> Self {
        Self {
            kept: VecDeque::from([first]),
            newest: first,
        }
    }

    /// Adds the state after one more log entry. An entry without commands adds nothing.
    pub(super) fn push(&mut self, ledger: Ledger) {
        if ledger.position <= self.newest.position {
            return;
        }
        if self.kept.len() == LEN_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(ledger);
        self.newest = ledger;
    }

    pub(super) fn newest(&self) -> Ledger {
        self.newest
    }

    pub(super) fn at(&self, position: Position) -> Option<Digest> {
        let at = self.kept.partition_point(|kept| kept.position < position);
        let found = self.kept.get(at).filter(|kept| kept.position == position);
        found.map(|kept| kept.digest)
    }

    pub(super) fn all(&self) -> Vec<Ledger> {
        self.kept.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_positions_are_kept_and_no_others() {
        let at = |position: Position| Ledger {
            position,
            digest: Digest([position as u8; 32]),
        };
        let mut ring = Ring::new(at(3));
        for position in [5, 5, 9] {
            ring.push(at(position));
        }
        let kept = |ring: &Ring| {
            (0..12)
                .filter(|position| ring.at(*position).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!((kept(&ring), ring.newest()), (vec![3, 5, 9], at(9)));
        assert_eq!(ring.at(5), Some(at(5).digest));
        for position in 10..10 + LEN_MAX as u64 {
            ring.push(at(position));
        }
        assert_eq!(ring.all().len(), LEN_MAX);
        assert_eq!((ring.at(9), ring.all()[0]), (None, at(10)));
    }
}
