//! Tests of a failing disk: nothing is written after the first error.

use super::super::failing_disk;
use super::*;

/// Makes enough deposits for a checkpoint to become due. One deposit adds more than two pages to the write-ahead log.
const ENOUGH: u128 = 6000;

struct Disk<'d>(&'d Path);

impl Disk<'_> {
    fn fails(&self, file: &str, how: &str) {
        fs::write(self.0.join(format!("{file}.fail-sync")), how).unwrap();
    }

    fn failed_syncs(&self, file: &str) -> usize {
        let noted = fs::read_to_string(self.0.join(format!("{file}.failed-syncs")));
        noted.map_or(0, |noted| noted.lines().count())
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        ["ledger.db", "ledger.db-wal"]
            .map(|file| fs::read(self.0.join(file)).unwrap())
            .to_vec()
    }
}

/// The call that makes the database sync.
#[derive(Debug, Clone, Copy)]
enum When {
    /// Commits until the log is longer than its bound.
    Applying,
    /// A requested checkpoint.
    Checkpoint,
}

fn until_it_fails(books: &mut BooksFile, when: When) -> BooksError {
    match when {
        When::Checkpoint => books.checkpoint().unwrap_err(),
        When::Applying => (0..ENOUGH)
            .find_map(|id| {
                // Each deposit is a transaction of its own.
                let applied = books.apply(vec![deposit(100 + id, "main", 1)], vec![1], None);
                applied.map(drop).and_then(|()| books.store()).err()
            })
            .expect("a commit makes a checkpoint due"),
    }
}

#[test]
fn a_failed_sync_is_final_and_never_tried_again() {
    failing_disk::install();
    for file in ["ledger.db-wal", "ledger.db"] {
        for how in ["once", "every time"] {
            for when in [When::Applying, When::Checkpoint] {
                let directory = TempDir::new().unwrap();
                let disk = Disk(directory.path());
                let (mut books, reader) = new_books(&directory, "ledger.db");
                books.apply(vec![found(1, 100)], vec![1], None).unwrap();
                books.store().unwrap();
                disk.fails(file, how);
                let case = format!("{file}, {how}, {when:?}");

                let error = until_it_fails(&mut books, when).to_string();
                for words in ["ledger.db", "ledger.db-wal", "forcing the books to the disk", "1034"] {
                    assert!(error.contains(words), "{case}: {error}");
                }
                let left = disk.bytes();
                for _ in 0..3 {
                    assert_eq!(books.checkpoint().unwrap_err().to_string(), error, "{case}");
                    let again = books.apply(vec![deposit(2, "main", 1)], vec![2], None);
                    assert_eq!(again.unwrap_err().to_string(), error, "{case}");
                }
                // The close of the last connection does not write either.
                reader.accounts(None, 10).unwrap();
                drop((books, reader));
                assert_eq!(disk.bytes(), left, "{case}: something was written after the failure");
                assert_eq!(disk.failed_syncs(file), 1, "{case}: it was tried again");

                let _ = fs::remove_file(directory.path().join(format!("{file}.fail-sync")));
                let (mut books, reader) = new_books(&directory, "ledger.db");
                assert!(reader.balance(&name("main")).unwrap().0 >= Some(100), "{case}");
                books.apply(vec![deposit(3, "main", 1)], vec![3], None).unwrap();
            }
        }
    }
}

#[test]
fn the_log_is_moved_into_the_file_as_it_grows() {
    let directory = TempDir::new().unwrap();
    let (mut books, _reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(0, 0)], vec![0], None).unwrap();
    for id in 1..=ENOUGH {
        books.apply(vec![deposit(id, "main", 1)], vec![1], None).unwrap();
        books.store().unwrap();
    }
    let log = fs::metadata(directory.path().join("ledger.db-wal")).unwrap().len();
    assert!((1 << 20..18 << 20).contains(&log), "{log} bytes");
    drop(books);
}

#[test]
fn a_clean_close_leaves_one_file() {
    let directory = TempDir::new().unwrap();
    let (mut books, reader) = new_books(&directory, "ledger.db");
    books.apply(vec![found(1, 100)], vec![1], None).unwrap();
    assert_eq!(reader.accounts(None, 10).unwrap().accounts.len(), 1);
    drop((books, reader));
    assert!(!directory.path().join("ledger.db-wal").exists());
}
