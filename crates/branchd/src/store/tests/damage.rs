//! Tests that rows that contradict each other are found, at a start and when they are read.

use super::super::verify::verify_at_start;
use super::*;

/// A database with two accounts, a transfer between them, and a refusal.
fn some_books(directory: &TempDir) -> std::path::PathBuf {
    let (mut books, _reader) = new_books(directory, "ledger.db");
    let commands = vec![
        found(1, 500),
        open(2, "a"),
        deposit(3, "a", 2000),
        transfer(4, "main", "a", 100),
        withdraw(5, "a", 5000),
        withdraw(6, "a", 50),
    ];
    books.apply(commands, vec![1], None).unwrap();
    directory.path().join("ledger.db")
}

const DAMAGES: [(&str, &str); 7] = [
    (
        "UPDATE accounts SET balance = 18384 WHERE name = 'a'",
        "table accounts, row a",
    ),
    (
        "UPDATE accounts SET last_entry = 3 WHERE name = 'a'",
        "table accounts, row a",
    ),
    (
        "UPDATE accounts SET last_entry = 1 WHERE name = 'a'",
        "table accounts, row a",
    ),
    (
        "UPDATE accounts SET last_entry = 60 WHERE name = 'a'",
        "table accounts, row a",
    ),
    ("UPDATE entries SET balance = 1000 WHERE position = 6", "row"),
    // The account and its newest entry are changed in the same way.
    (
        "UPDATE entries SET balance = 18384 WHERE position = 6; UPDATE accounts SET balance = 18384 WHERE name = 'a'",
        "table entries, row 6",
    ),
    (
        "UPDATE entries SET counter_balance = 7 WHERE position = 4",
        "table entries, row",
    ),
];

#[test]
fn damaged_rows_are_found_at_the_start_by_table_and_row() {
    for (damage, words) in DAMAGES {
        let directory = TempDir::new().unwrap();
        let path = some_books(&directory);
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let error = BooksFile::open(&path, BANK).unwrap_err();
        assert!(matches!(error, BooksError::Damaged { .. }), "{damage}: {error}");
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("ledger.db"), "{damage}: {text}");
    }
}

#[test]
fn damage_after_the_start_is_found_by_whoever_reads_it_from_the_file() {
    for (damage, _) in &DAMAGES[..6] {
        let directory = TempDir::new().unwrap();
        let path = some_books(&directory);
        let (mut books, reader) = new_books(&directory, "ledger.db");
        let (alarmed, alarms) = std::sync::mpsc::channel();
        reader.on_failure(move |error| alarmed.send(error.to_string()).unwrap());
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let asked = reader.balance(&name("a")).unwrap_err();
        assert!(matches!(asked, BooksError::Damaged { .. }), "{damage}: {asked}");
        assert!(reader.accounts(None, 10).is_err(), "{damage}");
        assert_eq!(alarms.try_iter().count(), 2, "{damage}");
        let ledger = books.ledger();
        let decided = books.apply(vec![withdraw(7, "a", 10_000)], vec![2], None).unwrap_err();
        assert!(matches!(decided, BooksError::Damaged { .. }), "{damage}: {decided}");
        assert_eq!(books.ledger(), ledger, "{damage}: nothing was decided from it");
    }
}

#[test]
fn small_books_are_checked_whole() {
    let directory = TempDir::new().unwrap();
    let path = some_books(&directory);
    let mut connection = Connection::open(&path).unwrap();
    let reached = verify_at_start(&mut connection, &path).unwrap();
    assert_eq!(
        (reached.entries_from, reached.accounts_to, reached.pages),
        (None, None, true)
    );
}
