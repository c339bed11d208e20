//! Limits on the request of each call, by its path: the size of a message, and the time in which it must arrive.

use std::time::Duration;

use crate::peers::MESSAGE_BYTES_MAX;

/// How long a request with one message may take from its header to its end. A message of a few hundred bytes takes one
/// round trip.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one message of a stream may take once it has begun. The largest message, 16 MiB, takes this long at 5
/// Mbit/s.
const STREAMED_MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest message of a customer, in bytes. The largest valid one, a transfer between two accounts with the longest
/// names, has 300 bytes. The rest is for invalid messages, which get an error that says what is wrong.
const CUSTOMER_BYTES_MAX: u32 = 64 << 10;
/// The largest message of a stream of writes, in bytes. 1,024 transfers between accounts with the longest names have two
/// thirds of this.
const SUBMIT_BYTES_MAX: u32 = 256 << 10;
/// The largest message of an operator, in bytes. The request to found a bank of 1,000 branches has a tenth of this.
const OPERATOR_BYTES_MAX: u32 = 1 << 20;
/// The largest message between branches that has only a header and a few numbers, in bytes. No valid one has more than
/// 200.
const SMALL_BYTES_MAX: u32 = 4 << 10;
/// The largest message of forwarded writes, in bytes. A batch of 1,024 commands of 200 bytes each has a fifth of this.
const FORWARD_BYTES_MAX: u32 = 1 << 20;
/// The largest part of a snapshot, in bytes: 1 MiB of data and the fields around it.
const COPY_PART_BYTES_MAX: u32 = 2 << 20;
/// The largest message of log entries, in bytes.
const APPEND_BYTES_MAX: u32 = MESSAGE_BYTES_MAX as u32;

/// The limits on the request of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The largest message, in bytes. A request with one message may have no more in all.
    pub(super) message_bytes_max: u32,
    pub(super) kind: Kind,
}

/// How many messages a request has, and when they must arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One message. The request must end within this time.
    Single { within: Duration },
    /// Any number of messages. The first must begin within `first`, and each must be complete within `each` after it
    /// began.
    Stream { first: Duration, each: Duration },
}

impl Bounds {
    /// The limits of the call with this path, such as `/bank.v1.BankService/Query`.
    pub(super) fn of(path: &str) -> Self {
        let message_bytes_max = match path {
            "/bank.v1.BranchService/Append" => APPEND_BYTES_MAX,
            "/bank.v1.BranchService/InstallSnapshot" => COPY_PART_BYTES_MAX,
            "/bank.v1.BranchService/Forward" => FORWARD_BYTES_MAX,
            "/bank.v1.BankService/Submit" => SUBMIT_BYTES_MAX,
            path if path.starts_with("/bank.v1.BranchService/") => SMALL_BYTES_MAX,
            path if path.starts_with("/bank.v1.OperatorService/") => OPERATOR_BYTES_MAX,
            // A call to an unknown service is refused before its request is read.
            _ => CUSTOMER_BYTES_MAX,
        };
        let stream = |first| Kind::Stream {
            first,
            each: STREAMED_MESSAGE_TIMEOUT,
        };
        let kind = match path {
            "/bank.v1.BankService/Submit"
            | "/bank.v1.BranchService/Append"
            | "/bank.v1.BranchService/InstallSnapshot" => stream(REQUEST_TIMEOUT),
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
            ("/bank.v1.BankService/Submit", 256 << 10, false),
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
