//! Tests of making and installing snapshots.

use super::*;

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
    books.store().unwrap();
    let (applied_state, ledger) = reader.copy_to(&copied).unwrap();
    assert_eq!((applied_state.clone(), ledger), (books.applied_state(), books.ledger()));
    // A later write does not change the snapshot.
    books.apply(vec![deposit(5, "a", 1)], b"two".to_vec(), None).unwrap();

    let (mut other, other_reader) = new_books(&directory, "other.db");
    other.apply(vec![found(77, 5)], b"elsewhere".to_vec(), None).unwrap();
    assert_eq!(other_reader.balance(&name("main")).unwrap(), (Some(5), 1));
    other.store().unwrap();
    // Another program has a read transaction open.
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

    assert_eq!((other.ledger(), other.applied_state()), (ledger, applied_state));
    assert_eq!(other_reader.balance(&name("main")).unwrap(), (Some(70), 4));
    assert_eq!(
        whole_statement(&other_reader, &name("a"), 1),
        whole_statement(&reader, &name("a"), 9)[1..]
    );
    // The snapshot includes the refusal, and the next command gets the same decision as in the original.
    let next = || vec![withdraw(4, "a", 50), deposit(5, "a", 1)];
    let expected = other.apply(next(), b"two".to_vec(), None).unwrap();
    assert_eq!(
        (expected[0].position, expected[0].repeated, expected[1].position),
        (4, true, 6)
    );
    drop((other, other_reader, outside));
    let (other, _) = new_books(&directory, "other.db");
    assert_eq!(
        (other.ledger().position, other.applied_state().applied.as_deref()),
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

#[test]
fn copies_can_be_made_while_writing_goes_on() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(0, 0)], vec![0], None).unwrap();
    books.store().unwrap();
    let (other, other_reader) = new_books(&directory, "other.db");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..10 {
                let path = directory.path().join(format!("copy-{number}.db"));
                let (applied_state, ledger) = reader.copy_to(&path).unwrap();
                other.install(&path).unwrap();
                assert_eq!((other.applied_state(), other.ledger()), (applied_state, ledger));
                let (balance, position) = other_reader.balance(&name("main")).unwrap();
                assert_eq!((balance, position), (Some(ledger.position as i64 - 1), ledger.position));
            }
        });
        for id in 1..=200 {
            books.apply(vec![deposit(id, "main", 1)], vec![id as u8], None).unwrap();
        }
    });
}

#[test]
fn small_books_replace_large_ones_whole() {
    let directory = TempDir::new().unwrap();
    let copied = directory.path().join("copy.db");
    let (mut small, small_reader) = new_books(&directory, "small.db");
    small.apply(vec![found(1, 9)], vec![1], None).unwrap();
    small.store().unwrap();
    small_reader.copy_to(&copied).unwrap();
    let (mut large, large_reader) = new_books(&directory, "large.db");
    large.apply(vec![found(1, 0)], vec![1], None).unwrap();
    large
        .apply((2..5000).map(|id| deposit(id, "main", 1)).collect(), vec![2], None)
        .unwrap();
    large.install(&copied).unwrap();
    assert_eq!(
        (large.ledger(), large.applied_state()),
        (small.ledger(), small.applied_state())
    );
    assert_eq!(
        whole_statement(&large_reader, &name("main"), 10),
        whole_statement(&small_reader, &name("main"), 10)
    );
    let again = directory.path().join("again.db");
    large_reader.copy_to(&again).unwrap();
    assert_eq!(fs::metadata(again).unwrap().len(), fs::metadata(copied).unwrap().len());
}

#[test]
fn a_copy_needs_no_file_beside_it() {
    let directory = TempDir::new().unwrap();
    let copies = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(1, 100)], vec![1], None).unwrap();
    books.store().unwrap();
    let copied = copies.path().join("copy.db");
    reader.copy_to(&copied).unwrap();
    assert_eq!(reader.length().unwrap(), fs::metadata(&copied).unwrap().len());
    assert_eq!(verify_snapshot(&copied, BANK).unwrap(), books.applied_state());
    let left: Vec<_> = fs::read_dir(copies.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(left, [copied]);
}

#[test]
fn a_copy_that_is_read_too_slowly_is_given_up_and_the_log_begins_again() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    let log = || fs::metadata(directory.path().join("ledger.db-wal")).unwrap().len();
    let mut next_id = 2..;
    let mut write = |books: &mut BooksFile| {
        let deposits = next_id.by_ref().take(100).map(|id| deposit(id, "main", 1));
        books.apply(deposits.collect(), vec![1], None).unwrap();
        books.checkpoint().unwrap();
    };
    books.apply(vec![found(1, 0)], vec![1], None).unwrap();
    books.store().unwrap();
    let mut pages = reader.pages().unwrap();
    assert_eq!(pages.next_chunk(1).unwrap().unwrap().len(), 4096);
    pages.log_bytes_max = log() + (1 << 20);
    while log() <= pages.log_bytes_max {
        write(&mut books);
    }
    let refused = pages.next_chunk(1).expect_err("too slow");
    assert!(matches!(refused, BooksError::CopyTooSlow { .. }), "{refused}");
    drop(pages);
    write(&mut books);
    let grown = log();
    for _ in 0..100 {
        write(&mut books);
    }
    assert!(log() <= grown, "{} and before {grown}", log());
    let copied = directory.path().join("copy.db");
    assert_eq!(reader.copy_to(&copied).unwrap().1, books.ledger());
}
