//! Tests that a database of format 1 is converted.

use super::super::inspect;
use super::super::state_row::StateRow;
use super::*;

/// Makes a database of format 1 from one of this format.
fn make_older(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(include_str!("make_format_1.sql")).unwrap();
}

fn some_commands() -> Vec<Command> {
    let opened = ["b", "a", "c"].into_iter().zip(2..).map(|(name, id)| open(id, name));
    let deposits = (10..1500).map(|id| deposit(id, ["a", "b", "c"][id as usize % 3], 5));
    let others = [
        transfer(2000, "main", "a", 100),
        withdraw(2001, "a", 1 << 40),
        withdraw(2002, "b", 50),
    ];
    std::iter::once(found(1, 500))
        .chain(opened)
        .chain(deposits)
        .chain(others)
        .collect()
}

#[test]
fn books_of_format_1_are_converted_with_all_they_hold() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("ledger.db");
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(some_commands(), vec![5], Some(vec![6])).unwrap();
    let (ledger, applied_state) = (books.ledger(), books.applied_state());
    let accounts = reader.accounts(None, 100).unwrap();
    let statement = whole_statement(&reader, &name("a"), 100);
    drop((books, reader));
    let totals = StateRow::read(&Connection::open(&path).unwrap()).unwrap().totals;
    make_older(&path);
    assert_eq!(inspect(&path).unwrap().unwrap().position, ledger.position);
    let received = directory.path().join("incoming.db");
    fs::copy(&path, &received).unwrap();

    let (mut books, reader) = new_books(&directory, "ledger.db");
    assert_eq!((books.ledger(), books.applied_state()), (ledger, applied_state.clone()));
    assert_eq!(reader.accounts(None, 100).unwrap(), accounts);
    assert_eq!(whole_statement(&reader, &name("a"), 100), statement);
    let again = books.apply(vec![withdraw(2001, "a", 1 << 40)], vec![7], None).unwrap();
    assert!(again[0].repeated);
    drop((books, reader));
    let found = StateRow::read(&Connection::open(&path).unwrap()).unwrap().totals;
    assert_eq!(found, totals, "the same rows give the same totals");

    let before = fs::read(&received).unwrap();
    let other_bank = verify_snapshot(&received, [9; 16]).unwrap_err();
    assert!(matches!(other_bank, BooksError::OtherBank { .. }), "{other_bank}");
    assert_eq!(fs::read(&received).unwrap(), before, "a refused file stays as it was");
    assert_eq!(verify_snapshot(&received, BANK).unwrap(), applied_state);
    let (other, reader) = new_books(&directory, "other.db");
    other.install(&received).unwrap();
    assert_eq!(reader.accounts(None, 100).unwrap(), accounts);
}

#[test]
fn damaged_books_of_format_1_stay_as_they_are() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("ledger.db");
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(some_commands(), vec![5], None).unwrap();
    drop((books, reader));
    make_older(&path);
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("UPDATE accounts SET balance = 7 WHERE name = 'a'")
        .unwrap();
    drop(connection);
    let error = BooksFile::open(&path, BANK).unwrap_err().to_string();
    assert!(
        error.contains("table accounts, row a") && error.contains("format 1"),
        "{error}"
    );
    assert_eq!(inspect(&path).unwrap().unwrap().position, 1497);
}
