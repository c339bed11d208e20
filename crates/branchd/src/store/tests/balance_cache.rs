//! Tests of the cache of recent balances.

use std::collections::BTreeMap;

use bank_ledger::Account;

use super::super::balance_cache::{ACCOUNTS_MAX, BalanceCache};
use super::*;

fn at(position: Position) -> Ledger {
    Ledger {
        position,
        ..Ledger::default()
    }
}

fn holding(balance: i64) -> Account {
    Account { balance, last_entry: 1 }
}

#[test]
fn what_was_read_from_another_state_is_not_taken() {
    let balance_cache = BalanceCache::new(at(5));
    for other in [4, 6] {
        balance_cache.offer(at(other), &name("main"), holding(1));
        assert_eq!(balance_cache.account(&name("main")), (None, at(5)));
    }
    balance_cache.offer(at(5), &name("main"), holding(2));
    assert_eq!(balance_cache.account(&name("main")), (Some(holding(2)), at(5)));
    balance_cache.publish(at(6), [(name("main"), holding(3))].into());
    balance_cache.offer(at(5), &name("main"), holding(2));
    assert_eq!(balance_cache.account(&name("main")), (Some(holding(3)), at(6)));
    balance_cache.replace(at(9));
    assert_eq!(balance_cache.account(&name("main")), (None, at(9)));
}

#[test]
fn the_table_is_bounded_and_never_keeps_an_old_balance() {
    let balance_cache = BalanceCache::new(at(0));
    let account = |number: usize| name(&format!("a{number}"));
    let kept = || {
        (0..3 * ACCOUNTS_MAX)
            .filter(|number| balance_cache.account(&account(*number)).0.is_some())
            .count()
    };
    for number in 0..ACCOUNTS_MAX + 10 {
        balance_cache.offer(at(0), &account(number), holding(0));
    }
    assert_eq!(kept(), 10);
    // "z" is the last of more accounts than the cache holds. It may be missing afterwards, but not have its old
    // balance.
    balance_cache.offer(at(0), &name("z"), holding(0));
    let mut changed: BTreeMap<_, _> = (0..2 * ACCOUNTS_MAX)
        .map(|number| (account(number), holding(1)))
        .collect();
    changed.insert(name("z"), holding(1));
    balance_cache.publish(at(1), changed);
    assert_eq!(kept(), ACCOUNTS_MAX);
    assert_eq!(balance_cache.account(&name("z")), (None, at(1)));
}
