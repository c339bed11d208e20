//! Compares the ledger database with an in-memory ledger.

use super::*;

fn any_command() -> impl Strategy<Value = Command> {
    let account = prop::sample::select(vec!["main", "a", "b", "c", "never"]).prop_map(name);
    let sum = prop_oneof![8 => 1..200i64, 1 => Just(i64::MAX)].prop_map(amount);
    let action = prop_oneof![
        1 => (0..1000i64).prop_map(|opening_balance| Action::Found { opening_balance }),
        1 => prop::sample::select(vec!["a", "b", "c"]).prop_map(|account| Action::Open { account: name(account) }),
        4 => (account.clone(), sum.clone()).prop_map(|(account, amount)| Action::Deposit { account, amount }),
        4 => (account.clone(), sum.clone()).prop_map(|(account, amount)| Action::Withdraw { account, amount }),
        4 => (account.clone(), account, sum).prop_map(|(from, to, amount)| Action::Transfer { from, to, amount }),
    ];
    // There are few ids, so that many are used again, with the same action or with another.
    (0..40u128, action).prop_map(|(id, action)| command(id, action))
}

fn any_batches() -> impl Strategy<Value = Vec<Vec<Command>>> {
    let ordinary = prop::collection::vec(any_command(), 0..12);
    prop::collection::vec(ordinary, 1..10).prop_map(|mut batches| {
        batches.insert(0, vec![found(1000, 500), open(1001, "a")]);
        batches
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The database makes the same decisions and holds the same data as the in-memory ledger, also if it is closed and
    /// opened between batches.
    #[test]
    fn the_file_equals_the_books_in_memory(batches in any_batches(), reopen in any::<bool>()) {
        let directory = TempDir::new().unwrap();
        let (mut books, mut reader) = new_books(&directory, "ledger.db");
        let (mut ledger, mut memory) = (Ledger::default(), MemoryBooks::default());
        for (number, batch) in batches.into_iter().enumerate() {
            let expected: Vec<Applied> = batch
                .iter()
                .map(|command| match ledger.apply(&mut memory, command.clone()) {
                    Ok(applied) => applied,
                    Err(never) => match never {},
                })
                .collect();
            prop_assert_eq!(books.apply(batch, vec![number as u8], None).unwrap(), expected);
            if reopen {
                drop((books, reader));
                (books, reader) = new_books(&directory, "ledger.db");
            }
            prop_assert_eq!(books.ledger(), ledger);
            prop_assert_eq!(reader.ledger(), ledger);
            for account in ["main", "a", "b", "c", "never"].map(name) {
                let expected = memory.account(&account).unwrap();
                let (balance, position) = reader.balance(&account).unwrap();
                prop_assert_eq!(balance, expected.map(|account| account.balance));
                prop_assert_eq!(position, ledger.position);
                // Read twice, because the second answer may come from the cache.
                prop_assert_eq!(reader.balance(&account).unwrap(), (balance, position));
            }
        }
        let listed = reader.accounts(None, 100).unwrap();
        let expected: Vec<_> = memory.accounts().iter().map(|(name, held)| (name.clone(), held.balance)).collect();
        prop_assert_eq!(listed.accounts, expected);
        for account in memory.accounts().keys() {
            let touching = memory.entries().values().rev().filter(|entry| entry.leg_of(account).is_some());
            let expected: Vec<_> = touching.cloned().collect();
            prop_assert_eq!(whole_statement(&reader, account, 3), expected);
        }
    }
}
