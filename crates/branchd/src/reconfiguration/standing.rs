//! What a branch finds out by asking the others while it hears no leader: whether it is still a member of its bank, and
//! whether a majority of the voters can be reached. A branch that was replaced or removed while it was away hears from no
//! leader. Once it knows that it is not a member, it serves no customer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::branch_client::{MemberClient, MembershipAnswer};
use crate::peers::{Identity, Peers};
use crate::replication::engine::{Engine, Replica};
use crate::replication::majority::NoMajority;
use crate::replication::membership::{Seats, Version};

/// How many learners are asked in one round. Each round asks all voters, of which there are at most five, or ten while
/// voters are exchanged. The learners of a larger bank are asked in turns.
const LEARNERS_ASKED_MAX: usize = 5;
/// How long the asked branches may take. Reads wait for the first round after a start.
const ASK_TIMEOUT: Duration = Duration::from_millis(500);
/// The pause between two rounds, while no leader is heard.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
/// The least pause between two looks, while a leader is heard.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What a branch knows of its own membership.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// The branch has just been started, and has not asked yet.
    Nothing,
    /// The branch is a member, as far as it knows.
    Member,
    /// The branch is not a member since this version of the membership. The text says why.
    Removed(Version, Arc<str>),
}

/// The branch is not a member of its bank any more.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{why}: ask another branch")]
pub(crate) struct NotAMember {
    why: Arc<str>,
}

/// What a branch knows of its own membership. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Standing(watch::Sender<Known>);

impl Standing {
    /// `settled`: the branch has only just got its bank, so it is a member and need not ask.
    pub(crate) fn new(settled: bool) -> Self {
        Self(watch::Sender::new(if settled { Known::Member } else { Known::Nothing }))
    }

    /// Why this branch is not a member any more. `None`: it is a member, or does not know yet.
    pub(crate) fn removed(&self) -> Option<Arc<str>> {
        match &*self.0.borrow() {
            Known::Removed(_, why) => Some(Arc::clone(why)),
            _ => None,
        }
    }

    /// Whether the branch has found out if it is a member, as far as it can.
    pub(crate) fn is_settled(&self) -> bool {
        *self.0.borrow() != Known::Nothing
    }

    /// Waits until the branch has found out whether it is a member, as far as it can.
    ///
    /// # Errors
    /// The branch is not a member.
    pub(crate) async fn check(&self) -> Result<(), NotAMember> {
        if *self.0.borrow() == Known::Member {
            return Ok(());
        }
        let mut known = self.0.subscribe();
        // This value holds the sender, so the wait ends only with a value.
        let _ = known.wait_for(|known| *known != Known::Nothing).await;
        self.check_now()
    }

    /// Checks membership without waiting. A branch that does not know yet passes.
    ///
    /// # Errors
    /// The branch is not a member.
    pub(crate) fn check_now(&self) -> Result<(), NotAMember> {
        match self.removed() {
            Some(why) => Err(NotAMember { why }),
            None => Ok(()),
        }
    }

    /// Resolves once the branch knows that it is not a member.
    pub(crate) async fn lost(&self) -> NotAMember {
        let mut known = self.0.subscribe();
        loop {
            if let Err(error) = self.check_now() {
                return error;
            }
            // This value holds the sender, so the wait ends only with a change.
            let _ = known.changed().await;
        }
    }

    /// Asks the other branches in rounds while no leader was heard within the window. Never returns.
    pub(crate) async fn follow(self, identity: Identity, engine: Engine, peers: Peers, window: Duration) {
        let others = MemberClient::new(identity, peers);
        let mut round = 0;
        let mut told = false;
        loop {
            let seats = engine.seats();
            let quiet = engine.quiet_for().filter(|quiet| *quiet < window);
            let found = if quiet.is_some() {
                engine.count_not_needed();
                Known::Member
            } else {
                let answers = ask(identity, &seats, &others, round).await;
                round += 1;
                let reached = answers.iter().map(|(id, _)| *id).chain([identity.replica]);
                engine.count_reached(identity.branch, &seats.voters, &reached.collect());
                judged(identity, &seats, &answers)
            };
            self.learn(&found, &seats, &engine, identity);
            told = tell_majority(engine.no_majority(), told);
            let pause = quiet.map_or(ASK_INTERVAL, |quiet| {
                (window - quiet).clamp(LOOK_INTERVAL_MIN, ASK_INTERVAL)
            });
            tokio::time::sleep(pause).await;
        }
    }

    fn learn(&self, found: &Known, seats: &Seats, engine: &Engine, identity: Identity) {
        let before = self.0.borrow().clone();
        // A removal stands until a later membership has this branch again.
        if let Known::Removed(since, _) = &before {
            let again = seats.version > *since && has(seats, identity.replica);
            if !again {
                return;
            }
        }
        if before == *found {
            return;
        }
        match found {
            Known::Removed(_, why) => tracing::warn!(
                "{why}: this branch serves no customer any more; stop it, and to take it into the bank again, start it on an \
                 empty data directory and run `branchd join`"
            ),
            _ if matches!(before, Known::Removed(..)) => tracing::info!("this branch is a member of the bank again"),
            _ => {}
        }
        engine.stand_for_election(!matches!(found, Known::Removed(..)));
        self.0.send_replace(found.clone());
    }
}

fn has(seats: &Seats, replica: u64) -> bool {
    seats.replicas.iter().any(|member| member.id == replica)
}

/// Logs that the majority of the voters is lost or reached again, once each. Returns whether the log says that it is
/// lost.
fn tell_majority(lost: Option<NoMajority>, told: bool) -> bool {
    match lost {
        Some(lost) if !told => tracing::warn!("{lost}: start the missing branches"),
        None if told => tracing::info!("a majority of the voters can be reached again"),
        _ => {}
    }
    lost.is_some()
}

/// Asks all voters and some of the learners that this branch knows whether it is a member. Returns the answers, each with
/// its replica.
async fn ask(identity: Identity, seats: &Seats, client: &MemberClient, round: usize) -> Vec<(u64, MembershipAnswer)> {
    let others = seats.replicas.iter().filter(|replica| replica.id != identity.replica);
    let (voters, learners): (Vec<&Replica>, Vec<&Replica>) = others.partition(|replica| replica.voter);
    let groups = learners.len().div_ceil(LEARNERS_ASKED_MAX).max(1);
    let turn = learners
        .chunks(LEARNERS_ASKED_MAX)
        .nth(round % groups)
        .unwrap_or_default();
    let answers = voters.iter().chain(turn).map(|other| async move {
        let answer = tokio::time::timeout(ASK_TIMEOUT, client.ask_membership(other)).await;
        Some((other.id, answer.ok()?.ok()?))
    });
    futures::future::join_all(answers).await.into_iter().flatten().collect()
}

/// What the answers of one round prove.
fn judged(identity: Identity, seats: &Seats, answers: &[(u64, MembershipAnswer)]) -> Known {
    let removed = answers.iter().find_map(|(_, answer)| verdict(identity, seats, answer));
    removed.unwrap_or(Known::Member)
}

/// Decides whether an answer proves that this branch was removed. One answer is proof if its committed membership is
/// later than the newest membership that has this branch, as far as this branch knows.
fn verdict(identity: Identity, seats: &Seats, answer: &MembershipAnswer) -> Option<Known> {
    let version = answer.version;
    let later = if has(seats, identity.replica) {
        version > seats.version
    } else {
        version >= seats.version
    };
    if answer.member || !later || version == Version::default() {
        return None;
    }
    let branch = identity.branch;
    let why = match &answer.holder {
        None => format!("branch {branch} was taken out of the bank"),
        Some(holder) => format!("branch {branch} was replaced by the one at {holder}"),
    };
    Some(Known::Removed(version, why.into()))
}

/// Answers another branch that asks whether its replica is a member.
pub(crate) fn membership_of(engine: &Engine, replica: u64, branch: u32) -> MembershipAnswer {
    let seats = engine.committed_seats();
    let holder = seats.replicas.iter().find(|member| member.branch == branch);
    MembershipAnswer {
        version: seats.version,
        member: has(&seats, replica),
        holder: holder.map(|holder| holder.address.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Mutex, PoisonError};
    use uuid::Uuid;

    /// The text of all log lines. Clones share it.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(line)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_lost_majority_is_logged_once_and_so_is_its_return() {
        let lost = |reached| {
            Some(NoMajority {
                branch: 3,
                reached,
                voters: 5,
            })
        };
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let looks = [None, lost(1), lost(1), lost(2), None, None, lost(2)];
            looks.into_iter().fold(false, |told, lost| tell_majority(lost, told));
        });
        let text = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("UTF-8");
        let told: Vec<bool> = text.lines().map(|line| line.contains("no majority: ")).collect();
        assert_eq!(told, [true, false, true], "{text}");
        assert!(
            text.contains("1 of 5 voters") && text.contains("reached again"),
            "{text}"
        );
    }

    #[test]
    fn only_a_later_committed_membership_without_it_takes_a_branch_out() {
        let identity = Identity {
            bank_id: Uuid::nil(),
            branch: 3,
            replica: 30,
        };
        let seats = |index, member: bool| Seats {
            version: Version::at(index),
            replicas: member
                .then(|| Replica {
                    id: 30,
                    branch: 3,
                    ..Replica::default()
                })
                .into_iter()
                .collect(),
            ..Seats::default()
        };
        let answer = |version, member, holder: &str| MembershipAnswer {
            version,
            member,
            holder: Some(holder.to_owned()).filter(|holder| !holder.is_empty()),
        };
        // (what this branch knows, what another branch answers, why this branch is removed)
        let table = [
            (seats(5, true), answer(Version::at(9), true, "a:1"), None),
            (
                seats(5, true),
                answer(Version::at(9), false, ""),
                Some("branch 3 was taken out of the bank"),
            ),
            (
                seats(5, true),
                answer(Version::at(9), false, "b:1"),
                Some("branch 3 was replaced by the one at b:1"),
            ),
            // The other branch is behind, or knows no membership.
            (seats(5, true), answer(Version::at(5), false, ""), None),
            (seats(5, true), answer(Version::at(4), false, ""), None),
            (seats(5, true), answer(Version::default(), false, ""), None),
            // This branch has the membership that removed it.
            (
                seats(5, false),
                answer(Version::at(5), false, ""),
                Some("branch 3 was taken out of the bank"),
            ),
            (seats(5, false), answer(Version::at(4), false, ""), None),
            (seats(5, false), answer(Version::at(6), true, "a:1"), None),
        ];
        for (seats, answer, expected) in table {
            let found = verdict(identity, &seats, &answer);
            let why = found.as_ref().map(|found| match found {
                Known::Removed(_, why) => &**why,
                _ => "",
            });
            assert_eq!(why, expected, "{seats:?} {answer:?}");
        }
    }
}
