//! What was typed, checked: a plain value that says what to ask, of whom and how. Nothing below looks at flags.

use std::path::PathBuf;
use std::time::Duration;

use bank_client::{Action, Address, BankFile, Client, ClientOptions, Level, Propagation};
use uuid::Uuid;

use crate::args::{Cli, Shared, Verb};
use crate::input::{self, InputError, shown};

/// The account where none is named.
const MAIN: &str = "main";
/// How many entries a watch begins with where nobody says.
const WATCHED_AT_FIRST: u64 = 10;

/// A command line that makes sense.
#[derive(Debug)]
pub struct Request {
    /// Of whom.
    pub target: Target,
    /// Deadline and failover.
    pub options: ClientOptions,
    /// What reads promise.
    pub level: Level,
    /// What writes wait for.
    pub propagation: Propagation,
    /// Where the session is kept; none: in memory, and gone at the end.
    pub session: Option<PathBuf>,
    /// Whether to print JSON.
    pub json: bool,
    /// Whether to say more on stderr.
    pub verbose: bool,
    /// What to do.
    pub task: Task,
}

/// Whom to ask.
#[derive(Debug)]
pub enum Target {
    /// One branch, of whatever bank.
    Address(Address),
    /// The branches of a bank; `None`: the first of them.
    Bank(BankFile, Option<u32>),
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Print the balance.
    Query {
        /// Of this account.
        account: String,
    },
    /// List the accounts.
    Accounts,
    /// List the entries.
    Statement {
        /// Of this account.
        account: String,
        /// At most this many; 0: all.
        limit: u64,
    },
    /// Change the books.
    Write {
        /// How.
        action: Action,
        /// The write's name, where the customer gave one.
        request_id: Option<Uuid>,
    },
    /// Show the entries as they come.
    Watch {
        /// Of this account.
        account: String,
        /// How many of the newest to begin with.
        limit: u64,
        /// For how long; none: until it is interrupted.
        lasting: Option<Duration>,
    },
    /// Work through the events on stdin.
    Replay {
        /// The account of an event that names none.
        account: String,
        /// The events are the first line of stdin; its end ends the process.
        stop_with_stdin: bool,
    },
}

impl Request {
    /// Checks a command line, and reads the bank file it names.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn new(Cli { verb, shared }: Cli) -> Result<Self, InputError> {
        let task = task(verb, &shared)?;
        if let (Some(_), false) = (&shared.request_id, matches!(task, Task::Write { .. })) {
            return Err(InputError(
                "--request-id names a write; this verb sends none, or gives each its own".into(),
            ));
        }
        if matches!(task, Task::Watch { .. }) && (shared.session.is_some() || shared.level.is_some()) {
            return Err(InputError(
                "watch shows what reaches a branch, whoever wrote it: leave --session and --level out".into(),
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
    /// A client of it.
    pub fn client(&self, options: ClientOptions) -> Client {
        match self {
            Self::Address(address) => Client::at(address.clone(), options),
            Self::Bank(bank, _) => Client::of_bank(bank, options),
        }
    }

    /// The branch to ask, where a bank file numbers it.
    pub fn branch(&self) -> Option<u32> {
        match self {
            Self::Address(_) => None,
            Self::Bank(_, branch) => *branch,
        }
    }
}

fn task(verb: Verb, shared: &Shared) -> Result<Task, InputError> {
    let account = input::account(shared.account.as_deref().unwrap_or(MAIN))?;
    let request_id = shared.request_id.as_deref().map(uuid).transpose()?;
    let write = |action| Task::Write { action, request_id };
    let none_named = || match shared.account {
        Some(_) => Err(InputError(
            "--account has no place here: the verb itself says which account it means".into(),
        )),
        None => Ok(()),
    };
    Ok(match verb {
        Verb::Query => Task::Query { account },
        Verb::Deposit { amount } => write(Action::Deposit {
            account,
            amount: input::amount(&amount)?,
        }),
        Verb::Withdraw { amount } => write(Action::Withdraw {
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
            write(Action::Transfer {
                from: account,
                to,
                amount,
            })
        }
        Verb::Open { account } => {
            none_named()?;
            write(Action::Open {
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
        Verb::Completions { .. } => return Err(InputError("completions ask no branch".into())),
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
                .map_err(|error: bank_client::AddressError| wrong(error.to_string()))?;
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

fn named<T: Default + std::str::FromStr<Err = String>>(flag: &str, text: Option<&str>) -> Result<T, InputError> {
    text.map_or(Ok(T::default()), |text| {
        text.parse().map_err(|error| InputError(format!("{flag}: {error}")))
    })
}

/// A request id: a UUID, and not the empty one.
///
/// # Errors
/// Anything else.
pub fn uuid(text: &str) -> Result<Uuid, InputError> {
    let id = Uuid::try_parse(text).ok().filter(|id| !id.is_nil());
    id.ok_or_else(|| InputError(format!("{} is not a request id: give a UUID", shown(text))))
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
