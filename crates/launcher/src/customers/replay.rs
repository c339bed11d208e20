//! One visit as one process.

use super::{CustomerConfig, Record};
use crate::clock::monotonic_us;
use crate::input::{Action, Visit, json};
use crate::last_line::last_line;
use crate::process::Process;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};
use uuid::Uuid;

/// A customer says something about its next event within that event's deadline and this; else it is stuck.
const LINE_GRACE: Duration = Duration::from_secs(10);

/// The lines that a customer's process prints.
type Answers = Lines<BufReader<ChildStdout>>;

/// What became of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visited {
    /// One for each event that the customer got to, in order.
    pub records: Vec<Record>,
    /// Why the visit ended before its end, naming the customer.
    pub failure: Option<String>,
    /// Where it did: the event that the customer may have been at.
    pub cut_off: Option<CutOff>,
}

/// An event that a customer may have sent before it died, without a word of what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff {
    /// Of a write: the id that it was given.
    pub request_id: Option<String>,
    /// Not begun before this, by the host's monotonic clock.
    pub invoked_us: u64,
    /// Not begun after this.
    pub completed_us: u64,
}

/// An event as `customer-cli replay` reads it.
#[derive(Serialize)]
struct ReplayEvent {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    interface: &'static str,
    branch: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    money: Option<i64>,
    /// Given here, so that it is known whatever becomes of the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Uuid>,
}

/// Runs a visit to its end. `event_done` is called for each line.
pub(super) async fn visit(config: &CustomerConfig, visit: &Visit, event_done: &impl Fn()) -> Visited {
    let mut records = Vec::with_capacity(visit.events.len());
    let began_us = monotonic_us();
    let events = replay_events(visit);
    let failure = match visit.events.is_empty() {
        true => None,
        false => run(config, visit, &events, event_done, &mut records).await.err(),
    };
    let at = events.get(records.len()).filter(|_| failure.is_some());
    let cut_off = at.map(|event| CutOff {
        request_id: event.request_id.map(|id| id.to_string()),
        invoked_us: records.last().map_or(began_us, |record| record.completed_us),
        completed_us: monotonic_us(),
    });
    Visited {
        records,
        failure: failure.map(|failure| format!("customer {}'s process {failure}", visit.customer)),
        cut_off,
    }
}

async fn run(
    config: &CustomerConfig,
    visit: &Visit,
    events: &[ReplayEvent],
    event_done: &impl Fn(),
    records: &mut Vec<Record>,
) -> Result<(), String> {
    let mut events = serde_json::to_vec(events).map_err(|error| format!("cannot be told: {error}"))?;
    events.push(b'\n');
    let started = start(config, visit.customer);
    let (process, stdin, stdout) = started.map_err(|error| format!("cannot be started: {error}"))?;
    let told = async move {
        let mut stdin = stdin?;
        // A customer that has died says so by its exit status.
        let _ = stdin.write_all(&events).await;
        Some(stdin)
    };
    // Held open until the customer has ended: it ends with its stdin, and so with this process.
    let (read, _stdin) = tokio::join!(read_lines(config, visit, stdout, event_done, records), told);
    read?;
    let expected = visit.events.len();
    let status = tokio::time::timeout(LINE_GRACE, process.ended()).await;
    match (records.len() == expected, status) {
        (true, _) => Ok(()),
        (false, Ok(status)) => Err(died(config, visit.customer, status, records.len(), expected)),
        (false, Err(_)) => Err(format!("fell silent after {} of {expected} events", records.len())),
    }
}

fn died(config: &CustomerConfig, customer: u64, status: ExitStatus, done: usize, expected: usize) -> String {
    let last_words = last_line(&log_path(config, customer));
    let last_words = if last_words.is_empty() {
        last_words
    } else {
        format!(": {last_words}")
    };
    format!("ended after {done} of {expected} events ({status}){last_words}")
}

fn replay_events(visit: &Visit) -> Vec<ReplayEvent> {
    let events = visit.events.iter().map(|event| ReplayEvent {
        id: event.id,
        interface: event.action.interface(),
        branch: event.branch,
        money: match event.action {
            Action::Query => None,
            Action::Deposit(amount) | Action::Withdraw(amount) => Some(amount),
        },
        // Ordered by time, which is what the books take best.
        request_id: event.action.is_write().then(Uuid::now_v7),
    });
    events.collect()
}

fn log_path(config: &CustomerConfig, customer: u64) -> std::path::PathBuf {
    config.dir.join(format!("customer-{customer}.log"))
}

fn start(config: &CustomerConfig, customer: u64) -> io::Result<(Process, Option<ChildStdin>, Option<Answers>)> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log_path(config, customer))?;
    let mut command = Command::new(&config.programs.customer_cli);
    command
        .args(["replay", "--stop-with-stdin", "--bank"])
        .arg(&config.bank);
    command
        .arg("--session")
        .arg(config.dir.join(format!("customer-{customer}.session.json")));
    command.args([
        "--level",
        config.level.as_str(),
        "--propagation",
        config.propagation.as_str(),
    ]);
    command
        .arg("--timeout")
        .arg(format!("{}ms", config.timeout.as_millis()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    let (process, pipes) = Process::spawn(&mut command)?;
    let stdin = pipes.stdin.map(ChildStdin::from_std).transpose()?;
    let stdout = pipes.stdout.map(ChildStdout::from_std).transpose()?;
    Ok((process, stdin, stdout.map(|stdout| BufReader::new(stdout).lines())))
}

async fn read_lines(
    config: &CustomerConfig,
    visit: &Visit,
    stdout: Option<Answers>,
    event_done: &impl Fn(),
    records: &mut Vec<Record>,
) -> Result<(), String> {
    let Some(mut lines) = stdout else { return Ok(()) };
    loop {
        let next = tokio::time::timeout(config.timeout + LINE_GRACE, lines.next_line()).await;
        let done = records.len();
        let line = match next {
            Err(_) => {
                return Err(format!(
                    "fell silent after {done} of {} events and was killed",
                    visit.events.len()
                ));
            }
            Ok(Err(error)) => return Err(format!("cannot be read after {done} events: {error}")),
            Ok(Ok(None)) => return Ok(()),
            Ok(Ok(Some(line))) => line,
        };
        match serde_json::from_str::<Record>(&line) {
            Ok(record) if record.seq == done && done < visit.events.len() => records.push(record),
            Ok(record) => {
                return Err(format!(
                    "answered event no. {} where {} was due",
                    record.seq + 1,
                    done + 1
                ));
            }
            Err(error) => {
                return Err(format!(
                    "wrote a line that is no answer: {error}: {}",
                    json::shown(&line)
                ));
            }
        }
        event_done();
    }
}
