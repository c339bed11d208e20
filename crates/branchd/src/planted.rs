//! Bugs, planted on purpose, so that the checkers can be seen to catch them. Compiled only with the feature `planted-bugs`,
//! which no release has; PASSBOOK_PLANTED names the one that this process has.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bank_ledger::{Account, Action, Applied, Books, Command, Entry, Ledger, Leg, Outcome, RequestId};

/// What is wrong with this branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Reads do not wait for the position that their session needs.
    StaleRead,
    /// A request id that was decided is decided again.
    ForgottenId,
    /// Now and then a deposit is entered, and the balance stays.
    LostUpdate,
    /// A withdrawal past the balance is carried out.
    Overdraft,
    /// Branch 2 applies what comes together the other way round.
    OutOfOrder,
    /// One balance, told once, is one too much.
    BalanceOff,
}

/// How late the other branches than the first apply what they read stale: longer than a customer takes to get there.
const LATENESS: Duration = Duration::from_millis(50);

fn bug() -> Option<Bug> {
    static BUG: OnceLock<Option<Bug>> = OnceLock::new();
    *BUG.get_or_init(|| match std::env::var("PASSBOOK_PLANTED").ok()?.as_str() {
        "stale-read" => Some(Bug::StaleRead),
        "forgotten-id" => Some(Bug::ForgottenId),
        "lost-update" => Some(Bug::LostUpdate),
        "overdraft" => Some(Bug::Overdraft),
        "out-of-order" => Some(Bug::OutOfOrder),
        "balance-off" => Some(Bug::BalanceOff),
        _ => None,
    })
}

/// The one that this process has.
pub(crate) fn is(which: Bug) -> bool {
    bug() == Some(which)
}

static BRANCH: OnceLock<u32> = OnceLock::new();

/// Tells which branch this process is.
pub(crate) fn this_is(branch: u32) {
    BRANCH.get_or_init(|| branch);
}

/// What a branch other than the first does before it applies.
pub(crate) fn before_apply(commands: &mut [Command]) {
    let branch = BRANCH.get().copied().unwrap_or(1);
    if is(Bug::OutOfOrder) && branch == 2 {
        commands.reverse();
    }
    if is(Bug::StaleRead) && branch != 1 {
        std::thread::sleep(LATENESS);
    }
}

/// A balance, as it is told.
pub(crate) fn told(balance: i64, position: u64) -> i64 {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let once = is(Bug::BalanceOff) && position > 2 && !TOLD.swap(true, Ordering::Relaxed);
    balance + i64::from(once)
}

/// Applies a command, with what is wrong with the ledger.
pub(crate) fn apply<B: Books>(ledger: &mut Ledger, books: &mut B, mut command: Command) -> Result<Applied, B::Error> {
    if is(Bug::ForgottenId) && books.remembered(&command.request_id)?.is_some() {
        let id = u128::from_be_bytes(command.request_id.0);
        command.request_id = RequestId((id ^ 1).to_be_bytes());
    }
    let (Action::Withdraw { account, amount } | Action::Deposit { account, amount }) = command.action.clone() else {
        return ledger.apply(books, command);
    };
    let Some(held) = books.account(&account)? else {
        return ledger.apply(books, command);
    };
    let position = ledger.position + 1;
    let enter = |balance: i64, told: i64, ledger: &mut Ledger, books: &mut B, command: Command| {
        let leg = Leg {
            balance,
            previous: held.last_entry,
        };
        books.record_entry(Entry {
            position,
            command,
            account: leg,
            counter_account: None,
        })?;
        ledger.position = position;
        Ok(Applied {
            position,
            outcome: Outcome::Accepted { balance: told },
            repeated: false,
        })
    };
    match command.action {
        Action::Withdraw { .. } if is(Bug::Overdraft) && amount.get() > held.balance => {
            let balance = held.balance.saturating_sub(amount.get());
            enter(balance, balance, ledger, books, command)
        }
        Action::Deposit { .. } if is(Bug::LostUpdate) && position.is_multiple_of(5) => {
            let Account { balance, .. } = held;
            enter(balance, balance.saturating_add(amount.get()), ledger, books, command)
        }
        _ => ledger.apply(books, command),
    }
}
