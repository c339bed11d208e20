//! Describes the actions on a live bank and the state of its links in words.

use bank_cluster::faults::FaultAction;
use bank_cluster::network::{LinkSet, LinkState};

/// Describes an action that was performed, as one sentence without its full stop.
pub(super) fn action(action: FaultAction) -> String {
    match action {
        FaultAction::Kill(branch) => format!("branch {branch} killed"),
        FaultAction::Restart(branch) => format!("branch {branch} restarted"),
        FaultAction::Pause(branch) => format!("branch {branch} paused"),
        FaultAction::Resume(branch) => format!("branch {branch} resumed"),
        FaultAction::Hold(branch) => links(LinkSet::To(branch), LinkState::Hold),
        FaultAction::Cut(set) => links(set, LinkState::Cut),
        FaultAction::Delay(set, by) => links(set, LinkState::Delay(by)),
        FaultAction::Heal(set) => links(set, LinkState::Pass),
    }
}

/// Describes the state of some links.
pub(super) fn links(links: LinkSet, state: LinkState) -> String {
    let route = route(links);
    match state {
        LinkState::Pass => format!("everything goes {route} again"),
        LinkState::Hold => format!("what goes {route} is held back"),
        LinkState::Delay(by) => format!("what goes {route} arrives {by:?} later"),
        LinkState::Cut => format!("nothing goes {route}"),
    }
}

/// How an action is undone: the verb in a sentence, and the words to type after `launcher`. `None` for an action that
/// ends a fault.
pub(super) fn undo_hint(action: FaultAction) -> Option<(&'static str, String)> {
    match action.undone_by()? {
        FaultAction::Heal(links) => Some(("heal it", heal_command(links))),
        FaultAction::Resume(branch) => Some(("resume it", format!("resume {branch}"))),
        FaultAction::Restart(branch) => Some(("restart it", format!("restart {branch}"))),
        _ => None,
    }
}

/// The words to type after `launcher`, so that these links pass again, and no others.
pub(super) fn heal_command(links: LinkSet) -> String {
    match links.typed() {
        None => "heal".to_owned(),
        // A shell takes an unquoted > for a redirection.
        Some(word) if word.contains('>') => format!("heal '{word}'"),
        Some(word) => format!("heal {word}"),
    }
}

fn route(links: LinkSet) -> String {
    match links {
        LinkSet::All => "between the branches".to_owned(),
        LinkSet::Around(branch) => format!("to and from branch {branch}"),
        LinkSet::To(branch) => format!("to branch {branch}"),
        LinkSet::From(branch) => format!("from branch {branch}"),
        LinkSet::OneWay(from, to) => format!("from branch {from} to branch {to}"),
        LinkSet::Between(one, other) => format!("between branches {one} and {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_action_is_described_with_what_undoes_it() {
        let late = Duration::from_millis(50);
        for (action, said, undo) in [
            (FaultAction::Kill(2), "branch 2 killed", "restart 2"),
            (FaultAction::Pause(2), "branch 2 paused", "resume 2"),
            (
                FaultAction::Hold(3),
                "what goes to branch 3 is held back",
                "heal 'all>3'",
            ),
            (
                FaultAction::Cut(LinkSet::Around(2)),
                "nothing goes to and from branch 2",
                "heal 2",
            ),
            (
                FaultAction::Cut(LinkSet::OneWay(1, 3)),
                "nothing goes from branch 1 to branch 3",
                "heal '1>3'",
            ),
            (
                FaultAction::Delay(LinkSet::Between(1, 3), late),
                "what goes between branches 1 and 3 arrives 50ms later",
                "heal 1-3",
            ),
            (
                FaultAction::Heal(LinkSet::All),
                "everything goes between the branches again",
                "",
            ),
            (FaultAction::Restart(2), "branch 2 restarted", ""),
        ] {
            assert_eq!(super::action(action), said);
            assert_eq!(undo_hint(action).map(|(_, words)| words).unwrap_or_default(), undo);
        }
    }

    #[test]
    fn a_hint_heals_what_was_done_and_no_more() {
        for done in [
            FaultAction::Hold(3),
            FaultAction::Cut(LinkSet::To(3)),
            FaultAction::Cut(LinkSet::From(3)),
            FaultAction::Cut(LinkSet::Around(3)),
            FaultAction::Cut(LinkSet::OneWay(3, 1)),
            FaultAction::Cut(LinkSet::Between(3, 1)),
        ] {
            let (_, typed) = undo_hint(done).expect("it can be undone");
            let word = typed.strip_prefix("heal ").expect("a heal").trim_matches('\'');
            let healed = FaultAction::Heal(word.parse().expect("links"));
            assert_eq!(Some(healed), done.undone_by(), "{typed}");
        }
    }
}
