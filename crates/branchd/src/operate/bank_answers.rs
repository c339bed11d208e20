//! Asks all branches of a bank for their status at once.

use std::collections::BTreeSet;
use std::time::Duration;

use bank_client::operator::{BranchStatus, Member};
use bank_client::{BankFile, Branch, Failure, Operator, Security};
use futures::StreamExt;
use uuid::Uuid;

/// How long each branch may take. An operator waits for this, and a branch that serves answers in milliseconds.
const BRANCH_TIMEOUT: Duration = Duration::from_secs(2);
/// How many branches are asked at once. It is far below the usual limit of open files.
const ASKED_AT_ONCE: usize = 128;

/// One branch, and what it answered.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) place: Branch,
    /// Whether the bank file lists the branch at this address.
    pub(super) in_file: bool,
    pub(super) answer: Result<BranchStatus, Problem>,
}

/// Why a branch gave no status of this bank. The text is the rest of a sentence that begins with the branch and its
/// address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// Nothing answers at the address.
    #[error("does not answer: is it started, and is this its address?")]
    Unreachable,
    #[error("did not answer within {BRANCH_TIMEOUT:?}: is its process stopped, or its host overloaded?")]
    TimedOut,
    #[error("is branch {found}, not branch {asked}: check the addresses in the bank file")]
    OtherBranch { asked: u32, found: u32 },
    #[error("belongs to another bank, {0}: check the addresses in the bank file")]
    OtherBank(Uuid),
    #[error("has no bank: it runs on an empty data directory")]
    NoBank,
    /// The call failed for another reason.
    #[error("failed: {0}")]
    Failed(String),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable { .. } | Failure::Silent { .. } => Self::Unreachable,
            Failure::TimedOut { .. } => Self::TimedOut,
            Failure::NotTrusted { reason, .. } => Self::Failed(reason),
            other => Self::Failed(other.branch_message().map_or_else(|| other.to_string(), str::to_owned)),
        }
    }
}

/// The answers of all branches of a bank, by number.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) bank_id: Uuid,
    pub(super) asked: Vec<Asked>,
}

impl Answers {
    /// The statuses of the branches that answered.
    pub(super) fn statuses(&self) -> impl Iterator<Item = &BranchStatus> {
        self.asked.iter().filter_map(|asked| asked.answer.as_ref().ok())
    }

    /// The newest status.
    pub(super) fn newest(&self) -> Option<&BranchStatus> {
        newest(&self.asked)
    }

    /// Where the other branches reach a branch, if not at its address for customers.
    pub(super) fn peer_address(&self, branch: u32) -> Option<&str> {
        let mut members = self.newest()?.branches.iter();
        members.find(|member| member.branch == branch)?.peer_address.as_deref()
    }

    /// How many voters there are, and how many of them answered. `None`: no branch answered, so the voters are not
    /// known.
    pub(super) fn voters(&self) -> Option<(usize, usize)> {
        let voters = self.newest()?.voters();
        let answered: BTreeSet<u32> = self.statuses().map(|status| status.branch).collect();
        Some((voters.len(), voters.intersection(&answered).count()))
    }

    /// How many branches did not answer as branches of the bank.
    pub(super) fn failed(&self) -> usize {
        self.asked.iter().filter(|asked| asked.answer.is_err()).count()
    }
}

/// Asks the branches in the bank file, and then those that only the other branches know.
pub(super) async fn ask_all(bank: &BankFile, security: &Security) -> Answers {
    let bank_id = bank.bank_id();
    let mut asked = ask((bank_id, security), bank.branches().to_vec(), true).await;
    let unknown = unknown(&asked);
    asked.extend(ask((bank_id, security), unknown, false).await);
    asked.sort_by_key(|asked| asked.place.branch);
    Answers { bank_id, asked }
}

async fn ask((bank_id, security): (Uuid, &Security), places: Vec<Branch>, in_file: bool) -> Vec<Asked> {
    let asked = places.into_iter().map(|place| async move {
        let operator = Operator::at(place.address.clone(), BRANCH_TIMEOUT)
            .with_security(security.clone())
            .expecting(Some(bank_id), Some(place.branch));
        let answer = match operator.status().await {
            Ok(status) => check(bank_id, place.branch, status),
            Err(error) => Err(error.cause.into()),
        };
        Asked { place, in_file, answer }
    });
    futures::stream::iter(asked).buffered(ASKED_AT_ONCE).collect().await
}

/// Checks that a status is of this branch of this bank.
fn check(bank_id: Uuid, asked: u32, status: BranchStatus) -> Result<BranchStatus, Problem> {
    let found = status.branch;
    if found != asked {
        return Err(Problem::OtherBranch { asked, found });
    }
    match status.bank_id {
        None => Err(Problem::NoBank),
        Some(other) if other != bank_id => Err(Problem::OtherBank(other)),
        Some(_) => Ok(status),
    }
}

/// The members of the bank that were not asked, or that did not answer at the address in the bank file.
fn unknown(asked: &[Asked]) -> Vec<Branch> {
    let members = newest(asked)
        .map(|status| status.branches.as_slice())
        .unwrap_or_default();
    let is_known = |member: &&Member| {
        asked.iter().any(|asked| {
            asked.place.address.as_str() == member.address
                || asked.place.branch == member.branch && asked.answer.is_ok()
        })
    };
    let unknown = members.iter().filter(|member| !is_known(member));
    unknown
        .filter_map(|member| {
            let address = member.address.parse().ok()?;
            Some(Branch {
                branch: member.branch,
                address,
            })
        })
        .collect()
}

fn newest(asked: &[Asked]) -> Option<&BranchStatus> {
    BranchStatus::newest(asked.iter().filter_map(|asked| asked.answer.as_ref().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bank_proto::v1;

    const BANK: Uuid = Uuid::from_u128(7);

    fn status(branch: u32, bank_id: &str, members: &[(u32, &str)]) -> BranchStatus {
        let branches = members.iter().map(|(branch, address)| v1::BranchStatus {
            branch: *branch,
            address: (*address).to_owned(),
            voter: *branch < 4,
            ..v1::BranchStatus::default()
        });
        let status = v1::GetStatusResponse {
            bank_id: bank_id.to_owned(),
            branch,
            branches: branches.collect(),
            ..v1::GetStatusResponse::default()
        };
        BranchStatus::try_from(status).expect("a status")
    }

    fn asked(branch: u32, address: &str, answer: Result<BranchStatus, Problem>) -> Asked {
        let address = address.parse().expect("an address");
        Asked {
            place: Branch { branch, address },
            in_file: true,
            answer,
        }
    }

    #[test]
    fn only_this_branch_of_this_bank_counts_as_an_answer() {
        let other = Uuid::from_u128(8);
        for (branch, bank, problem) in [
            (2, BANK.to_string(), None),
            (3, BANK.to_string(), Some(Problem::OtherBranch { asked: 2, found: 3 })),
            (2, other.to_string(), Some(Problem::OtherBank(other))),
            (2, String::new(), Some(Problem::NoBank)),
        ] {
            assert_eq!(
                check(BANK, 2, status(branch, &bank, &[])).err(),
                problem,
                "{branch} {bank}"
            );
        }
    }

    #[test]
    fn branches_that_joined_after_the_file_was_written_are_asked_too() {
        let members = [(1, "h:1"), (2, "h:2"), (3, "h:9"), (4, "h:4")];
        let first = || Ok(status(1, &BANK.to_string(), &members));
        // Branch 1 is reached at another address than the bank has for it. Branch 3 has moved, and branch 4 has joined.
        let answers = [
            asked(1, "proxy:1", first()),
            asked(2, "h:2", Err(Problem::Unreachable)),
            asked(3, "h:3", Err(Problem::Unreachable)),
        ];
        let unknown: Vec<String> = unknown(&answers)
            .iter()
            .map(|b| format!("{}={}", b.branch, b.address))
            .collect();
        assert_eq!(unknown, ["3=h:9", "4=h:4"]);
        let answers = Answers {
            bank_id: BANK,
            asked: answers.into(),
        };
        assert_eq!((answers.voters(), answers.failed()), (Some((3, 1)), 2));
    }
}
