//! Calls that send a write under a new request id.

use bank_types::{AccountName, Amount, Certainty, Propagation, Write};
use uuid::Uuid;

use crate::client::Client;
use crate::error::WriteError;
use crate::failure::Failure;
use crate::reply::{Decision, Reply};
use crate::session::{PendingWrite, Session};

impl Client {
    /// Pays money in, under a new request id.
    ///
    /// # Errors
    /// [`WriteError`]; see [`Client::write`].
    pub async fn deposit(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        propagation: Propagation,
        account: &str,
        amount: i64,
    ) -> Result<Reply<Decision>, WriteError> {
        let write = Write::Deposit {
            account: account_name(account)?,
            amount: checked(amount)?,
        };
        self.write(branch, session, PendingWrite::new(write, propagation)).await
    }

    /// Takes money out, under a new request id.
    ///
    /// # Errors
    /// [`WriteError`]; see [`Client::write`].
    pub async fn withdraw(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        propagation: Propagation,
        account: &str,
        amount: i64,
    ) -> Result<Reply<Decision>, WriteError> {
        let write = Write::Withdraw {
            account: account_name(account)?,
            amount: checked(amount)?,
        };
        self.write(branch, session, PendingWrite::new(write, propagation)).await
    }

    /// Moves money between two accounts, under a new request id.
    ///
    /// # Errors
    /// [`WriteError`]; see [`Client::write`].
    pub async fn transfer(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        propagation: Propagation,
        (from, to): (&str, &str),
        amount: i64,
    ) -> Result<Reply<Decision>, WriteError> {
        let write = Write::Transfer {
            from: account_name(from)?,
            to: account_name(to)?,
            amount: checked(amount)?,
        };
        self.write(branch, session, PendingWrite::new(write, propagation)).await
    }

    /// Opens an account with a balance of 0, under a new request id.
    ///
    /// # Errors
    /// [`WriteError`]; see [`Client::write`].
    pub async fn open(
        &self,
        branch: Option<u32>,
        session: &mut Session,
        propagation: Propagation,
        account: &str,
    ) -> Result<Reply<Decision>, WriteError> {
        let write = Write::Open {
            account: account_name(account)?,
        };
        self.write(branch, session, PendingWrite::new(write, propagation)).await
    }
}

fn account_name(text: &str) -> Result<AccountName, WriteError> {
    AccountName::new(text).map_err(invalid)
}

fn checked(amount: i64) -> Result<Amount, WriteError> {
    Amount::new(amount).map_err(invalid)
}

fn invalid(what: impl ToString) -> WriteError {
    let cause = Failure::InvalidArgument { what: what.to_string() };
    WriteError::new(Uuid::now_v7().into(), Certainty::NotApplied, cause, 0)
}
