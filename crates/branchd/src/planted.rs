//! Deliberate bugs, for tests that the judge of runs detects each of them. They are compiled only with the feature
//! `planted-bugs`, into the program `branchd-planted`, which no release contains. A bug's hook in the correct code is a
//! line or two under that feature.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bank_ledger::{
    Account, AccountName, Action, Applied, Books, Command, DigestRule, Entry, Ledger, Leg, Outcome, Position,
    Remembered, RequestId,
};

/// A deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bug {
    /// Branch 3 does not wait for the position that a read needs.
    StaleRead,
    /// Branch 3 does not wait for the position that a read needs, and its reply claims that position.
    StaleReadLying,
    /// A request id that was already decided is decided again.
    ForgottenId,
    /// The write at position 5 is computed from the balance before the write at position 4.
    LostUpdate,
    /// A withdrawal of more than the balance is accepted.
    Overdraft,
    /// Branch 3 applies the write of position 5 before the write of position 4.
    OutOfOrder,
    /// Branch 3 returns one balance, once, that is too high by 1.
    BalanceOff,
    /// The ledger database of branch 3 takes half a minute for one deposit, once, as on a failing disk.
    StuckBooks,
}

/// The branch with a bug that only one branch has, like a branch of an older version. It must not lead, because a
/// leader that delays a write cannot answer it.
const AFFECTED: u32 = 3;
/// The position of the write that is delayed or lost.
const FOURTH: Position = 4;
/// The amount of the deposit at which the ledger database gets stuck.
const STUCK_OVER: i64 = 4_242;
/// How long the ledger database is stuck.
const STUCK_FOR: Duration = Duration::from_secs(30);
/// The position of the opening. A start of a bank waits until each branch has applied it, so reads up to it are always
/// correct.
const OPENING: Position = 1;

/// The bug of this process, and the number of its branch.
static PLANTED: OnceLock<(Bug, u32)> = OnceLock::new();

/// Plants a bug in this process, which runs the given branch.
pub(crate) fn plant(bug: Bug, branch: u32) {
    PLANTED.get_or_init(|| (bug, branch));
    tracing::warn!(?bug, branch, "a bug is planted here");
}

/// Whether any bug is planted here. Branches would detect most bugs by comparing their digests. The comparison is off,
/// because the judge of runs must detect each bug without it.
pub(crate) fn is_planted() -> bool {
    PLANTED.get().is_some()
}

fn is(bug: Bug) -> bool {
    PLANTED.get().is_some_and(|(planted, _)| *planted == bug)
}

fn is_here(bug: Bug) -> bool {
    PLANTED.get() == Some(&(bug, AFFECTED))
}

/// Whether a read that needs this position is answered without a wait.
pub(crate) fn is_not_awaited(needed: Position) -> bool {
    needed > OPENING && (is_here(Bug::StaleRead) || is_here(Bug::StaleReadLying))
}

/// The balance and the position that are returned to a read that needed a position.
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

/// Changes the commands that are about to be applied after `position`.
pub(crate) fn before_apply(position: Position, commands: &mut Vec<Command>) {
    static LATE: Mutex<Option<Command>> = Mutex::new(None);
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

/// Whether a slow disk is in the way of these commands. True once, if the deposit that stands for it is among them.
pub(crate) fn gets_stuck(commands: &[Command]) -> bool {
    static ONCE: AtomicBool = AtomicBool::new(false);
    let over =
        |command: &Command| matches!(&command.action, Action::Deposit { amount, .. } if amount.get() == STUCK_OVER);
    is_here(Bug::StuckBooks) && commands.iter().any(over) && !ONCE.swap(true, Ordering::Relaxed)
}

/// Waits as long as the slow disk takes.
pub(crate) fn get_stuck() {
    std::thread::sleep(STUCK_FOR);
}

/// The tables. With a forgotten id, the uniqueness of request ids is removed, because it would reject the second entry.
pub(crate) fn tables(sound: &'static str) -> &'static str {
    static UNSOUND: OnceLock<String> = OnceLock::new();
    if !is(Bug::ForgottenId) {
        return sound;
    }
    UNSOUND.get_or_init(|| sound.replace("request_id BLOB NOT NULL UNIQUE", "request_id BLOB NOT NULL"))
}

/// Applies a command with the ledger's bug.
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

/// The ledger's storage with a bug.
struct Unsound<'b, B> {
    books: &'b mut B,
    /// The position of the command that is being applied.
    position: Position,
}

/// The account that was last read for a write, and its balance before that write.
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
