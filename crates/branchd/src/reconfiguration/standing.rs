//! Whether this branch is a member of its bank still. A branch that was replaced or taken out while it was away hears of
//! no leader any more; it asks the others, and from then on serves no customer.

use std::sync::Arc;
use std::time::Duration;

use bank_proto::v1;
use tokio::sync::watch;
use tonic::Status;

use crate::peers::{Identity, Peers};
use crate::replication::engine::{Engine, Replica};
use crate::replication::membership::{Seats, Version};

/// How many branches are asked at once: all voters. A larger bank's others have their turn later.
const ASKED_MAX: usize = 5;
/// How long they may take. A branch that was just started lets reads wait for it.
const ASK_TIMEOUT: Duration = Duration::from_millis(500);
/// Between two rounds, while no leader is heard.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

/// What is known of a branch's place among the members.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// It has just been started.
    Nothing,
    /// Nothing speaks against it.
    Member,
    /// It is none, since this membership.
    Removed(Version, Arc<str>),
}

/// A branch's place among the members. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Standing(watch::Sender<Known>);

impl Standing {
    /// `settled`: there is nothing to find out first, since the branch has only just got its bank.
    pub(crate) fn new(settled: bool) -> Self {
        Self(watch::Sender::new(if settled { Known::Member } else { Known::Nothing }))
    }

    /// Why this branch is no member any more, if it is none.
    pub(crate) fn removed(&self) -> Option<Arc<str>> {
        match &*self.0.borrow() {
            Known::Removed(_, why) => Some(Arc::clone(why)),
            _ => None,
        }
    }

    /// A branch that was just started does not know yet whether it is a member.
    pub(crate) fn is_settled(&self) -> bool {
        *self.0.borrow() != Known::Nothing
    }

    /// Waits until the branch has found out, as far as it can.
    ///
    /// # Errors
    /// UNAVAILABLE where the branch is no member: another one has to be asked.
    pub(crate) async fn check(&self) -> Result<(), Status> {
        if *self.0.borrow() == Known::Member {
            return Ok(());
        }
        let mut known = self.0.subscribe();
        // The sender is this value, so it is there.
        let _ = known.wait_for(|known| *known != Known::Nothing).await;
        self.refused().map_or(Ok(()), Err)
    }

    /// UNAVAILABLE where it is known that the branch is no member.
    pub(crate) fn refused(&self) -> Option<Status> {
        let why = self.removed()?;
        Some(Status::unavailable(format!("{why}: ask another branch")))
    }

    /// Resolves with UNAVAILABLE once it is known that the branch is no member.
    pub(crate) async fn lost(&self) -> Status {
        let mut known = self.0.subscribe();
        loop {
            if let Some(status) = self.refused() {
                return status;
            }
            // The sender is this value, so it is there.
            let _ = known.changed().await;
        }
    }

    /// Finds out, and keeps finding out while no leader is heard within the window.
    pub(crate) async fn follow(self, identity: Identity, engine: Engine, peers: Peers, window: Duration) {
        let mut round = 0;
        loop {
            let seats = engine.seats();
            let found = if engine.hears_a_leader(window) {
                Known::Member
            } else {
                let found = ask(identity, &seats, &peers, round).await;
                round += 1;
                found
            };
            self.learn(&found, &seats, &engine, identity);
            tokio::time::sleep(ASK_INTERVAL).await;
        }
    }

    fn learn(&self, found: &Known, seats: &Seats, engine: &Engine, identity: Identity) {
        let before = self.0.borrow().clone();
        // It stands until there is a later membership that has this branch again.
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

/// Asks some of the branches that this one knows.
async fn ask(identity: Identity, seats: &Seats, peers: &Peers, round: usize) -> Known {
    let mut others: Vec<&Replica> = seats.replicas.iter().filter(|r| r.id != identity.replica).collect();
    others.sort_by_key(|replica| !replica.voter);
    if others.is_empty() {
        return Known::Member;
    }
    let groups = others.len().div_ceil(ASKED_MAX);
    let asked = others.chunks(ASKED_MAX).nth(round % groups).unwrap_or_default();
    let answers = asked.iter().map(|other| async move {
        let mut client = peers.client(other.branch, &other.address)?;
        let message = v1::AskMembershipRequest {
            peer: Some(identity.peer_header(other.id)),
        };
        Ok::<_, Status>(client.ask_membership(message).await?.into_inner())
    });
    let answers = answers.map(|answer| tokio::time::timeout(ASK_TIMEOUT, answer));
    let answers = futures::future::join_all(answers).await;
    let removed = answers
        .into_iter()
        .filter_map(|answer| answer.ok()?.ok())
        .find_map(|answer| verdict(identity, seats, &answer));
    removed.unwrap_or(Known::Member)
}

/// One answer is proof enough where it is by a membership that is committed, and later than the newest one that this branch
/// knows to have it.
fn verdict(identity: Identity, seats: &Seats, answer: &v1::AskMembershipResponse) -> Option<Known> {
    let version = Version::try_from(answer.membership).ok()?;
    let later = if has(seats, identity.replica) {
        version > seats.version
    } else {
        version >= seats.version
    };
    if answer.member || !later || version == Version::default() {
        return None;
    }
    let branch = identity.branch;
    let why = if answer.holder.is_empty() {
        format!("branch {branch} was taken out of the bank")
    } else {
        format!("branch {branch} was replaced by the one at {}", answer.holder)
    };
    Some(Known::Removed(version, why.into()))
}

/// Answers another branch that asks for its place.
pub(crate) fn membership_of(engine: &Engine, replica: u64, branch: u32) -> v1::AskMembershipResponse {
    let seats = engine.committed_seats();
    let holder = seats.replicas.iter().find(|member| member.branch == branch);
    v1::AskMembershipResponse {
        membership: seats.version.into(),
        member: has(&seats, replica),
        holder: holder.map(|holder| holder.address.clone()).unwrap_or_default(),
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
        let answer = |version: Version, member, holder: &str| v1::AskMembershipResponse {
            membership: version.into(),
            member,
            holder: holder.to_owned(),
        };
        // What this branch knows, what another one says, and what becomes of it.
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
            // Another one that is behind, or has never heard of any membership.
            (seats(5, true), answer(Version::at(5), false, ""), None),
            (seats(5, true), answer(Version::at(4), false, ""), None),
            (seats(5, true), answer(Version::default(), false, ""), None),
            // It has the membership that took it out.
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
