//! One client of a benchmark: a connection, a session, and one operation at a time.

use super::accounts::{self, Chooser};
use super::bank::Bank;
use super::recorder::{Outcome, Recorder, Way};
use super::settings::{Op, Settings};
use super::turns::Turns;
use bank_client::{
    AccountName, Amount, Client, ClientOptions, Level, PendingWrite, Propagation, ReadError, Session, Write,
    WriteError, WriteOutcome,
};
use fastrand::Rng;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Amount of each write, in minor units.
const AMOUNT: i64 = 1;

fn amount() -> Amount {
    Amount::new(AMOUNT).unwrap_or(Amount::MAX)
}

/// A deposit into one of the accounts.
pub(super) fn deposit(accounts: &Chooser, rng: &mut Rng) -> Write {
    Write::Deposit {
        account: accounts::name(accounts.one(rng)),
        amount: amount(),
    }
}

/// One client. It asks one branch, and others only if that one does not serve.
#[derive(Debug)]
pub(super) struct BenchClient {
    pub(super) client: Client,
    pub(super) session: Session,
    pub(super) branch: u32,
    op: Op,
    level: Level,
    /// Most writes without an outcome, if the client has a stream.
    window: Option<u32>,
    pub(super) propagation: Propagation,
    pub(super) accounts: Chooser,
    pub(super) rng: Rng,
}

impl BenchClient {
    /// The client with this number. The branches get the clients in turn.
    pub(super) fn new(number: u32, settings: &Settings, bank: &Bank, accounts: &Chooser, seed: u64) -> Self {
        let branches = bank.file.branches();
        let options = ClientOptions {
            timeout: settings.timeout(),
            ..ClientOptions::default()
        };
        BenchClient {
            client: bank.client(options),
            session: Session::default(),
            branch: branches[number as usize % branches.len()].branch,
            op: settings.op,
            level: settings.level.unwrap_or_default(),
            window: settings.window,
            propagation: settings.propagation.unwrap_or_default(),
            accounts: accounts.clone(),
            rng: Rng::with_seed(seed ^ u64::from(number)),
        }
    }

    /// Opens the connection, so that no operation that counts waits for it.
    pub(super) async fn connect(&mut self) -> Result<(), ReadError> {
        let main = self
            .client
            .query(Some(self.branch), &mut self.session, Level::Eventual, "main");
        main.await.map(|_| ())
    }

    /// Takes turns until there are none. `ended` counts the operations of all clients.
    pub(super) async fn work(mut self, turns: &Turns, recorder: &RefCell<Recorder>, ended: &AtomicU64) {
        if let Some(window) = self.window {
            if let Err(failure) = self.stream(window, turns, recorder, ended).await {
                recorder.borrow_mut().first_problem.get_or_insert(failure.to_string());
            }
            return;
        }
        while let Some(turn) = turns.next().await {
            let outcome = self.perform(recorder).await;
            let end = Instant::now();
            ended.fetch_add(1, Ordering::Relaxed);
            if turn.counts {
                recorder.borrow_mut().record(turns.from, turn.intended, end, outcome);
            }
        }
    }

    /// Performs one operation.
    async fn perform(&mut self, recorder: &RefCell<Recorder>) -> Outcome {
        let op = match self.op {
            Op::Mixed => [Op::Deposit, Op::Withdraw, Op::Transfer, Op::Query][self.rng.usize(..4)],
            op => op,
        };
        let (way, write) = match op {
            // One of the others stands for `Mixed` here.
            Op::Query | Op::Mixed => return self.query().await,
            Op::Deposit | Op::Bulk => (Way::In, deposit(&self.accounts, &mut self.rng)),
            Op::Withdraw => (
                Way::Out,
                Write::Withdraw {
                    account: self.account(),
                    amount: amount(),
                },
            ),
            Op::Transfer => {
                let (from, to) = self.accounts.two(&mut self.rng);
                let [from, to] = [from, to].map(accounts::name);
                (
                    Way::Within,
                    Write::Transfer {
                        from,
                        to,
                        amount: amount(),
                    },
                )
            }
        };
        recorder.borrow_mut().money.sent(way);
        let outcome = Outcome::from(self.write(write).await);
        recorder.borrow_mut().money.settled(way, &outcome);
        outcome
    }

    async fn write(&mut self, write: Write) -> Result<WriteOutcome, WriteError> {
        let write = PendingWrite::new(write, self.propagation);
        let result = self.client.write(Some(self.branch), &mut self.session, write).await;
        // A write whose outcome is not known stays so. The next one does not wait for it.
        self.session.pending = None;
        result.map(|reply| reply.value.outcome)
    }

    async fn query(&mut self) -> Outcome {
        let account = self.account();
        let read = self
            .client
            .query(Some(self.branch), &mut self.session, self.level, account.as_str());
        match read.await {
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    fn account(&mut self) -> AccountName {
        accounts::name(self.accounts.one(&mut self.rng))
    }
}
