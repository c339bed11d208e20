//! Reads all decided commands in the order of positions, page by page: accepted ones from the entries, refused ones
//! from the remembered refusals.

use bank_ledger::{Action, Entry, Outcome, Position, Remembered, RequestId};
use rusqlite::Connection;

use super::error::{BooksError, Fault};
use super::memory::Memory;
use super::reader::Reader;
use super::rows;

/// The most commands in one page.
const PAGE_LEN_MAX: usize = 1000;

/// One decided command, as the ledger database holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandRecord {
    pub(crate) position: Position,
    pub(crate) request_id: RequestId,
    pub(crate) action: Action,
    /// Accepted or refused.
    pub(crate) outcome: Outcome,
    /// The balance of the receiving account after an accepted transfer. `None` for other commands.
    pub(crate) to_balance: Option<i64>,
    /// The time at which a branch accepted the command from a customer, by that branch's clock. 0 for a refusal,
    /// because the time of a refusal is not stored.
    pub(crate) time_us: i64,
}

/// Where the next page begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    /// The next page has entries after this position.
    position: i64,
    /// The next page has refusals after this number.
    refusal: i64,
    /// Refusals up to this position are left out of every page.
    from: i64,
}

impl Cursor {
    /// The cursor before the first command after `position`.
    pub(crate) fn after(position: Position) -> Self {
        // The file holds no position above `i64::MAX`.
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        Self {
            position,
            refusal: 0,
            from: position,
        }
    }
}

impl Reader {
    /// Reads the commands after the cursor and up to a position, in order, and returns the cursor after them. An empty
    /// page means that there are no more.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub(crate) fn read_commands(
        &self,
        after: Cursor,
        up_to: Position,
    ) -> Result<(Vec<CommandRecord>, Cursor), BooksError> {
        self.read_both("reading what was decided", |snapshot, view| {
            let newest = view.memory(|memory| newest(memory, after, up_to, view.position));
            let Some((newest_entries, newest_refusals)) = newest else {
                return Ok(None);
            };
            let stored = rows::stored(up_to)?;
            let entries = entries(snapshot, after, stored)?.into_iter().chain(newest_entries);
            let refusals = refusals(snapshot, after, stored)?.into_iter().chain(newest_refusals);
            // The file's part is cut at the length of a page. What memory has comes after all of the file's part, so it
            // is reached only if that part was not cut.
            let (mut entries, mut refusals) = (
                entries.take(PAGE_LEN_MAX).peekable(),
                refusals.take(PAGE_LEN_MAX).peekable(),
            );
            let mut page = Vec::new();
            let mut cursor = after;
            while page.len() < PAGE_LEN_MAX {
                let refusal_is_next = match (entries.peek(), refusals.peek()) {
                    (None, None) => break,
                    (Some(entry), Some((_, refusal))) => refusal.position < entry.position,
                    (entry, _) => entry.is_none(),
                };
                if refusal_is_next && let Some((number, refusal)) = refusals.next() {
                    cursor.refusal = number;
                    page.push(refusal);
                } else if let Some(entry) = entries.next() {
                    cursor.position = rows::stored(entry.position)?;
                    page.push(entry);
                }
            }
            Ok(Some((page, cursor)))
        })
    }
}

impl From<Entry> for CommandRecord {
    fn from(entry: Entry) -> Self {
        Self {
            position: entry.position,
            request_id: entry.command.request_id,
            action: entry.command.action,
            outcome: Outcome::Accepted {
                balance: entry.account.balance,
            },
            to_balance: entry.counter_account.map(|leg| leg.balance),
            time_us: entry.command.time_us,
        }
    }
}

fn refusal(request_id: RequestId, refused: Remembered) -> CommandRecord {
    CommandRecord {
        position: refused.position,
        request_id,
        action: refused.action,
        outcome: refused.outcome,
        to_balance: None,
        time_us: 0,
    }
}

/// Refused commands with the numbers of their refusals.
type Refused = Vec<(i64, CommandRecord)>;

/// The first commands in memory that the file does not have at position `stored`, up to `up_to`.
fn newest(memory: &Memory, after: Cursor, up_to: Position, stored: Position) -> (Vec<CommandRecord>, Refused) {
    let from = stored.max(Position::try_from(after.position).unwrap_or(0));
    let (mut entries, mut refusals) = (Vec::new(), Vec::new());
    for part in memory.parts_in_order() {
        let wanted = part.entries_after(from).iter().filter(|entry| entry.position <= up_to);
        entries.extend(
            wanted
                .take(PAGE_LEN_MAX - entries.len())
                .cloned()
                .map(CommandRecord::from),
        );
        let wanted = part.refusals().iter().filter(|refusal| {
            let position = refusal.refused.position;
            let is_after = refusal.number > after.refusal && i64::try_from(position).is_ok_and(|at| at > after.from);
            is_after && position > stored && position <= up_to
        });
        let wanted = wanted.take(PAGE_LEN_MAX - refusals.len());
        refusals.extend(wanted.map(|found| (found.number, refusal(found.id, found.refused.clone()))));
    }
    (entries, refusals)
}

fn entries(connection: &Connection, after: Cursor, up_to: i64) -> Result<Vec<CommandRecord>, Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM entries WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3",
        rows::ENTRY_COLUMNS
    ))?;
    let mut found = statement.query((after.position, up_to, PAGE_LEN_MAX as i64))?;
    let mut decided = Vec::new();
    while let Some(row) = found.next()? {
        decided.push(CommandRecord::from(rows::entry(row)?));
    }
    Ok(decided)
}

/// Reads refusals with their numbers. The numbers rise with the positions.
fn refusals(connection: &Connection, after: Cursor, up_to: i64) -> Result<Refused, Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM refusals WHERE number > ?1 AND position > ?2 AND position <= ?3 \
         ORDER BY number LIMIT ?4",
        rows::REFUSAL_COLUMNS
    ))?;
    let mut found = statement.query((after.refusal, after.from, up_to, PAGE_LEN_MAX as i64))?;
    let mut decided = Vec::new();
    while let Some(row) = found.next()? {
        let rows::RefusalRow {
            number,
            request_id,
            refused,
        } = rows::refused(row)?;
        let refusal = refusal(request_id, refused);
        decided.push((number, refusal));
    }
    Ok(decided)
}
