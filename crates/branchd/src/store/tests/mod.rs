//! Test data and functions that the tests of the store share.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod copying;
mod cost;
mod damage;
mod failing;
mod memory;
mod model;
mod noticing;
mod older;
mod reading;
mod refusing;
mod writing;

use std::fs;
use std::path::Path;

use bank_ledger::{
    AccountName, Action, Amount, Applied, Books as _, Command, DigestRule, Entry, Ledger, MemoryBooks, Outcome,
    Position, REFUSALS_REMEMBERED_MAX, Refusal, RequestId,
};
use proptest::prelude::*;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::reader::StatementPage;
use super::{AppliedState, BooksError, BooksFile, Cursor, LogEntry, Reader, verify_snapshot};

const BANK: [u8; 16] = [7; 16];

fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

fn amount(minor_units: i64) -> Amount {
    Amount::new(minor_units).unwrap()
}

fn command(id: u128, action: Action) -> Command {
    Command {
        request_id: request(id),
        time_us: 1_000_000 + id as i64,
        action,
    }
}

fn request(id: u128) -> RequestId {
    RequestId(id.to_be_bytes())
}

fn found(id: u128, opening_balance: i64) -> Command {
    command(id, Action::Found { opening_balance })
}

fn open(id: u128, account: &str) -> Command {
    command(id, Action::Open { account: name(account) })
}

fn deposit(id: u128, account: &str, sum: i64) -> Command {
    let (account, amount) = (name(account), amount(sum));
    command(id, Action::Deposit { account, amount })
}

fn withdraw(id: u128, account: &str, sum: i64) -> Command {
    let (account, amount) = (name(account), amount(sum));
    command(id, Action::Withdraw { account, amount })
}

fn transfer(id: u128, from: &str, to: &str, sum: i64) -> Command {
    let (from, to, amount) = (name(from), name(to), amount(sum));
    command(id, Action::Transfer { from, to, amount })
}

fn new_books(directory: &TempDir, file: &str) -> (BooksFile, Reader) {
    BooksFile::open(&directory.path().join(file), BANK).unwrap()
}

/// All entries of an account, newest first, read in pages of the given length.
fn whole_statement(reader: &Reader, account: &AccountName, page_len: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut from = None;
    loop {
        let page = reader.statement(account, from, page_len).unwrap();
        assert!(page.entries.len() <= page_len);
        entries.extend(page.entries);
        from = page.next;
        if from.is_none() {
            return entries;
        }
    }
}
