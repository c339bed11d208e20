//! The statement of an account, read and encoded page by page.

use bank_ledger::{AccountName, Action};
use bank_proto::v1;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use crate::branch::Bank;
use crate::file_reads::FileReads;
use crate::store::Reader;

/// How many entries a page of a statement has, at most.
const PAGE_LEN_MAX: usize = 256;

/// The part of a statement that is not read yet.
pub(super) struct Statement {
    books: Reader,
    file_reads: FileReads,
    name: AccountName,
    next: Option<u64>,
    left: u64,
    deadline: Instant,
}

/// A page of a statement.
pub(super) struct Page {
    pub(super) entries: Vec<v1::Entry>,
    pub(super) position: u64,
}

impl Statement {
    /// The newest entries of an account. A `limit` of 0 takes all.
    pub(super) fn new(bank: &Bank, name: AccountName, limit: u64, deadline: Instant) -> Self {
        Self {
            books: bank.books.clone(),
            file_reads: bank.file_reads.clone(),
            name,
            next: None,
            left: if limit == 0 { u64::MAX } else { limit },
            deadline,
        }
    }

    /// Reads the next page. Returns what is left after it, if anything is.
    ///
    /// # Errors
    /// The account does not exist, or the read failed.
    pub(super) async fn page(self) -> Result<(Page, Option<Self>), Status> {
        let Self {
            books,
            file_reads,
            name,
            next,
            left,
            deadline,
        } = self;
        let len = usize::try_from(left).map_or(PAGE_LEN_MAX, |left| left.min(PAGE_LEN_MAX));
        let (reader, account) = (books.clone(), name.clone());
        let page = file_reads
            .run(deadline, move || reader.statement(&account, next, len))
            .await?;
        if page.account.is_none() {
            return Err(no_such_account(&name));
        }
        let entries: Vec<v1::Entry> = page.entries.iter().map(|entry| statement_entry(entry, &name)).collect();
        let left = left.saturating_sub(entries.len() as u64);
        let rest = page.next.filter(|_| left > 0).map(|next| Self {
            books,
            file_reads,
            name,
            next: Some(next),
            left,
            deadline,
        });
        Ok((
            Page {
                entries,
                position: page.position,
            },
            rest,
        ))
    }
}

/// An entry as the statement of one of its accounts shows it.
fn statement_entry(entry: &bank_ledger::Entry, of: &AccountName) -> v1::Entry {
    use v1::EntryKind;
    let (kind, amount, counter, leg) = match &entry.command.action {
        Action::Found { opening_balance } => (EntryKind::Open, *opening_balance, None, entry.account),
        Action::Open { .. } => (EntryKind::Open, 0, None, entry.account),
        Action::Deposit { amount, .. } => (EntryKind::Deposit, amount.get(), None, entry.account),
        Action::Withdraw { amount, .. } => (EntryKind::Withdraw, amount.get(), None, entry.account),
        Action::Transfer { from, to, amount } if from == of => {
            (EntryKind::TransferOut, amount.get(), Some(to), entry.account)
        }
        Action::Transfer { from, amount, .. } => (
            EntryKind::TransferIn,
            amount.get(),
            Some(from),
            entry.counter_account.unwrap_or(entry.account),
        ),
    };
    v1::Entry {
        position: entry.position,
        kind: kind.into(),
        amount,
        counter_account: counter.map(ToString::to_string).unwrap_or_default(),
        balance: leg.balance,
        request_id: Uuid::from_bytes(entry.command.request_id.0).to_string(),
        time_us: entry.command.time_us,
    }
}

pub(super) fn no_such_account(name: &AccountName) -> Status {
    Status::not_found(format!("no such account: {name}"))
}
