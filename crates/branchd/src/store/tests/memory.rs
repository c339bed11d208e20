//! Tests of the state in memory.

use bank_ledger::Account;

use super::super::memory::{ACCOUNTS_MAX, Memory};
use super::super::recent_ids::{IDS_MAX, RecentIds};
use super::super::state_row::StateRow;
use super::*;

fn at(position: Position) -> Memory {
    let ledger = Ledger {
        position,
        ..Ledger::default()
    };
    let stored = StateRow {
        ledger,
        ..StateRow::new([0; 16])
    };
    Memory::new(stored, None)
}

fn holding(balance: i64, last_entry: Position) -> Account {
    Account { balance, last_entry }
}

/// Moves to a later position at which an account was opened.
fn open_account(memory: &mut Memory, account: &str) {
    let ledger = Ledger {
        position: memory.ledger().position + 1,
        ..Ledger::default()
    };
    memory.record_entry(Entry {
        position: ledger.position,
        command: open(ledger.position.into(), account),
        account: bank_ledger::Leg {
            balance: 0,
            previous: 0,
        },
        counter_account: None,
    });
    memory.end_entry(ledger, vec![], None);
}

#[test]
fn what_may_have_changed_since_it_was_read_is_not_taken() {
    let mut memory = at(5);
    for other in [4, 6] {
        memory.offer(&name("main"), holding(1, 1), other, 0);
        assert_eq!(memory.account(&name("main")), None);
    }
    memory.offer(&name("main"), holding(1, 1), 5, 1);
    assert_eq!(
        memory.account(&name("main")),
        None,
        "another snapshot was installed then"
    );
    memory.offer(&name("main"), holding(2, 1), 5, 0);
    assert_eq!(memory.account(&name("main")), Some(holding(2, 1)));
    open_account(&mut memory, "a");
    memory.offer(&name("a"), holding(9, 1), 5, 0);
    assert_eq!(memory.account(&name("a")), Some(holding(0, 6)));
    // What was read at 5 is as good at 6, because all that changed since is in memory. Once 6 is stored, that is not
    // known any more.
    memory.offer(&name("b"), holding(3, 1), 5, 0);
    assert_eq!(memory.account(&name("b")), Some(holding(3, 1)));
    memory.freeze().unwrap();
    memory.offer(&name("c"), holding(4, 1), 5, 0);
    memory.thaw(false).unwrap();
    memory.offer(&name("d"), holding(5, 1), 5, 0);
    assert_eq!(memory.account(&name("c")), Some(holding(4, 1)));
    assert_eq!(memory.account(&name("d")), None);
}

#[test]
fn accounts_are_bounded_and_one_that_is_not_stored_stays() {
    let mut memory = at(5);
    open_account(&mut memory, "z");
    let account = |number: usize| name(&format!("a{number}"));
    for number in 0..3 * ACCOUNTS_MAX {
        memory.offer(&account(number), holding(0, 1), 5, 0);
        assert!(memory.account(&name("z")).is_some(), "{number}");
    }
    let kept = (0..3 * ACCOUNTS_MAX).filter(|number| memory.account(&account(*number)).is_some());
    assert!(kept.count() <= ACCOUNTS_MAX);
    memory.freeze().unwrap();
    assert!(memory.account(&name("z")).is_some(), "it is being stored");
    memory.thaw(false).unwrap();
    for number in 0..2 * ACCOUNTS_MAX {
        memory.offer(&account(number), holding(0, 1), 6, 0);
    }
    assert!(memory.account(&name("z")).is_none(), "the file has it");
}

#[test]
fn an_id_is_new_only_if_it_cannot_have_been_decided() {
    let id = |number: u128| RequestId(number.to_be_bytes());
    let mut ids = RecentIds::above(Some(id(10)));
    assert!(!ids.is_new(&id(10)) && !ids.is_new(&id(3)) && ids.is_new(&id(11)));
    ids.insert(&id(12));
    ids.insert(&id(3));
    assert!(ids.is_new(&id(11)) && !ids.is_new(&id(12)) && ids.is_new(&id(13)));
    for number in 100..100 + IDS_MAX as u128 {
        ids.insert(&id(number));
        assert!(!ids.is_new(&id(number)) && !ids.is_new(&id(12)));
    }
    assert!(!ids.is_new(&id(11)), "12 left the set");
    assert!(ids.is_new(&id(99)) && !ids.is_new(&id(100)));
}
