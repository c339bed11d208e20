//! Each rule, by a table: the accounts there are, a command, what the customer is told, the accounts after.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use bank_ledger::{
    AccountName, Action, Amount, AmountError, Applied, Books as _, Command, DigestRule, Ledger, MemoryBooks, Outcome,
    REFUSALS_REMEMBERED_MAX, Refusal, Remembered, RequestId,
};

fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

fn found(opening_balance: i64) -> Action {
    Action::Found { opening_balance }
}

fn open(account: &str) -> Action {
    Action::Open { account: name(account) }
}

fn deposit(account: &str, sum: i64) -> Action {
    let (account, amount) = (name(account), Amount::new(sum).unwrap());
    Action::Deposit { account, amount }
}

fn withdraw(account: &str, sum: i64) -> Action {
    let (account, amount) = (name(account), Amount::new(sum).unwrap());
    Action::Withdraw { account, amount }
}

fn transfer(from: &str, to: &str, sum: i64) -> Action {
    let (from, to, amount) = (name(from), name(to), Amount::new(sum).unwrap());
    Action::Transfer { from, to, amount }
}

fn accepted(balance: i64) -> Outcome {
    Outcome::Accepted { balance }
}

fn insufficient(account: &str, balance: i64) -> Outcome {
    let account = name(account);
    Outcome::Refused(Refusal::InsufficientFunds { account, balance })
}

fn no_such(account: &str) -> Outcome {
    Outcome::Refused(Refusal::NoSuchAccount { account: name(account) })
}

fn exists(account: &str, balance: i64) -> Outcome {
    let account = name(account);
    Outcome::Refused(Refusal::AccountExists { account, balance })
}

fn overflow(account: &str, balance: i64) -> Outcome {
    let account = name(account);
    Outcome::Refused(Refusal::Overflow { account, balance })
}

fn same(account: &str, balance: i64) -> Outcome {
    let account = name(account);
    Outcome::Refused(Refusal::SameAccount { account, balance })
}

/// A ledger and its books, in memory.
#[derive(Default)]
struct Bank {
    ledger: Ledger,
    books: MemoryBooks,
}

impl Bank {
    fn apply(&mut self, id: u8, action: Action) -> Applied {
        let command = Command {
            request_id: RequestId([id; 16]),
            time_us: i64::from(id),
            action,
        };
        let Ok(applied) = self.ledger.apply(&mut self.books, command);
        applied
    }

    fn balances(&self) -> Vec<(&str, i64)> {
        let accounts = self.books.accounts().iter();
        accounts.map(|(name, held)| (name.as_str(), held.balance)).collect()
    }
}

const MAX: i64 = i64::MAX;

#[test]
fn each_rule() {
    type Balances = &'static [(&'static str, i64)];
    let table: Vec<(Vec<Action>, Action, Outcome, Balances)> = vec![
        // A bank is founded once.
        (vec![], found(100), accepted(100), &[("main", 100)]),
        (vec![], found(0), accepted(0), &[("main", 0)]),
        (vec![], found(MAX), accepted(MAX), &[("main", MAX)]),
        (vec![found(100)], found(7), exists("main", 100), &[("main", 100)]),
        (vec![], found(-1), insufficient("main", 0), &[]),
        // Accounts open at zero, once.
        (vec![], open("a"), accepted(0), &[("a", 0)]),
        (vec![open("a"), deposit("a", 5)], open("a"), exists("a", 5), &[("a", 5)]),
        (vec![found(1)], open("main"), exists("main", 1), &[("main", 1)]),
        // Deposits: into an account there is, up to the largest number.
        (vec![], deposit("main", 1), no_such("main"), &[]),
        (vec![found(100)], deposit("main", 50), accepted(150), &[("main", 150)]),
        (vec![found(0)], deposit("main", MAX), accepted(MAX), &[("main", MAX)]),
        (
            vec![found(1)],
            deposit("main", MAX),
            overflow("main", 1),
            &[("main", 1)],
        ),
        (
            vec![found(MAX)],
            deposit("main", 1),
            overflow("main", MAX),
            &[("main", MAX)],
        ),
        // Withdrawals: down to zero, never below.
        (vec![], withdraw("main", 1), no_such("main"), &[]),
        (vec![found(100)], withdraw("main", 30), accepted(70), &[("main", 70)]),
        (vec![found(100)], withdraw("main", 100), accepted(0), &[("main", 0)]),
        (
            vec![found(100)],
            withdraw("main", 101),
            insufficient("main", 100),
            &[("main", 100)],
        ),
        (
            vec![found(0)],
            withdraw("main", MAX),
            insufficient("main", 0),
            &[("main", 0)],
        ),
        // Transfers: both accounts or neither. The payer is looked at first.
        (
            vec![found(100), open("a")],
            transfer("main", "a", 30),
            accepted(70),
            &[("a", 30), ("main", 70)],
        ),
        (
            vec![found(100), open("a")],
            transfer("main", "a", 101),
            insufficient("main", 100),
            &[("a", 0), ("main", 100)],
        ),
        (
            vec![found(MAX), open("a"), deposit("a", 1)],
            transfer("main", "a", MAX),
            overflow("a", 1),
            &[("a", 1), ("main", MAX)],
        ),
        (
            vec![found(5), open("a"), deposit("a", MAX)],
            transfer("main", "a", 6),
            insufficient("main", 5),
            &[("a", MAX), ("main", 5)],
        ),
        (
            vec![found(100)],
            transfer("main", "a", 1),
            no_such("a"),
            &[("main", 100)],
        ),
        (
            vec![found(100)],
            transfer("a", "main", 1),
            no_such("a"),
            &[("main", 100)],
        ),
        (vec![found(100)], transfer("a", "b", 1), no_such("a"), &[("main", 100)]),
        (
            vec![found(100)],
            transfer("main", "main", 1),
            same("main", 100),
            &[("main", 100)],
        ),
        (vec![found(100)], transfer("a", "a", 1), no_such("a"), &[("main", 100)]),
    ];
    for (before, action, expected, balances) in table {
        let case = format!("{before:?}, then {action:?}");
        let mut bank = Bank::default();
        for (id, action) in (1..).zip(before) {
            bank.apply(id, action);
        }
        let position = bank.ledger.position + 1;
        let applied = bank.apply(200, action);
        let told = Applied {
            position,
            outcome: expected,
            repeated: false,
        };
        assert_eq!(applied, told, "{case}");
        assert_eq!(bank.ledger.position, position, "{case}: every command takes a position");
        assert_eq!(bank.balances(), balances, "{case}");
    }
}

#[test]
fn the_same_id_again_moves_nothing_and_returns_the_first_outcome() {
    let mut bank = Bank::default();
    bank.apply(1, found(100));
    for (id, action) in [
        (2, deposit("main", 5)),
        (3, withdraw("main", 1000)),
        (4, deposit("never", 1)),
    ] {
        let first = bank.apply(id, action.clone());
        let balances = format!("{:?}", bank.balances());
        // The refusals would be decided otherwise now, were they decided again.
        for _ in 0..2 {
            let again = bank.apply(id, action.clone());
            let expected = Applied {
                repeated: true,
                ..first.clone()
            };
            assert_eq!(again, expected);
        }
        assert_eq!(format!("{:?}", bank.balances()), balances);
    }
    bank.apply(5, deposit("main", 10_000));
    assert_eq!(bank.apply(3, withdraw("main", 1000)).outcome, insufficient("main", 105));
    bank.apply(6, open("never"));
    assert_eq!(bank.apply(4, deposit("never", 1)).outcome, no_such("never"));
}

#[test]
fn the_same_id_with_another_payload_is_told_so_and_the_first_stands() {
    for (first, others) in [
        (
            deposit("main", 5),
            vec![
                deposit("main", 6),
                withdraw("main", 5),
                deposit("a", 5),
                transfer("main", "a", 5),
            ],
        ),
        (withdraw("main", 1000), vec![withdraw("main", 1), deposit("main", 1000)]),
        (
            transfer("main", "a", 5),
            vec![transfer("a", "main", 5), withdraw("main", 5)],
        ),
        (open("b"), vec![open("c"), found(0)]),
    ] {
        let mut bank = Bank::default();
        bank.apply(1, found(100));
        bank.apply(2, open("a"));
        let told = bank.apply(3, first.clone());
        let balances = format!("{:?}", bank.balances());
        for other in others {
            let reused = bank.apply(3, other);
            let expected = Applied {
                position: told.position,
                outcome: Outcome::IdReused,
                repeated: true,
            };
            assert_eq!(reused, expected);
        }
        assert_eq!(format!("{:?}", bank.balances()), balances);
        assert_eq!(bank.apply(3, first).outcome, told.outcome, "the first outcome stands");
    }
}

#[test]
fn a_retry_may_come_with_another_time() {
    let (mut ledger, mut books) = (Ledger::default(), MemoryBooks::default());
    for (time_us, repeated) in [(5, false), (900, true), (-1, true)] {
        let command = Command {
            request_id: RequestId([1; 16]),
            time_us,
            action: found(3),
        };
        let Ok(applied) = ledger.apply(&mut books, command);
        assert_eq!((applied.repeated, applied.outcome), (repeated, accepted(3)));
    }
}

#[test]
fn links_lead_from_the_newest_entry_to_the_first_of_both_accounts() {
    let mut bank = Bank::default();
    bank.apply(1, found(100));
    bank.apply(2, open("a"));
    bank.apply(3, deposit("main", 1));
    bank.apply(4, withdraw("main", 1000));
    bank.apply(5, transfer("main", "a", 10));
    bank.apply(6, transfer("a", "main", 4));
    for (account, expected) in [
        ("main", vec![(6, 95), (5, 91), (3, 101), (1, 100)]),
        ("a", vec![(6, 6), (5, 10), (2, 0)]),
    ] {
        let account = name(account);
        let mut at = bank.books.account(&account).unwrap().unwrap().last_entry;
        let mut statement = Vec::new();
        while at > 0 {
            let entry = &bank.books.entries()[&at];
            let leg = entry.leg_of(&account).unwrap();
            statement.push((at, leg.balance));
            at = leg.previous;
        }
        assert_eq!(statement, expected, "{account}");
    }
    assert_eq!(bank.books.entries()[&3].leg_of(&name("a")), None);
}

#[test]
fn refusals_say_what_is_the_matter() {
    for (outcome, text) in [
        (insufficient("main", 5), "insufficient funds: the balance of main is 5"),
        (no_such("a"), "no such account: a"),
        (exists("a", 5), "account a exists already"),
        (
            overflow("a", 5),
            "the balance of a would pass 9223372036854775807: it is 5",
        ),
        (same("a", 5), "a transfer from a to itself moves nothing"),
    ] {
        let Outcome::Refused(refusal) = outcome else {
            panic!("{outcome:?} is a refusal")
        };
        assert_eq!(refusal.to_string(), text);
    }
}

#[test]
fn an_amount_is_positive() {
    for good in [1, 2, MAX] {
        assert_eq!(Amount::new(good).map(Amount::get), Ok(good));
    }
    for bad in [0, -1, i64::MIN] {
        let error: AmountError = Amount::new(bad).unwrap_err();
        let text = format!("an amount is {bad}: give 1 to 9223372036854775807, in minor units");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn the_oldest_refusal_is_forgotten_and_no_other() {
    let mut books = MemoryBooks::default();
    let id = |number: u64| RequestId(u128::from(number).to_be_bytes());
    for number in 0..=REFUSALS_REMEMBERED_MAX {
        let refused = Remembered {
            position: number + 1,
            action: withdraw("a", 1),
            outcome: no_such("a"),
        };
        let Ok(()) = books.record_refusal(id(number), refused);
    }
    assert_eq!(books.remembered(&id(0)), Ok(None));
    for number in [1, REFUSALS_REMEMBERED_MAX] {
        let position = books.remembered(&id(number)).unwrap().map(|refused| refused.position);
        assert_eq!(position, Some(number + 1));
    }
}

/// A balance that is wrong where no outcome tells: of the account that a transfer pays, and of one that opens already.
#[test]
fn the_digest_covers_the_balances_as_they_were_read() {
    let run = |rule: DigestRule, wrong: bool| {
        let (mut ledger, mut books) = (Ledger::default(), MemoryBooks::default());
        let mut apply = |books: &mut MemoryBooks, id: u8, action: Action| {
            let command = Command {
                request_id: RequestId([id; 16]),
                time_us: 0,
                action,
            };
            let Ok(applied) = ledger.apply_by(rule, books, command);
            (applied.outcome, ledger.digest)
        };
        apply(&mut books, 1, found(100));
        apply(&mut books, 2, open("a"));
        let (_, before) = apply(&mut books, 3, deposit("a", 5));
        if wrong {
            // The same entry, with another balance left by it.
            let mut entry = books.entries()[&3].clone();
            entry.account.balance = 7;
            let Ok(()) = books.record_entry(entry);
        }
        (before, apply(&mut books, 4, transfer("main", "a", 10)))
    };
    for (rule, tells) in [(DigestRule::Outcomes, false), (DigestRule::Reads, true)] {
        let (sound, wrong) = (run(rule, false), run(rule, true));
        assert_eq!(sound.0, wrong.0);
        assert_eq!(sound.1.0, wrong.1.0, "the payer is told the same");
        assert_eq!(sound.1.1 != wrong.1.1, tells, "{rule:?}");
    }
}

/// Banks have journals with entries of the older rule, and branches that have applied them already: it never changes.
#[test]
fn the_older_digest_rule_stays_as_it_was() {
    let (mut ledger, mut books) = (Ledger::default(), MemoryBooks::default());
    let history = [
        (1, found(100)),
        (2, open("a")),
        (3, deposit("a", 5)),
        (4, transfer("main", "a", 10)),
        (5, withdraw("a", 1000)),
        (5, withdraw("a", 1000)),
        (4, open("b")),
    ];
    for (id, action) in history {
        let command = Command {
            request_id: RequestId([id; 16]),
            time_us: 7,
            action,
        };
        let Ok(_) = ledger.apply_by(DigestRule::Outcomes, &mut books, command);
    }
    let expected = "3e439dceaf2ae1134d91f966733ce14bbc280a79248191f180c37790180a7133";
    assert_eq!(ledger.digest.to_string(), expected);
}
