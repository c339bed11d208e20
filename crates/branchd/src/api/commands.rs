//! The commands that a branch has applied, as a stream of messages.

use std::time::Duration;

use bank_ledger::{Action, Outcome, Position};
use bank_proto::v1;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::time::{Instant, timeout};
use tonic::Status;
use uuid::Uuid;

use super::outcome::refused;
use crate::file_reads::FileReads;
use crate::peers::Identity;
use crate::replication::engine::Engine;
use crate::replication::leaders::Leader;
use crate::store::{CommandRecord, Cursor, Reader};

/// How long one page may wait for a read of the ledger database.
const PAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the head waits for the engine. The engine records what the books show some microseconds later.
const RECORDED_TIMEOUT: Duration = Duration::from_secs(1);

/// The part of the commands that is not read yet.
struct Unread {
    books: Reader,
    file_reads: FileReads,
    engine: Option<Engine>,
    cursor: Cursor,
    up_to: Position,
}

/// Streams a head and then pages of commands. With an engine, the head has the leaders, and each command has the time at
/// which it was applied.
pub(crate) fn pages(
    identity: Identity,
    books: Reader,
    file_reads: FileReads,
    engine: Option<Engine>,
    after: Position,
) -> BoxStream<'static, Result<v1::ReadJournalResponse, Status>> {
    let ledger = books.ledger();
    let head = v1::JournalHead {
        bank_id: identity.bank_id.to_string(),
        branch: identity.branch,
        position: ledger.position,
        digest: ledger.digest.0.to_vec(),
        leaders: Vec::new(),
        entries_head: None,
    };
    let first = first(head, engine.clone(), books.clone(), file_reads.clone());
    let unread = Unread {
        books,
        file_reads,
        engine,
        cursor: Cursor::after(after),
        up_to: ledger.position,
    };
    let pages = futures::stream::try_unfold(unread, |mut rest| async move {
        let (books, cursor, up_to) = (rest.books.clone(), rest.cursor, rest.up_to);
        let deadline = Instant::now() + PAGE_TIMEOUT;
        let (page, cursor) = rest
            .file_reads
            .run(deadline, move || books.read_commands(cursor, up_to))
            .await?;
        if page.is_empty() {
            return Ok(None);
        }
        rest.cursor = cursor;
        let applied = page.into_iter().map(|record| {
            let applied_us = rest
                .engine
                .as_ref()
                .and_then(|engine| engine.applied_us(record.position));
            applied_command(record, applied_us)
        });
        let message = v1::ReadJournalResponse {
            head: None,
            applied: applied.collect(),
        };
        Ok(Some((message, rest)))
    });
    futures::stream::once(first).chain(pages).boxed()
}

/// The message with the head, once the engine has recorded when and under which leader everything was applied.
async fn first(
    mut head: v1::JournalHead,
    engine: Option<Engine>,
    books: Reader,
    file_reads: FileReads,
) -> Result<v1::ReadJournalResponse, Status> {
    if let Some(engine) = &engine {
        // The books show a command a moment before the engine records it. If the wait ends early, the newest commands
        // are sent without time and leader.
        let _ = timeout(RECORDED_TIMEOUT, engine.position().wait_for(head.position)).await;
        head.leaders = engine.leaders().into_iter().map(v1::JournalLeader::from).collect();
    }
    head.entries_head = entries_head(&books, &file_reads, PAGE_TIMEOUT).await;
    Ok(v1::ReadJournalResponse {
        head: Some(head),
        applied: Vec::new(),
    })
}

/// The head of the chain of entries in the file. `None` if the file does not answer in time.
pub(crate) async fn entries_head(books: &Reader, file_reads: &FileReads, limit: Duration) -> Option<v1::EntriesHead> {
    let books = books.clone();
    let read = file_reads.run(Instant::now() + limit, move || books.entries_head());
    let (position, head) = timeout(limit, read).await.ok()?.ok()?;
    Some(v1::EntriesHead {
        position,
        head: head.0.to_vec(),
    })
}

impl From<Leader> for v1::JournalLeader {
    fn from(leader: Leader) -> Self {
        Self {
            term: leader.term,
            branch: leader.branch,
            after_position: leader.after,
            from_us: leader.from_us,
        }
    }
}

fn applied_command(record: CommandRecord, applied_us: Option<u64>) -> v1::AppliedCommand {
    use v1::AppliedAction;
    use v1::applied_command::Outcome as WireOutcome;
    let (action, account, amount, to) = match &record.action {
        Action::Found { opening_balance } => (AppliedAction::Open, bank_ledger::MAIN, *opening_balance, None),
        Action::Open { account } => (AppliedAction::Open, account.as_str(), 0, None),
        Action::Deposit { account, amount } => (AppliedAction::Deposit, account.as_str(), amount.get(), None),
        Action::Withdraw { account, amount } => (AppliedAction::Withdraw, account.as_str(), amount.get(), None),
        Action::Transfer { from, to, amount } => (AppliedAction::Transfer, from.as_str(), amount.get(), Some(to)),
    };
    let outcome = match &record.outcome {
        Outcome::Accepted { balance } => Some(WireOutcome::Accepted(v1::Accepted { balance: *balance })),
        Outcome::Refused(refusal) => Some(WireOutcome::Refused(refused(refusal))),
        // The books hold no such command, because a reused id decides nothing.
        Outcome::IdReused => None,
    };
    v1::AppliedCommand {
        position: record.position,
        request_id: Uuid::from_bytes(record.request_id.0).to_string(),
        time_us: record.time_us,
        action: action.into(),
        account: account.to_owned(),
        amount,
        to_account: to.map(ToString::to_string).unwrap_or_default(),
        outcome,
        to_balance: record.to_balance,
        applied_us: applied_us.unwrap_or(0),
    }
}
