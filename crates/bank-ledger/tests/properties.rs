//! The ledger against a model that a reader can check by eye, over thousands of random histories.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::{BTreeMap, BTreeSet};

use bank_ledger::{AccountName, Action, Amount, Applied, Command, Ledger, MemoryBooks, Outcome, Position, RequestId};
use proptest::prelude::*;

const NAMES: [&str; 5] = ["main", "a", "b", "c", "never"];

fn any_action() -> impl Strategy<Value = Action> {
    let account = || prop::sample::select(&NAMES[..]).prop_map(|text| AccountName::new(text).unwrap());
    let openable = prop::sample::select(&NAMES[..4]).prop_map(|text| AccountName::new(text).unwrap());
    let balance = prop_oneof![4 => 0..1000i64, 1 => (i64::MAX - 100)..=i64::MAX];
    let sum = || {
        let minor_units = prop_oneof![8 => 1..300i64, 1 => (i64::MAX - 300)..=i64::MAX];
        minor_units.prop_map(|minor_units| Amount::new(minor_units).unwrap())
    };
    prop_oneof![
        1 => balance.prop_map(|opening_balance| Action::Found { opening_balance }),
        2 => openable.prop_map(|account| Action::Open { account }),
        4 => (account(), sum()).prop_map(|(account, amount)| Action::Deposit { account, amount }),
        4 => (account(), sum()).prop_map(|(account, amount)| Action::Withdraw { account, amount }),
        4 => (account(), account(), sum()).prop_map(|(from, to, amount)| Action::Transfer { from, to, amount }),
    ]
}

/// A history in which some ids come again, with their own action or another.
fn any_history() -> impl Strategy<Value = Vec<Command>> {
    let step = (0..60u8, any_action(), 0..4i64, any::<bool>());
    prop::collection::vec(step, 0..80).prop_map(|steps| {
        let mut actions = BTreeMap::new();
        let mut history = Vec::new();
        for (id, action, time_us, retry) in steps {
            let first = actions.entry(id).or_insert_with(|| action.clone()).clone();
            history.push(Command {
                request_id: RequestId([id; 16]),
                time_us,
                action: if retry { first } else { action },
            });
        }
        history
    })
}

fn run(history: &[Command]) -> (Ledger, MemoryBooks, Vec<Applied>) {
    let (mut ledger, mut books) = (Ledger::default(), MemoryBooks::default());
    let applied = history
        .iter()
        .map(|command| {
            let Ok(applied) = ledger.apply(&mut books, command.clone());
            applied
        })
        .collect();
    (ledger, books, applied)
}

/// A bank as one would write it on a napkin: a map from names to balances, in numbers too wide to overflow. Says
/// whether the action is carried out.
fn napkin(balances: &mut BTreeMap<AccountName, i128>, action: &Action) -> bool {
    let mut after = balances.clone();
    let fine = match action {
        Action::Found { opening_balance } => after
            .insert(AccountName::main(), i128::from(*opening_balance))
            .is_none(),
        Action::Open { account } => after.insert(account.clone(), 0).is_none(),
        Action::Deposit { account, amount } => add(&mut after, account, i128::from(amount.get())),
        Action::Withdraw { account, amount } => add(&mut after, account, -i128::from(amount.get())),
        Action::Transfer { from, to, amount } => {
            from != to
                && add(&mut after, from, -i128::from(amount.get()))
                && add(&mut after, to, i128::from(amount.get()))
        }
    };
    if fine {
        *balances = after;
    }
    fine
}

fn add(balances: &mut BTreeMap<AccountName, i128>, account: &AccountName, sum: i128) -> bool {
    match balances.get_mut(account) {
        Some(balance) => {
            *balance += sum;
            (0..=i128::from(i64::MAX)).contains(balance)
        }
        None => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// After every command the books hold what the napkin holds, and the customer was told so.
    #[test]
    fn balances_are_those_of_the_napkin(history in any_history()) {
        let (mut ledger, mut books) = (Ledger::default(), MemoryBooks::default());
        let mut balances = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for command in history {
            let new = seen.insert(command.request_id);
            let carried_out = new && napkin(&mut balances, &command.action);
            let (account, _) = command.action.accounts();
            let Ok(applied) = ledger.apply(&mut books, command);
            prop_assert_eq!(applied.repeated, !new);
            if new {
                prop_assert_eq!(applied.position, ledger.position);
                match applied.outcome {
                    Outcome::Accepted { balance } => {
                        prop_assert!(carried_out);
                        prop_assert_eq!(Some(&i128::from(balance)), balances.get(&account));
                    }
                    Outcome::Refused(refusal) => {
                        prop_assert!(!carried_out);
                        let held = balances.get(refusal.account()).copied().unwrap_or(0);
                        prop_assert_eq!(i128::from(refusal.balance()), held, "a refusal is true at its position");
                    }
                    Outcome::IdReused => prop_assert!(false, "a new id was called used"),
                }
            }
            let held: BTreeMap<_, _> = books
                .accounts()
                .iter()
                .map(|(name, account)| (name.clone(), i128::from(account.balance)))
                .collect();
            prop_assert_eq!(&held, &balances);
        }
    }

    /// No money appears or goes but by the opening, deposits and withdrawals; and no balance is below zero.
    #[test]
    fn money_is_conserved_and_nobody_overdraws(history in any_history()) {
        let (_, books, _) = run(&history);
        let mut expected = 0i128;
        for entry in books.entries().values() {
            expected += match &entry.command.action {
                Action::Found { opening_balance } => i128::from(*opening_balance),
                Action::Deposit { amount, .. } => i128::from(amount.get()),
                Action::Withdraw { amount, .. } => -i128::from(amount.get()),
                Action::Open { .. } | Action::Transfer { .. } => 0,
            };
            prop_assert!(entry.account.balance >= 0);
            prop_assert!(entry.counter_account.is_none_or(|leg| leg.balance >= 0));
        }
        let held: i128 = books.accounts().values().map(|account| i128::from(account.balance)).sum();
        prop_assert_eq!(held, expected);
    }

    /// An id is decided once: every later command with it is told the first outcome, or that the id is used.
    #[test]
    fn an_id_is_decided_once(history in any_history()) {
        let (_, books, applied) = run(&history);
        let mut first: BTreeMap<RequestId, (&Action, &Applied)> = BTreeMap::new();
        for (command, applied) in history.iter().zip(&applied) {
            match first.get(&command.request_id) {
                None => {
                    prop_assert!(!applied.repeated);
                    first.insert(command.request_id, (&command.action, applied));
                }
                Some((action, decided)) => {
                    prop_assert!(applied.repeated);
                    prop_assert_eq!(applied.position, decided.position);
                    if **action == command.action {
                        prop_assert_eq!(&applied.outcome, &decided.outcome);
                    } else {
                        prop_assert_eq!(&applied.outcome, &Outcome::IdReused);
                    }
                }
            }
        }
        let ids: BTreeSet<_> = books.entries().values().map(|entry| entry.command.request_id).collect();
        prop_assert_eq!(ids.len(), books.entries().len(), "no id has two entries");
    }

    /// From an account's last entry the links lead through every entry that touched it, to its first.
    #[test]
    fn links_reach_the_first_entry(history in any_history()) {
        let (_, books, _) = run(&history);
        for (name, account) in books.accounts() {
            let newest = books.entries()[&account.last_entry].leg_of(name).unwrap();
            prop_assert_eq!(newest.balance, account.balance);
            let mut followed = Vec::new();
            let mut at = account.last_entry;
            while at > 0 {
                followed.push(at);
                at = books.entries()[&at].leg_of(name).unwrap().previous;
            }
            let touching: Vec<Position> = books
                .entries()
                .values()
                .rev()
                .filter(|entry| entry.leg_of(name).is_some())
                .map(|entry| entry.position)
                .collect();
            prop_assert_eq!(followed, touching);
        }
    }

    /// The digest is equal for equal histories, and different as soon as any one command differs, in any part.
    #[test]
    fn the_digest_is_equal_if_and_only_if_the_histories_are(
        history in any_history(),
        at in any::<prop::sample::Index>(),
        other in any_action(),
        part in 0..4,
    ) {
        let (ledger, ..) = run(&history);
        prop_assert_eq!(ledger, run(&history).0);
        prop_assert_eq!(ledger.position, history.len() as Position);
        if history.is_empty() {
            return Ok(());
        }
        let mut changed = history.clone();
        let at = at.index(history.len());
        match part {
            0 => changed[at].request_id.0[7] ^= 1,
            1 => changed[at].time_us += 1,
            2 => changed[at].action = other,
            _ => changed.swap(at, history.len() - 1),
        }
        prop_assert_eq!(run(&changed).0 == ledger, changed == history);
    }
}

/// A branch that forgot an id decides it again. Where the second decision is the first one's twin (a refusal of the
/// same balance), only the digest can tell.
#[test]
fn the_digest_tells_a_repeated_refusal_from_a_second_one() {
    let refused = Command {
        request_id: RequestId([1; 16]),
        time_us: 0,
        action: Action::Withdraw {
            account: AccountName::main(),
            amount: Amount::new(1).unwrap(),
        },
    };
    let (mut sound, mut books, first) = run(std::slice::from_ref(&refused));
    let mut forgetful = sound;
    let Ok(again) = sound.apply(&mut books, refused.clone());
    let Ok(anew) = forgetful.apply(&mut MemoryBooks::default(), refused);
    assert_eq!(again.outcome, first[0].outcome);
    assert_eq!(anew.outcome, first[0].outcome);
    assert_ne!(sound.digest, forgetful.digest);
}
