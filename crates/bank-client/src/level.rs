//! What a customer asks of a read (its level) and of a write (its propagation), and what each level means in positions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::session::Session;

/// What a read promises to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing: whatever the branch has.
    Eventual,
    /// Includes the session's last write.
    ReadYourWrites,
    /// Not older than anything the session has read.
    MonotonicReads,
    /// Both of these. With totally ordered writes that is all four session guarantees.
    #[default]
    Session,
    /// Linearizable: includes every write that any customer was told of before.
    Strong,
}

/// What a write's reply waits for, beyond its being durable on a quorum and applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Propagation {
    /// Nothing more.
    #[default]
    Quorum,
    /// Every branch of the bank has applied it.
    All,
}

/// A level in positions: what a read asks of the state that it is answered from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadNeed {
    /// The state has applied at least this many commands.
    pub min_position: u64,
    /// The state includes every write acknowledged before the read began.
    pub linearizable: bool,
}

impl Level {
    /// Every level, weakest first.
    pub const ALL: [Self; 5] = [
        Self::Eventual,
        Self::ReadYourWrites,
        Self::MonotonicReads,
        Self::Session,
        Self::Strong,
    ];

    /// What a read at this level needs, given what the session has seen.
    pub fn need(self, session: &Session) -> ReadNeed {
        let min_position = match self {
            Self::Eventual => 0,
            Self::ReadYourWrites => session.write_position,
            Self::MonotonicReads => session.read_position,
            Self::Session | Self::Strong => session.seen(),
        };
        ReadNeed {
            min_position,
            linearizable: self == Self::Strong,
        }
    }

    /// As it is written on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eventual => "eventual",
            Self::ReadYourWrites => "read-your-writes",
            Self::MonotonicReads => "monotonic-reads",
            Self::Session => "session",
            Self::Strong => "strong",
        }
    }
}

impl Propagation {
    /// Every propagation.
    pub const ALL: [Self; 2] = [Self::Quorum, Self::All];

    /// As it is written on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quorum => "quorum",
            Self::All => "all",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Propagation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(&Self::ALL, Self::as_str, text)
    }
}

impl FromStr for Propagation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(&Self::ALL, Self::as_str, text)
    }
}

fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str, text: &str) -> Result<T, String> {
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
        format!("{text:?} is none of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
                level.need(&session),
                ReadNeed {
                    min_position,
                    linearizable
                },
                "{level} of {session:?}"
            );
        }
    }

    #[test]
    fn names_are_read_back() {
        for level in Level::ALL {
            assert_eq!(level.as_str().parse(), Ok(level));
            assert_eq!(serde_json::to_string(&level).expect("JSON"), format!("\"{level}\""));
        }
        for propagation in Propagation::ALL {
            assert_eq!(propagation.as_str().parse(), Ok(propagation));
        }
        assert_eq!(
            "all ".parse::<Propagation>(),
            Err("\"all \" is none of quorum, all".to_owned())
        );
    }
}
