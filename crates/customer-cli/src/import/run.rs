//! Does an import: one stream of writes, whose outcomes are counted, reported and recorded.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use bank_client::{SubmitError, SubmitOptions};
use bank_types::CallOutcome;
use durable_file::Durability;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use uuid::Uuid;

use super::record::{Content, Record};
use super::rows::{Format, Row, RowError};
use super::source::{self, CheckedFile, Rowset};
use super::told::{self, Bar, Summary};
use crate::asker::{Asker, present_state};
use crate::error::RunError;
use crate::exit::Exit;
use crate::output::{Output, note};
use crate::request::{Request, Source};
use crate::session_place;
use crate::session_store::SessionStore;
use crate::target::Target;
use crate::write::settle;

/// How often the record and the session are saved. A crash repeats what came after, under the same request ids.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// An import under way.
struct Import<'a, W: Write> {
    request: &'a Request,
    asker: &'a Asker,
    store: SessionStore,
    out: &'a mut Output<W>,
    /// The input. `None` for stdin.
    file: Option<&'a Path>,
    record: Record,
    bar: Bar,
}

/// Why an import stopped before its end.
enum Stopped {
    /// The bank gave no outcome.
    Bank(SubmitError),
    /// A line of the input is wrong, or the input cannot be read.
    Input(RowError),
}

/// Imports the writes of a source.
///
/// # Errors
/// The session, the record or stdout cannot be used.
pub async fn import<W: Write>(
    request: &Request,
    source: &Source,
    format: Format,
    out: &mut Output<W>,
) -> Result<Exit, RunError> {
    let checked = match source {
        Source::File(path) => match CheckedFile::open(path, format) {
            Ok(checked) => Some((path.as_path(), checked)),
            Err(error) => {
                note(&error.to_string());
                return Ok(Exit::Usage);
            }
        },
        Source::Stdin(_) => None,
    };
    let asker = Asker::new(request.client(), request.json);
    let mut store = session_place::open(request, &asker, Durability::Process).await?;
    if let Some(error) = settle(&asker, request.target.branch(), &mut store).await? {
        note(&format!(
            "nothing was sent, because an earlier write must be settled first: {error}"
        ));
        return Ok(Exit::NotApplied);
    }
    let bank_id = match (&request.target, store.session.bank_id) {
        (Target::Bank { bank, .. }, _) => bank.bank_id(),
        (_, Some(known)) => known,
        (_, None) => match asker
            .waiting(0, present_state(&asker.client, request.task.account()))
            .await
        {
            Ok(state) => state.bank_id,
            Err(error) => {
                note(&format!("nothing was sent: {error}"));
                return Ok((&error).into());
            }
        },
    };
    // The stream refuses another bank.
    store.session.bank_id = Some(bank_id);
    let record = match (source, &checked) {
        (Source::File(path), Some((_, checked))) => match Record::open(path, bank_id, checked.content.clone()) {
            Ok(record) => record,
            Err(error) => {
                note(&error.to_string());
                return Ok(Exit::Usage);
            }
        },
        (Source::Stdin(Some(id)), _) => Record::new(bank_id, *id, Content::default()),
        _ => Record::new(bank_id, Uuid::now_v7(), Content::default()),
    };
    let rows = match &checked {
        Some((_, checked)) => checked.rows(record.settled_line),
        None => {
            note(&format!(
                "import {0}; to go on after a crash, give the same lines again with --import-id {0}",
                record.import_id
            ));
            source::stdin_rows(format)
        }
    };
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            note(&format!("nothing was sent: the input cannot be read: {error}"));
            return Ok(Exit::Failed);
        }
    };
    let length = checked.as_ref().map(|(_, checked)| checked.content.rows);
    let import = Import {
        request,
        asker: &asker,
        store,
        out,
        file: checked.as_ref().map(|(path, _)| *path),
        bar: Bar::new(!request.json, length, record.tally.settled()),
        record,
    };
    import.run(rows).await
}

impl<W: Write> Import<'_, W> {
    async fn run(mut self, rows: Receiver<Rowset>) -> Result<Exit, RunError> {
        let began = Instant::now();
        let earlier = self.record.tally.settled();
        if self.file.is_some() && earlier > 0 {
            let (verb, advice) = match self.record.is_done() {
                true => (
                    "was imported before; to import it once more, remove its record",
                    self.record_name(),
                ),
                false => ("goes on with its import, whose record is", self.record_name()),
            };
            note(&format!("{} {verb} {advice}", self.name()));
        }
        if self.request.json {
            told::earlier_refusals(&self.record.tally, self.out)?;
        }
        let stopped = self.send(rows).await;
        self.bar.end();
        let stopped = stopped?;
        self.save()?;
        self.store.save_synced()?;
        self.report(stopped, began.elapsed())
    }

    /// Sends the rows and takes their outcomes. Returns why it stopped before the last one.
    async fn send(&mut self, mut rows: Receiver<Rowset>) -> Result<Option<Stopped>, RunError> {
        let options = SubmitOptions {
            propagation: self.request.propagation,
            ..SubmitOptions::default()
        };
        let client = &self.asker.client;
        let stream = client.submit(self.request.target.branch(), &self.store.session, options);
        let mut stream = match stream {
            Ok(stream) => stream,
            Err(cause) => {
                return Ok(Some(Stopped::Bank(SubmitError {
                    cause,
                    attempts: 0,
                    unknown: 0,
                    not_applied: 0,
                })));
            }
        };
        // The rows without an outcome, in the order of the stream.
        let mut open: VecDeque<Row> = VecDeque::new();
        let mut wrong = None;
        let mut ended = false;
        let mut saved = Instant::now();
        loop {
            while !ended && stream.len() < options.window as usize {
                let rowset = match rows.try_recv() {
                    Ok(rowset) => rowset,
                    Err(TryRecvError::Empty) if stream.is_empty() => match rows.recv().await {
                        Some(rowset) => rowset,
                        None => {
                            ended = true;
                            break;
                        }
                    },
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        ended = true;
                        break;
                    }
                };
                match rowset {
                    Ok(rowset) => {
                        for row in rowset {
                            stream.add(self.record.request_id(row.line), row.write.clone());
                            open.push_back(row);
                        }
                    }
                    // The rows before it are sent, and get their outcomes.
                    Err(error) => {
                        wrong = Some(error);
                        ended = true;
                    }
                }
            }
            let outcomes = match stream.next(&mut self.store.session).await {
                Ok(Some(outcomes)) => outcomes,
                Ok(None) if ended => return Ok(wrong.or_else(|| self.missing_rows()).map(Stopped::Input)),
                Ok(None) => continue,
                Err(error) => return Ok(Some(Stopped::Bank(error))),
            };
            let decided = open.drain(..outcomes.outcomes.len().min(open.len()));
            for (outcome, row) in outcomes.outcomes.into_iter().zip(decided) {
                self.record.settled_line = row.line;
                let refusal = self.record.tally.count(row.line, &row.write, outcome);
                if let (true, Some(refusal)) = (self.request.json, refusal) {
                    self.out.json(&refusal)?;
                }
            }
            self.bar.settled(&self.record.tally);
            if saved.elapsed() >= SAVE_INTERVAL {
                self.save()?;
                self.out.flush()?;
                saved = Instant::now();
            }
        }
    }

    /// The error of a file that has become shorter since it was checked.
    fn missing_rows(&self) -> Option<RowError> {
        let source = std::io::Error::new(
            ErrorKind::UnexpectedEof,
            "the file has become shorter since it was checked",
        );
        let after = self.record.settled_line;
        (self.file.is_some() && !self.record.is_done()).then_some(RowError::Read { after, source })
    }

    /// Saves how far the import is.
    fn save(&mut self) -> Result<(), RunError> {
        if let Some(file) = self.file {
            self.record.save(file)?;
        }
        Ok(self.store.save()?)
    }

    fn report(&mut self, stopped: Option<Stopped>, elapsed: Duration) -> Result<Exit, RunError> {
        let tally = &self.record.tally;
        let (exit, error, unknown) = match &stopped {
            None if tally.id_in_use > 0 => (Exit::NotApplied, None, 0),
            None if tally.refused > 0 => (Exit::Refused, None, 0),
            None => (Exit::Done, None, 0),
            Some(Stopped::Input(error)) => (Exit::Usage, Some(self.input_text(error)), 0),
            Some(Stopped::Bank(error)) => (error.into(), Some(self.bank_text(error)), error.unknown),
        };
        if let Some(error) = &error {
            note(error);
        }
        if self.request.json {
            let outcome = match (&stopped, exit) {
                (_, Exit::Unknown) => CallOutcome::Unknown,
                (Some(_), _) | (_, Exit::NotApplied) => CallOutcome::NotApplied,
                (_, Exit::Refused) => CallOutcome::Refused,
                _ => CallOutcome::Accepted,
            };
            self.out.json(&Summary {
                outcome,
                import_id: self.record.import_id,
                settled: tally.settled(),
                rows: self.file.map(|_| self.record.rows),
                accepted: tally.accepted,
                refused: tally.refused,
                id_in_use: tally.id_in_use,
                unknown,
                position: tally.position,
                elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                error: error.as_deref(),
            })?;
        } else {
            for line in told::lines(&self.name(), tally, elapsed) {
                self.out.line(&line)?;
            }
        }
        self.out.flush()?;
        Ok(exit)
    }

    fn bank_text(&self, error: &SubmitError) -> String {
        let known = match error.unknown {
            0 => "no further write was applied".to_owned(),
            1 => "it is unknown whether the next write was applied".to_owned(),
            more => format!("it is unknown whether the next {more} writes were applied"),
        };
        format!(
            "the import stopped after {}: {}; {known}; {}",
            told::counted(self.record.tally.settled(), "write"),
            error.cause,
            self.how_to_go_on()
        )
    }

    fn input_text(&self, error: &RowError) -> String {
        format!(
            "{}: {error}; the {} before it are imported; correct it, then {}",
            self.name(),
            told::counted(self.record.tally.settled(), "write"),
            self.how_to_go_on()
        )
    }

    fn how_to_go_on(&self) -> String {
        match self.file {
            Some(_) => "the same command goes on".to_owned(),
            None => format!("give the same lines again with --import-id {}", self.record.import_id),
        }
    }

    fn name(&self) -> String {
        self.file.map_or("stdin".to_owned(), |file| file.display().to_string())
    }

    fn record_name(&self) -> String {
        self.file
            .map(super::record::beside)
            .unwrap_or_default()
            .display()
            .to_string()
    }
}
