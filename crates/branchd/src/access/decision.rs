//! Decides who may make which call. Pure.

use bank_auth::Role;

use super::call::Call;
use super::denial::Denial;
use super::rules::{Scope, scope};

/// Who makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// A branch of the bank.
    Branch,
    /// An operator who proved to have the secret of the bank. Who has it can act as a branch, so nothing is denied but
    /// the calls that need a branch's number.
    SecretKeeper,
    /// A client with the role that its certificate or token gives it. `None`: it proved nothing.
    Client(Option<Role>),
}

/// Decides whether a call is allowed, and for which accounts. `required`: clients must prove who they are.
///
/// # Errors
/// The call is denied.
pub(super) fn decide(call: Call, who: Who, required: bool) -> Result<Scope, Denial> {
    match (who, call) {
        (Who::Branch, _) => Ok(Scope::All),
        (_, Call::BetweenBranches) => Err(Denial::BranchesOnly),
        (Who::SecretKeeper, _) => Ok(Scope::All),
        (Who::Client(Some(Role::Operator)), Call::Change) => Ok(Scope::All),
        (Who::Client(_), Call::Change) if !required => Err(Denial::OperatorsOnly),
        (Who::Client(_), _) if !required => Ok(Scope::All),
        (Who::Client(Some(role)), _) => scope(role, call).ok_or(Denial::Role { role, call }),
        (Who::Client(None), _) => Err(Denial::NoIdentity { call }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The calls of all services, from their definitions.
    fn all_calls() -> BTreeSet<String> {
        let services = [
            ("BankService", include_str!("../../../../proto/bank/v1/bank.proto")),
            (
                "OperatorService",
                include_str!("../../../../proto/bank/v1/operator.proto"),
            ),
            ("BranchService", include_str!("../../../../proto/bank/v1/branch.proto")),
        ];
        let calls = services.into_iter().flat_map(|(service, proto)| {
            let calls = proto.lines().filter_map(|line| line.trim().strip_prefix("rpc "));
            calls.map(move |call| format!("/bank.v1.{service}/{}", call.split('(').next().unwrap_or_default()))
        });
        calls.collect()
    }

    #[test]
    fn who_may_make_which_call() {
        let whos = [
            Who::Client(None),
            Who::Client(Some(Role::Customer)),
            Who::Client(Some(Role::Teller)),
            Who::Client(Some(Role::Auditor)),
            Who::Client(Some(Role::Operator)),
            Who::SecretKeeper,
            Who::Branch,
        ];
        // Each letter is one of `whos`, in their order: `+` allowed, `o` for own accounts, `-` denied. First where
        // clients must prove who they are, then where they need not.
        let between = ("----- - +", "----- - +");
        let read = ("-o++- + +", "+++++ + +");
        let write = ("-o+-- + +", "+++++ + +");
        let inspect = ("---++ + +", "+++++ + +");
        let change = ("----+ + +", "----+ + +");
        let table = [
            ("/bank.v1.BankService/Query", read),
            ("/bank.v1.BankService/ReadStatement", read),
            ("/bank.v1.BankService/ListAccounts", ("--++- + +", "+++++ + +")),
            ("/bank.v1.BankService/Deposit", write),
            ("/bank.v1.BankService/Withdraw", write),
            ("/bank.v1.BankService/Transfer", write),
            ("/bank.v1.BankService/OpenAccount", write),
            ("/bank.v1.BankService/Submit", write),
            ("/bank.v1.OperatorService/GetStatus", inspect),
            ("/bank.v1.OperatorService/ReadJournal", inspect),
            ("/bank.v1.OperatorService/Init", change),
            ("/bank.v1.OperatorService/Join", change),
            ("/bank.v1.OperatorService/Promote", change),
            ("/bank.v1.OperatorService/Remove", change),
            ("/bank.v1.BranchService/Adopt", between),
            ("/bank.v1.BranchService/Append", between),
            ("/bank.v1.BranchService/Vote", between),
            ("/bank.v1.BranchService/PreVote", between),
            ("/bank.v1.BranchService/Attend", between),
            ("/bank.v1.BranchService/TransferLeader", between),
            ("/bank.v1.BranchService/OfferSnapshot", between),
            ("/bank.v1.BranchService/InstallSnapshot", between),
            ("/bank.v1.BranchService/Forward", between),
            ("/bank.v1.BranchService/ReadIndex", between),
            ("/bank.v1.BranchService/Compare", between),
            ("/bank.v1.BranchService/AwaitPosition", between),
            ("/bank.v1.BranchService/ChangeMembers", between),
            ("/bank.v1.BranchService/AskMembership", between),
        ];
        let beyond_the_services = [
            ("/bank.v1.BankService/ACallOfALaterVersion", ("--+-- + +", "+++++ + +")),
            ("/bank.v1.BankService/Query/", ("--+-- + +", "+++++ + +")),
            ("/bank.v1.OperatorService/ACallOfALaterVersion", change),
            ("/bank.v1.OperatorService/GetStatus/", change),
            ("/bank.v1.BranchService/ACallOfALaterVersion", between),
            ("/bank.v1.BranchService/", between),
            ("/elsewhere", ("-++++ + +", "+++++ + +")),
        ];
        let mut missing = all_calls();
        for (path, _) in &table {
            assert!(missing.remove(*path), "there is no {path}");
        }
        assert_eq!(missing, BTreeSet::new(), "calls that the table does not have");
        for (path, (required, open)) in table.into_iter().chain(beyond_the_services) {
            for (expected, must_prove) in [(required, true), (open, false)] {
                let found: String = whos
                    .iter()
                    .map(|who| match decide(Call::of(path), *who, must_prove) {
                        Ok(Scope::All) => '+',
                        Ok(Scope::Own) => 'o',
                        Err(_) => '-',
                    })
                    .collect();
                assert_eq!(
                    found,
                    expected.replace(' ', ""),
                    "{path}, identities required: {must_prove}"
                );
            }
        }
    }
}
