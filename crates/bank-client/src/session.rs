//! A customer's session: what it has seen of the bank, and its write whose outcome is not known. A session goes from
//! branch to branch with its customer; no branch stores it.

use bank_types::{Level, Position, Propagation, RequestId, Write};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::read_need::ReadNeed;

/// What one customer has seen. Invariant: the positions never fall.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// Bank of the session. `None` until a bank has answered.
    pub bank_id: Option<Uuid>,
    /// Highest position that a read was answered from.
    pub read_position: Position,
    /// Highest position of a write that the bank decided.
    pub write_position: Position,
    /// The write whose outcome is not known yet. There is at most one: the next write waits for it.
    pub pending: Option<PendingWrite>,
}

/// A write that may have been sent, and whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingWrite {
    /// Request id of the write. The bank applies it at most once.
    pub request_id: RequestId,
    /// The request.
    pub action: Write,
    /// Branches that the reply waits for.
    pub propagation: Propagation,
    /// The write may have been sent before, so that a later attempt that was not applied does not settle it. The field
    /// is not stored. It is true for a write that was read from a file, because its earlier attempts are not known.
    #[serde(skip, default = "yes")]
    pub in_doubt: bool,
}

fn yes() -> bool {
    true
}

/// A reply that no correct bank gives to this session.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SessionBreach {
    /// The reply comes from another bank.
    #[error("the reply is of bank {reply}, but the session belongs to bank {session}")]
    AnotherBank {
        /// Bank of the session.
        session: Uuid,
        /// Bank of the reply.
        reply: Uuid,
    },
    /// A read was answered from an older state than it asked for.
    #[error("the reply is from position {position}, older than the {needed} that was asked for; it is not shown")]
    Stale {
        /// Position of the reply.
        position: Position,
        /// Position that the read asked for.
        needed: Position,
    },
    /// A new write has a position that the session has seen already.
    #[error("the new write is said to be at position {position}, but the session has already seen {seen}")]
    OutOfOrder {
        /// Position of the write.
        position: Position,
        /// Highest position that the session has seen.
        seen: Position,
    },
}

impl Session {
    /// Highest position that the session has read or written.
    pub fn seen(&self) -> Position {
        self.read_position.max(self.write_position)
    }

    /// What a read of this session needs at this level.
    pub fn need(&self, level: Level) -> ReadNeed {
        let min_position = match level {
            Level::Eventual => 0,
            Level::ReadYourWrites => self.write_position,
            Level::MonotonicReads => self.read_position,
            Level::Session | Level::Strong => self.seen(),
        };
        ReadNeed {
            min_position,
            linearizable: level == Level::Strong,
        }
    }

    /// Records the reply to a read. A read at any level counts, also at `eventual`, because the customer has seen its
    /// state.
    ///
    /// # Errors
    /// The reply is of another bank, or from before `needed`. The session is unchanged then.
    pub fn saw_read(&mut self, bank_id: Uuid, position: Position, needed: Position) -> Result<(), SessionBreach> {
        self.check_bank(bank_id)?;
        if position < needed {
            return Err(SessionBreach::Stale { position, needed });
        }
        self.bank_id = Some(bank_id);
        self.read_position = self.read_position.max(position);
        Ok(())
    }

    /// Records the reply to a write, accepted or refused. `repeated` says that the request id had been decided before.
    ///
    /// # Errors
    /// The reply is of another bank, or a new write is at or before the highest position that the session has seen. The
    /// session is unchanged then.
    pub fn saw_write(&mut self, bank_id: Uuid, position: Position, repeated: bool) -> Result<(), SessionBreach> {
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
    pub fn new(action: Write, propagation: Propagation) -> Self {
        Self::with_id(Uuid::now_v7().into(), action, propagation)
    }

    /// A write that has not been sent yet, under this request id.
    pub fn with_id(request_id: RequestId, action: Write, propagation: Propagation) -> Self {
        Self {
            request_id,
            action,
            propagation,
            in_doubt: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use bank_types::{AccountName, Amount};

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
        let action = Write::Transfer {
            from: AccountName::main(),
            to: AccountName::new("rent").expect("a name"),
            amount: Amount::MAX,
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

    #[test]
    fn each_level_needs_its_position() {
        //      level                  read write  min  linearizable
        let table = [
            (Level::Eventual, 7, 5, 0, false),
            (Level::ReadYourWrites, 7, 5, 5, false),
            (Level::ReadYourWrites, 7, 0, 0, false),
            (Level::MonotonicReads, 7, 5, 7, false),
            (Level::MonotonicReads, 0, 5, 0, false),
            (Level::Session, 7, 5, 7, false),
            (Level::Session, 5, 7, 7, false),
            (Level::Session, 0, 0, 0, false),
            (Level::Strong, 5, 7, 7, true),
            (Level::Strong, 0, 0, 0, true),
        ];
        for (level, read_position, write_position, min_position, linearizable) in table {
            let session = Session {
                read_position,
                write_position,
                ..Session::default()
            };
            assert_eq!(
                session.need(level),
                ReadNeed {
                    min_position,
                    linearizable
                },
                "{level} of {session:?}"
            );
        }
    }
}
