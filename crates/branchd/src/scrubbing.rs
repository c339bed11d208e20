//! Runs the scrub of the ledger database in the background, at a bounded pace.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep, sleep_until};

use crate::file_reads::{FileReadError, FileReads};
use crate::store::{Reader, Scrub, Scrubbed};

/// How long a branch serves before its first round. The check at the start has just looked at the newest rows.
const FIRST_ROUND_AFTER: Duration = Duration::from_secs(60);
/// The pause between two rounds. A small database would be read all the time without it.
const PAUSE: Duration = Duration::from_secs(600);
/// How many steps there are in a second. Each reads one share of the rows.
const STEPS_PER_SECOND: u32 = 10;
/// How long a step may wait for a connection to the database. Customers' reads come first.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// The newest finished round of the scrub. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scrubbing(Arc<Mutex<Option<FinishedRound>>>);

/// A finished round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FinishedRound {
    /// When it finished, by the clock of the host.
    pub(crate) at: SystemTime,
    pub(crate) scrubbed: Scrubbed,
}

impl Scrubbing {
    /// The newest finished round. `None`: none has finished since the start of the branch.
    pub(crate) fn newest(&self) -> Option<FinishedRound> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Scrubs the database round after round, until the future is dropped. Damage is reported by the reader, as for any
    /// other read, and ends the branch.
    pub(crate) async fn run(self, reader: Reader, file_reads: FileReads, rows_per_second: u32) {
        if rows_per_second == 0 {
            return;
        }
        sleep(FIRST_ROUND_AFTER).await;
        loop {
            match round(&reader, &file_reads, rows_per_second).await {
                Ok(scrubbed) => {
                    tracing::debug!(?scrubbed, "the books were scrubbed");
                    let at = SystemTime::now();
                    *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(FinishedRound { at, scrubbed });
                }
                Err(error) => tracing::warn!(%error, "a scrub of the books was cut short"),
            }
            sleep(PAUSE).await;
        }
    }
}

/// Scrubs the whole database once.
async fn round(reader: &Reader, file_reads: &FileReads, rows_per_second: u32) -> Result<Scrubbed, FileReadError> {
    let rows = rows_per_second.div_ceil(STEPS_PER_SECOND);
    let step_time = Duration::from_secs(1) * rows / rows_per_second;
    let mut scrub = Scrub::default();
    loop {
        let begun = Instant::now();
        let reader = reader.clone();
        let step = file_reads.run(begun + STEP_TIMEOUT, move || {
            let done = scrub.step(&reader, rows as usize)?;
            Ok((scrub, done))
        });
        let done;
        (scrub, done) = step.await?;
        if let Some(scrubbed) = done {
            return Ok(scrubbed);
        }
        sleep_until(begun + step_time).await;
    }
}
