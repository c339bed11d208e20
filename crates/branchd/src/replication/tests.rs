//! Runs openraft's own storage suite over the real write-ahead log and ledger database, and tests the conversions and
//! checks of messages.

use std::sync::Arc;

use bank_ledger::{AccountName, Action, Amount, Command, DigestRule, RequestId};
use bank_wal::Wal;

use openraft::testing::log::{StoreBuilder, Suite};
use openraft::{EntryPayload, StorageError};
use proptest::prelude::*;
use tempfile::TempDir;

use super::convert;
use super::log_store::LogStore;
use super::snapshot::TemporaryFile;
use super::state_machine::StateMachine;
use super::types::{Batch, Entry, LeaderId, LogId, Member, Membership, StoredMembership, TypeConfig, Vote};
use super::validate;
use crate::agreement::Agreement;
use crate::store::BooksFile;

struct RealStores;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for RealStores {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<TypeConfig>> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let wal = Wal::open(&directory.path().join("journal"), [7; 16], Default::default());
        let log = LogStore::new(Arc::new(wal.expect("a journal")));
        let (file, reader) = BooksFile::open(&directory.path().join("ledger.db"), [7; 16]).expect("books");
        let agreement = Agreement::new(file.ledger());
        let directory_path = directory.path().to_owned();
        let state_machine = StateMachine::new(
            file,
            reader,
            directory_path,
            Default::default(),
            agreement,
            Default::default(),
        )
        .expect("a machine");
        Ok((directory, log, state_machine))
    }
}

#[tokio::test]
async fn the_stores_pass_openrafts_suite() {
    Suite::test_all(RealStores).await.expect("the suite passes");
}

#[test]
fn a_copy_on_its_way_takes_along_what_lies_beside_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = TemporaryFile::in_directory(directory.path());
    for ending in ["", "-journal", "-wal", "-shm"] {
        std::fs::write(format!("{}{ending}", file.path().display()), "half").expect("a file");
    }
    drop(file);
    let mut left = std::fs::read_dir(directory.path()).expect("listed");
    assert!(left.next().is_none());
}

fn command() -> impl Strategy<Value = Command> {
    let name = || "[a-z0-9][a-z0-9._-]{0,8}".prop_map(|text| AccountName::new(&text).expect("a name"));
    let amount = || (1..=i64::MAX).prop_map(|value| Amount::new(value).expect("an amount"));
    let action = prop_oneof![
        (0..=i64::MAX).prop_map(|opening_balance| Action::Found { opening_balance }),
        name().prop_map(|account| Action::Open { account }),
        (name(), amount()).prop_map(|(account, amount)| Action::Deposit { account, amount }),
        (name(), amount()).prop_map(|(account, amount)| Action::Withdraw { account, amount }),
        (name(), name(), amount()).prop_map(|(from, to, amount)| Action::Transfer { from, to, amount }),
    ];
    (any::<[u8; 16]>(), any::<i64>(), action).prop_map(|(id, time_us, action)| Command {
        request_id: RequestId(id),
        time_us,
        action,
    })
}

fn log_id() -> impl Strategy<Value = LogId> {
    (0..=1u64 << 48, any::<u64>(), 0..=1u64 << 56).prop_map(|(term, node_id, index)| LogId {
        leader_id: LeaderId { term, node_id },
        index,
    })
}

fn membership() -> impl Strategy<Value = Membership> {
    proptest::collection::btree_map(any::<u64>(), any::<(u32, u16, Option<u16>, bool, Option<u64>)>(), 1..5).prop_map(
        |nodes| {
            let voters = nodes.keys().copied().take(3).collect();
            let members = nodes
                .into_iter()
                .map(|(id, (branch, port, peer_port, to_vote, replaces))| {
                    (
                        id,
                        Member {
                            branch,
                            address: format!("h:{port}"),
                            peer_address: peer_port.map(|port| format!("peer:{port}")),
                            to_vote,
                            replaces,
                        },
                    )
                });
            Membership::new(vec![voters], members.collect::<std::collections::BTreeMap<_, _>>()).expect("a membership")
        },
    )
}

proptest! {
    #[test]
    fn entries_come_back_as_they_went(log_id in log_id(), payload in prop_oneof![
        Just(EntryPayload::Blank),
        (any::<bool>(), proptest::collection::vec(command(), 0..5)).prop_map(|(old, commands)| {
            let rule = if old { DigestRule::Outcomes } else { DigestRule::Reads };
            EntryPayload::Normal(Batch { rule, commands: commands.into() })
        }),
        membership().prop_map(EntryPayload::Membership),
    ]) {
        let entry = Entry { log_id, payload };
        let back = convert::entry_from_wire(convert::entry_to_wire(&entry)).expect("whole");
        prop_assert_eq!(back, entry);
    }

    #[test]
    fn memberships_come_back_as_they_went(log_id in log_id(), membership in membership()) {
        let stored = StoredMembership::new(Some(log_id), membership);
        let back = convert::stored_membership_from_wire(convert::stored_membership_to_wire(&stored));
        prop_assert_eq!(back, Ok(stored));
    }

    /// Any bytes from a connection or a file give an entry or an error, never a panic.
    #[test]
    fn any_bytes_are_an_entry_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        use prost::Message as _;
        if let Ok(entry) = bank_proto::v1::LogEntry::decode(bytes.as_slice()) {
            let _ = convert::entry_from_wire(entry);
        }
    }
}

#[test]
fn a_membership_that_was_never_set_comes_back() {
    let never = StoredMembership::default();
    assert_eq!(
        convert::stored_membership_from_wire(convert::stored_membership_to_wire(&never)),
        Ok(never)
    );
}

/// Reads a membership from a log of an older version, which did not store `peer_address`, `to_vote` and `replaces`.
#[test]
fn an_older_member_has_nothing_to_do() {
    use prost::Message as _;
    // Node { branch: 3, address: "h:1" }, under the key 7, of voters [7].
    let old = [
        0x0a, 3, 0x0a, 1, 7, 0x12, 11, 0x08, 7, 0x12, 7, 0x08, 3, 0x12, 3, b'h', b':', b'1',
    ];
    let old = bank_proto::v1::Membership::decode(old.as_slice()).expect("a membership");
    let stored = bank_proto::v1::StoredMembership {
        log_id: Some(bank_proto::v1::LogId {
            leader_id: Some(bank_proto::v1::LeaderId { term: 1, replica: 7 }),
            index: 0,
        }),
        membership: Some(old),
    };
    let stored = convert::stored_membership_from_wire(stored).expect("whole");
    let member = Member {
        branch: 3,
        address: "h:1".to_owned(),
        peer_address: None,
        to_vote: false,
        replaces: None,
    };
    assert_eq!(stored.membership().get_node(&7), Some(&member));
}

#[test]
fn what_no_leader_sends_is_turned_away() {
    let id = |term, index| LogId {
        leader_id: LeaderId { term, node_id: 1 },
        index,
    };
    let vote = |term, node_id, committed| Vote {
        leader_id: LeaderId { term, node_id },
        committed,
    };
    let append = |vote, previous, entries: Vec<LogId>| openraft::raft::AppendEntriesRequest::<TypeConfig> {
        vote,
        prev_log_id: previous,
        entries: entries
            .into_iter()
            .map(|log_id| Entry {
                log_id,
                payload: EntryPayload::Blank,
            })
            .collect(),
        leader_commit: None,
    };
    let good = append(vote(3, 1, true), Some(id(2, 7)), vec![id(2, 8), id(3, 9)]);
    assert_eq!(validate::append(&good, 5), Ok(()));
    let bad = [
        append(vote(3, 1, false), None, vec![]),
        append(vote(3, 5, true), None, vec![]),
        append(vote(3, 1, true), Some(id(2, 7)), vec![id(3, 9)]),
        append(vote(3, 1, true), None, vec![id(3, 0), id(3, 2)]),
        append(vote(3, 1, true), None, vec![id(4, 0)]),
    ];
    for request in bad {
        assert!(validate::append(&request, 5).is_err(), "{request}");
    }
    let candidate =
        |term, last: Option<LogId>| openraft::raft::VoteRequest::<TypeConfig>::new(vote(term, 1, false), last);
    assert_eq!(validate::candidate(&candidate(3, Some(id(3, 9)))), Ok(()));
    assert!(validate::candidate(&candidate(3, Some(id(4, 9)))).is_err());
    let far = bank_proto::v1::LogId {
        leader_id: Some(bank_proto::v1::LeaderId {
            term: u64::MAX,
            replica: 1,
        }),
        index: 1,
    };
    assert!(convert::log_id_from_wire(far).is_err());
}

#[test]
fn numbers_near_the_end_of_their_type_are_refused() {
    let log_id = |term, index| {
        convert::log_id_from_wire(bank_proto::v1::LogId {
            leader_id: Some(bank_proto::v1::LeaderId { term, replica: 1 }),
            index,
        })
    };
    for (term, index, taken) in [
        (1 << 48, 1 << 56, true),
        ((1 << 48) + 1, 0, false),
        (0, (1 << 56) + 1, false),
        (1 << 62, 0, false),
        (0, 1 << 62, false),
        (u64::MAX, u64::MAX, false),
    ] {
        assert_eq!(log_id(term, index).is_ok(), taken, "{term} {index}");
    }
}

#[test]
fn a_vote_is_its_senders_own_and_its_term_rises_by_a_bounded_step() {
    let vote = |term, committed| Vote {
        leader_id: LeaderId { term, node_id: 1 },
        committed,
    };
    assert_eq!(validate::own_vote(&vote(3, true), 1), Ok(()));
    assert!(validate::own_vote(&vote(3, true), 2).is_err());
    for (known, term, committed, taken) in [
        (0, 1, false, true),
        (7, 7 + (1 << 24), false, true),
        (7, 8 + (1 << 24), false, false),
        // A branch that is new, or was away for long, must follow the leader of a quorum.
        (7, 8 + (1 << 24), true, true),
        (0, 1 << 32, true, true),
        (0, (1 << 32) + 1, true, false),
        (7, 1 << 48, true, false),
        (u64::MAX, u64::MAX, false, true),
    ] {
        let found = validate::reachable_term(&vote(term, committed), known);
        assert_eq!(found.is_ok(), taken, "{known} {term} {committed}");
    }
}
