//! Plans a founding, and decides whether it fits what an earlier founding has begun. Pure: it does no I/O.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::founding_error::FoundError;
use crate::address::{self, BranchAddress};
use crate::branch_client::{BranchSummary, FoundingRequest};
use crate::reconfiguration::plan::{BRANCHES_MAX, VOTERS_MAX};
use crate::replication::engine::Replica;

/// A founding request that has been checked.
#[derive(Debug)]
pub(super) struct Plan {
    /// The branches, by number.
    pub(super) branches: Vec<BranchAddress>,
    pub(super) opening_balance: i64,
    /// The number of voters. The first branches of the list vote.
    pub(super) voters: usize,
}

impl Plan {
    /// Checks a request. `beyond_this_host` allows addresses beyond this host.
    ///
    /// # Errors
    /// The request does not describe a bank.
    pub(super) fn of(request: &FoundingRequest, beyond_this_host: bool) -> Result<Self, FoundError> {
        let mut branches = request.branches.clone();
        branches.sort_by_key(|b| b.branch);
        if branches.is_empty() || branches.len() > BRANCHES_MAX {
            return Err(FoundError::BranchCount(branches.len()));
        }
        let mut addresses = BTreeSet::new();
        for (at, named) in branches.iter().enumerate() {
            let branch = named.branch;
            if branch == 0 {
                return Err(FoundError::NumberZero);
            }
            if at > 0 && branches[at - 1].branch == branch {
                return Err(FoundError::NumberTwice(branch));
            }
            for address in named.all() {
                if !addresses.insert(address) {
                    return Err(FoundError::AddressTwice(address.clone()));
                }
                address::check(address, beyond_this_host).map_err(|error| FoundError::Address { branch, error })?;
            }
        }
        if request.opening_balance < 0 {
            return Err(FoundError::NegativeBalance(request.opening_balance));
        }
        let count = u32::try_from(branches.len()).unwrap_or(u32::MAX);
        let voters_max = VOTERS_MAX as u32;
        let voters = match request.voters {
            None => match count {
                1 | 2 => count,
                3 | 4 => 3,
                _ => voters_max,
            },
            Some(given) if given <= voters_max.min(count) => given,
            Some(given) => {
                let most = voters_max.min(count);
                return Err(FoundError::VoterCount { given, most });
            }
        };
        Ok(Self {
            branches,
            opening_balance: request.opening_balance,
            voters: voters as usize,
        })
    }

    /// Checks the members of a bank that an earlier founding began. A founding that was cut short is finished with the
    /// branches and voters that it was begun with.
    ///
    /// # Errors
    /// [`FoundError::OtherPlan`].
    pub(super) fn check_begun(&self, bank_id: Uuid, begun: &[Replica]) -> Result<(), FoundError> {
        let same = |member: &Replica| {
            let at = self.branches.iter().position(|b| *b == BranchAddress::from(member));
            at.is_some_and(|at| (at < self.voters) == member.voter)
        };
        let voters = begun.iter().filter(|member| member.voter).count();
        if voters == self.voters && begun.iter().all(same) {
            return Ok(());
        }
        let named: Vec<String> = begun.iter().map(named).collect();
        Err(FoundError::OtherPlan {
            bank_id,
            voters,
            named: named.join(" "),
        })
    }
}

/// A member as the command line names it.
fn named(member: &Replica) -> String {
    let member = BranchAddress::from(member);
    format!("{}={}", member.branch, member.as_given())
}

/// Compares the listeners of the branch that founds the bank with its addresses in the request. The other branches
/// could not be reached, or could not reach this one, if they differed. `peer_address` is the address of this branch's
/// listener for branches.
///
/// # Errors
/// [`FoundError::PeerAddressMissing`] or [`FoundError::NoPeerListener`].
pub(super) fn check_listeners(me: &BranchAddress, peer_address: Option<&str>) -> Result<(), FoundError> {
    let branch = me.branch;
    match (&me.peer_address, peer_address) {
        (None, Some(peer_address)) => Err(FoundError::PeerAddressMissing {
            branch,
            address: me.address.clone(),
            peer_address: peer_address.to_owned(),
        }),
        (Some(peer_address), None) => Err(FoundError::NoPeerListener {
            branch,
            peer_address: peer_address.clone(),
        }),
        _ => Ok(()),
    }
}

/// The bank that an earlier founding has begun at some of the branches, from the answers of all branches.
///
/// # Errors
/// A bank is open already, two banks were begun, or an address belongs to another branch. If none of these holds, the
/// error of a branch that did not answer.
pub(super) fn begun_bank(
    answers: Vec<Result<(&BranchAddress, BranchSummary), FoundError>>,
) -> Result<Option<Uuid>, FoundError> {
    // An open bank is the better reason to refuse than a branch that does not answer.
    let open = answers.iter().flatten().find(|(_, summary)| summary.position > 0);
    if let Some((b, summary)) = open {
        return Err(FoundError::Exists {
            branch: b.branch,
            bank: summary.bank_id.clone().unwrap_or_default(),
        });
    }
    let answers: Vec<_> = answers.into_iter().collect::<Result<_, _>>()?;
    let mut begun: Option<(u32, String)> = None;
    for (b, summary) in answers {
        check_number(b, &summary)?;
        let Some(bank) = summary.bank_id else { continue };
        let second = (b.branch, bank);
        begun = match begun {
            Some(first) if first.1 != second.1 => return Err(FoundError::TwoBanks { first, second }),
            _ => Some(second),
        };
    }
    let Some((branch, bank)) = begun else { return Ok(None) };
    match bank.parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Err(FoundError::NoBankId { branch, bank }),
    }
}

/// Compares the number of the branch at an address with the number in the request.
///
/// # Errors
/// [`FoundError::OtherNumber`].
pub(super) fn check_number(asked: &BranchAddress, summary: &BranchSummary) -> Result<(), FoundError> {
    if summary.branch == asked.branch {
        return Ok(());
    }
    Err(FoundError::OtherNumber {
        asked: asked.clone(),
        found: summary.branch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::branch_client::CallError;
    use tonic::{Code, Status};

    fn address(branch: u32) -> BranchAddress {
        let address = format!("127.0.0.1:{}", 50000 + branch);
        BranchAddress {
            branch,
            address,
            peer_address: None,
        }
    }

    fn request(branches: &[u32], voters: u32) -> FoundingRequest {
        FoundingRequest {
            branches: branches.iter().copied().map(address).collect(),
            opening_balance: 100,
            voters: Some(voters).filter(|voters| *voters > 0),
        }
    }

    fn refusal(request: &FoundingRequest) -> Status {
        Plan::of(request, false).expect_err("refused").into()
    }

    #[test]
    fn so_many_branches_vote() {
        for (branches, asked, voters) in [
            (1, 0, 1),
            (2, 0, 2),
            (3, 0, 3),
            (4, 0, 3),
            (5, 0, 5),
            (9, 0, 5),
            (9, 3, 3),
            (4, 4, 4),
            (1, 1, 1),
        ] {
            let numbers: Vec<u32> = (1..=branches).rev().collect();
            let plan = Plan::of(&request(&numbers, asked), false).expect("a plan");
            assert_eq!(plan.voters, voters, "{branches} branches, {asked} asked");
            assert!(plan.branches.is_sorted_by_key(|b| b.branch));
        }
    }

    #[test]
    fn what_makes_no_bank_is_refused() {
        let many: Vec<u32> = (1..=u32::try_from(BRANCHES_MAX).expect("small") + 1).collect();
        for (branches, voters, why) in [
            (&[][..], 0, "1 to"),
            (&many, 0, "1 to"),
            (&[0, 1], 0, "numbers begin at 1"),
            (&[1, 2, 2], 0, "named twice"),
            (&[1, 2], 3, "cannot vote"),
            (&[1, 2, 3, 4, 5, 6], 6, "cannot vote"),
        ] {
            let refused = refusal(&request(branches, voters));
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert!(refused.message().contains(why), "{refused:?}");
        }
        let mut shared = request(&[1, 2], 0);
        shared.branches[1].address = shared.branches[0].address.clone();
        assert!(refusal(&shared).message().contains("given to two branches"));
        let negative = FoundingRequest {
            opening_balance: -1,
            ..request(&[1], 0)
        };
        assert!(refusal(&negative).message().contains("cannot be negative"));
        let mut peers = request(&[1, 2], 0);
        peers.branches[1].peer_address = Some(peers.branches[0].address.clone());
        assert!(refusal(&peers).message().contains("given to two branches"));
        let (mut far, mut peer_far) = (request(&[1], 0), request(&[1], 0));
        far.branches[0].address = "192.0.2.1:1".to_owned();
        peer_far.branches[0].peer_address = Some("192.0.2.1:1".to_owned());
        for far in [far, peer_far] {
            assert_eq!(refusal(&far).code(), Code::FailedPrecondition);
            assert!(Plan::of(&far, true).is_ok());
        }
    }

    #[test]
    fn a_branch_is_named_with_the_listeners_that_it_has() {
        let named = |peer_address: Option<&str>| BranchAddress {
            peer_address: peer_address.map(str::to_owned),
            ..address(1)
        };
        for (in_request, listener, why) in [
            (None, None, None),
            (Some("h:9"), Some("0.0.0.0:9"), None),
            (None, Some("h:9"), Some("name it too, --branch 1=127.0.0.1:50001,h:9")),
            (Some("h:9"), None, Some("start it with --listen-peer h:9")),
        ] {
            let checked = check_listeners(&named(in_request), listener).map_err(|error| error.to_string());
            match why {
                None => assert_eq!(checked, Ok(())),
                Some(why) => assert!(checked.is_err_and(|error| error.contains(why)), "{why}"),
            }
        }
    }

    #[test]
    fn a_founding_is_finished_as_it_was_begun() {
        let plan = Plan::of(&request(&[1, 2, 3, 4], 0), false).expect("a plan");
        let member = |branch, voter| Replica {
            id: u64::from(branch),
            branch,
            address: address(branch).address,
            voter,
            ..Replica::default()
        };
        let voters = || vec![member(1, true), member(2, true), member(3, true)];
        let with = |more| voters().into_iter().chain([more]).collect::<Vec<_>>();
        let moved = Replica {
            address: "127.0.0.1:1".to_owned(),
            ..member(4, false)
        };
        let with_peer = Replica {
            peer_address: Some("127.0.0.1:1".to_owned()),
            ..member(4, false)
        };
        for (begun, same) in [
            (voters(), true),
            (with(member(4, false)), true),
            (with(member(4, true)), false),
            (with(member(5, false)), false),
            (with(moved), false),
            (with(with_peer), false),
            (vec![member(1, true), member(2, true)], false),
        ] {
            assert_eq!(plan.check_begun(Uuid::nil(), &begun).is_ok(), same, "{begun:?}");
        }
    }

    #[test]
    fn a_bank_that_was_begun_keeps_its_id() {
        let (one, two) = (address(1), address(2));
        let (this, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let says = |branch, bank: Option<Uuid>, position| BranchSummary {
            branch,
            bank_id: bank.map(|bank| bank.to_string()),
            position,
        };
        let silent = || {
            let reason = "connection refused".to_owned();
            let refused_handshake = None;
            let error = CallError::Unavailable {
                reason,
                refused_handshake,
            };
            Err(FoundError::from(error.of(&address(2))))
        };
        for (first, second, expected) in [
            (Ok(says(1, None, 0)), Ok(says(2, None, 0)), Ok(None)),
            (Ok(says(1, None, 0)), Ok(says(2, Some(this), 0)), Ok(Some(this))),
            (Ok(says(1, Some(this), 0)), Ok(says(2, Some(this), 0)), Ok(Some(this))),
            (
                Ok(says(1, Some(this), 0)),
                Ok(says(2, Some(other), 0)),
                Err("neither bank is open"),
            ),
            (
                Ok(says(1, None, 0)),
                Ok(says(3, None, 0)),
                Err("is branch 3, not branch 2"),
            ),
            (Ok(says(1, Some(this), 0)), silent(), Err("does not answer")),
            // That a bank is open says more than a branch that does not answer.
            (silent(), Ok(says(2, Some(this), 1)), Err("already")),
        ] {
            let answers = vec![
                first.map(|summary| (&one, summary)),
                second.map(|summary| (&two, summary)),
            ];
            let found = begun_bank(answers);
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(*found, expected),
                (Err(error), Err(why)) => assert!(error.to_string().contains(why), "{error:?}"),
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        }
    }
}
