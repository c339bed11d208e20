//! What a founding is to make, and whether it fits what an earlier founding has begun. Pure: requests and answers in, a plan
//! or a refusal out.

use std::collections::BTreeSet;

use bank_proto::v1;
use tonic::Status;
use uuid::Uuid;

use crate::reconfiguration::plan::{self, BRANCHES_MAX};
use crate::replication::engine::Replica;

/// The most branches that vote.
const VOTERS_MAX: u32 = plan::VOTERS_MAX as u32;

/// A founding, checked.
#[derive(Debug)]
pub(super) struct Plan {
    /// By number. The first ones vote.
    pub(super) branches: Vec<v1::BranchAddress>,
    pub(super) opening_balance: i64,
    pub(super) voters: usize,
}

impl Plan {
    /// Checks what is asked. `insecure`: branches may be beyond this host.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where it makes no bank, FAILED_PRECONDITION where an address may not be spoken to.
    pub(super) fn of(request: &v1::InitRequest, insecure: bool) -> Result<Self, Status> {
        let invalid = |why: String| Err(Status::invalid_argument(why));
        let mut branches = request.branches.clone();
        branches.sort_by_key(|b| b.branch);
        if branches.is_empty() || branches.len() > BRANCHES_MAX {
            return invalid(format!(
                "a bank has 1 to {BRANCHES_MAX} branches, not {}",
                branches.len()
            ));
        }
        let mut addresses = BTreeSet::new();
        for (at, b) in branches.iter().enumerate() {
            if b.branch == 0 {
                return invalid("a branch has the number 0: numbers begin at 1".to_owned());
            }
            if at > 0 && branches[at - 1].branch == b.branch {
                return invalid(format!("branch {} is named twice", b.branch));
            }
            if !addresses.insert(&b.address) {
                return invalid(format!("the address {} is given to two branches", b.address));
            }
            crate::address::check(&b.address, insecure)
                .map_err(|error| Status::failed_precondition(format!("branch {}: {error}", b.branch)))?;
        }
        if request.opening_balance < 0 {
            return invalid(format!(
                "the opening balance is {}: it cannot be negative",
                request.opening_balance
            ));
        }
        let count = u32::try_from(branches.len()).unwrap_or(u32::MAX);
        let voters = match request.voters {
            0 => match count {
                1 | 2 => count,
                3 | 4 => 3,
                _ => VOTERS_MAX,
            },
            given if given <= VOTERS_MAX.min(count) => given,
            given => {
                let most = VOTERS_MAX.min(count);
                return invalid(format!("{given} branches cannot vote: give 1 to {most}"));
            }
        };
        Ok(Self {
            branches,
            opening_balance: request.opening_balance,
            voters: voters as usize,
        })
    }

    /// Checks the members of a bank that was begun against the plan: a founding that was cut short is finished as it was
    /// begun, or not at all.
    ///
    /// # Errors
    /// FAILED_PRECONDITION, naming the members.
    pub(super) fn check_begun(&self, bank_id: Uuid, begun: &[Replica]) -> Result<(), Status> {
        let same = |member: &Replica| {
            let planned = |b: &v1::BranchAddress| b.branch == member.branch && b.address == member.address;
            let at = self.branches.iter().position(planned);
            at.is_some_and(|at| (at < self.voters) == member.voter)
        };
        let voters = begun.iter().filter(|member| member.voter).count();
        if voters == self.voters && begun.iter().all(same) {
            return Ok(());
        }
        let named: Vec<String> = begun.iter().map(|m| format!("{}={}", m.branch, m.address)).collect();
        Err(Status::failed_precondition(format!(
            "bank {bank_id} was begun with {voters} voters among {}: run init with those, or start all branches on empty \
             directories",
            named.join(" "),
        )))
    }
}

/// The bank that an earlier founding has begun at some of the branches, by what each branch says of itself.
///
/// # Errors
/// FAILED_PRECONDITION where a bank is open already, two were begun, or an address is another branch's; else the error of a
/// branch that did not answer.
pub(super) fn begun_bank(
    answers: Vec<Result<(&v1::BranchAddress, v1::GetStatusResponse), Status>>,
) -> Result<Option<Uuid>, Status> {
    // That there is a bank already says more than that one of its branches does not answer.
    let open = answers.iter().flatten().find(|(_, status)| status.position > 0);
    if let Some((b, status)) = open {
        return Err(exists(b.branch, &status.bank_id));
    }
    let answers: Vec<_> = answers.into_iter().collect::<Result<_, _>>()?;
    let mut begun: Option<(u32, String)> = None;
    for (b, status) in answers {
        if status.branch != b.branch {
            let there = status.branch;
            let why = format!(
                "{} is branch {there}, not branch {}: check the addresses",
                b.address, b.branch
            );
            return Err(Status::failed_precondition(why));
        }
        if status.bank_id.is_empty() {
            continue;
        }
        match &begun {
            Some((first, bank)) if *bank != status.bank_id => {
                let why = format!(
                    "branch {first} is of bank {bank}, branch {} of bank {}, and neither bank is open: start one of them on an \
                     empty data directory",
                    b.branch, status.bank_id
                );
                return Err(Status::failed_precondition(why));
            }
            _ => begun = Some((b.branch, status.bank_id)),
        }
    }
    let Some((there, bank)) = begun else { return Ok(None) };
    let id = bank
        .parse()
        .map_err(|_| Status::internal(format!("branch {there} says it is of bank {bank:?}, which is no id")))?;
    Ok(Some(id))
}

/// The bank is open: nothing is founded.
pub(super) fn exists(branch: u32, bank: impl std::fmt::Display) -> Status {
    Status::failed_precondition(format!(
        "branch {branch} serves bank {bank} already: nothing was changed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    fn address(branch: u32) -> v1::BranchAddress {
        let address = format!("127.0.0.1:{}", 50000 + branch);
        v1::BranchAddress { branch, address }
    }

    fn request(branches: &[u32], voters: u32) -> v1::InitRequest {
        v1::InitRequest {
            branches: branches.iter().copied().map(address).collect(),
            opening_balance: 100,
            voters,
        }
    }

    fn refusal(request: &v1::InitRequest) -> Status {
        Plan::of(request, false).expect_err("refused")
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
        let negative = v1::InitRequest {
            opening_balance: -1,
            ..request(&[1], 0)
        };
        assert!(refusal(&negative).message().contains("cannot be negative"));
        let mut far = request(&[1], 0);
        far.branches[0].address = "192.0.2.1:1".to_owned();
        assert_eq!(refusal(&far).code(), Code::FailedPrecondition);
        assert!(Plan::of(&far, true).is_ok());
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
        for (begun, same) in [
            (voters(), true),
            (with(member(4, false)), true),
            (with(member(4, true)), false),
            (with(member(5, false)), false),
            (with(moved), false),
            (vec![member(1, true), member(2, true)], false),
        ] {
            assert_eq!(plan.check_begun(Uuid::nil(), &begun).is_ok(), same, "{begun:?}");
        }
    }

    #[test]
    fn a_bank_that_was_begun_keeps_its_id() {
        let (one, two) = (address(1), address(2));
        let (this, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let says = |branch, bank: Option<Uuid>, position| v1::GetStatusResponse {
            branch,
            bank_id: bank.map(|bank| bank.to_string()).unwrap_or_default(),
            position,
            ..Default::default()
        };
        let silent = || Err(Status::unavailable("does not answer"));
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
            let answers = vec![first.map(|status| (&one, status)), second.map(|status| (&two, status))];
            let found = begun_bank(answers);
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(*found, expected),
                (Err(status), Err(why)) => assert!(status.message().contains(why), "{status:?}"),
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        }
    }
}
