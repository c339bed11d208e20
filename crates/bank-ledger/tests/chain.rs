//! The chain of entries has the head that its definition gives.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use bank_ledger::{AccountName, Action, Amount, ChainHead, Command, Ledger, MemoryBooks, RequestId};

/// Computed apart from this program, from the definition at [`ChainHead`]. `bank-check` has the same one.
const HEAD: &str = "e4ee181028213a6d3798b93eb3cb394026b41651f97cdc43f071ab0d40817fe5";

#[test]
fn the_head_is_the_one_of_the_definition() {
    let a = AccountName::new("a").unwrap();
    let (mut ledger, mut books) = (Ledger::default(), MemoryBooks::default());
    let transfer = |amount| Action::Transfer {
        from: AccountName::main(),
        to: a.clone(),
        amount: Amount::new(amount).unwrap(),
    };
    let actions = [
        Action::Found { opening_balance: 500 },
        Action::Open { account: a.clone() },
        // A refused command has no entry.
        transfer(600),
        transfer(200),
    ];
    for (action, (id, time_us)) in actions.into_iter().zip([(1, 10), (2, 20), (9, 25), (3, 30)]) {
        let request_id = RequestId([id; 16]);
        let command = Command {
            request_id,
            time_us,
            action,
        };
        ledger.apply(&mut books, command).unwrap();
    }
    let head = books.entries().values().fold(ChainHead::default(), ChainHead::after);
    assert_eq!(head.to_string(), HEAD);
    assert_eq!(HEAD.parse(), Ok(head));
    for bad in ["", "0f", &HEAD[1..], &format!("{HEAD}0"), &HEAD.replace('e', "g")] {
        assert!(bad.parse::<ChainHead>().is_err(), "{bad}");
    }
}
