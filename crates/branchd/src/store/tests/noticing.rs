//! Tests that damage of many kinds is noticed: by a read that would give a wrong answer, at a start, by the scrub, by the
//! check of a database that is not in use, and in a snapshot.
//!
//! Damage that changes neither a row nor what is found by a key is harmless, and need not be noticed.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::types::Value;

use super::super::offline::OfflineBooks;
use super::super::reader::Reader;
use super::super::scrub::Scrub;
use super::super::shared::Shared;
use super::super::state_row::StateRow;
use super::*;

/// The number of damaged files of each kind.
const CASES: usize = 200;
/// The size of a page, in bytes. Small pages give trees with inner pages from few rows.
const PAGE: usize = 512;
const COMMANDS: u128 = 120;

/// SplitMix64 (Steele, Lea, Flood 2014). The same seed gives the same damages.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

fn account(number: u128) -> String {
    format!("a{:02}", number * 3 % 40)
}

fn commands(ids: std::ops::Range<u128>) -> Vec<Command> {
    ids.map(|id| match id {
        0 => found(id, 5000),
        1..20 => open(id, &account(id)),
        _ => match id % 5 {
            0 => transfer(id, "main", &account(1 + id % 19), 3),
            1 => withdraw(id, &account(1 + id % 19), 1_000_000),
            _ => deposit(id, &account(1 + id % 19), id as i64),
        },
    })
    .collect()
}

/// Sound books, the books at an earlier position, and what both hold.
struct Fixture {
    bytes: Vec<u8>,
    older: Vec<u8>,
    memory: MemoryBooks,
    ledger: Ledger,
    content: Content,
}

impl Fixture {
    /// The state that a branch keeps in memory.
    fn state(&self) -> StateRow {
        StateRow {
            ledger: self.ledger,
            ..StateRow::new(BANK)
        }
    }

    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("ledger.db");
        let (mut ledger, mut memory) = (Ledger::default(), MemoryBooks::default());
        for command in commands(0..COMMANDS) {
            ledger.apply(&mut memory, command).unwrap();
        }
        let write = |ids| {
            let (mut books, reader) = BooksFile::open(&path, BANK).unwrap();
            books.apply(commands(ids), vec![], None).unwrap();
            drop((books, reader));
        };
        write(0..COMMANDS / 2);
        let connection = Connection::open(&path).unwrap();
        let small_pages = format!("PRAGMA journal_mode = DELETE; PRAGMA page_size = {PAGE}; VACUUM;");
        connection.execute_batch(&small_pages).unwrap();
        drop(connection);
        let older = fs::read(&path).unwrap();
        write(COMMANDS / 2..COMMANDS);
        Self {
            bytes: fs::read(&path).unwrap(),
            older,
            memory,
            ledger,
            content: content(&path).unwrap(),
        }
    }
}

/// All rows of all tables, and what is found by each key.
type Content = BTreeMap<&'static str, Vec<Vec<Value>>>;

fn content(path: &Path) -> rusqlite::Result<Content> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let queries = [
        "SELECT * FROM entries NOT INDEXED ORDER BY position",
        "SELECT * FROM accounts ORDER BY name",
        "SELECT * FROM refusals NOT INDEXED ORDER BY number",
        "SELECT * FROM seals ORDER BY position",
        "SELECT * FROM state",
    ];
    let mut content = Content::new();
    for query in queries {
        let mut statement = connection.prepare(query)?;
        let columns = statement.column_count();
        let rows = statement.query_map((), |row| (0..columns).map(|at| row.get(at)).collect())?;
        content.insert(query, rows.collect::<Result<_, _>>()?);
    }
    // Each key must be found by a descent of its tree as well as by a walk over the rows.
    for (query, walked, column) in [
        ("SELECT position FROM entries WHERE request_id = ?1", queries[0], 1),
        ("SELECT balance FROM accounts WHERE name = ?1", queries[1], 0),
        ("SELECT position FROM refusals WHERE request_id = ?1", queries[2], 2),
    ] {
        let mut statement = connection.prepare(query)?;
        let keys = content[walked].iter().map(|row| &row[column]);
        let found = keys.map(|key| Ok(vec![statement.query_row([key], |row| row.get(0))?]));
        let found = found.collect::<rusqlite::Result<_>>()?;
        content.insert(query, found);
    }
    Ok(content)
}

/// Reads everything as customers do, without the check at the start. Returns whether an answer was wrong. An error is not
/// a wrong answer.
fn reads_something_wrong(path: &Path, fixture: &Fixture) -> bool {
    let reader = Reader::new(Arc::new(Shared::new(path.to_owned(), fixture.state(), None)));
    let absent = ["a", "a01x", "a40", "b", "main0", "zz"];
    let held = fixture.memory.accounts();
    let names = held.keys().cloned().chain(absent.map(name));
    let wrong_balance = names.into_iter().any(|name| {
        let expected = held.get(&name).map(|account| account.balance);
        let wrong_statement = || match reader.statement(&name, None, 1000) {
            Ok(page) => {
                let touching = fixture.memory.entries().values().rev();
                let expected: Vec<_> = touching
                    .filter(|entry| entry.leg_of(&name).is_some())
                    .cloned()
                    .collect();
                page.entries != expected
            }
            Err(_) => false,
        };
        reader.balance(&name).is_ok_and(|(balance, _)| balance != expected) || wrong_statement()
    });
    let listed = reader.accounts(None, 1000);
    let expected: Vec<_> = held.iter().map(|(name, held)| (name.clone(), held.balance)).collect();
    wrong_balance || listed.is_ok_and(|page| page.accounts != expected)
}

fn scrub(path: &Path, fixture: &Fixture) -> Result<(), BooksError> {
    let reader = Reader::new(Arc::new(Shared::new(path.to_owned(), fixture.state(), None)));
    let mut scrub = Scrub::default();
    while scrub.step(&reader, 7)?.is_none() {}
    Ok(())
}

fn verify_offline(path: &Path) -> Result<(), BooksError> {
    let books = OfflineBooks::open(path, BANK)?;
    books.check_pages()?;
    books.check_rows().map(|_| ())
}

/// Damages the books in many ways, and checks that each is noticed everywhere.
fn damage(kind: &str, wrong_answers_allowed: bool, mut spoil: impl FnMut(&mut Random, &Fixture, &Path)) {
    let fixture = Fixture::new();
    let (mut harmless, mut wrong) = (0, 0);
    for case in 0..CASES {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("ledger.db");
        fs::write(&path, &fixture.bytes).unwrap();
        spoil(&mut Random(case as u64), &fixture, &path);
        let is_harmless = content(&path).is_ok_and(|content| content == fixture.content);
        harmless += usize::from(is_harmless);
        if reads_something_wrong(&path, &fixture) {
            assert!(wrong_answers_allowed, "{kind}, case {case}: a wrong answer");
            wrong += 1;
        }
        if is_harmless {
            continue;
        }
        let snapshot = verify_snapshot(&path, BANK).map(|_| ());
        let (scrubbed, offline) = (scrub(&path, &fixture), verify_offline(&path));
        let started = BooksFile::open(&path, BANK).map(|_| ());
        for (by, result) in [
            ("snapshot", snapshot),
            ("scrub", scrubbed),
            ("verify", offline),
            ("start", started),
        ] {
            let Err(error) = result else {
                panic!("{kind}, case {case}: not noticed by {by}");
            };
            assert!(
                error.to_string().contains("ledger.db"),
                "{kind}, case {case}: {by}: {error}"
            );
        }
    }
    println!("{kind}: {CASES} cases, {harmless} harmless, {wrong} wrong answers before a check");
    assert!(
        harmless < CASES / 2,
        "{kind}: {harmless} of {CASES} cases changed nothing"
    );
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn single_bits() {
    damage("bits", false, |random, _, path| {
        change(path, |bytes| {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        });
    });
}

#[test]
fn zeroed_pages() {
    damage("zeroed pages", false, |random, _, path| {
        change(path, |bytes| {
            let at = random.below(bytes.len() / PAGE) * PAGE;
            bytes[at..at + PAGE].fill(0);
        });
    });
}

#[test]
fn swapped_pages() {
    damage("swapped pages", false, |random, _, path| {
        change(path, |bytes| {
            let pages = bytes.len() / PAGE;
            let (one, other) = (random.below(pages), random.below(pages));
            let other = if one == other { (other + 1) % pages } else { other };
            let kept = bytes[one * PAGE..][..PAGE].to_vec();
            bytes.copy_within(other * PAGE..(other + 1) * PAGE, one * PAGE);
            bytes[other * PAGE..][..PAGE].copy_from_slice(&kept);
        });
    });
}

#[test]
fn old_pages() {
    // The rows of an old page are sound by themselves. Only all rows together show that some are old.
    damage("old pages", true, |random, fixture, path| {
        change(path, |bytes| {
            let pages = fixture.older.len() / PAGE;
            let changed = |page: &usize| bytes[page * PAGE..][..PAGE] != fixture.older[page * PAGE..][..PAGE];
            let changed: Vec<usize> = (0..pages).filter(changed).collect();
            let at = changed[random.below(changed.len())] * PAGE;
            bytes[at..at + PAGE].copy_from_slice(&fixture.older[at..at + PAGE]);
        });
    });
}

#[test]
fn rows_changed_by_sql() {
    damage("SQL", false, |random, fixture, path| {
        let tables = [
            (
                "entries",
                "position",
                "position, amount, balance, previous, account, request_id, time_us, checksum, kind",
            ),
            ("accounts", "name", "name, balance, last_entry, next_name, checksum"),
            (
                "refusals",
                "number",
                "number, position, account, amount, reason, request_id, balance, checksum",
            ),
            (
                "state",
                "only",
                "position, digest, applied, accounts, accounts_sum, first_name, entries, newest_entry, \
                               head, newest_refusal, checksum",
            ),
        ];
        let (table, key, columns) = tables[random.below(tables.len())];
        let columns: Vec<&str> = columns.split(", ").map(str::trim).collect();
        let column = columns[random.below(columns.len())];
        let rows = fixture
            .content
            .iter()
            .find(|(query, _)| query.contains(&format!("* FROM {table}")));
        let row = random.below(rows.unwrap().1.len());
        let this = format!("WHERE {key} = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {row})");
        let sql = match random.below(4) {
            0 => format!("DELETE FROM {table} {this}"),
            _ => format!(
                "UPDATE OR REPLACE {table} SET {column} = CASE typeof({column}) WHEN 'integer' THEN {column} + 1 \
                 WHEN 'text' THEN {column} || 'x' ELSE CAST(x'ff' || substr({column}, 2) AS BLOB) END {this}"
            ),
        };
        Connection::open(path).unwrap().execute_batch(&sql).unwrap();
    });
}

#[test]
fn sound_books_pass_every_check() {
    let fixture = Fixture::new();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("ledger.db");
    fs::write(&path, &fixture.bytes).unwrap();
    assert!(!reads_something_wrong(&path, &fixture));
    scrub(&path, &fixture).unwrap();
    verify_offline(&path).unwrap();
    verify_snapshot(&path, BANK).unwrap();
    let (books, _) = BooksFile::open(&path, BANK).unwrap();
    assert_eq!(books.ledger(), fixture.ledger);
}

#[test]
fn a_head_that_was_written_down_is_proved() {
    let fixture = Fixture::new();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("ledger.db");
    fs::write(&path, &fixture.bytes).unwrap();
    let mut head = bank_ledger::ChainHead::default();
    let books = OfflineBooks::open(&path, BANK).unwrap();
    for position in 0..=fixture.ledger.position {
        if let Some(entry) = fixture.memory.entries().get(&position) {
            head = head.after(entry);
        }
        assert_eq!(books.head_at(position).unwrap(), Some(head), "{position}");
    }
    assert_eq!(books.head_at(fixture.ledger.position + 1).unwrap(), None);
    let connection = Connection::open(&path).unwrap();
    assert_eq!(StateRow::read(&connection).unwrap().totals.head, head);
}
