//! Decides whose ledger is wrong, from the voters' digests at one position. Pure.

use bank_ledger::Digest;

/// The known digests at one position.
#[derive(Debug)]
pub(super) struct Count<'a> {
    pub(super) mine: Digest,
    /// Whether this branch is a voter.
    pub(super) votes: bool,
    /// The digests of all other voters. `None`: the voter has not answered.
    pub(super) others: &'a [Option<Digest>],
}

/// The conclusion from the digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A majority of the voters has the digest of this branch.
    Right,
    /// A majority of the voters has this other digest.
    Wrong(Digest),
    /// No digest can get a majority, whatever the silent voters have.
    Undecided,
    /// The answers of the silent voters decide.
    Open,
}

impl Count<'_> {
    pub(super) fn verdict(&self) -> Verdict {
        let voters = self.others.len() + usize::from(self.votes);
        let silent = self.others.iter().filter(|other| other.is_none()).count();
        let votes_for = |digest: Digest| {
            let others = self.others.iter().filter(|other| **other == Some(digest)).count();
            others + usize::from(self.votes && digest == self.mine)
        };
        let said = self.others.iter().flatten().copied();
        let candidates = said.chain(self.votes.then_some(self.mine));
        let Some((most, digest)) = candidates
            .map(|digest| (votes_for(digest), digest))
            .max_by_key(|(votes, _)| *votes)
        else {
            return Verdict::Open;
        };
        if most * 2 > voters {
            return if digest == self.mine {
                Verdict::Right
            } else {
                Verdict::Wrong(digest)
            };
        }
        if (most + silent) * 2 > voters {
            Verdict::Open
        } else {
            Verdict::Undecided
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_of_the_voters_decides() {
        let digest = |number: u8| Digest([number; 32]);
        let (a, b, c) = (Some(digest(1)), Some(digest(2)), Some(digest(3)));
        let wrong = Verdict::Wrong(digest(2));
        for (votes, others, expected) in [
            // Two voters: no majority is possible.
            (true, vec![b], Verdict::Undecided),
            (true, vec![a], Verdict::Right),
            (true, vec![None], Verdict::Open),
            // Three voters.
            (true, vec![a, b], Verdict::Right),
            (true, vec![b, b], wrong),
            (true, vec![b, None], Verdict::Open),
            (true, vec![a, None], Verdict::Right),
            (true, vec![b, c], Verdict::Undecided),
            // Five voters.
            (true, vec![b, b, b, None], wrong),
            (true, vec![b, b, None, None], Verdict::Open),
            (true, vec![b, b, a, c], Verdict::Undecided),
            // This branch is a learner, which has no vote.
            (false, vec![b], wrong),
            (false, vec![b, None, None], Verdict::Open),
            (false, vec![b, b, a], wrong),
            (false, vec![a, a, b], Verdict::Right),
            (false, vec![a, b], Verdict::Undecided),
            (false, vec![], Verdict::Open),
        ] {
            let count = Count {
                mine: digest(1),
                votes,
                others: &others,
            };
            assert_eq!(count.verdict(), expected, "{count:?}");
        }
    }
}
