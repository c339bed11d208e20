//! Tests of reading balances, accounts and statements.

use super::*;

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
    books.store().unwrap();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let outside = Connection::open_with_flags(directory.path().join("ledger.db"), flags).unwrap();
    let mut statement = outside
        .prepare(
            "SELECT format('%d %s %s %s %d %d %s %d %s', position, time, action, account, amount, balance, to_account, \
             to_balance, request_id) FROM statement",
        )
        .unwrap();
    let lines: Vec<String> = statement
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(
        lines,
        [
            "1 1970-01-01 00:00:01.000 found main 100 100  0 00000000-0000-0000-0000-000000000001",
            "2 1970-01-01 00:00:01.000 open a 0 0  0 00000000-0000-0000-0000-000000000002",
            "3 1970-01-01 00:00:01.000 transfer main 30 70 a 30 00000000-0000-0000-0000-000000000003",
            "4 1970-01-01 00:00:01.000 withdraw a 5 25  0 00000000-0000-0000-0000-000000000004"
        ]
    );
}

#[test]
fn books_of_another_version_get_the_view_for_people() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("ledger.db");
    let without = ["", "CREATE VIEW statement AS SELECT 1", "CREATE TABLE statement (x)"];
    for (other, has_view) in without.into_iter().zip([true, true, false]) {
        drop(new_books(&directory, "ledger.db"));
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(&format!("DROP VIEW statement; {other}"))
            .unwrap();
        drop(connection);
        let (mut books, _reader) = new_books(&directory, "ledger.db");
        books.apply(vec![deposit(7, "main", 1)], vec![1], None).unwrap();
        let connection = Connection::open(&path).unwrap();
        let read = connection.prepare("SELECT request_id FROM statement");
        assert_eq!(read.is_ok(), has_view, "{other}");
    }
}

#[test]
fn books_that_a_branch_without_the_view_sent_get_it() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(1, 100)], vec![1], None).unwrap();
    books.store().unwrap();
    let copied = directory.path().join("copy.db");
    reader.copy_to(&copied).unwrap();
    let copy = Connection::open(&copied).unwrap();
    copy.execute_batch("DROP VIEW statement").unwrap();
    drop(copy);
    let (other, _reader) = new_books(&directory, "other.db");
    other.install(&copied).unwrap();
    let outside = Connection::open(directory.path().join("other.db")).unwrap();
    let positions = "SELECT group_concat(position) FROM statement";
    let positions: String = outside.query_row(positions, (), |row| row.get(0)).unwrap();
    assert_eq!(positions, "1");
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
    // A write between two pages does not change where the next page begins.
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
    let accounts = super::super::memory::ACCOUNTS_MAX as u128 + 10;
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
fn many_readers_see_balances_that_fit_their_positions() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(0, 0), open(1, "a")], vec![1], None).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            let reader = reader.clone();
            scope.spawn(move || {
                // Each command after the second adds 1 to both numbers, so the expected position follows from the
                // balance.
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
