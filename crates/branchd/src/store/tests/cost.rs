//! Tells what storing costs. Nothing is asserted. Run it by name, with a release build:
//! `cargo test --release -p branchd --lib store::tests::cost -- --ignored --nocapture`

use rustix::time::{ClockId, clock_gettime};

use super::*;

const ACCOUNTS: u128 = 1000;

/// The processor time of this thread, in microseconds.
fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

#[test]
#[ignore = "takes a minute and tells a figure"]
fn storing_deposits() {
    for (per_batch, deposits) in [(64, 1_000_000), (1, 50_000)] {
        let directory = TempDir::new().unwrap();
        let (mut books, _reader) = new_books(&directory, "ledger.db");
        let accounts: Vec<String> = (0..ACCOUNTS).map(|number| format!("customer-{number:04}")).collect();
        let opened = accounts.iter().zip(1..).map(|(name, id)| open(id, name));
        books
            .apply(std::iter::once(found(0, 0)).chain(opened).collect(), vec![0], None)
            .unwrap();
        let begun = cpu_us();
        let mut id = ACCOUNTS;
        while id < ACCOUNTS + deposits {
            let ids = id..id + per_batch;
            let batch = ids.map(|id| deposit(id + 1, &accounts[(id * 7919 % ACCOUNTS) as usize], 5));
            books.apply(batch.collect(), vec![1], None).unwrap();
            id += per_batch;
        }
        let each = (cpu_us() - begun) / deposits as f64;
        println!("{deposits} deposits, {per_batch} in a transaction: {each:.2} µs of processor time each");
    }
}
