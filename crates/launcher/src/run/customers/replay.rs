//! Runs one visit as one process, or as several one after the other if faults begin or end between its events.

use super::config::CustomerConfig;
use crate::input::{Action, Event, Visit, json};
use crate::terminal::format::count;
use bank_cluster::clock::monotonic_us;
use bank_cluster::last_line::last_line;
use bank_cluster::process::Process;
use bank_types::OperationRecord;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};
use uuid::Uuid;

/// Time that a customer may take beyond the deadline of an event. After it the customer counts as stuck.
const LINE_GRACE: Duration = Duration::from_secs(10);

/// The lines that a customer's process prints.
type Answers = Lines<BufReader<ChildStdout>>;

/// Result of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visited {
    /// Records of the events that the customer finished, in order.
    pub records: Vec<OperationRecord>,
    /// Why the visit is incomplete, as a noun phrase: what is the customer's, and what became of it.
    pub failure: Option<String>,
    /// The event that the customer may have begun when the visit failed.
    pub cut_off: Option<CutOff>,
}

/// An event that a customer may have sent before it died. Its outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff {
    /// Request id, if the event is a write.
    pub request_id: Option<String>,
    /// Earliest time at which it can have begun, in microseconds of the host's monotonic clock.
    pub invoked_us: u64,
    /// Latest time at which it can have begun, by the same clock.
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
    /// Chosen by the launcher, so that it is known even if the customer dies.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Uuid>,
}

/// Runs a visit to its end. Each number in `stops` is a number of finished events: the visit stops there, `stopped` is
/// awaited, and a new process continues the session. `event_done` is called for each line.
pub(super) async fn visit(
    config: &CustomerConfig,
    visit: &Visit,
    stops: &BTreeSet<usize>,
    stopped: impl AsyncFn(usize),
    event_done: &impl Fn(),
) -> Visited {
    let mut visited = Visited {
        records: Vec::with_capacity(visit.events.len()),
        failure: None,
        cut_off: None,
    };
    let mut parts = stops.clone();
    parts.insert(visit.events.len());
    for end in parts {
        part(config, visit, end, event_done, &mut visited).await;
        if visited.failure.is_some() {
            break;
        }
        if stops.contains(&end) {
            stopped(end).await;
        }
    }
    visited
}

/// Runs those of the first `end` events that are not done yet, in one process.
async fn part(config: &CustomerConfig, visit: &Visit, end: usize, event_done: &impl Fn(), visited: &mut Visited) {
    let before = visited.records.len();
    let Some(events) = visit.events.get(before..end).filter(|events| !events.is_empty()) else {
        return;
    };
    let began_us = monotonic_us();
    let events = replay_events(events);
    let mut records = Vec::with_capacity(events.len());
    let failure = run(config, visit.customer, &events, event_done, &mut records)
        .await
        .err();
    if let Some(failure) = failure {
        visited.cut_off = events.get(records.len()).map(|event| CutOff {
            request_id: event.request_id.map(|id| id.to_string()),
            invoked_us: records.last().map_or(began_us, |record| record.completed_us),
            completed_us: monotonic_us(),
        });
        visited.failure = Some(format!("process {failure}"));
    }
    let placed = records.into_iter().map(|record| OperationRecord {
        seq: before + record.seq,
        ..record
    });
    visited.records.extend(placed);
}

async fn run(
    config: &CustomerConfig,
    customer: u64,
    events: &[ReplayEvent],
    event_done: &impl Fn(),
    records: &mut Vec<OperationRecord>,
) -> Result<(), String> {
    let expected = events.len();
    let mut events = serde_json::to_vec(events).map_err(|error| format!("cannot be told: {error}"))?;
    events.push(b'\n');
    let started = start(config, customer);
    let (process, stdin, stdout) = started.map_err(|error| format!("cannot be started: {error}"))?;
    let told = async move {
        let mut stdin = stdin?;
        // An error means that the customer has died, which its exit status shows.
        let _ = stdin.write_all(&events).await;
        Some(stdin)
    };
    // Stdin stays open until the customer ends, because the customer stops when its stdin closes. So it also stops with
    // this process.
    let (read, _stdin) = tokio::join!(read_lines(config, expected, stdout, event_done, records), told);
    read?;
    let status = tokio::time::timeout(LINE_GRACE, process.ended()).await;
    match (records.len() == expected, status) {
        (true, _) => Ok(()),
        (false, Ok(status)) => Err(died(config, customer, status, records.len(), expected)),
        (false, Err(_)) => Err(format!(
            "fell silent after {} of {}",
            records.len(),
            events_of(expected)
        )),
    }
}

fn died(config: &CustomerConfig, customer: u64, status: ExitStatus, done: usize, expected: usize) -> String {
    let last_words = last_line(&log_path(config, customer));
    let last_words = if last_words.is_empty() {
        last_words
    } else {
        format!(": {last_words}")
    };
    format!("ended after {done} of {} ({status}){last_words}", events_of(expected))
}

/// `1 event`, `2 events`.
fn events_of(number: usize) -> String {
    count(number, "event", "events")
}

fn replay_events(events: &[Event]) -> Vec<ReplayEvent> {
    let events = events.iter().map(|event| ReplayEvent {
        id: event.id,
        interface: event.action.interface(),
        branch: event.branch,
        money: match event.action {
            Action::Query => None,
            Action::Deposit(amount) | Action::Withdraw(amount) => Some(amount),
        },
        // Ids that rise with time are the cheapest to store.
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
    command.args(&config.flags);
    // The events name their branches. What is in the environment may belong to another bank.
    for name in ["PASSBOOK_BRANCH", "PASSBOOK_CERTS_DIR", "PASSBOOK_TOKEN_FILE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    let (process, pipes) = Process::spawn(&mut command)?;
    let stdin = pipes.stdin.map(ChildStdin::from_std).transpose()?;
    let stdout = pipes.stdout.map(ChildStdout::from_std).transpose()?;
    Ok((process, stdin, stdout.map(|stdout| BufReader::new(stdout).lines())))
}

async fn read_lines(
    config: &CustomerConfig,
    expected: usize,
    stdout: Option<Answers>,
    event_done: &impl Fn(),
    records: &mut Vec<OperationRecord>,
) -> Result<(), String> {
    let Some(mut lines) = stdout else { return Ok(()) };
    loop {
        let done = records.len();
        // Before its first event a customer settles a write that its session left unknown. That has a deadline of its
        // own.
        let deadlines = if done == 0 { 2 } else { 1 };
        let next = tokio::time::timeout(config.timeout * deadlines + LINE_GRACE, lines.next_line()).await;
        let line = match next {
            Err(_) => {
                return Err(format!(
                    "fell silent after {done} of {} and was killed",
                    events_of(expected)
                ));
            }
            Ok(Err(error)) => return Err(format!("cannot be read after {}: {error}", events_of(done))),
            Ok(Ok(None)) => return Ok(()),
            Ok(Ok(Some(line))) => line,
        };
        match serde_json::from_str::<OperationRecord>(&line) {
            Ok(record) if record.seq == done && done < expected => records.push(record),
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
