//! The table of the roles: for which accounts a role may make a call.

use bank_auth::Role;

use super::call::Call;

/// The accounts that an allowed call may concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every account.
    All,
    /// Only the caller's own.
    Own,
}

/// The accounts for which a role may make a call. `None`: the role may not make it.
pub(super) fn scope(role: Role, call: Call) -> Option<Scope> {
    match (role, call) {
        (Role::Customer, Call::ReadAccount | Call::Write) => Some(Scope::Own),
        (Role::Teller, Call::ReadAccount | Call::ListAccounts | Call::Write | Call::OtherOfBank) => Some(Scope::All),
        (Role::Auditor, Call::ReadAccount | Call::ListAccounts | Call::Inspect) => Some(Scope::All),
        (Role::Operator, Call::Inspect | Call::Change) => Some(Scope::All),
        // There is nothing to protect. The services answer that there is no such call.
        (_, Call::Elsewhere) => Some(Scope::All),
        _ => None,
    }
}

/// The roles that may make a call, as words: `a teller or an auditor`. `any_account` leaves out those that may make it
/// for their own accounts only.
pub(super) fn allowed_roles(call: Call, any_account: bool) -> String {
    let may = |role| match scope(role, call) {
        Some(Scope::All) => Some(with_article(role)),
        Some(Scope::Own) if !any_account => Some(format!("{} of the account", with_article(role))),
        _ => None,
    };
    let mut roles: Vec<String> = Role::ALL.into_iter().filter_map(may).collect();
    let last = roles.pop().unwrap_or_default();
    match roles.is_empty() {
        true => last,
        false => format!("{} or {last}", roles.join(", ")),
    }
}

/// The role after its article: `an auditor`.
pub(super) fn with_article(role: Role) -> String {
    let word = role.word();
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {word}", if vowel { "an" } else { "a" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roles_that_may_make_a_call_are_named() {
        for (call, any_account, roles) in [
            (
                Call::ReadAccount,
                false,
                "a customer of the account, a teller or an auditor",
            ),
            (Call::ReadAccount, true, "a teller or an auditor"),
            (Call::Write, false, "a customer of the account or a teller"),
            (Call::Write, true, "a teller"),
            (Call::ListAccounts, false, "a teller or an auditor"),
            (Call::Inspect, false, "an auditor or an operator"),
            (Call::Change, false, "an operator"),
        ] {
            assert_eq!(allowed_roles(call, any_account), roles);
        }
    }
}
