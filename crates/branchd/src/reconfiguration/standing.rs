//! Whether this branch is still a member of its bank. A branch that was replaced or removed while it was away hears
//! from no leader. It asks the other branches, and once it knows that it is not a member, it serves no customer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::branch_client::{MemberClient, MembershipAnswer};
use crate::peers::{Identity, Peers};
use crate::replication::engine::{Engine, Replica};
use crate::replication::membership::{Seats, Version};

/// How many branches are asked in one round. The first round asks the voters, of which there are at most five; later
/// rounds ask the other branches of a larger bank.
const ASKED_MAX: usize = 5;
/// How long the asked branches may take. Reads wait for the first round after a start.
const ASK_TIMEOUT: Duration = Duration::from_millis(500);
/// The pause between two rounds, while no leader is heard.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

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
        loop {
            let seats = engine.seats();
            let found = if engine.hears_a_leader(window) {
                Known::Member
            } else {
                let found = ask(identity, &seats, &others, round).await;
                round += 1;
                found
            };
            self.learn(&found, &seats, &engine, identity);
            tokio::time::sleep(ASK_INTERVAL).await;
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

/// Asks some of the branches that this one knows whether it is a member.
async fn ask(identity: Identity, seats: &Seats, client: &MemberClient, round: usize) -> Known {
    let mut others: Vec<&Replica> = seats.replicas.iter().filter(|r| r.id != identity.replica).collect();
    others.sort_by_key(|replica| !replica.voter);
    if others.is_empty() {
        return Known::Member;
    }
    let groups = others.len().div_ceil(ASKED_MAX);
    let asked = others.chunks(ASKED_MAX).nth(round % groups).unwrap_or_default();
    let answers = asked.iter().map(|other| client.ask_membership(other));
    let answers = answers.map(|answer| tokio::time::timeout(ASK_TIMEOUT, answer));
    let answers = futures::future::join_all(answers).await;
    let removed = answers
        .into_iter()
        .filter_map(|answer| answer.ok()?.ok())
        .find_map(|answer| verdict(identity, seats, &answer));
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
    use uuid::Uuid;

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
