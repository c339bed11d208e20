//! What is done to a live bank, in words: said once it is done, and for as long as it lasts.

use bank_cluster::faults::Deed;
use bank_cluster::network::Passage;
use bank_cluster::network::Ways;

/// What was done, as one sentence without its full stop.
pub(super) fn done(deed: Deed) -> String {
    match deed {
        Deed::Kill(branch) => format!("branch {branch} killed"),
        Deed::Restart(branch) => format!("branch {branch} restarted"),
        Deed::Pause(branch) => format!("branch {branch} paused"),
        Deed::Resume(branch) => format!("branch {branch} resumed"),
        Deed::Hold(branch) => bent(Ways::To(branch), Passage::Hold),
        Deed::Cut(ways) => bent(ways, Passage::Cut),
        Deed::Delay(ways, by) => bent(ways, Passage::Delay(by)),
        Deed::Heal(ways) => bent(ways, Passage::Pass),
    }
}

/// How what goes these ways fares.
pub(super) fn bent(ways: Ways, passage: Passage) -> String {
    let course = course(ways);
    match passage {
        Passage::Pass => format!("everything goes {course} again"),
        Passage::Hold => format!("what goes {course} is held back"),
        Passage::Delay(by) => format!("what goes {course} arrives {by:?} later"),
        Passage::Cut => format!("nothing goes {course}"),
    }
}

/// What undoes it: the verb in a sentence, and the words to type after `launcher`. None of what undoes.
pub(super) fn undoing(deed: Deed) -> Option<(&'static str, String)> {
    match deed.undone_by()? {
        Deed::Heal(ways) => Some(("heal it", healing(ways))),
        Deed::Resume(branch) => Some(("resume it", format!("resume {branch}"))),
        Deed::Restart(branch) => Some(("restart it", format!("restart {branch}"))),
        _ => None,
    }
}

/// What to type after `launcher`, so that these ways pass again.
pub(super) fn healing(ways: Ways) -> String {
    match typed_ways(ways) {
        word if word.contains('>') => format!("heal '{word}'"),
        word => format!("heal {word}").trim_end().to_owned(),
    }
}

/// The word that people type for these ways. Where there is none for them alone, one for more.
pub(super) fn typed_ways(ways: Ways) -> String {
    match ways {
        Ways::All => String::new(),
        Ways::Around(branch) | Ways::To(branch) | Ways::From(branch) => branch.to_string(),
        Ways::OneWay(from, to) => format!("{from}>{to}"),
        Ways::Between(one, other) => format!("{one}-{other}"),
    }
}

fn course(ways: Ways) -> String {
    match ways {
        Ways::All => "between the branches".to_owned(),
        Ways::Around(branch) => format!("to and from branch {branch}"),
        Ways::To(branch) => format!("to branch {branch}"),
        Ways::From(branch) => format!("from branch {branch}"),
        Ways::OneWay(from, to) => format!("from branch {from} to branch {to}"),
        Ways::Between(one, other) => format!("between branches {one} and {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_deed_is_said_with_what_undoes_it() {
        let late = Duration::from_millis(50);
        for (deed, said, undo) in [
            (Deed::Kill(2), "branch 2 killed", "restart 2"),
            (Deed::Pause(2), "branch 2 paused", "resume 2"),
            (Deed::Hold(3), "what goes to branch 3 is held back", "heal 3"),
            (
                Deed::Cut(Ways::Around(2)),
                "nothing goes to and from branch 2",
                "heal 2",
            ),
            (
                Deed::Cut(Ways::OneWay(1, 3)),
                "nothing goes from branch 1 to branch 3",
                "heal '1>3'",
            ),
            (
                Deed::Delay(Ways::Between(1, 3), late),
                "what goes between branches 1 and 3 arrives 50ms later",
                "heal 1-3",
            ),
            (Deed::Heal(Ways::All), "everything goes between the branches again", ""),
            (Deed::Restart(2), "branch 2 restarted", ""),
        ] {
            assert_eq!(done(deed), said);
            assert_eq!(undoing(deed).map(|(_, words)| words).unwrap_or_default(), undo);
        }
    }
}
