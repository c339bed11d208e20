//! Tests of commits, of failures within a batch, and of reopening.

use bank_ledger::Remembered;

use super::super::lookups::Lookups;
use super::super::memory::Memory;
use super::super::opening;
use super::super::row_writer::RowWriter;
use super::super::state_row::StateRow;
use super::super::writer::write_rows;
use super::*;

#[test]
fn a_new_file_is_empty_and_says_what_it_is() {
    let directory = TempDir::new().unwrap();
    let (books, reader) = new_books(&directory, "ledger.db");
    assert_eq!(
        (books.ledger(), books.applied_state()),
        (Ledger::default(), AppliedState::default())
    );
    assert_eq!(reader.balance(&name("main")).unwrap(), (None, 0));
    assert!(reader.accounts(None, 10).unwrap().accounts.is_empty());
    let outside = Connection::open(directory.path().join("ledger.db")).unwrap();
    let text: String = outside.query_row("PRAGMA journal_mode", (), |row| row.get(0)).unwrap();
    assert_eq!(text, "wal");
}

#[test]
fn state_and_marker_move_together_and_are_there_again() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books
        .apply(vec![found(1, 100)], b"one".to_vec(), Some(b"members".to_vec()))
        .unwrap();
    books.store().unwrap();
    // Another connection sees the state that a crash would leave, which is the whole commit.
    let (crashed, _) = new_books(&directory, "ledger.db");
    assert_eq!(
        (crashed.ledger(), crashed.applied_state()),
        (books.ledger(), books.applied_state())
    );
    drop(crashed);
    books.apply(vec![], b"two".to_vec(), None).unwrap();
    let expected = AppliedState {
        applied: Some(b"two".to_vec()),
        membership: Some(b"members".to_vec()),
    };
    assert_eq!((books.applied_state(), books.ledger().position), (expected.clone(), 1));
    assert_eq!(books.checkpoint().unwrap(), expected.applied.clone());
    let ledger = books.ledger();
    drop((books, reader));
    let (books, reader) = new_books(&directory, "ledger.db");
    assert_eq!((books.ledger(), books.applied_state()), (ledger, expected));
    assert_eq!(reader.balance(&name("main")).unwrap(), (Some(100), 1));
}

/// Another program writes an entry, against the rule that only the branch writes. The third command conflicts with it.
#[test]
fn a_transaction_that_fails_changes_nothing_and_is_the_last() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(1, 100), open(2, "a")], vec![1], None).unwrap();
    books.store().unwrap();
    let (failed, failures) = std::sync::mpsc::channel();
    reader.on_failure(move |error| failed.send(error.to_string()).unwrap());
    let outside = Connection::open(directory.path().join("ledger.db")).unwrap();
    let forged = "INSERT INTO entries VALUES (5, zeroblob(16), 'deposit', 'main', 1, 1, 0, NULL, NULL, NULL, 0, 0)";
    outside.execute(forged, ()).unwrap();
    books.storing().pause(true);
    let batch = vec![deposit(3, "main", 5), withdraw(4, "never", 1), deposit(5, "a", 5)];
    books.apply(batch, vec![2], None).unwrap();
    let error = books.store().unwrap_err();
    assert!(matches!(error, BooksError::Damaged { .. }), "{error}");
    assert_eq!(failures.try_iter().collect::<Vec<_>>(), [error.to_string()]);
    let counted = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        outside.query_row(&sql, (), |row| row.get(0)).unwrap()
    };
    assert_eq!((counted("entries"), counted("refusals")), (3, 0));
    for again in [
        books.store().unwrap_err(),
        books.checkpoint().unwrap_err(),
        books.apply(vec![], vec![3], None).unwrap_err(),
    ] {
        assert_eq!(again.to_string(), error.to_string());
    }
}

#[test]
fn another_writer_is_noticed() {
    let directory = TempDir::new().unwrap();
    let (mut books, _reader) = new_books(&directory, "ledger.db");
    let (mut second, _) = new_books(&directory, "ledger.db");
    second.apply(vec![found(1, 100)], vec![1], None).unwrap();
    second.store().unwrap();
    books.apply(vec![found(2, 5)], vec![1], None).unwrap();
    let error = books.store().unwrap_err();
    assert!(error.to_string().contains("another program writes to it"), "{error}");
}

#[test]
fn only_the_newest_refusals_are_remembered() {
    let directory = TempDir::new().unwrap();
    let (mut connection, _) = opening::open_writer(&directory.path().join("ledger.db"), BANK).unwrap();
    let transaction = connection.transaction().unwrap();
    let refused = |id| {
        let refusal = Refusal::NoSuchAccount { account: name("never") };
        Remembered {
            position: 1,
            action: withdraw(id, "never", 1).action,
            outcome: Outcome::Refused(refusal),
        }
    };
    // Writing as many refusals as are remembered would take long, so most numbers are left out.
    let newest = REFUSALS_REMEMBERED_MAX as i64;
    let mut rows = RowWriter::new(&transaction).unwrap();
    for (number, id) in [(1, 1), (2, 2), (newest, 3)] {
        rows.refusal(number, request(id), &refused(id)).unwrap();
    }
    let applied = Ledger {
        position: 1,
        ..Ledger::default()
    };
    rows.state(Ledger::default(), applied, AppliedState::default()).unwrap();
    let mut memory = Memory::new(StateRow::read(&transaction).unwrap(), None);
    memory.record_refusal(request(4), refused(4));
    memory.end_entry(applied, vec![1], None);
    let remembered = [1, 2, newest, newest + 1].map(|number| memory.remembers(Some(number)));
    assert_eq!(remembered, [false, true, true, true], "only the oldest is forgotten");
    write_rows(&transaction, &memory.freeze().unwrap()).unwrap();
    let mut lookups = Lookups::new(&transaction).unwrap();
    let stored = [1, 2, 3, 4].map(|id| lookups.remembered(&request(id)).unwrap().is_some());
    assert_eq!(stored, [false, true, true, true], "only the oldest is removed");
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

#[test]
fn a_log_that_a_crash_left_is_read_again() {
    let directory = TempDir::new().unwrap();
    let crashed = TempDir::new().unwrap();
    let (mut books, _reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(1, 100)], vec![1], None).unwrap();
    books.checkpoint().unwrap();
    books.apply(vec![deposit(2, "main", 5)], vec![2], None).unwrap();
    books.store().unwrap();
    books.storing().pause(true);
    // These are the files that `kill -9` leaves.
    for file in ["ledger.db", "ledger.db-wal"] {
        fs::copy(directory.path().join(file), crashed.path().join(file)).unwrap();
    }
    let (after, reader) = new_books(&crashed, "ledger.db");
    assert_eq!(
        (after.ledger(), after.applied_state()),
        (books.ledger(), books.applied_state())
    );
    assert_eq!(reader.balance(&name("main")).unwrap(), (Some(105), 2));
}

#[test]
fn a_checkpoint_does_not_wait_for_a_long_read() {
    let directory = TempDir::new().unwrap();
    let (mut books, _reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(1, 100)], vec![1], None).unwrap();
    books.store().unwrap();
    let mut outside = Connection::open(directory.path().join("ledger.db")).unwrap();
    let reading = outside.transaction().unwrap();
    let seen: i64 = reading
        .query_row("SELECT count(*) FROM entries", (), |row| row.get(0))
        .unwrap();
    books.apply(vec![deposit(2, "main", 5)], vec![2], None).unwrap();
    assert_eq!(books.checkpoint().unwrap(), Some(vec![2]));
    drop(reading);
    assert_eq!(seen, 1);
}

/// The effect says whether a decision used a row from the file, because another branch must then confirm it.
#[test]
fn a_decision_tells_whether_it_read_from_the_file() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books
        .apply(vec![found(1, 100), open(2, "a"), open(3, "b")], vec![1], None)
        .unwrap();
    drop((books, reader));
    let (mut books, reader) = new_books(&directory, "ledger.db");
    let mut from_file = |commands: Vec<Vec<Command>>| -> Vec<bool> {
        let entries = commands.into_iter().map(|commands| LogEntry {
            rule: DigestRule::NEWEST,
            commands: commands.into(),
            applied: vec![2],
            membership: None,
        });
        let effects = books.apply_entries(&entries.collect::<Vec<_>>()).unwrap();
        effects.iter().map(|effect| effect.read_from_file).collect()
    };
    let one = |command| vec![command];
    // The first entry reads nothing. The second reads a row that the same transaction has already read.
    let first = from_file(vec![one(deposit(4, "main", 1)), one(deposit(5, "main", 1)), vec![]]);
    assert_eq!(first, [true, false, false]);
    assert_eq!(from_file(vec![one(deposit(6, "main", 1))]), [false]);
    // An account that a reader put into memory still counts as read from the file.
    assert_eq!(reader.balance(&name("a")).unwrap().0, Some(0));
    assert_eq!(from_file(vec![one(transfer(7, "main", "a", 1))]), [true]);
    assert_eq!(from_file(vec![one(deposit(8, "a", 1))]), [false]);
    // The absence of an account is not in memory, and neither are the decisions from before the start.
    assert_eq!(
        from_file(vec![
            one(deposit(8, "a", 1)),
            one(deposit(9, "never", 1)),
            one(open(3, "b")),
            one(deposit(0, "a", 1)),
        ]),
        [false, true, true, true]
    );
}
