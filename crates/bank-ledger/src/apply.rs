//! The rules of the bank: how a command is decided, and what it does to the books.

use bank_types::{AccountName, Amount, Position, RequestId};

use crate::account::Account;
use crate::books::Books;
use crate::command::{Action, Command};
use crate::digest::{Digest, DigestRule, Reads};
use crate::entry::{Entry, Leg};
use crate::outcome::{Applied, Outcome, Refusal, Remembered};

/// How far a branch has come. Together with the [`Books`] it is all that the next command depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Number of commands that have been applied.
    pub position: Position,
    /// Digest over every decision so far.
    pub digest: Digest,
}

impl Ledger {
    /// Applies the next command of the journal by the newest [`DigestRule`].
    ///
    /// # Errors
    /// As for [`Self::apply_by`].
    ///
    /// # Panics
    /// As for [`Self::apply_by`].
    pub fn apply<B: Books>(&mut self, books: &mut B, command: Command) -> Result<Applied, B::Error> {
        self.apply_by(DigestRule::NEWEST, books, command)
    }

    /// Applies the next command of the journal. Every command takes a position, also a refused or a repeated one.
    ///
    /// # Errors
    /// An error of the books. The position has not moved then, but the books may have been written in part.
    ///
    /// # Panics
    /// After 2^64 − 1 commands.
    pub fn apply_by<B: Books>(
        &mut self,
        rule: DigestRule,
        books: &mut B,
        command: Command,
    ) -> Result<Applied, B::Error> {
        let mut books = Noted {
            books,
            reads: Reads::new(),
        };
        if let Some(first) = books.remembered(&command.request_id)? {
            let applied = Applied {
                position: first.position,
                outcome: if first.action == command.action {
                    first.outcome
                } else {
                    Outcome::IdReused
                },
                repeated: true,
            };
            *self = self.after(&command, &applied, books.noted(rule));
            return Ok(applied);
        }
        let decision = decide(&mut books, &command.action)?;
        let applied = Applied {
            position: self.position + 1,
            outcome: decision.outcome(),
            repeated: false,
        };
        let after = self.after(&command, &applied, books.noted(rule));
        record(books.books, after.position, command, decision)?;
        *self = after;
        Ok(applied)
    }

    /// The ledger after one more command.
    fn after(&self, command: &Command, applied: &Applied, reads: Option<&Reads>) -> Self {
        let position = self.position + 1;
        Self {
            position,
            digest: self.digest.chain(position, command, applied, reads),
        }
    }
}

/// Books that record which accounts are read.
struct Noted<'b, B> {
    books: &'b mut B,
    reads: Reads,
}

impl<B> Noted<'_, B> {
    /// The reads that go into the digest, if the rule includes them.
    fn noted(&self, rule: DigestRule) -> Option<&Reads> {
        (rule == DigestRule::Reads).then_some(&self.reads)
    }
}

impl<B: Books> Books for Noted<'_, B> {
    type Error = B::Error;

    fn account(&mut self, name: &AccountName) -> Result<Option<Account>, B::Error> {
        let read = self.books.account(name)?;
        self.reads.push((name.clone(), read));
        Ok(read)
    }

    fn remembered(&mut self, id: &RequestId) -> Result<Option<Remembered>, B::Error> {
        self.books.remembered(id)
    }

    fn record_entry(&mut self, entry: Entry) -> Result<(), B::Error> {
        self.books.record_entry(entry)
    }

    fn record_refusal(&mut self, id: RequestId, refused: Remembered) -> Result<(), B::Error> {
        self.books.record_refusal(id, refused)
    }
}

/// Decision on a command whose request id is new.
enum Decision {
    Accept { account: Leg, counter_account: Option<Leg> },
    Refuse(Refusal),
}

impl Decision {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Accept { account, .. } => Outcome::Accepted {
                balance: account.balance,
            },
            Self::Refuse(refusal) => Outcome::Refused(refusal.clone()),
        }
    }
}

fn record<B: Books>(books: &mut B, position: Position, command: Command, decision: Decision) -> Result<(), B::Error> {
    match decision {
        Decision::Accept {
            account,
            counter_account,
        } => books.record_entry(Entry {
            position,
            command,
            account,
            counter_account,
        }),
        Decision::Refuse(refusal) => books.record_refusal(
            command.request_id,
            Remembered {
                position,
                action: command.action,
                outcome: Outcome::Refused(refusal),
            },
        ),
    }
}

fn decide<B: Books>(books: &mut B, action: &Action) -> Result<Decision, B::Error> {
    Ok(match action {
        Action::Found { opening_balance } => open(books, &AccountName::main(), *opening_balance)?,
        Action::Open { account } => open(books, account, 0)?,
        Action::Deposit { account, amount } => one_leg(books, account, |held| grow(account, held, *amount))?,
        Action::Withdraw { account, amount } => one_leg(books, account, |held| shrink(account, held, *amount))?,
        Action::Transfer { from, to, amount } => transfer(books, from, to, *amount)?,
    })
}

fn open<B: Books>(books: &mut B, name: &AccountName, balance: i64) -> Result<Decision, B::Error> {
    if let Some(held) = books.account(name)? {
        return Ok(Decision::Refuse(Refusal::AccountExists {
            account: name.clone(),
            balance: held.balance,
        }));
    }
    if balance < 0 {
        return Ok(Decision::Refuse(Refusal::InsufficientFunds {
            account: name.clone(),
            balance: 0,
        }));
    }
    Ok(Decision::Accept {
        account: Leg { balance, previous: 0 },
        counter_account: None,
    })
}

fn one_leg<B: Books>(
    books: &mut B,
    name: &AccountName,
    moved: impl FnOnce(Account) -> Result<Leg, Refusal>,
) -> Result<Decision, B::Error> {
    let Some(held) = books.account(name)? else {
        return Ok(Decision::Refuse(Refusal::NoSuchAccount { account: name.clone() }));
    };
    Ok(match moved(held) {
        Ok(account) => Decision::Accept {
            account,
            counter_account: None,
        },
        Err(refusal) => Decision::Refuse(refusal),
    })
}

fn transfer<B: Books>(
    books: &mut B,
    from: &AccountName,
    to: &AccountName,
    amount: Amount,
) -> Result<Decision, B::Error> {
    let Some(payer) = books.account(from)? else {
        return Ok(Decision::Refuse(Refusal::NoSuchAccount { account: from.clone() }));
    };
    if from == to {
        return Ok(Decision::Refuse(Refusal::SameAccount {
            account: from.clone(),
            balance: payer.balance,
        }));
    }
    let Some(payee) = books.account(to)? else {
        return Ok(Decision::Refuse(Refusal::NoSuchAccount { account: to.clone() }));
    };
    let legs = shrink(from, payer, amount).and_then(|paid| Ok((paid, grow(to, payee, amount)?)));
    Ok(match legs {
        Ok((account, counter)) => Decision::Accept {
            account,
            counter_account: Some(counter),
        },
        Err(refusal) => Decision::Refuse(refusal),
    })
}

fn grow(name: &AccountName, held: Account, amount: Amount) -> Result<Leg, Refusal> {
    match held.balance.checked_add(amount.get()) {
        Some(balance) => Ok(Leg {
            balance,
            previous: held.last_entry,
        }),
        None => Err(Refusal::Overflow {
            account: name.clone(),
            balance: held.balance,
        }),
    }
}

fn shrink(name: &AccountName, held: Account, amount: Amount) -> Result<Leg, Refusal> {
    match held.balance.checked_sub(amount.get()) {
        Some(balance) if balance >= 0 => Ok(Leg {
            balance,
            previous: held.last_entry,
        }),
        _ => Err(Refusal::InsufficientFunds {
            account: name.clone(),
            balance: held.balance,
        }),
    }
}
