//! A benchmark from start to end: the bank, its accounts, the repeats, the check of the books.

use super::accounts::Chooser;
use super::bank::{Bank, BranchLook};
use super::books;
use super::error::BenchError;
use super::figures::{self, Pick, Recorded};
use super::load::Load;
use super::machine::Machine;
use super::processes::Usage;
use super::recorder::Money;
use super::results::{BranchMemory, FORMAT, Repeat, Results};
use super::settings::Settings;
use super::turns::Turns;
use crate::date::date_and_time;
use crate::run::open_files;
use crate::terminal::progress::Progress;
use crate::terminal::signals::Interrupts;
use bank_client::operator::{BranchStatus, Role};
use bank_client::{BankFile, Security};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use tokio::time::{Instant as Timer, sleep_until, timeout};

/// Interval at which the progress is shown.
const SHOW: Duration = Duration::from_millis(200);

/// Everything that determines a benchmark.
#[derive(Debug, Clone)]
pub struct BenchPlan {
    /// What is measured.
    pub settings: Settings,
    /// Number of repeats.
    pub repeats: u32,
    /// The bank that is measured.
    pub bank: BankChoice,
}

/// The bank that is measured.
#[derive(Debug, Clone)]
pub enum BankChoice {
    /// A new bank, whose branches have their data in a new directory in this one.
    Own(PathBuf),
    /// A bank that runs, and what secures the calls to it.
    Running(BankFile, Security),
}

/// How a benchmark with a result ended.
#[derive(Debug)]
pub struct Done {
    /// The result.
    pub results: Results,
    /// An error after the last repeat: the books, or a branch that did not stop as it should.
    pub error: Option<BenchError>,
    /// The exit code of the signal that ended the benchmark early.
    pub interrupted: Option<u8>,
}

/// Measures.
///
/// # Errors
/// There is no result. No process that was started runs then.
pub async fn run(plan: &BenchPlan, progress: &Progress) -> Result<Done, BenchError> {
    let started = SystemTime::now();
    let mut interrupts = Interrupts::listen().map_err(BenchError::Signals)?;
    open_files::check_load(plan.settings.branches, plan.settings.clients)?;
    let ready = tokio::select! {
        ready = Ready::make(plan, progress) => ready?,
        code = interrupts.next() => return Err(BenchError::Interrupted(code)),
    };
    let mut bench = Bench {
        plan,
        progress,
        ready,
        repeats: Vec::new(),
        money: Money::default(),
    };
    let ended = bench.repeats(&mut interrupts).await;
    progress.end();
    let done = match ended {
        Ok(interrupted) => bench.done(started, interrupted, &mut interrupts).await,
        Err(error) => Err(error),
    };
    let stopped = tokio::select! {
        stopped = bench.ready.bank.stop() => stopped,
        _ = interrupts.next() => {
            bench.ready.bank.kill();
            Ok(())
        }
    };
    let mut done = done?;
    if let (None, Err(error)) = (&done.error, stopped) {
        done.results.error = Some(error.to_string());
        done.error = Some(error);
    }
    Ok(done)
}

/// A bank with its accounts.
struct Ready {
    bank: Bank,
    idle: Vec<BranchLook>,
    paid_in: i64,
}

impl Ready {
    async fn make(plan: &BenchPlan, progress: &Progress) -> Result<Self, BenchError> {
        let settings = &plan.settings;
        let bank = match &plan.bank {
            BankChoice::Own(data) => Bank::start(settings.branches, settings.tls, data).await?,
            BankChoice::Running(file, security) => Bank::running(file.clone(), security.clone(), settings).await,
        };
        let idle = bank.look().await;
        progress.count("accounts ready", settings.accounts.count() as usize);
        let paid_in = bank.prepare(settings, || progress.one()).await?;
        Ok(Ready { bank, idle, paid_in })
    }
}

struct Bench<'a> {
    plan: &'a BenchPlan,
    progress: &'a Progress,
    ready: Ready,
    repeats: Vec<Repeat>,
    /// The money that all operations so far have moved.
    money: Money,
}

impl Bench<'_> {
    /// Makes the repeats. Returns the exit code of the signal that ended them early.
    async fn repeats(&mut self, interrupts: &mut Interrupts) -> Result<Option<u8>, BenchError> {
        let chooser = Chooser::new(self.plan.settings.accounts);
        for number in 1..=self.plan.repeats {
            let interrupted = self.repeat(number, &chooser, interrupts).await?;
            self.ready.bank.ended_branch()?;
            if interrupted.is_some() {
                return Ok(interrupted);
            }
        }
        Ok(None)
    }

    async fn repeat(
        &mut self,
        number: u32,
        chooser: &Chooser,
        interrupts: &mut Interrupts,
    ) -> Result<Option<u8>, BenchError> {
        let (settings, bank) = (&self.plan.settings, &self.ready.bank);
        let mut load = Load::start(settings, bank, chooser, u64::from(number) << 32)?;
        let now = tokio::select! {
            connected = load.connected() => connected.map(|()| Instant::now())?,
            code = interrupts.next() => return Ok(Some(code)),
        };
        let turns = Turns::of(settings, now);
        let from = turns.from;
        load.begin(turns)?;
        let warm_up = sleep_until(Timer::from_std(from));
        let mut interrupted = tokio::select! {
            () = warm_up => None,
            code = interrupts.next() => Some(code),
        };
        let before = (Usage::of_this_process(), bank.look().await);
        let recorder = loop {
            if interrupted.is_some() {
                load.stop();
                break load.ended().await;
            }
            tokio::select! {
                ended = timeout(SHOW, load.ended()) => match ended {
                    Ok(recorder) => break recorder,
                    Err(_) => self.show(number, &load, now),
                },
                code = interrupts.next() => interrupted = Some(code),
            }
        };
        let after = (Usage::of_this_process(), bank.look().await);
        self.money.add(recorder.money);
        let planned = settings.open_turns().map(|(warm_up, total)| total - warm_up);
        let recorded = Recorded {
            recorder,
            from,
            planned: planned.filter(|_| interrupted.is_none()),
            load: [before.0, after.0],
            branches: [before.1, after.1],
        };
        self.repeats.extend(recorded.repeat());
        Ok(interrupted)
    }

    /// Shows how far the repeat is.
    fn show(&self, number: u32, load: &Load, began: Instant) {
        let ended = load.ended_operations();
        let per_second = ended as f64 / began.elapsed().as_secs_f64().max(f64::EPSILON);
        let repeats = self.plan.repeats;
        self.progress.say(format!(
            "repeat {number} of {repeats}: {ended} operations, {per_second:.0} a second"
        ));
    }

    /// The result, and the check of the books.
    async fn done(
        &self,
        started: SystemTime,
        mut interrupted: Option<u8>,
        interrupts: &mut Interrupts,
    ) -> Result<Done, BenchError> {
        if let (true, Some(code)) = (self.repeats.is_empty(), interrupted) {
            return Err(BenchError::Interrupted(code));
        }
        let (plan, bank) = (self.plan, &self.ready.bank);
        let after = bank.look().await;
        let statuses = bank
            .statuses(plan.settings.timeout())
            .await
            .into_iter()
            .flatten()
            .collect::<Vec<_>>();
        let own = matches!(plan.bank, BankChoice::Own(_));
        let (mut books, mut error) = (None, None);
        if own && interrupted.is_none() {
            tokio::select! {
                checked = books::check(bank, &plan.settings, self.ready.paid_in, self.money) => match checked {
                    Ok(checked) => books = Some(checked),
                    Err(wrong) => error = Some(wrong),
                },
                code = interrupts.next() => interrupted = Some(code),
            }
        }
        let version = statuses.first().map(|status| status.version.clone());
        let results = Results {
            format: FORMAT,
            median: figures::over(&self.repeats, Pick::Median),
            lowest: figures::over(&self.repeats, Pick::Lowest),
            highest: figures::over(&self.repeats, Pick::Highest),
            settings: plan.settings.clone(),
            machine: Machine::this(bank.data().as_deref(), version),
            started: date_and_time(started),
            interrupted: interrupted.is_some(),
            books,
            error: error.as_ref().map(BenchError::to_string),
            branches: memory(&self.ready.idle, &after, &statuses),
            repeats: self.repeats.clone(),
        };
        Ok(Done {
            results,
            error,
            interrupted,
        })
    }
}

/// The memory of each branch, and which one leads.
fn memory(idle: &[BranchLook], after: &[BranchLook], statuses: &[BranchStatus]) -> Vec<BranchMemory> {
    let leads = |branch| {
        statuses
            .iter()
            .any(|status| status.branch == branch && status.role == Role::Leader)
    };
    let branches = idle.iter().zip(after);
    let memory = branches.map(|(idle, after)| BranchMemory {
        branch: idle.branch,
        leads: leads(idle.branch),
        idle_bytes: idle.usage.resident_bytes,
        after_bytes: after.usage.resident_bytes,
    });
    memory.collect()
}
