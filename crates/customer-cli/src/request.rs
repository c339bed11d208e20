//! A checked command line: a plain value that says what to ask, of which branch and how. No other module reads flags.

use std::path::PathBuf;
use std::time::Duration;

use bank_client::{BankFile, Client, ClientOptions};
use bank_types::{AccountName, Address, AddressError, Level, Propagation, RequestId, UnknownWord, Write};

use crate::args::{Cli, Shared, Verb};
use crate::input::{self, InputError, shown};

/// Number of entries that a watch begins with by default.
const WATCHED_AT_FIRST: u64 = 10;

/// A checked command line.
#[derive(Debug)]
pub struct Request {
    /// Branch or bank to ask.
    pub target: Target,
    /// Deadline and failover.
    pub options: ClientOptions,
    /// Consistency level of reads.
    pub level: Level,
    /// Branches that writes wait for.
    pub propagation: Propagation,
    /// File of the session. `None` for a session that ends with the program.
    pub session: Option<PathBuf>,
    /// Prints JSON.
    pub json: bool,
    /// Prints more on stderr.
    pub verbose: bool,
    /// The task.
    pub task: Task,
}

/// The branch or bank to ask.
#[derive(Debug)]
pub enum Target {
    /// One branch of any bank.
    Address(Address),
    /// The branches of a bank, and the one to ask first. `None` for the first in the bank file.
    Bank(BankFile, Option<u32>),
}

/// The task of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Prints the balance of an account.
    Query {
        /// Account name.
        account: AccountName,
    },
    /// Lists the accounts.
    Accounts,
    /// Lists the entries of an account.
    Statement {
        /// Account name.
        account: AccountName,
        /// Largest number of entries. 0 stands for all.
        limit: u64,
    },
    /// Sends a write.
    Write {
        /// The write.
        write: Write,
        /// Request id that the customer gave.
        request_id: Option<RequestId>,
    },
    /// Shows the entries of an account as they reach a branch.
    Watch {
        /// Account name.
        account: AccountName,
        /// Number of the newest entries to begin with.
        limit: u64,
        /// Time after which the watch ends. `None` if it ends by Ctrl-C only.
        lasting: Option<Duration>,
    },
    /// Replays the events on stdin.
    Replay {
        /// Account of an event that names none.
        account: AccountName,
        /// The events are the first line of stdin; its end ends the process.
        stop_with_stdin: bool,
    },
}

impl Request {
    /// Checks a command line, and reads the bank file that it names.
    ///
    /// # Errors
    /// A value is wrong, or the bank file cannot be used.
    pub fn new(Cli { verb, shared }: Cli) -> Result<Self, InputError> {
        let task = task(verb, &shared)?;
        if let (Some(_), false) = (&shared.request_id, matches!(task, Task::Write { .. })) {
            return Err(InputError(
                "--request-id names a write; this verb sends no write, or gives each write an id of its own".into(),
            ));
        }
        if matches!(task, Task::Watch { .. }) && (shared.session.is_some() || shared.level.is_some()) {
            return Err(InputError(
                "watch shows the entries of every customer and has no session: leave --session and --level out".into(),
            ));
        }
        let mut options = ClientOptions {
            failover: !shared.no_failover,
            ..ClientOptions::default()
        };
        if let Some(timeout) = &shared.timeout {
            options.timeout = input::timeout(timeout)?;
        }
        Ok(Self {
            options,
            level: named("--level", shared.level.as_deref())?,
            propagation: named("--propagation", shared.propagation.as_deref())?,
            target: target(&shared, &task)?,
            session: shared.session,
            json: shared.json,
            verbose: shared.verbose,
            task,
        })
    }
}

impl Target {
    /// A client of the branch or bank.
    pub fn client(&self, options: ClientOptions) -> Client {
        match self {
            Self::Address(address) => Client::at(address.clone(), options),
            Self::Bank(bank, _) => Client::of_bank(bank, options),
        }
    }

    /// Number of the branch to ask. `None` if there is no bank file, or if the first branch in it is asked.
    pub fn branch(&self) -> Option<u32> {
        match self {
            Self::Address(_) => None,
            Self::Bank(_, branch) => *branch,
        }
    }
}

fn task(verb: Verb, shared: &Shared) -> Result<Task, InputError> {
    let account = shared.account.as_deref().map(input::account).transpose()?;
    let account = account.unwrap_or_else(AccountName::main);
    let request_id = shared.request_id.as_deref().map(input::request_id).transpose()?;
    let write = |write| Task::Write { write, request_id };
    let none_named = || match shared.account {
        Some(_) => Err(InputError(
            "--account has no place here: this verb names its account itself, or needs none".into(),
        )),
        None => Ok(()),
    };
    Ok(match verb {
        Verb::Query => Task::Query { account },
        Verb::Deposit { amount } => write(Write::Deposit {
            account,
            amount: input::amount(&amount)?,
        }),
        Verb::Withdraw { amount } => write(Write::Withdraw {
            account,
            amount: input::amount(&amount)?,
        }),
        Verb::Transfer { amount, to } => {
            let (to, amount) = (input::account(&to)?, input::amount(&amount)?);
            if to == account {
                return Err(InputError(format!(
                    "{to} cannot pay itself; name another account in --to or --account"
                )));
            }
            write(Write::Transfer {
                from: account,
                to,
                amount,
            })
        }
        Verb::Open { account } => {
            none_named()?;
            write(Write::Open {
                account: input::account(&account)?,
            })
        }
        Verb::Accounts => {
            none_named()?;
            Task::Accounts
        }
        Verb::Statement { limit } => Task::Statement {
            account,
            limit: limit.as_deref().map_or(Ok(0), |limit| entries(limit, 1))?,
        },
        Verb::Watch {
            account: watched,
            limit,
            lasting,
        } => {
            if watched.is_some() {
                none_named()?;
            }
            Task::Watch {
                account: watched.map_or(Ok(account), |watched| input::account(&watched))?,
                limit: limit
                    .as_deref()
                    .map_or(Ok(WATCHED_AT_FIRST), |limit| entries(limit, 0))?,
                lasting: lasting.as_deref().map(input::lasting).transpose()?,
            }
        }
        Verb::Replay { stop_with_stdin } => Task::Replay {
            account,
            stop_with_stdin,
        },
        Verb::Completions { .. } => return Err(InputError("completions need no branch".into())),
    })
}

fn target(shared: &Shared, task: &Task) -> Result<Target, InputError> {
    let bank = shared.bank.as_deref().map(BankFile::load).transpose();
    let bank = bank.map_err(|error| InputError(error.to_string()))?;
    let branch = shared.branch.as_deref();
    let number = branch.filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let wrong = |what: String| InputError(format!("--branch: {what}"));
    match (bank, branch, number) {
        (None, _, _) if matches!(task, Task::Replay { .. }) => Err(InputError(
            "replay needs the bank file, which says where each branch is: give --bank FILE".into(),
        )),
        (None, None, _) => Err(InputError(
            "which branch? Give --branch HOST:PORT, or --bank FILE with --branch NUMBER".into(),
        )),
        (None, _, Some(number)) => Err(wrong(format!(
            "{} is a number; give HOST:PORT, or the bank file with --bank FILE",
            shown(number)
        ))),
        (None, Some(address), None) => {
            let address: Result<Address, _> = address.parse();
            address.map(Target::Address).map_err(|error| wrong(error.to_string()))
        }
        (Some(bank), None, _) => Ok(Target::Bank(bank, None)),
        (Some(bank), Some(_), Some(number)) => {
            let number = number
                .parse()
                .map_err(|_| wrong(format!("{} is too large", shown(number))))?;
            bank.address(number).map_err(|error| wrong(error.to_string()))?;
            Ok(Target::Bank(bank, Some(number)))
        }
        (Some(bank), Some(address), None) => {
            let address: Address = address
                .parse()
                .map_err(|error: AddressError| wrong(error.to_string()))?;
            let known = bank
                .branches()
                .iter()
                .find(|known| known.address == address)
                .map(|known| known.branch);
            let known = known.ok_or_else(|| wrong(format!("the bank file names no branch at {address}")))?;
            Ok(Target::Bank(bank, Some(known)))
        }
    }
}

fn named<T: Default + std::str::FromStr<Err = UnknownWord>>(flag: &str, text: Option<&str>) -> Result<T, InputError> {
    text.map_or(Ok(T::default()), |text| {
        text.parse().map_err(|error| InputError(format!("{flag}: {error}")))
    })
}

fn entries(text: &str, min: u64) -> Result<u64, InputError> {
    let limit = text
        .parse()
        .ok()
        .filter(|limit| *limit >= min && text.bytes().all(|b| b.is_ascii_digit()));
    limit.ok_or_else(|| {
        InputError(format!(
            "--limit: {} is not a number of entries, {min} or more",
            shown(text)
        ))
    })
}
