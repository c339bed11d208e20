//! What one customer has seen of the bank, and the write that it has not yet heard of. A session goes from branch to
//! branch with its customer; no branch remembers it.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::level::Propagation;

/// What one customer has seen. Invariant: positions never fall.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// The bank, once one has answered.
    pub bank_id: Option<Uuid>,
    /// The highest position that a read was answered from.
    pub read_position: u64,
    /// The highest position of a write that the bank decided on.
    pub write_position: u64,
    /// The write whose outcome is not known yet. There is no second one: the next write waits for it.
    pub pending: Option<PendingWrite>,
}

/// A write that may have been sent, and whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingWrite {
    /// The client's name for it; the bank applies each at most once.
    pub request_id: Uuid,
    /// What it does.
    pub action: Action,
    /// What its reply waits for.
    pub propagation: Propagation,
    /// It may have been sent before: that one attempt was not applied says nothing of the others. Whoever reads a
    /// pending write from a file cannot know better, so it is not stored, and true when it is read.
    #[serde(skip, default = "yes")]
    pub in_doubt: bool,
}

fn yes() -> bool {
    true
}

/// What a write does. Amounts are in minor units, at least 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Pays money in.
    Deposit {
        /// The account that is paid.
        account: String,
        /// How much.
        amount: i64,
    },
    /// Takes money out.
    Withdraw {
        /// The account that pays.
        account: String,
        /// How much.
        amount: i64,
    },
    /// Moves money within the bank.
    Transfer {
        /// The account that pays.
        from: String,
        /// The account that is paid.
        to: String,
        /// How much.
        amount: i64,
    },
    /// Opens a further account, at zero.
    Open {
        /// Its name.
        account: String,
    },
}

/// A reply that no correct bank gives to this session.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SessionBreach {
    /// It comes from another bank.
    #[error("the reply is of bank {reply}, but the session belongs to bank {session}")]
    AnotherBank {
        /// The session's bank.
        session: Uuid,
        /// The reply's.
        reply: Uuid,
    },
    /// A read was answered from before what was asked.
    #[error("the reply is from position {position}, older than the {needed} that was asked for; it is not shown")]
    Stale {
        /// The reply's.
        position: u64,
        /// What the read asked for.
        needed: u64,
    },
    /// A new write was put before what the session has seen.
    #[error("the new write is said to be at position {position}, but the session has already seen {seen}")]
    OutOfOrder {
        /// The write's.
        position: u64,
        /// What the session has seen.
        seen: u64,
    },
}

impl Session {
    /// The highest position that the session knows of.
    pub fn seen(&self) -> u64 {
        self.read_position.max(self.write_position)
    }

    /// Takes a read's reply into account. Every level does, `eventual` too: what was seen was seen.
    ///
    /// # Errors
    /// A reply of another bank, or from before `needed`; the session is unchanged then.
    pub fn saw_read(&mut self, bank_id: Uuid, position: u64, needed: u64) -> Result<(), SessionBreach> {
        self.check_bank(bank_id)?;
        if position < needed {
            return Err(SessionBreach::Stale { position, needed });
        }
        self.bank_id = Some(bank_id);
        self.read_position = self.read_position.max(position);
        Ok(())
    }

    /// Takes a write's reply into account, accepted or refused. `repeated`: it had been decided before.
    ///
    /// # Errors
    /// A reply of another bank, or a new write at or before what the session has seen; the session is unchanged then.
    pub fn saw_write(&mut self, bank_id: Uuid, position: u64, repeated: bool) -> Result<(), SessionBreach> {
        self.check_bank(bank_id)?;
        if !repeated && position <= self.seen() {
            return Err(SessionBreach::OutOfOrder {
                position,
                seen: self.seen(),
            });
        }
        self.bank_id = Some(bank_id);
        self.write_position = self.write_position.max(position);
        Ok(())
    }

    fn check_bank(&self, reply: Uuid) -> Result<(), SessionBreach> {
        match self.bank_id {
            Some(session) if session != reply => Err(SessionBreach::AnotherBank { session, reply }),
            _ => Ok(()),
        }
    }
}

impl PendingWrite {
    /// A write that has not been sent yet, under a new request id.
    pub fn new(action: Action, propagation: Propagation) -> Self {
        Self::with_id(Uuid::now_v7(), action, propagation)
    }

    /// A write that has not been sent yet, under this request id.
    pub fn with_id(request_id: Uuid, action: Action, propagation: Propagation) -> Self {
        Self {
            request_id,
            action,
            propagation,
            in_doubt: false,
        }
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deposit { account, amount } => write!(f, "deposit of {amount} to {account}"),
            Self::Withdraw { account, amount } => write!(f, "withdrawal of {amount} from {account}"),
            Self::Transfer { from, to, amount } => write!(f, "transfer of {amount} from {from} to {to}"),
            Self::Open { account } => write!(f, "opening of account {account}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANK: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn session(read_position: u64, write_position: u64) -> Session {
        Session {
            bank_id: Some(BANK),
            read_position,
            write_position,
            pending: None,
        }
    }

    #[test]
    fn reads_raise_the_read_position_and_never_lower_it() {
        //     before      reply (bank, position, needed)  after
        let table = [
            (Session::default(), (BANK, 3, 0), Ok(session(3, 0))),
            (session(3, 5), (BANK, 7, 5), Ok(session(7, 5))),
            (session(7, 5), (BANK, 6, 0), Ok(session(7, 5))),
            (session(7, 5), (BANK, 0, 0), Ok(session(7, 5))),
            (
                session(7, 5),
                (BANK, 6, 7),
                Err(SessionBreach::Stale { position: 6, needed: 7 }),
            ),
            (
                session(7, 5),
                (OTHER, 9, 7),
                Err(SessionBreach::AnotherBank {
                    session: BANK,
                    reply: OTHER,
                }),
            ),
        ];
        for (before, (bank, position, needed), expected) in table {
            let mut after = before.clone();
            let result = after.saw_read(bank, position, needed);
            assert_eq!(result.clone().map(|()| after.clone()), expected);
            assert!(result.is_ok() || after == before, "an error changes nothing");
        }
    }

    #[test]
    fn a_new_write_is_past_everything_seen_and_a_repeated_one_need_not_be() {
        let order = |position, seen| Err(SessionBreach::OutOfOrder { position, seen });
        let table = [
            (Session::default(), (BANK, 1, false), Ok(session(0, 1))),
            (session(7, 5), (BANK, 8, false), Ok(session(7, 8))),
            (session(7, 5), (BANK, 7, false), order(7, 7)),
            (session(3, 5), (BANK, 5, false), order(5, 5)),
            (session(7, 5), (BANK, 6, true), Ok(session(7, 6))),
            (session(7, 5), (BANK, 2, true), Ok(session(7, 5))),
            (
                session(7, 5),
                (OTHER, 9, true),
                Err(SessionBreach::AnotherBank {
                    session: BANK,
                    reply: OTHER,
                }),
            ),
        ];
        for (before, (bank, position, repeated), expected) in table {
            let mut after = before.clone();
            let result = after.saw_write(bank, position, repeated);
            assert_eq!(result.clone().map(|()| after.clone()), expected);
            assert!(result.is_ok() || after == before, "an error changes nothing");
        }
    }

    #[test]
    fn a_pending_write_that_was_stored_is_in_doubt() {
        let action = Action::Transfer {
            from: "main".into(),
            to: "rent".into(),
            amount: i64::MAX,
        };
        let pending = PendingWrite::new(action, Propagation::All);
        let stored = serde_json::to_string(&pending).expect("JSON");
        let loaded: PendingWrite = serde_json::from_str(&stored).expect("read back");
        assert_eq!(
            loaded,
            PendingWrite {
                in_doubt: true,
                ..pending
            }
        );
    }
}
