use super::*;
use crate::replication::membership::Version;

const ME: u64 = 10;

/// A replica: its id is ten times its number, plus `which` of that number it is.
fn replica(branch: u32, which: u64) -> Replica {
    Replica {
        id: u64::from(branch) * 10 + which,
        branch,
        address: format!("h:{branch}{which}"),
        ..Replica::default()
    }
}

fn joiner(branch: u32, which: u64, to_vote: bool, replaces: Option<u64>) -> Replica {
    Replica {
        to_vote,
        replaces,
        ..replica(branch, which)
    }
}

/// A committed membership with these voters.
fn seats(voters: &[u64], replicas: &[Replica]) -> Seats {
    let voters: BTreeSet<u64> = voters.iter().copied().collect();
    let mut replicas = replicas.to_vec();
    for replica in &mut replicas {
        replica.voter = voters.contains(&replica.id);
    }
    Seats {
        version: Version::at(7),
        replicas,
        voters,
        exchanging: false,
        committed: true,
    }
}

fn three(further: &[Replica]) -> Seats {
    let mut replicas = vec![replica(1, 0), replica(2, 0), replica(3, 0)];
    replicas.extend(further.iter().cloned());
    seats(&[10, 20, 30], &replicas)
}

/// These answer, and have the leader's log up to these entries of 1000.
fn progress(of: &[(u64, u64)]) -> Progress {
    Progress {
        answering: of.iter().map(|(id, _)| *id).collect(),
        matched: of.iter().copied().collect(),
        last: 1000,
    }
}

fn ids(ids: &[u64]) -> BTreeSet<u64> {
    ids.iter().copied().collect()
}

/// A step without its text: the replicas that are removed, and the voters afterwards.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Rest,
    Wait,
    HandOver,
    Change(BTreeSet<u64>, Option<BTreeSet<u64>>),
}

fn stepped(seats: &Seats, progress: &Progress) -> Expected {
    match next_step(seats, progress, ME) {
        Step::Rest => Expected::Rest,
        Step::Wait => Expected::Wait,
        Step::HandOver => Expected::HandOver,
        Step::Change { change, .. } => {
            assert_eq!(change.set, []);
            Expected::Change(change.remove, change.voters)
        }
    }
}

/// Every state that a join can be in, with everything that a leader can know of it then.
#[test]
fn every_state_has_its_next_step() {
    use Expected::{Change, HandOver, Rest, Wait};
    // Branch 3 is lost, and replica 31 will replace it.
    let replacing = three(&[joiner(3, 1, true, Some(30))]);
    let with = |seats: &Seats, change: fn(&mut Seats)| {
        let mut seats = seats.clone();
        change(&mut seats);
        seats
    };
    let exchanging = with(&replacing, |seats| {
        seats.exchanging = true;
        seats.voters = ids(&[10, 20, 31]);
    });
    let replaced = seats(
        &[10, 20, 31],
        &[replica(1, 0), replica(2, 0), joiner(3, 1, true, Some(30))],
    );
    let alive = |joiner: u64, at: u64| progress(&[(10, 1000), (20, 1000), (joiner, at)]);
    let silent = |joiner: u64, at: u64| {
        let mut progress = alive(joiner, at);
        progress.answering.remove(&joiner);
        progress
    };
    let alone = progress(&[(10, 1000), (20, 1000)]);
    let promoted = || Change(ids(&[]), Some(ids(&[10, 20, 31])));
    let table = [
        ("nothing was begun", three(&[]), alone.clone(), Rest),
        (
            "a further branch learns",
            three(&[joiner(4, 0, false, None)]),
            alone.clone(),
            Rest,
        ),
        // 1: the joiner is a learner.
        (
            "not committed yet",
            with(&replacing, |seats| seats.committed = false),
            alive(31, 1000),
            Wait,
        ),
        ("nothing was heard of it", replacing.clone(), alone.clone(), Wait),
        (
            "it is silent since it caught up",
            replacing.clone(),
            silent(31, 1000),
            Wait,
        ),
        // 2: it catches up.
        ("it is behind", replacing.clone(), alive(31, 812), Wait),
        (
            "it is a little too far behind",
            replacing.clone(),
            alive(31, 1000 - LAG_MAX - 1),
            Wait,
        ),
        ("it is behind and silent", replacing.clone(), silent(31, 812), Wait),
        // 3: it becomes a voter in the place of the lost replica.
        ("it has caught up", replacing.clone(), alive(31, 1000), promoted()),
        (
            "its last entries are on their way",
            replacing.clone(),
            alive(31, 1000 - LAG_MAX),
            promoted(),
        ),
        // 4: the lost replica is removed. A leader that died in between has left the exchange of voters open.
        (
            "the exchange is not committed",
            with(&exchanging, |seats| seats.committed = false),
            alive(31, 1000),
            Wait,
        ),
        (
            "the exchange was cut short",
            exchanging.clone(),
            alive(31, 1000),
            Change(ids(&[]), None),
        ),
        (
            "so it was, and it is silent",
            exchanging.clone(),
            silent(31, 1000),
            Change(ids(&[]), None),
        ),
        ("it is done", replaced, alive(31, 1000), Rest),
        // The same for learners.
        (
            "a learner is replaced by one that is behind",
            three(&[replica(4, 0), joiner(4, 1, false, Some(40))]),
            alive(41, 5),
            Wait,
        ),
        (
            "a learner is replaced",
            three(&[replica(4, 0), joiner(4, 1, false, Some(40))]),
            alive(41, 1000),
            Change(ids(&[40]), None),
        ),
        (
            "a learner that is to vote is replaced",
            three(&[replica(4, 0), joiner(4, 1, true, Some(40))]),
            alive(41, 1000),
            Change(ids(&[40]), Some(ids(&[10, 20, 30, 41]))),
        ),
        // A promotion.
        (
            "it is to vote, and behind",
            three(&[joiner(4, 0, true, None)]),
            alive(40, 5),
            Wait,
        ),
        (
            "it is to vote",
            three(&[joiner(4, 0, true, None)]),
            alive(40, 1000),
            Change(ids(&[]), Some(ids(&[10, 20, 30, 40]))),
        ),
        // Joiners do not wait for each other.
        (
            "another joiner is lost",
            three(&[joiner(2, 1, true, Some(20)), joiner(3, 1, true, Some(30))]),
            alive(31, 1000),
            promoted(),
        ),
        // The leader itself is replaced, because it was wrongly taken for lost.
        (
            "the leader is replaced",
            three(&[joiner(1, 1, true, Some(10))]),
            alive(11, 1000),
            HandOver,
        ),
    ];
    for (what, seats, progress, expected) in table {
        assert_eq!(stepped(&seats, &progress), expected, "{what}");
    }
}

/// From any point, steps lead to the end, and on the way no two replicas of a number vote in one majority.
#[test]
fn steps_lead_to_the_end_from_wherever_a_leader_left_off() {
    let all = progress(&[(10, 1000), (20, 1000), (30, 1000), (31, 1000), (40, 1000), (41, 1000)]);
    let starts = [
        three(&[joiner(3, 1, true, Some(30))]),
        three(&[replica(4, 0), joiner(4, 1, false, Some(40))]),
        three(&[
            joiner(3, 1, true, Some(30)),
            replica(4, 0),
            joiner(4, 1, true, Some(40)),
        ]),
    ];
    for mut seats in starts {
        let mut steps = 0;
        loop {
            let mut numbers: Vec<u32> = seats
                .replicas
                .iter()
                .filter(|replica| seats.voters.contains(&replica.id))
                .map(|replica| replica.branch)
                .collect();
            let voters = numbers.len();
            numbers.dedup();
            assert_eq!(numbers.len(), voters, "{seats:?}");
            match next_step(&seats, &all, ME) {
                Step::Rest => break,
                // As in the engine: first both sets of voters decide, then only the new set, without the replicas that
                // left.
                Step::Change { change, .. } => {
                    let before = seats.voters.clone();
                    seats.replicas.retain(|replica| !change.remove.contains(&replica.id));
                    let was = seats.exchanging;
                    if let Some(voters) = change.voters {
                        seats.voters = voters;
                        seats.exchanging = true;
                    } else {
                        seats.exchanging = false;
                    }
                    if was {
                        let voters = seats.voters.clone();
                        seats
                            .replicas
                            .retain(|replica| !replica.voter || voters.contains(&replica.id));
                    }
                    for replica in &mut seats.replicas {
                        let old = seats.exchanging && before.contains(&replica.id);
                        replica.voter = old || seats.voters.contains(&replica.id);
                    }
                }
                step => panic!("{step:?} of {seats:?}"),
            }
            steps += 1;
            assert!(steps < 10, "{seats:?}");
        }
        assert!(seats.replicas.iter().all(|replica| !is_joining(&seats, replica)));
        let mut numbers: Vec<u32> = seats.replicas.iter().map(|replica| replica.branch).collect();
        let replicas = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), replicas, "one replica of each number: {seats:?}");
    }
}

fn change(set: &[Replica], remove: &[u64], voters: Option<&[u64]>) -> Change {
    Change {
        set: set.to_vec(),
        remove: ids(remove),
        voters: voters.map(ids),
    }
}

#[test]
fn a_join_is_recorded_once_and_may_be_repeated() {
    let successor = joiner(3, 1, true, Some(30));
    let table = [
        (
            "a further branch",
            three(&[]),
            replica(4, 0),
            0,
            Ok(Plan::Change {
                change: change(&[replica(4, 0)], &[], None),
                displaces: vec![],
            }),
        ),
        (
            "a further branch, again",
            three(&[replica(4, 0)]),
            replica(4, 0),
            5,
            Ok(Plan::Done),
        ),
        (
            "a lost voter's successor",
            three(&[]),
            replica(3, 1),
            0,
            Ok(Plan::Change {
                change: change(std::slice::from_ref(&successor), &[], None),
                displaces: three(&[]).replicas[2..].to_vec(),
            }),
        ),
        (
            "the successor, again",
            three(std::slice::from_ref(&successor)),
            replica(3, 1),
            5,
            Ok(Plan::Done),
        ),
        (
            "a lost learner's successor",
            three(&[replica(4, 0)]),
            replica(4, 1),
            0,
            Ok(Plan::Change {
                change: change(&[joiner(4, 1, false, Some(40))], &[], None),
                displaces: vec![replica(4, 0)],
            }),
        ),
        (
            "another successor, since the first one was lost half way",
            three(std::slice::from_ref(&successor)),
            replica(3, 2),
            0,
            Ok(Plan::Change {
                change: change(&[joiner(3, 2, true, Some(30))], &[31], None),
                displaces: three(std::slice::from_ref(&successor)).replicas[2..].to_vec(),
            }),
        ),
        (
            "the one that was to be replaced has come back, and is to stay",
            three(std::slice::from_ref(&successor)),
            replica(3, 0),
            5,
            Ok(Plan::Change {
                change: change(&[joiner(3, 0, true, None)], &[31], None),
                displaces: vec![successor.clone()],
            }),
        ),
        (
            "a join that an older version left half done",
            three(&[replica(3, 1)]),
            replica(3, 1),
            5,
            Ok(Plan::Change {
                change: change(std::slice::from_ref(&successor), &[], None),
                displaces: three(&[]).replicas[2..].to_vec(),
            }),
        ),
        (
            "a directory that was moved",
            three(&[]),
            Replica {
                address: "h:99".to_owned(),
                ..replica(3, 0)
            },
            5,
            Err(Refusal::Moved {
                branch: 3,
                known: "h:30".to_owned(),
                asked: "h:99".to_owned(),
            }),
        ),
        (
            "one that has another address for branches",
            three(&[]),
            Replica {
                peer_address: Some("h:99".to_owned()),
                ..replica(3, 0)
            },
            5,
            Err(Refusal::Moved {
                branch: 3,
                known: "h:30".to_owned(),
                asked: "h:30,h:99".to_owned(),
            }),
        ),
        (
            "one that was taken out, with its old directory",
            three(&[]),
            replica(5, 0),
            17,
            Err(Refusal::TakenOut { branch: 5 }),
        ),
    ];
    for (what, seats, new, position, expected) in table {
        assert_eq!(enlist(&seats, &new, position), expected, "{what}");
    }
    let busy = Seats {
        committed: false,
        ..three(&[])
    };
    assert_eq!(enlist(&busy, &replica(4, 0), 0), Ok(Plan::Busy));
}

#[test]
fn a_branch_is_removed_only_where_a_quorum_stays() {
    let five: Vec<Replica> = (1..=5).map(|branch| replica(branch, 0)).collect();
    let five = seats(&[10, 20, 30, 40, 50], &five);
    let answering = |of: &[u64]| progress(&of.iter().map(|id| (*id, 1000)).collect::<Vec<_>>());
    let done = |remove: &[u64], voters: Option<&[u64]>| {
        Ok(Plan::Change {
            change: change(&[], remove, voters),
            displaces: vec![],
        })
    };
    let with = |further: Replica| three(&[further]);
    let table = [
        (
            "a dead voter",
            three(&[]),
            3,
            answering(&[10, 20]),
            done(&[], Some(&[10, 20])),
        ),
        (
            "a living voter",
            three(&[]),
            3,
            answering(&[10, 20, 30]),
            done(&[], Some(&[10, 20])),
        ),
        (
            "a learner",
            with(replica(4, 0)),
            4,
            answering(&[10, 20]),
            done(&[40], None),
        ),
        (
            "a voter and the one that was to take its place",
            with(joiner(3, 1, true, Some(30))),
            3,
            answering(&[10, 20, 31]),
            done(&[31], Some(&[10, 20])),
        ),
        (
            "the leader",
            three(&[]),
            1,
            answering(&[10, 20, 30]),
            Ok(Plan::HandOver),
        ),
        (
            "one of three, of whom another is dead",
            three(&[]),
            2,
            answering(&[10, 20]),
            Err(Refusal::NoQuorumLeft {
                branch: 2,
                voters: vec![1, 3],
                answering: vec![1],
                silent: vec![3],
                needed: 2,
            }),
        ),
        (
            "one of five, of whom two are dead",
            five.clone(),
            1,
            answering(&[10, 20, 30]),
            Err(Refusal::NoQuorumLeft {
                branch: 1,
                voters: vec![2, 3, 4, 5],
                answering: vec![2, 3],
                silent: vec![4, 5],
                needed: 3,
            }),
        ),
        (
            "a dead one of five",
            five.clone(),
            5,
            answering(&[10, 20, 30]),
            done(&[], Some(&[10, 20, 30, 40])),
        ),
        (
            "the only voter",
            seats(&[10], &[replica(1, 0), replica(2, 0)]),
            1,
            answering(&[10, 20]),
            Err(Refusal::OnlyVoter { branch: 1 }),
        ),
        (
            "one that there is not",
            three(&[]),
            9,
            answering(&[10, 20, 30]),
            Err(Refusal::Unknown {
                branch: 9,
                known: vec![1, 2, 3],
            }),
        ),
    ];
    for (what, seats, branch, progress, expected) in table {
        assert_eq!(remove(&seats, branch, &progress, ME), expected, "{what}");
    }
    let why = remove(&three(&[]), 2, &answering(&[10, 20]), ME).expect_err("refused");
    assert_eq!(
        why.to_string(),
        "without branch 2 the voters are 1, 3, and 2 of them have to be there, but only 1 answer: start 3, or remove what \
         is lost first"
    );
}

#[test]
fn a_learner_that_answers_is_promoted_while_there_is_room() {
    let alive = progress(&[(10, 1000), (20, 1000), (30, 1000), (40, 5)]);
    let learner = || three(&[replica(4, 0)]);
    let promoted = Plan::Change {
        change: change(&[joiner(4, 0, true, None)], &[], None),
        displaces: vec![],
    };
    assert_eq!(promote(&learner(), 4, &alive), Ok(promoted));
    let recorded = three(&[joiner(4, 0, true, None)]);
    assert_eq!(promote(&recorded, 4, &alive), Ok(Plan::Done));
    assert_eq!(promote(&three(&[]), 3, &alive), Ok(Plan::Done));
    let silent = progress(&[(10, 1000), (20, 1000), (30, 1000)]);
    assert_eq!(promote(&learner(), 4, &silent), Err(Refusal::Silent { branch: 4 }));
    assert!(matches!(promote(&learner(), 9, &alive), Err(Refusal::Unknown { .. })));

    // Three branches vote and two will: that makes five.
    let full = three(&[joiner(5, 0, true, None), joiner(6, 0, true, None), replica(4, 0)]);
    let voters = vec![1, 2, 3, 5, 6];
    assert_eq!(promote(&full, 4, &alive), Err(Refusal::TooManyVoters { voters }));
    // A branch with the number of a lost voter replaces it, and is not an additional voter.
    let replacing = three(&[joiner(3, 1, true, Some(30)), joiner(5, 0, true, None), replica(4, 0)]);
    assert!(matches!(promote(&replacing, 4, &alive), Ok(Plan::Change { .. })));
}
