//! The leaders of a run, put together from what the branches' journals say.

use std::collections::BTreeMap;

use bank_check::history::Leader;

use crate::describe;
use crate::report::Run;

/// Largest number of leaders that the sentence names one by one.
const NAMED_MAX: usize = 4;

/// Each leader once, by term. A branch that was restarted knows only the newer leaders, so the journals complete each
/// other. A leader's time is the time at which the first branch applied one of its entries.
pub(crate) fn of(run: &Run) -> Vec<Leader> {
    let mut by_term: BTreeMap<u64, Leader> = BTreeMap::new();
    for told in run.history.journals.iter().flat_map(|journal| &journal.leaders) {
        by_term
            .entry(told.term)
            .and_modify(|known| {
                known.branch = known.branch.or(told.branch);
                known.after_position = known.after_position.min(told.after_position);
                known.from_us = known.from_us.min(told.from_us);
            })
            .or_insert(*told);
    }
    by_term.into_values().collect()
}

/// Who led, in one sentence. `None` if the run has no journal.
pub(crate) fn sentence(run: &Run, origin_us: u64) -> Option<String> {
    if run.history.journals.is_empty() {
        return None;
    }
    let leaders = of(run);
    let name = |leader: &Leader| match leader.branch {
        Some(branch) => format!("branch {branch}"),
        None => "a branch that has left the bank".to_owned(),
    };
    let words = match leaders.as_slice() {
        [] => {
            "The journals do not say which branch led, so each write is drawn from the branch that its customer asked."
                .to_owned()
        }
        [only] => format!("The leader was {}, in term {}.", name(only), only.term),
        [first, later @ ..] if leaders.len() <= NAMED_MAX => {
            let later = later.iter().map(|leader| {
                let from_us = leader.from_us.unwrap_or(0).saturating_sub(origin_us);
                format!(
                    ", then {} from {} (term {})",
                    name(leader),
                    describe::time(from_us),
                    leader.term
                )
            });
            format!(
                "The leader was {} (term {}){}.",
                name(first),
                first.term,
                later.collect::<String>()
            )
        }
        [.., last] => format!(
            "There were {} leaders, one after the other. The last one was {}, in term {}.",
            leaders.len(),
            name(last),
            last.term
        ),
    };
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bank_check::history::Journal;

    fn leader(term: u64, branch: Option<u32>, after_position: u64, from_us: Option<u64>) -> Leader {
        Leader {
            term,
            branch,
            after_position,
            from_us,
        }
    }

    fn run(journals: &[&[Leader]]) -> Run {
        let mut run = Run::default();
        run.history.journals = journals
            .iter()
            .map(|leaders| Journal {
                leaders: leaders.to_vec(),
                ..Journal::default()
            })
            .collect();
        run
    }

    #[test]
    fn journals_complete_each_other() {
        let run = run(&[
            &[leader(2, Some(2), 3, Some(900))],
            &[leader(1, Some(1), 0, None), leader(2, None, 3, Some(700))],
        ]);
        assert_eq!(
            of(&run),
            [leader(1, Some(1), 0, None), leader(2, Some(2), 3, Some(700))]
        );
    }

    #[test]
    fn one_sentence_says_who_led() {
        let many: Vec<Leader> = (1..=5).map(|term| leader(term, Some(term as u32), 0, None)).collect();
        for (journals, words) in [
            (&[][..], None),
            (&[&[][..]], Some("The journals do not say which branch led")),
            (&[&many[..1]], Some("The leader was branch 1, in term 1.")),
            (
                &[&[leader(1, Some(1), 0, None), leader(4, None, 3, Some(2_500))][..]],
                Some("The leader was branch 1 (term 1), then a branch that has left the bank from 1.50 ms (term 4)."),
            ),
            (
                &[&many[..]],
                Some("There were 5 leaders, one after the other. The last one was branch 5, in term 5."),
            ),
        ] {
            let told = sentence(&run(journals), 1_000);
            assert_eq!(told.is_some(), words.is_some());
            let (told, words) = (told.unwrap_or_default(), words.unwrap_or_default());
            assert!(told.starts_with(words), "{told}");
        }
    }
}
