//! Compares the ledger database with an in-memory ledger, at every moment at which the file lags behind memory.

use super::*;

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
    // There are few ids, so that many are used again, with the same action or with another.
    (0..40u128, action).prop_map(|(id, action)| command(id, action))
}

fn any_batches() -> impl Strategy<Value = Vec<Vec<Command>>> {
    let ordinary = prop::collection::vec(any_command(), 0..12);
    prop::collection::vec(ordinary, 1..10).prop_map(|mut batches| {
        batches.insert(0, vec![found(1000, 500), open(1001, "a")]);
        batches
    })
}

/// What happens after a batch.
#[derive(Debug, Clone, Copy)]
enum Then {
    Nothing,
    Store,
    /// The decisions so far are being written, and the commit has not come yet.
    BeginToStore,
    Checkpoint,
    Close,
    /// `kill -9`: the files as they are, and what they lack is applied again.
    Crash,
}

fn any_then() -> impl Strategy<Value = Then> {
    prop_oneof![
        4 => Just(Then::Nothing),
        2 => Just(Then::Store),
        2 => Just(Then::BeginToStore),
        1 => Just(Then::Checkpoint),
        1 => Just(Then::Close),
        1 => Just(Then::Crash),
    ]
}

const ACCOUNTS: [&str; 5] = ["main", "a", "b", "c", "never"];

/// The model: the same ledger over books in memory, and all decisions in order.
#[derive(Default)]
struct Model {
    ledger: Ledger,
    books: MemoryBooks,
    decided: Vec<(Position, RequestId, Outcome)>,
}

impl Model {
    fn apply(&mut self, batch: &[Command]) -> Vec<Applied> {
        let applied = batch.iter().map(|command| {
            let Ok(applied) = self.ledger.apply(&mut self.books, command.clone());
            if !applied.repeated {
                self.decided
                    .push((applied.position, command.request_id, applied.outcome.clone()));
            }
            applied
        });
        applied.collect()
    }
}

/// Compares everything that can be read with the model.
fn assert_equal(reader: &Reader, model: &mut Model) {
    let position = model.ledger.position;
    assert_eq!(reader.ledger(), model.ledger);
    for account in ACCOUNTS.map(name) {
        let held = model.books.account(&account).unwrap();
        let expected = (held.map(|held| held.balance), position);
        assert_eq!(reader.balance(&account).unwrap(), expected);
        // Read twice, because the second answer may come from memory.
        assert_eq!(reader.balance(&account).unwrap(), expected);
        let page = reader.statement(&account, None, 2).unwrap();
        assert_eq!((page.account, page.position), (held, position));
        let touching = model.books.entries().values().rev();
        let expected: Vec<_> = touching
            .filter(|entry| entry.leg_of(&account).is_some())
            .cloned()
            .collect();
        assert_eq!(whole_statement(reader, &account, 3), expected);
    }
    let mut after = None;
    let mut listed = Vec::new();
    loop {
        let page = reader.accounts(after.as_ref(), 2).unwrap();
        assert_eq!(page.position, position);
        listed.extend(page.accounts);
        after = listed.last().map(|(name, _)| name.clone());
        if !page.more {
            break;
        }
    }
    let expected = model
        .books
        .accounts()
        .iter()
        .map(|(name, held)| (name.clone(), held.balance));
    assert_eq!(listed, expected.collect::<Vec<_>>());
    let (commands, cursor) = reader.read_commands(Cursor::after(0), position).unwrap();
    let commands = commands
        .into_iter()
        .map(|record| (record.position, record.request_id, record.outcome));
    assert_eq!(commands.collect::<Vec<_>>(), model.decided);
    assert!(reader.read_commands(cursor, position).unwrap().0.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The database makes the same decisions and holds the same data as the in-memory ledger, whatever the file has of
    /// it, and also if it is closed, or killed, and opened again.
    #[test]
    fn the_database_equals_the_books_in_memory(
        batches in any_batches(),
        thens in prop::collection::vec(any_then(), 10),
    ) {
        let directory = TempDir::new().unwrap();
        let mut file = "ledger-0.db".to_owned();
        let (mut books, mut reader) = new_books(&directory, &file);
        books.storing().pause(true);
        let mut model = Model::default();
        for (number, batch) in batches.iter().enumerate() {
            let expected = model.apply(batch);
            prop_assert_eq!(books.apply(batch.clone(), vec![number as u8], None).unwrap(), expected);
            match thens[number % thens.len()] {
                Then::Nothing => {}
                Then::Store => books.store().unwrap(),
                // The next store writes both parts.
                Then::BeginToStore => books.begin_to_store(),
                Then::Checkpoint => {
                    prop_assert_eq!(books.checkpoint().unwrap(), Some(vec![number as u8]));
                }
                Then::Close => {
                    drop((books, reader));
                    (books, reader) = new_books(&directory, &file);
                    books.storing().pause(true);
                }
                Then::Crash => {
                    let crashed = format!("ledger-{}.db", number + 1);
                    for ending in ["", "-wal"] {
                        let from = directory.path().join(format!("{file}{ending}"));
                        if from.exists() {
                            fs::copy(from, directory.path().join(format!("{crashed}{ending}"))).unwrap();
                        }
                    }
                    file = crashed;
                    (books, reader) = new_books(&directory, &file);
                    books.storing().pause(true);
                    let applied = books.applied_state().applied;
                    let first = applied.map_or(0, |applied| usize::from(applied[0]) + 1);
                    prop_assert!(first <= number + 1);
                    for (again, batch) in batches.iter().enumerate().take(number + 1).skip(first) {
                        books.apply(batch.clone(), vec![again as u8], None).unwrap();
                    }
                }
            }
            assert_equal(&reader, &mut model);
        }
    }

    /// Readers see one state while the storing thread commits at any moment, and so do snapshots.
    #[test]
    fn readers_see_one_state_while_the_file_follows(batches in any_batches()) {
        let directory = TempDir::new().unwrap();
        let (mut books, reader) = new_books(&directory, "ledger.db");
        let mut model = Model::default();
        let states: Vec<(Position, i64)> = batches
            .iter()
            .map(|batch| {
                model.apply(batch);
                let sum = model.books.accounts().values().map(|held| held.balance.wrapping_mul(held.last_entry as i64));
                (model.ledger.position, sum.fold(0, i64::wrapping_add))
            })
            .collect();
        let last = model.ledger.position;
        std::thread::scope(|scope| {
            let (states, reader) = (&states, &reader);
            let watching = scope.spawn(move || {
                loop {
                    let page = reader.accounts(None, 100).unwrap();
                    let sum = page.accounts.iter().fold(0i64, |sum, (account, balance)| {
                        let page = reader.statement(account, None, 1).unwrap();
                        let held = page.account.unwrap();
                        // The statement may be of a later state, which then has a later entry or the same account.
                        assert!(page.entries[0].position == held.last_entry && held.last_entry <= page.position);
                        let _ = balance;
                        sum.wrapping_add(held.balance.wrapping_mul(held.last_entry as i64))
                    });
                    if reader.position() == page.position
                        && let Some((_, expected)) = states.iter().find(|(position, _)| *position == page.position)
                    {
                        assert_eq!(sum, *expected);
                    }
                    if page.position == last {
                        return;
                    }
                }
            });
            for (number, batch) in batches.iter().enumerate() {
                books.apply(batch.clone(), vec![number as u8], None).unwrap();
                books.storing().store(Box::new(|stored| stored.unwrap()));
            }
            watching.join().unwrap();
        });
    }
}
