//! Converts the types of [`super::messages`] to and from the messages of `bank-proto`.

use bank_proto::v1;
use bank_proto::v1::change_members_request::{Change, Enlist};
use uuid::Uuid;

use super::messages::{BranchSummary, Founded, FoundingRequest, Joined, MembershipAnswer, MembershipChange};
use crate::address::{self, BranchAddress};
use crate::replication::Malformed;
use crate::replication::engine::Replica;
use crate::replication::membership::Version;

fn bank_id(text: &str) -> Result<Uuid, Malformed> {
    text.parse()
        .map_err(|_| Malformed(format!("bank id {text:?} is not a UUID")))
}

impl From<v1::BranchAddress> for BranchAddress {
    fn from(message: v1::BranchAddress) -> Self {
        Self {
            branch: message.branch,
            peer_address: address::peer_address(&message.address, message.peer_address),
            address: message.address,
        }
    }
}

impl From<BranchAddress> for v1::BranchAddress {
    fn from(place: BranchAddress) -> Self {
        Self {
            branch: place.branch,
            address: place.address,
            peer_address: place.peer_address.unwrap_or_default(),
        }
    }
}

impl From<v1::InitRequest> for FoundingRequest {
    fn from(message: v1::InitRequest) -> Self {
        Self {
            branches: message.branches.into_iter().map(BranchAddress::from).collect(),
            opening_balance: message.opening_balance,
            voters: (message.voters != 0).then_some(message.voters),
        }
    }
}

impl From<FoundingRequest> for v1::InitRequest {
    fn from(request: FoundingRequest) -> Self {
        Self {
            branches: request.branches.into_iter().map(v1::BranchAddress::from).collect(),
            opening_balance: request.opening_balance,
            voters: request.voters.unwrap_or(0),
        }
    }
}

impl TryFrom<v1::InitResponse> for Founded {
    type Error = Malformed;

    fn try_from(message: v1::InitResponse) -> Result<Self, Malformed> {
        Ok(Self {
            bank_id: bank_id(&message.bank_id)?,
            voters: message.voters,
            position: message.position,
        })
    }
}

impl From<Founded> for v1::InitResponse {
    fn from(founded: Founded) -> Self {
        Self {
            bank_id: founded.bank_id.to_string(),
            voters: founded.voters,
            position: founded.position,
        }
    }
}

impl TryFrom<v1::JoinResponse> for Joined {
    type Error = Malformed;

    fn try_from(message: v1::JoinResponse) -> Result<Self, Malformed> {
        Ok(Self {
            bank_id: bank_id(&message.bank_id)?,
            voter: message.voter,
            replaced: message.replaced,
            position: message.position,
        })
    }
}

impl From<Joined> for v1::JoinResponse {
    fn from(joined: Joined) -> Self {
        Self {
            bank_id: joined.bank_id.to_string(),
            voter: joined.voter,
            replaced: joined.replaced,
            position: joined.position,
        }
    }
}

impl From<v1::GetStatusResponse> for BranchSummary {
    fn from(message: v1::GetStatusResponse) -> Self {
        Self {
            branch: message.branch,
            bank_id: Some(message.bank_id).filter(|id| !id.is_empty()),
            position: message.position,
        }
    }
}

impl From<&MembershipChange> for Change {
    fn from(change: &MembershipChange) -> Self {
        match change {
            MembershipChange::Enlist { new, position } => Self::Enlist(Enlist {
                branch: new.branch,
                address: new.address.clone(),
                peer_address: new.peer_address.clone().unwrap_or_default(),
                replica: new.id,
                position: *position,
            }),
            MembershipChange::Promote { branch } => Self::Promote(*branch),
            MembershipChange::Remove { branch } => Self::Remove(*branch),
        }
    }
}

impl TryFrom<Option<Change>> for MembershipChange {
    type Error = Malformed;

    fn try_from(message: Option<Change>) -> Result<Self, Malformed> {
        match message {
            Some(Change::Enlist(enlist)) if enlist.branch > 0 => {
                let peer_address = address::peer_address(&enlist.address, enlist.peer_address);
                // The branch that the operator asked has checked whether the addresses may be spoken to in the clear.
                for address in std::iter::once(&enlist.address).chain(&peer_address) {
                    address::check(address, true).map_err(|error| Malformed(error.to_string()))?;
                }
                Ok(Self::Enlist {
                    new: Replica {
                        id: enlist.replica,
                        branch: enlist.branch,
                        address: enlist.address,
                        peer_address,
                        ..Replica::default()
                    },
                    position: enlist.position,
                })
            }
            Some(Change::Promote(branch)) => Ok(Self::Promote { branch }),
            Some(Change::Remove(branch)) => Ok(Self::Remove { branch }),
            _ => Err(Malformed("no change of the members".to_owned())),
        }
    }
}

impl TryFrom<v1::AskMembershipResponse> for MembershipAnswer {
    type Error = Malformed;

    fn try_from(message: v1::AskMembershipResponse) -> Result<Self, Malformed> {
        Ok(Self {
            version: Version::try_from(message.membership)?,
            member: message.member,
            holder: Some(message.holder).filter(|holder| !holder.is_empty()),
        })
    }
}

impl From<MembershipAnswer> for v1::AskMembershipResponse {
    fn from(answer: MembershipAnswer) -> Self {
        Self {
            membership: answer.version.into(),
            member: answer.member,
            holder: answer.holder.unwrap_or_default(),
        }
    }
}
