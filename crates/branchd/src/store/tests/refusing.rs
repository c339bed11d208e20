//! Tests that foreign and damaged files are refused.

use super::*;

/// Creates a database with some entries, then changes the file.
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
        ("newer", BANK, Box::new(sql("PRAGMA user_version = 3")), "format 3"),
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
            "table state, row 1",
        ),
        (
            "rolled back",
            BANK,
            Box::new(sql("UPDATE state SET position = 3")),
            "table state, row 1",
        ),
        (
            "negative",
            BANK,
            Box::new(sql("DELETE FROM entries; UPDATE state SET position = -3")),
            "table state, row 1",
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
        let (ledger, applied_state) = (books.ledger(), books.applied_state());
        for error in [
            books.install(&path).unwrap_err(),
            BooksFile::open(&path, BANK).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains(expected) && text.contains("spoiled.db"), "{case}: {text}");
        }
        assert_eq!(
            (books.ledger(), books.applied_state()),
            (ledger, applied_state),
            "{case}"
        );
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
        // Every page except the first, which holds the header and the schema.
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
        let path = spoiled(&directory, BANK, |_| ());
        let (books, reader) = BooksFile::open(&path, BANK).unwrap();
        sql(forgery)(&path);
        let found = reader.statement(&name("main"), None, 1000).unwrap_err();
        drop((books, reader));
        let at_start = BooksFile::open(&path, BANK).unwrap_err();
        for error in [found, at_start] {
            assert!(matches!(error, BooksError::Damaged { .. }), "{forgery}: {error}");
        }
    }
}
