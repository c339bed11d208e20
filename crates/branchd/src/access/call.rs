//! What a call does, by its path, as far as permission depends on it.

/// What a call does. A call that a service does not have is of a kind too, so that nobody is allowed it by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// Reads one account.
    ReadAccount,
    /// Reads the names and balances of all accounts.
    ListAccounts,
    /// Writes to accounts that the message names.
    Write,
    /// Another call of `BankService`, of a later version.
    OtherOfBank,
    /// Reads the status or the journal of a branch.
    Inspect,
    /// Changes the branches of the bank, or is a call of `OperatorService` of a later version.
    Change,
    /// Any call of `BranchService`.
    BetweenBranches,
    /// A call of a service that there is not.
    Elsewhere,
}

impl Call {
    /// The kind of the call with this path, such as `/bank.v1.BankService/Query`.
    pub(crate) fn of(path: &str) -> Self {
        let called = path.strip_prefix("/bank.v1.").and_then(|rest| rest.split_once('/'));
        match called {
            Some(("BankService", call)) => match call {
                "Query" | "ReadStatement" => Self::ReadAccount,
                "ListAccounts" => Self::ListAccounts,
                "Deposit" | "Withdraw" | "Transfer" | "OpenAccount" | "Submit" => Self::Write,
                _ => Self::OtherOfBank,
            },
            Some(("OperatorService", call)) => match call {
                "GetStatus" | "ReadJournal" => Self::Inspect,
                _ => Self::Change,
            },
            Some(("BranchService", _)) => Self::BetweenBranches,
            _ => Self::Elsewhere,
        }
    }
}
