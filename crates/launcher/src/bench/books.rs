//! Checks the books of a bank that only this benchmark has used: no acknowledged money is lost, none is invented, and
//! all branches have the same books.

use super::bank::Bank;
use super::error::BenchError;
use super::recorder::Money;
use super::results::Books;
use super::settings::Settings;
use bank_client::operator::BranchStatus;
use bank_client::{ClientOptions, Level, Session};
use std::time::{Duration, Instant};

/// Bound on the time until all branches have applied everything.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause between two looks at the branches.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Checks the books. `paid_in` is what was paid in before the operations.
pub(super) async fn check(bank: &Bank, settings: &Settings, paid_in: i64, money: Money) -> Result<Books, BenchError> {
    let position = agreement(bank, settings).await?;
    let (accounts, sum) = balances(bank, settings).await?;
    let doubtful = money.doubtful_in + money.doubtful_out;
    match within(sum, paid_in, money) {
        true => Ok(Books {
            accounts,
            sum,
            paid_in,
            moved: money.moved,
            doubtful,
            position,
        }),
        false => Err(BenchError::BooksWrong(format!(
            "{accounts} accounts hold {sum}, but {paid_in} was paid in before and {} after it, with {doubtful} writes of \
             unknown outcome",
            money.moved
        ))),
    }
}

/// Whether the sum is possible: each write of unknown outcome was applied or was not.
fn within(sum: i64, paid_in: i64, money: Money) -> bool {
    let certain = i128::from(paid_in) + i128::from(money.moved);
    let possible = certain - i128::from(money.doubtful_out)..=certain + i128::from(money.doubtful_in);
    possible.contains(&i128::from(sum))
}

/// Waits until all branches are at one position. Returns it if they have the same digest there.
async fn agreement(bank: &Bank, settings: &Settings) -> Result<u64, BenchError> {
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    loop {
        let statuses = bank.statuses(settings.timeout()).await;
        let statuses = statuses.into_iter().collect::<Result<Vec<_>, _>>()?;
        if let Some(agreed) = agreed(&statuses) {
            return agreed;
        }
        if Instant::now() >= deadline {
            return Err(BenchError::BooksMoving(format!("{} s", SETTLE_TIMEOUT.as_secs())));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The position of all branches. `None` while they are at different positions.
fn agreed(statuses: &[BranchStatus]) -> Option<Result<u64, BenchError>> {
    let first = statuses.first()?;
    if statuses.iter().any(|status| status.position != first.position) {
        return None;
    }
    let other = statuses.iter().find(|status| status.digest != first.digest);
    Some(match other {
        None => Ok(first.position),
        Some(other) => Err(BenchError::BooksWrong(format!(
            "branches {} and {} have different digests at position {}",
            first.branch, other.branch, first.position
        ))),
    })
}

/// Number of accounts, and the sum of their balances.
async fn balances(bank: &Bank, settings: &Settings) -> Result<(u64, i64), BenchError> {
    let options = ClientOptions {
        timeout: settings.timeout(),
        ..ClientOptions::default()
    };
    let (client, mut session) = (bank.client(options), Session::default());
    let (mut after, mut accounts, mut sum) = (String::new(), 0, 0_i64);
    loop {
        let page = client.accounts(None, &mut session, Level::Strong, &after, 0).await;
        let page = page.map_err(BenchError::BooksUnread)?.value;
        for account in &page.accounts {
            accounts += 1;
            sum = sum.checked_add(account.balance).ok_or_else(|| {
                BenchError::BooksWrong("the balances add up to more than 2^63 - 1, which was never paid in".to_owned())
            })?;
        }
        match page.accounts.into_iter().next_back() {
            Some(last) if page.more => after = last.name,
            _ => return Ok((accounts, sum)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_doubtful_write_may_have_been_applied() {
        let money = Money {
            moved: 10,
            doubtful_in: 2,
            doubtful_out: 1,
        };
        for (sum, possible) in [(108, false), (109, true), (110, true), (112, true), (113, false)] {
            assert_eq!(within(sum, 100, money), possible, "{sum}");
        }
    }
}
