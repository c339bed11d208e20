//! A checked command line: a plain value that says what to ask, of which branch and how. No other module reads flags.

use std::path::PathBuf;
use std::time::Duration;

use bank_client::{Client, ClientOptions, Security};
use bank_types::{AccountName, Level, MAIN, Propagation, RequestId, UnknownWord, Write};

use uuid::Uuid;

use crate::args::{Cli, ReadAccount, ReadLevel, Shared, Verb, WriteAccount, WriteFlags};
use crate::import::rows::Format;
use crate::input::{self, InputError, shown};
use crate::target::{self, Found, Target};

/// Number of entries that a watch begins with by default.
const WATCHED_AT_FIRST: u64 = 10;

/// A checked command line.
#[derive(Debug)]
pub struct Request {
    /// Branch or bank to ask.
    pub target: Target,
    /// Advice if nothing answers there. `None` if the command line names the target.
    pub advice: Option<&'static str>,
    /// Deadline and failover.
    pub options: ClientOptions,
    /// Certificates and token.
    pub security: Security,
    /// Consistency level of reads.
    pub level: Level,
    /// Branches that writes wait for.
    pub propagation: Propagation,
    /// Where the session is kept.
    pub session: SessionChoice,
    /// Prints JSON.
    pub json: bool,
    /// Prints more on stderr.
    pub verbose: bool,
    /// The task.
    pub task: Task,
}

/// Where the session is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionChoice {
    /// In the file that the bank has by default.
    OfBank,
    /// In this file.
    File(PathBuf),
    /// Nowhere: the session ends with the program.
    None,
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
    /// Sends the writes of a file.
    Import {
        /// Where the writes come from.
        source: Source,
        /// Format of the input.
        format: Format,
    },
    /// Shows the session, or forgets it.
    Session {
        /// Removes the session file.
        forget: bool,
    },
    /// Replays the events on stdin.
    Replay {
        /// Account of an event that names none.
        account: AccountName,
        /// The events are the first line of stdin; its end ends the process.
        stop_with_stdin: bool,
    },
}

impl Task {
    /// The account of the task. `main` for a task that has none, or several.
    pub fn account(&self) -> &str {
        match self {
            Self::Query { account } | Self::Statement { account, .. } => account.as_str(),
            Self::Watch { account, .. } | Self::Replay { account, .. } => account.as_str(),
            Self::Write { write, .. } => write.account().as_str(),
            Self::Accounts | Self::Import { .. } | Self::Session { .. } => MAIN,
        }
    }
}

/// Where an import takes its writes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Stdin, and the id of an earlier import of it.
    Stdin(Option<Uuid>),
}

impl Request {
    /// Checks a command line, and reads the certificates, the token and the bank file that it names or that are found.
    ///
    /// # Errors
    /// A value is wrong, or one of the files cannot be used.
    pub fn new(Cli { verb, shared }: Cli) -> Result<Self, InputError> {
        let Asked {
            task,
            level,
            propagation,
        } = asked(verb)?;
        let mut options = ClientOptions {
            failover: !shared.no_failover,
            ..ClientOptions::default()
        };
        if let Some(timeout) = &shared.timeout {
            options.timeout = input::timeout(timeout)?;
        }
        let is_replay = matches!(task, Task::Replay { .. });
        let Found { target, advice } = target::find(shared.bank.as_deref(), shared.branch.as_deref(), is_replay)?;
        let session = session(&shared);
        let security = shared.connect.files().load();
        Ok(Self {
            target,
            advice,
            options,
            security: security.map_err(|error| InputError(error.to_string()))?,
            level,
            propagation,
            session,
            json: shared.json,
            verbose: shared.verbose,
            task,
        })
    }

    /// A client of the branch or bank.
    pub fn client(&self) -> Client {
        self.target.client(self.options).with_security(self.security.clone())
    }
}

/// A task, and what it asks of reads and writes.
struct Asked {
    task: Task,
    level: Level,
    propagation: Propagation,
}

fn asked(verb: Verb) -> Result<Asked, InputError> {
    match verb {
        Verb::Query { account, level } => reads(
            Task::Query {
                account: read_account(account)?,
            },
            level,
        ),
        Verb::Accounts { level } => reads(Task::Accounts, level),
        Verb::Statement { account, level, limit } => {
            let limit = limit.as_deref().map_or(Ok(0), |limit| entries(limit, 1))?;
            let account = read_account(account)?;
            reads(Task::Statement { account, limit }, level)
        }
        Verb::Deposit { amount, account, flags } => {
            let (account, amount) = (write_account(account)?, input::amount(&amount.amount)?);
            writes(Write::Deposit { account, amount }, flags)
        }
        Verb::Withdraw { amount, account, flags } => {
            let (account, amount) = (write_account(account)?, input::amount(&amount.amount)?);
            writes(Write::Withdraw { account, amount }, flags)
        }
        Verb::Transfer {
            amount,
            to,
            account,
            flags,
        } => {
            let from = write_account(account)?;
            let (to, amount) = (input::account(&to)?, input::amount(&amount.amount)?);
            if to == from {
                return Err(InputError(format!(
                    "{to} cannot pay itself; name another account in --to or --account"
                )));
            }
            writes(Write::Transfer { from, to, amount }, flags)
        }
        Verb::Open { account, flags } => {
            let account = input::account(&account)?;
            writes(Write::Open { account }, flags)
        }
        Verb::Watch {
            account,
            limit,
            lasting,
        } => {
            let limit = limit.as_deref();
            Ok(plain(Task::Watch {
                account: read_account(account)?,
                limit: limit.map_or(Ok(WATCHED_AT_FIRST), |limit| entries(limit, 0))?,
                lasting: lasting.as_deref().map(input::lasting).transpose()?,
            }))
        }
        Verb::Replay {
            account,
            level,
            propagation,
            stop_with_stdin,
        } => Ok(Asked {
            task: Task::Replay {
                account: account_or_main(account)?,
                stop_with_stdin,
            },
            level: named("--level", level.level.as_deref())?,
            propagation: named("--propagation", propagation.as_deref())?,
        }),
        Verb::Import {
            file,
            format,
            propagation,
            import_id,
        } => Ok(Asked {
            propagation: named("--propagation", propagation.as_deref())?,
            ..plain(import(file, format.as_deref(), import_id.as_deref())?)
        }),
        Verb::Session { forget } => Ok(plain(Task::Session { forget })),
        Verb::Completions { .. } | Verb::Version => Err(InputError("this verb asks no branch".into())),
    }
}

fn import(file: PathBuf, format: Option<&str>, import_id: Option<&str>) -> Result<Task, InputError> {
    let from_stdin = file.as_os_str() == "-";
    let by_name = Format::of_name(&file);
    let format = match format {
        Some(text) => Format::named(text)
            .ok_or_else(|| InputError(format!("--format: {} is neither csv nor jsonl", shown(text))))?,
        None => by_name.ok_or_else(|| {
            InputError(format!(
                "the format of {} is not known: give --format csv or --format jsonl",
                file.display()
            ))
        })?,
    };
    let source = match (from_stdin, import_id) {
        (true, Some(text)) => Source::Stdin(Some(input::import_id(text)?)),
        (true, None) => Source::Stdin(None),
        (false, None) => Source::File(file),
        (false, Some(_)) => {
            return Err(InputError(
                "--import-id is for stdin (-): the import of a file keeps its own id".to_owned(),
            ));
        }
    };
    Ok(Task::Import { source, format })
}

fn plain(task: Task) -> Asked {
    Asked {
        task,
        level: Level::default(),
        propagation: Propagation::default(),
    }
}

fn reads(task: Task, level: ReadLevel) -> Result<Asked, InputError> {
    Ok(Asked {
        level: named("--level", level.level.as_deref())?,
        ..plain(task)
    })
}

fn writes(write: Write, flags: WriteFlags) -> Result<Asked, InputError> {
    let request_id = flags.request_id.as_deref().map(input::request_id).transpose()?;
    Ok(Asked {
        propagation: named("--propagation", flags.propagation.as_deref())?,
        ..plain(Task::Write { write, request_id })
    })
}

fn read_account(ReadAccount { positional, flag }: ReadAccount) -> Result<AccountName, InputError> {
    account_or_main(positional.or(flag))
}

fn write_account(WriteAccount { account }: WriteAccount) -> Result<AccountName, InputError> {
    account_or_main(account)
}

fn account_or_main(account: Option<String>) -> Result<AccountName, InputError> {
    account.map_or_else(|| Ok(AccountName::main()), |account| input::account(&account))
}

fn session(shared: &Shared) -> SessionChoice {
    match &shared.session {
        _ if shared.no_session => SessionChoice::None,
        Some(path) => SessionChoice::File(path.clone()),
        None => SessionChoice::OfBank,
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
