//! The file against the books in memory; what a reopened, copied, installed, refused or damaged file does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;
use std::path::Path;

use bank_ledger::{
    AccountName, Action, Amount, Applied, Books as _, Command, Entry, Ledger, MemoryBooks, Outcome, Position,
    REFUSALS_REMEMBERED_MAX, Refusal, RequestId,
};
use proptest::prelude::*;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::{BooksError, BooksFile, Marker, Reader, StatementPage};

const BANK: [u8; 16] = [7; 16];

fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

fn amount(minor_units: i64) -> Amount {
    Amount::new(minor_units).unwrap()
}

fn command(id: u128, action: Action) -> Command {
    Command {
        request_id: RequestId(id.to_be_bytes()),
        time_us: 1_000_000 + id as i64,
        action,
    }
}

fn found(id: u128, opening_balance: i64) -> Command {
    command(id, Action::Found { opening_balance })
}

fn open(id: u128, account: &str) -> Command {
    command(id, Action::Open { account: name(account) })
}

fn deposit(id: u128, account: &str, sum: i64) -> Command {
    let (account, amount) = (name(account), amount(sum));
    command(id, Action::Deposit { account, amount })
}

fn withdraw(id: u128, account: &str, sum: i64) -> Command {
    let (account, amount) = (name(account), amount(sum));
    command(id, Action::Withdraw { account, amount })
}

fn transfer(id: u128, from: &str, to: &str, sum: i64) -> Command {
    let (from, to, amount) = (name(from), name(to), amount(sum));
    command(id, Action::Transfer { from, to, amount })
}

fn new_books(directory: &TempDir, file: &str) -> (BooksFile, Reader) {
    BooksFile::open(&directory.path().join(file), BANK).unwrap()
}

/// Every entry of an account, newest first, by pages of the given length.
fn whole_statement(reader: &Reader, account: &AccountName, page_len: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut from = None;
    loop {
        let page = reader.statement(account, from, page_len).unwrap();
        assert!(page.entries.len() <= page_len);
        entries.extend(page.entries);
        from = page.next;
        if from.is_none() {
            return entries;
        }
    }
}

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
    // Few ids, so that many are used again, with the same action or another.
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

    /// The file decides as memory does, holds what memory holds, and a file that is closed and opened between batches
    /// is no different.
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
                // Asked twice: the second answer may come from memory.
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

#[test]
fn a_new_file_is_empty_and_says_what_it_is() {
    let directory = TempDir::new().unwrap();
    let (books, reader) = new_books(&directory, "ledger.db");
    assert_eq!(
        (books.ledger(), books.marker()),
        (Ledger::default(), &Marker::default())
    );
    assert_eq!(reader.balance(&name("main")).unwrap(), (None, 0));
    assert!(reader.accounts(None, 10).unwrap().accounts.is_empty());
    let outside = Connection::open(directory.path().join("ledger.db")).unwrap();
    let text: String = outside.query_row("PRAGMA journal_mode", (), |row| row.get(0)).unwrap();
    assert_eq!(text, "wal");
}

#[test]
fn a_person_can_read_the_entries_while_the_branch_runs() {
    let directory = TempDir::new().unwrap();
    let (mut books, _reader) = new_books(&directory, "ledger.db");
    let commands = vec![
        found(1, 100),
        open(2, "a"),
        transfer(3, "main", "a", 30),
        withdraw(4, "a", 5),
    ];
    books.apply(commands, vec![1], None).unwrap();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let outside = Connection::open_with_flags(directory.path().join("ledger.db"), flags).unwrap();
    let mut statement = outside
        .prepare("SELECT format('%d %s %s %d %d %s', position, kind, account, amount, balance, counter_account) FROM entries")
        .unwrap();
    let lines: Vec<String> = statement
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(
        lines,
        [
            "1 found main 100 100 ",
            "2 open a 0 0 ",
            "3 transfer main 30 70 a",
            "4 withdraw a 5 25 "
        ]
    );
}

#[test]
fn state_and_marker_move_together_and_are_there_again() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books
        .apply(vec![found(1, 100)], b"one".to_vec(), Some(b"members".to_vec()))
        .unwrap();
    // Another handle sees what a crash would leave: the commit, whole.
    let (crashed, _) = new_books(&directory, "ledger.db");
    assert_eq!((crashed.ledger(), crashed.marker()), (books.ledger(), books.marker()));
    drop(crashed);
    books.apply(vec![], b"two".to_vec(), None).unwrap();
    let expected = Marker {
        applied: Some(b"two".to_vec()),
        membership: Some(b"members".to_vec()),
    };
    assert_eq!((books.marker(), books.ledger().position), (&expected, 1));
    assert_eq!(books.checkpoint().unwrap(), expected.applied);
    let ledger = books.ledger();
    drop((books, reader));
    let (books, reader) = new_books(&directory, "ledger.db");
    assert_eq!((books.ledger(), books.marker()), (ledger, &expected));
    assert_eq!(reader.balance(&name("main")).unwrap(), (Some(100), 1));
}

#[test]
fn a_batch_that_fails_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(1, 100), open(2, "a")], vec![1], None).unwrap();
    let (ledger, marker) = (books.ledger(), books.marker().clone());
    // A second program breaks the rule that only the branch writes: the third command meets its entry.
    let outside = Connection::open(directory.path().join("ledger.db")).unwrap();
    let forged = "INSERT INTO entries VALUES (5, zeroblob(16), 'deposit', 'main', 1, 1, 0, NULL, NULL, NULL, 0)";
    outside.execute(forged, ()).unwrap();
    let batch = || vec![deposit(3, "main", 5), withdraw(4, "never", 1), deposit(5, "a", 5)];
    let error = books.apply(batch(), vec![2], None).unwrap_err();
    assert!(matches!(error, BooksError::Damaged { .. }), "{error}");
    assert_eq!((books.ledger(), books.marker()), (ledger, &marker));
    assert_eq!(reader.balance(&name("main")).unwrap(), (Some(100), 2));
    outside.execute("DELETE FROM entries WHERE position = 5", ()).unwrap();
    let outcomes = books.apply(batch(), vec![2], None).unwrap();
    assert!(outcomes.iter().all(|applied| !applied.repeated), "{outcomes:?}");
    assert_eq!(reader.balance(&name("main")).unwrap(), (Some(105), 5));
}

#[test]
fn another_writer_is_noticed() {
    let directory = TempDir::new().unwrap();
    let (mut books, _reader) = new_books(&directory, "ledger.db");
    let (mut second, _) = new_books(&directory, "ledger.db");
    second.apply(vec![found(1, 100)], vec![1], None).unwrap();
    let error = books.apply(vec![found(2, 5)], vec![1], None).unwrap_err();
    assert!(error.to_string().contains("another program writes to it"), "{error}");
}

#[test]
fn only_the_newest_refusals_are_remembered() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("ledger.db");
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books
        .apply(vec![found(1, 100), withdraw(2, "main", 200)], vec![1], None)
        .unwrap();
    drop((books, reader));
    // As many more as are remembered would take long: let the first be that old.
    let outside = Connection::open(&path).unwrap();
    outside
        .execute(
            "INSERT INTO refusals SELECT ?1, 2, x'00', kind, account, amount, counter_account, reason, \
             refused_account, balance FROM refusals",
            [REFUSALS_REMEMBERED_MAX as i64],
        )
        .unwrap();
    drop(outside);
    let (mut books, _reader) = new_books(&directory, "ledger.db");
    let again = books.apply(vec![withdraw(2, "main", 200)], vec![2], None).unwrap();
    assert!(again[0].repeated);
    books.apply(vec![withdraw(3, "main", 300)], vec![3], None).unwrap();
    let outcomes = books
        .apply(vec![withdraw(2, "main", 50), withdraw(3, "main", 300)], vec![4], None)
        .unwrap();
    assert_eq!(
        (outcomes[0].repeated, &outcomes[0].outcome),
        (false, &Outcome::Accepted { balance: 50 })
    );
    assert!(outcomes[1].repeated);
}

#[test]
fn statements_come_in_pages() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    let mut commands = vec![found(1, 1000), open(2, "a")];
    commands.extend((3..10).map(|id| transfer(id, "main", "a", 1)));
    books.apply(commands, vec![1], None).unwrap();
    let positions = |page: &StatementPage| page.entries.iter().map(|entry| entry.position).collect::<Vec<_>>();

    let first = reader.statement(&name("a"), None, 5).unwrap();
    assert_eq!(
        (positions(&first), first.next, first.position),
        (vec![9, 8, 7, 6, 5], Some(4), 9)
    );
    assert_eq!(first.account.map(|account| account.balance), Some(7));
    // What is written meanwhile does not move the next page.
    books.apply(vec![deposit(100, "a", 1)], vec![2], None).unwrap();
    let second = reader.statement(&name("a"), first.next, 5).unwrap();
    assert_eq!(
        (positions(&second), second.next, second.position),
        (vec![4, 3, 2], None, 10)
    );

    let none = reader.statement(&name("never"), None, 5).unwrap();
    assert_eq!((none.account, none.entries.len(), none.next), (None, 0, None));
    for (account, from) in [
        ("a", 1),
        ("main", 10),
        ("main", 11),
        ("never", 1),
        ("main", 0),
        ("main", Position::MAX),
    ] {
        let error = reader.statement(&name(account), Some(from), 5).unwrap_err();
        assert!(
            matches!(error, BooksError::NoSuchEntry { .. }),
            "{account} {from}: {error}"
        );
    }
}

#[test]
fn accounts_come_in_pages() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books
        .apply(
            vec![found(1, 9), open(2, "b"), open(3, "a"), open(4, "z")],
            vec![1],
            None,
        )
        .unwrap();
    let first = reader.accounts(None, 3).unwrap();
    assert_eq!(first.accounts, [(name("a"), 0), (name("b"), 0), (name("main"), 9)]);
    assert!(first.more);
    let rest = reader.accounts(Some(&name("main")), 3).unwrap();
    assert_eq!(
        (rest.accounts, rest.more, rest.position),
        (vec![(name("z"), 0)], false, 4)
    );
}

#[test]
fn more_accounts_than_are_kept_in_memory_are_all_there() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    let accounts = super::hot::ACCOUNTS_MAX as u128 + 10;
    let half = accounts / 2;
    books
        .apply((0..half).map(|id| open(id, &format!("a{id}"))).collect(), vec![1], None)
        .unwrap();
    books
        .apply(
            (half..accounts).map(|id| open(id, &format!("a{id}"))).collect(),
            vec![2],
            None,
        )
        .unwrap();
    let deposits = (0..accounts)
        .step_by(97)
        .map(|id| deposit(accounts + id, &format!("a{id}"), 5));
    let outcomes = books.apply(deposits.collect(), vec![3], None).unwrap();
    assert!(
        outcomes
            .iter()
            .all(|applied| applied.outcome == Outcome::Accepted { balance: 5 })
    );
    for id in (0..accounts).step_by(31) {
        let expected = if id % 97 == 0 { 5 } else { 0 };
        let (balance, position) = reader.balance(&name(&format!("a{id}"))).unwrap();
        assert_eq!((balance, position), (Some(expected), reader.position()));
    }
}

#[test]
fn a_copy_installed_elsewhere_is_the_same_books() {
    let directory = TempDir::new().unwrap();
    let copied = directory.path().join("copy.db");
    let (mut books, reader) = new_books(&directory, "ledger.db");
    let commands = vec![
        found(1, 100),
        open(2, "a"),
        transfer(3, "main", "a", 30),
        withdraw(4, "a", 50),
    ];
    books
        .apply(commands, b"one".to_vec(), Some(b"members".to_vec()))
        .unwrap();
    let (marker, ledger) = reader.copy_to(&copied).unwrap();
    assert_eq!((&marker, ledger), (books.marker(), books.ledger()));
    // Writing went on: the copy stays as it was.
    books.apply(vec![deposit(5, "a", 1)], b"two".to_vec(), None).unwrap();

    let (mut other, other_reader) = new_books(&directory, "other.db");
    other.apply(vec![found(77, 5)], b"elsewhere".to_vec(), None).unwrap();
    assert_eq!(other_reader.balance(&name("main")).unwrap(), (Some(5), 1));
    // Someone at a shell is in the middle of reading.
    let mut outside = Connection::open(directory.path().join("other.db")).unwrap();
    let count = |connection: &Connection| -> i64 {
        connection
            .query_row("SELECT count(*) FROM entries", (), |row| row.get(0))
            .unwrap()
    };
    let reading = outside.transaction().unwrap();
    assert_eq!(count(&reading), 1);
    other.install(&copied).unwrap();
    assert_eq!(count(&reading), 1, "a read sees one state to its end");
    drop(reading);
    assert_eq!(count(&outside), 3);

    assert_eq!((other.ledger(), other.marker()), (ledger, &marker));
    assert_eq!(other_reader.balance(&name("main")).unwrap(), (Some(70), 4));
    assert_eq!(
        whole_statement(&other_reader, &name("a"), 1),
        whole_statement(&reader, &name("a"), 9)[1..]
    );
    // The refusal came along, and the next command is decided as at home.
    let next = || vec![withdraw(4, "a", 50), deposit(5, "a", 1)];
    let expected = other.apply(next(), b"two".to_vec(), None).unwrap();
    assert_eq!(
        (expected[0].position, expected[0].repeated, expected[1].position),
        (4, true, 6)
    );
    drop((other, other_reader, outside));
    let (other, _) = new_books(&directory, "other.db");
    assert_eq!(
        (other.ledger().position, other.marker().applied.as_deref()),
        (6, Some(&b"two"[..]))
    );
}

#[test]
fn a_copy_overwrites_nothing() {
    let directory = TempDir::new().unwrap();
    let (_books, reader) = new_books(&directory, "ledger.db");
    let path = directory.path().join("precious");
    fs::write(&path, "precious").unwrap();
    assert!(reader.copy_to(&path).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

/// Makes a file with some books, and does something to it.
fn spoiled(directory: &TempDir, bank_id: [u8; 16], spoil: impl FnOnce(&Path)) -> std::path::PathBuf {
    let path = directory.path().join("spoiled.db");
    let (mut books, reader) = BooksFile::open(&path, bank_id).unwrap();
    books
        .apply((0..200).map(|id| deposit(id, "main", 1)).collect(), vec![9], None)
        .unwrap();
    let commands = (200..400).map(|id| {
        if id == 200 {
            found(id, 5)
        } else {
            deposit(id, "main", 1)
        }
    });
    books.apply(commands.collect(), vec![9], None).unwrap();
    drop((books, reader));
    spoil(&path);
    path
}

fn sql(text: &'static str) -> impl FnOnce(&Path) {
    move |path| Connection::open(path).unwrap().execute_batch(text).unwrap()
}

type Spoil = Box<dyn FnOnce(&Path)>;

#[test]
fn foreign_and_damaged_files_are_refused_by_name() {
    let other_bank = [9; 16];
    let cases: Vec<(&str, [u8; 16], Spoil, &str)> = vec![
        ("another bank", other_bank, Box::new(|_| ()), "books of bank 0909"),
        ("newer", BANK, Box::new(sql("PRAGMA user_version = 2")), "format 2"),
        ("older", BANK, Box::new(sql("PRAGMA user_version = 0")), "format 0"),
        (
            "not ours",
            BANK,
            Box::new(sql("PRAGMA application_id = 1")),
            "no books file",
        ),
        (
            "no state",
            BANK,
            Box::new(sql("DELETE FROM state")),
            "the state is missing",
        ),
        ("no table", BANK, Box::new(sql("DROP TABLE refusals")), "refusals"),
        (
            "short digest",
            BANK,
            Box::new(sql("UPDATE state SET digest = x'00'")),
            "digest has 1 bytes",
        ),
        (
            "rolled back",
            BANK,
            Box::new(sql("UPDATE state SET position = 3")),
            "past the position 3",
        ),
        (
            "negative",
            BANK,
            Box::new(sql("DELETE FROM entries; UPDATE state SET position = -3")),
            "a position is -3",
        ),
        (
            "a trigger",
            BANK,
            Box::new(sql(
                "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM state; END",
            )),
            "trigger",
        ),
        (
            "text",
            BANK,
            Box::new(|path| fs::write(path, "some text, ".repeat(1000)).unwrap()),
            "not a database",
        ),
    ];
    for (case, bank_id, spoil, expected) in cases {
        let directory = TempDir::new().unwrap();
        let path = spoiled(&directory, bank_id, spoil);
        let before = fs::read(&path).unwrap();
        let (mut books, reader) = new_books(&directory, "ledger.db");
        books.apply(vec![found(1, 100)], vec![1], None).unwrap();
        let (ledger, marker) = (books.ledger(), books.marker().clone());
        for error in [
            books.install(&path).unwrap_err(),
            BooksFile::open(&path, BANK).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains(expected) && text.contains("spoiled.db"), "{case}: {text}");
        }
        assert_eq!((books.ledger(), books.marker()), (ledger, &marker), "{case}");
        assert_eq!(reader.balance(&name("main")).unwrap(), (Some(100), 1), "{case}");
        assert_eq!(
            fs::read(&path).unwrap(),
            before,
            "{case}: a refused file stays as it was"
        );
    }
}

#[test]
fn damage_inside_is_an_error_and_never_a_panic() {
    let directory = TempDir::new().unwrap();
    let path = spoiled(&directory, BANK, |path| {
        let mut bytes = fs::read(path).unwrap();
        // All but the page that holds the header and the schema.
        bytes[4096..].fill(0x5a);
        fs::write(path, bytes).unwrap();
    });
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(1, 100)], vec![1], None).unwrap();
    let error = books.install(&path).unwrap_err();
    assert!(matches!(error, BooksError::Damaged { .. }), "{error}");
    assert_eq!(reader.balance(&name("main")).unwrap(), (Some(100), 1));
    let error = BooksFile::open(&path, BANK).unwrap_err();
    assert!(matches!(error, BooksError::Damaged { .. }), "{error}");
}

#[test]
fn rows_that_no_ledger_writes_are_damage() {
    for forgery in [
        "UPDATE entries SET kind = 'gift'",
        "UPDATE entries SET account = 'no such name!'",
        "UPDATE entries SET amount = 0",
        "UPDATE entries SET previous = position",
        "UPDATE entries SET previous = -1",
        "UPDATE entries SET counter_balance = 4",
        "UPDATE entries SET request_id = x'00' WHERE position = 400",
        "DELETE FROM entries WHERE position = 390",
        "UPDATE entries SET previous = 3 WHERE position = 399",
    ] {
        let directory = TempDir::new().unwrap();
        let path = spoiled(&directory, BANK, sql(forgery));
        let (_books, reader) = BooksFile::open(&path, BANK).unwrap();
        let error = reader.statement(&name("main"), None, 1000).unwrap_err();
        assert!(matches!(error, BooksError::Damaged { .. }), "{forgery}: {error}");
    }
}

#[test]
fn many_readers_see_balances_that_fit_their_positions() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(0, 0), open(1, "a")], vec![1], None).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            let reader = reader.clone();
            scope.spawn(move || {
                // Each command after the second adds 1 to both, so that a balance tells its position.
                let mut last = 0;
                while last < 1002 {
                    let (balance, position) = reader.balance(&name("main")).unwrap();
                    assert_eq!(balance, Some((position as i64 - 2) / 2));
                    assert!(position >= last, "{position} after {last}");
                    last = position;
                    let page = reader.statement(&name("a"), None, 1).unwrap();
                    assert_eq!(
                        page.account.map(|held| held.balance),
                        Some((page.position as i64 - 2) / 2)
                    );
                }
            });
        }
        for id in 1..=500u128 {
            let pair = vec![deposit(2 * id, "main", 1), deposit(2 * id + 1, "a", 1)];
            books.apply(pair, vec![1], None).unwrap();
        }
    });
}

#[test]
fn the_refusals_of_every_kind_are_read_back() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    let refused = || {
        vec![
            withdraw(10, "main", 1000),
            deposit(11, "never", 1),
            open(12, "main"),
            deposit(13, "main", i64::MAX),
            transfer(14, "main", "main", 1),
            transfer(15, "main", "never", 1),
        ]
    };
    books.apply(vec![found(1, 100)], vec![1], None).unwrap();
    let first = books.apply(refused(), vec![2], None).unwrap();
    assert!(
        first
            .iter()
            .all(|applied| matches!(applied.outcome, Outcome::Refused(_))),
        "{first:?}"
    );
    assert_eq!(
        first[5].outcome,
        Outcome::Refused(Refusal::NoSuchAccount { account: name("never") })
    );
    drop((books, reader));
    let (mut books, _reader) = new_books(&directory, "ledger.db");
    let again = books.apply(refused(), vec![3], None).unwrap();
    for (first, again) in first.into_iter().zip(again) {
        assert_eq!(
            again,
            Applied {
                repeated: true,
                ..first
            }
        );
    }
    let reused = books.apply(vec![withdraw(10, "main", 1)], vec![4], None).unwrap();
    assert_eq!(reused[0].outcome, Outcome::IdReused);
}
