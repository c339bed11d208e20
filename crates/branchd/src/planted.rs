//! Bugs, planted on purpose, so that the judge of runs can be seen to catch each by its name. Compiled with the feature
//! `planted-bugs` only, into the program `branchd-planted`, which no release has. What a bug needs of the sound code is a
//! line or two there, under that feature.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bank_ledger::{
    Account, AccountName, Action, Applied, Books, Command, DigestRule, Entry, Ledger, Leg, Outcome, Position,
    Remembered, RequestId,
};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bug {
    /// Branch 3 does not wait for the position that a read needs.
    StaleRead,
    /// The same, and its reply bears the position that was asked for, not that of the state.
    StaleReadLying,
    /// A request id that was decided is decided again.
    ForgottenId,
    /// The write at position 5 is worked out from what its account held before the one at position 4.
    LostUpdate,
    /// A withdrawal past the balance is carried out.
    Overdraft,
    /// Branch 3 applies the write of position 5 before that of position 4.
    OutOfOrder,
    /// Branch 3 tells one balance, once, one too high.
    BalanceOff,
    /// The books of branch 3 take half a minute over one deposit, once, as on a disk that is dying.
    StuckBooks,
}

/// The branch that has a bug which only one has, as one of an older version might. It must not lead: a leader that puts a
/// write off has no answer to it.
const AFFECTED: u32 = 3;
/// The write that is put off, or whose update is lost.
const FOURTH: Position = 4;
/// The deposit that the books get stuck over, and for how long.
const STUCK_OVER: i64 = 4_242;
const STUCK_FOR: Duration = Duration::from_secs(30);
/// Whoever starts a bank waits until each branch has its opening, and asks it for that.
const OPENING: Position = 1;

/// The bug of this process, and which branch it is.
static PLANTED: OnceLock<(Bug, u32)> = OnceLock::new();

/// Plants a bug in this process, which is this branch.
pub(crate) fn plant(bug: Bug, branch: u32) {
    PLANTED.get_or_init(|| (bug, branch));
    tracing::warn!(?bug, branch, "a bug is planted here");
}

/// Whether any bug is planted here. The branches would find most by themselves, by comparing their books; the judge of
/// runs is to find each without that.
pub(crate) fn is_planted() -> bool {
    PLANTED.get().is_some()
}

fn is(bug: Bug) -> bool {
    PLANTED.get().is_some_and(|(planted, _)| *planted == bug)
}

fn is_here(bug: Bug) -> bool {
    PLANTED.get() == Some(&(bug, AFFECTED))
}

/// A read that needs this position is answered at once.
pub(crate) fn is_not_awaited(needed: Position) -> bool {
    needed > OPENING && (is_here(Bug::StaleRead) || is_here(Bug::StaleReadLying))
}

/// A balance and its position, as they are told to a read that needed a position.
pub(crate) fn told(balance: i64, position: Position, needed: Position) -> (i64, Position) {
    static ONCE: AtomicBool = AtomicBool::new(false);
    if is_here(Bug::BalanceOff) && position > OPENING && !ONCE.swap(true, Ordering::Relaxed) {
        return (balance + 1, position);
    }
    if is_here(Bug::StaleReadLying) {
        return (balance, position.max(needed));
    }
    (balance, position)
}

/// Writes, as they reach the books that have come to this position.
pub(crate) fn before_apply(position: Position, commands: &mut Vec<Command>) {
    static LATE: Mutex<Option<Command>> = Mutex::new(None);
    get_stuck(commands);
    let next = (FOURTH - 1).checked_sub(position);
    let Some(next) = next.and_then(|next| usize::try_from(next).ok()) else {
        return;
    };
    if !is_here(Bug::OutOfOrder) || next >= commands.len() {
        return;
    }
    let mut late = LATE.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = late.take().unwrap_or_else(|| commands.remove(next));
    if next < commands.len() {
        commands.insert(next + 1, waiting);
    } else {
        *late = Some(waiting);
    }
}

/// The books wait for their disk.
fn get_stuck(commands: &[Command]) {
    static ONCE: AtomicBool = AtomicBool::new(false);
    let over =
        |command: &Command| matches!(&command.action, Action::Deposit { amount, .. } if amount.get() == STUCK_OVER);
    if is_here(Bug::StuckBooks) && commands.iter().any(over) && !ONCE.swap(true, Ordering::Relaxed) {
        std::thread::sleep(STUCK_FOR);
    }
}

/// The books' tables, which would not take a request id twice even where it was forgotten.
pub(crate) fn tables(sound: &'static str) -> &'static str {
    static UNSOUND: OnceLock<String> = OnceLock::new();
    if !is(Bug::ForgottenId) {
        return sound;
    }
    UNSOUND.get_or_init(|| sound.replace("request_id BLOB NOT NULL UNIQUE", "request_id BLOB NOT NULL"))
}

/// Applies a command, with what is wrong with the ledger.
pub(crate) fn apply<B: Books>(
    rule: DigestRule,
    ledger: &mut Ledger,
    books: &mut B,
    command: Command,
) -> Result<Applied, B::Error> {
    if is(Bug::Overdraft)
        && let Action::Withdraw { account, amount } = &command.action
        && let Some(held) = books.account(account)?
        && amount.get() > held.balance
        && books.remembered(&command.request_id)?.is_none()
    {
        let balance = held.balance.saturating_sub(amount.get());
        return overdraw(ledger, books, command, held, balance);
    }
    let position = ledger.position + 1;
    ledger.apply_by(rule, &mut Unsound { books, position }, command)
}

fn overdraw<B: Books>(
    ledger: &mut Ledger,
    books: &mut B,
    command: Command,
    held: Account,
    balance: i64,
) -> Result<Applied, B::Error> {
    ledger.position += 1;
    books.record_entry(Entry {
        position: ledger.position,
        command,
        account: Leg {
            balance,
            previous: held.last_entry,
        },
        counter_account: None,
    })?;
    Ok(Applied {
        position: ledger.position,
        outcome: Outcome::Accepted { balance },
        repeated: false,
    })
}

/// The books, as a bug sees them.
struct Unsound<'b, B> {
    books: &'b mut B,
    /// Where what is being applied will stand.
    position: Position,
}

/// The account that was written last, and what it held before that.
static BEFORE: Mutex<Option<(AccountName, i64)>> = Mutex::new(None);

impl<B: Books> Books for Unsound<'_, B> {
    type Error = B::Error;

    fn account(&mut self, name: &AccountName) -> Result<Option<Account>, B::Error> {
        let Some(mut account) = self.books.account(name)? else {
            return Ok(None);
        };
        if is(Bug::LostUpdate) {
            let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
            let before = before.replace((name.clone(), account.balance));
            if let Some((_, balance)) = before.filter(|(last, _)| last == name && self.position == FOURTH + 1) {
                account.balance = balance;
            }
        }
        Ok(Some(account))
    }

    fn remembered(&mut self, id: &RequestId) -> Result<Option<Remembered>, B::Error> {
        if is(Bug::ForgottenId) {
            return Ok(None);
        }
        self.books.remembered(id)
    }

    fn record_entry(&mut self, entry: Entry) -> Result<(), B::Error> {
        self.books.record_entry(entry)
    }

    fn record_refusal(&mut self, id: RequestId, refused: Remembered) -> Result<(), B::Error> {
        self.books.record_refusal(id, refused)
    }
}
