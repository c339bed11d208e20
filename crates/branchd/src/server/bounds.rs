//! What each call may bring, by its path: how large a message, how long it may take to arrive.

use std::time::Duration;

use crate::peers::MESSAGE_BYTES_MAX;

/// How long the request of a call with one message may take from its head to its end. A message of a few hundred bytes
/// takes one round trip.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one message of a stream may take once it has begun: the largest, 16 MiB, at 5 Mbit/s.
const STREAMED_MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// A customer's message, in bytes. The longest that makes sense, a transfer between two accounts with the longest names, has
/// 300; the rest is for messages that say at length what is wrong with them.
const CUSTOMER_BYTES_MAX: u32 = 64 << 10;
/// An operator's message, in bytes: the founding of a bank of 1,000 branches fits ten times.
const OPERATOR_BYTES_MAX: u32 = 1 << 20;
/// A message between branches that says who asks and a few numbers, in bytes. None has more than 200.
const SMALL_BYTES_MAX: u32 = 4 << 10;
/// Forwarded writes, in bytes: a batch of 1,024 commands of at most 200 bytes fits five times.
const FORWARD_BYTES_MAX: u32 = 1 << 20;
/// A part of a copy of the books, in bytes: 1 MiB of it and what stands around it.
const COPY_PART_BYTES_MAX: u32 = 2 << 20;
/// Log entries, in bytes.
const APPEND_BYTES_MAX: u32 = MESSAGE_BYTES_MAX as u32;

/// What a call may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The largest message, in bytes. A call with one message brings no more in all.
    pub(super) message_bytes_max: u32,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One message, which ends the request, within this time.
    Single { within: Duration },
    /// Any number of messages: the first begins within `first`, and each is complete `each` after it began.
    Stream { first: Duration, each: Duration },
}

impl Bounds {
    /// Of the call with this path, `/bank.v1.BankService/Query` say.
    pub(super) fn of(path: &str) -> Self {
        let message_bytes_max = match path {
            "/bank.v1.BranchService/Append" => APPEND_BYTES_MAX,
            "/bank.v1.BranchService/InstallSnapshot" => COPY_PART_BYTES_MAX,
            "/bank.v1.BranchService/Forward" => FORWARD_BYTES_MAX,
            path if path.starts_with("/bank.v1.BranchService/") => SMALL_BYTES_MAX,
            path if path.starts_with("/bank.v1.OperatorService/") => OPERATOR_BYTES_MAX,
            // What is no service of ours is refused unread.
            _ => CUSTOMER_BYTES_MAX,
        };
        let stream = |first| Kind::Stream {
            first,
            each: STREAMED_MESSAGE_TIMEOUT,
        };
        let kind = match path {
            "/bank.v1.BranchService/Append" | "/bank.v1.BranchService/InstallSnapshot" => stream(REQUEST_TIMEOUT),
            _ => Kind::Single {
                within: REQUEST_TIMEOUT,
            },
        };
        Self {
            message_bytes_max,
            kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_its_bounds() {
        for (path, bytes, single) in [
            ("/bank.v1.BankService/Deposit", 64 << 10, true),
            ("/bank.v1.BankService/ReadStatement", 64 << 10, true),
            ("/bank.v1.OperatorService/Init", 1 << 20, true),
            ("/bank.v1.BranchService/Vote", 4 << 10, true),
            ("/bank.v1.BranchService/PreVote", 4 << 10, true),
            ("/bank.v1.BranchService/AwaitPosition", 4 << 10, true),
            ("/bank.v1.BranchService/OfferSnapshot", 4 << 10, true),
            ("/bank.v1.BranchService/Forward", 1 << 20, true),
            ("/bank.v1.BranchService/Append", 16 << 20, false),
            ("/bank.v1.BranchService/InstallSnapshot", 2 << 20, false),
            ("/bank.v1.OtherService/Vote", 64 << 10, true),
            ("/", 64 << 10, true),
            ("", 64 << 10, true),
        ] {
            let bounds = Bounds::of(path);
            assert_eq!(bounds.message_bytes_max, bytes, "{path}");
            assert_eq!(matches!(bounds.kind, Kind::Single { .. }), single, "{path}");
        }
    }
}
