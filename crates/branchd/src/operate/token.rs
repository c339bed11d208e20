//! `branchd token`.

use std::io::{self, Write};
use std::time::SystemTime;

use bank_auth::{ClientIdentity, Token};
use serde_json::json;

use super::failure::{FAILED, Failure, USAGE};
use super::output::print;
use crate::access::{self, KeptToken, TokenFileError, TokenSet, check_accounts, date};
use crate::args::TokenArguments;
use crate::args::token::{AddTokenArguments, ListTokensArguments, RevokeTokenArguments, TokenVerb};

/// Makes, lists or revokes tokens.
///
/// # Errors
/// Exit code 2 if the arguments or the file are wrong; 1 if the file cannot be read or written.
pub(super) fn token(arguments: &TokenArguments) -> Result<(), Failure> {
    match &arguments.verb {
        TokenVerb::Add(add) => self::add(add),
        TokenVerb::List(list) => self::list(list),
        TokenVerb::Revoke(revoke) => self::revoke(revoke),
    }
}

fn add(arguments: &AddTokenArguments) -> Result<(), Failure> {
    let AddTokenArguments {
        role, name, accounts, ..
    } = arguments;
    check_accounts(*role, accounts).map_err(|what| Failure::new(USAGE, format!("{what}: see --account")))?;
    let token = Token::random();
    let token = token.map_err(|error| Failure::new(FAILED, format!("there is no randomness for a token: {error}")))?;
    let identity = ClientIdentity {
        role: *role,
        name: name.clone(),
        accounts: accounts.clone(),
    };
    let kept = KeptToken::new(&token, identity, SystemTime::now(), arguments.expires);
    let expires = kept
        .expires
        .map_or("never expires".to_owned(), |at| format!("expires {}", date(at)));
    let is_new = access::edit(&arguments.file, true, |tokens| {
        Ok::<_, TokenFileError>(tokens.add(token.id(), kept))
    });
    if !is_new? {
        return Err(Failure::new(
            FAILED,
            "the new token has the id of another one: try again",
        ));
    }
    print(&format!("{}\n", token.to_text()))?;
    // stdout has the token alone, so that it can go to a file.
    let file = arguments.file.display();
    let told = format!(
        "branchd: {file} has token {} for {role} {name}, which {expires}",
        token.id()
    );
    let _ = writeln!(io::stderr(), "{told}");
    Ok(())
}

fn list(arguments: &ListTokensArguments) -> Result<(), Failure> {
    let tokens = access::read(&arguments.file)?;
    let now = SystemTime::now();
    print(&match arguments.json {
        true => as_json(&tokens, now),
        false => as_table(&tokens, now),
    })
}

fn revoke(arguments: &RevokeTokenArguments) -> Result<(), Failure> {
    let (id, file) = (arguments.id, arguments.file.display());
    let revoked = access::edit(&arguments.file, false, |tokens| match tokens.remove(id) {
        Some(kept) => Ok(kept),
        None => Err(Failure::new(
            USAGE,
            format!("{file} has no token {id}: `branchd token list --file {file}` shows those that it has"),
        )),
    })?;
    let client = &revoked.identity;
    print(&format!(
        "{file} has token {id} for {client} no longer: copy it to every branch\n"
    ))
}

impl From<TokenFileError> for Failure {
    fn from(error: TokenFileError) -> Self {
        let code = match error {
            TokenFileError::Io { .. } | TokenFileError::Locked { .. } => FAILED,
            _ => USAGE,
        };
        Self::new(code, error)
    }
}

fn as_json(tokens: &TokenSet, now: SystemTime) -> String {
    let tokens = tokens.oldest_first().map(|(id, kept)| {
        let client = &kept.identity;
        json!({
            "id": id.to_string(),
            "role": client.role.word(),
            "name": client.name.as_str(),
            "accounts": client.accounts,
            "created": date(kept.created),
            "expires": kept.expires.map(date),
            "expired": kept.has_expired(now),
        })
    });
    let tokens: Vec<_> = tokens.collect();
    format!("{}\n", json!({ "tokens": tokens }))
}

fn as_table(tokens: &TokenSet, now: SystemTime) -> String {
    let header = ["id", "role", "name", "accounts", "expires"].map(str::to_owned);
    let rows = tokens.oldest_first().map(|(id, kept)| {
        let client = &kept.identity;
        let accounts: Vec<&str> = client.accounts.iter().map(|account| account.as_str()).collect();
        let expires = kept.expires.map_or("never".to_owned(), date);
        [
            id.to_string(),
            client.role.to_string(),
            client.name.to_string(),
            accounts.join(", "),
            if kept.has_expired(now) {
                format!("{expires} (expired)")
            } else {
                expires
            },
        ]
    });
    let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let lines = rows.iter().map(|[id, role, name, accounts, expires]| {
        let [a, b, c, d] = widths;
        format!("{id:<a$}  {role:<b$}  {name:<c$}  {accounts:<d$}  {expires}\n")
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bank_auth::Role;
    use bank_types::AccountName;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn tokens_are_listed() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_403_112);
        let day = Duration::from_secs(86_400);
        let mut tokens = TokenSet::default();
        let mut add = |id: &str, role, name: &str, accounts: &[&str], created, lasts| {
            let text = format!("passbook-token-1:{id}:{}", "5a".repeat(32));
            let token: Token = text.parse().expect("a token");
            let identity = ClientIdentity {
                role,
                name: name.parse().expect("a name"),
                accounts: accounts
                    .iter()
                    .map(|name| AccountName::new(name).expect("one"))
                    .collect(),
            };
            assert!(tokens.add(token.id(), KeptToken::new(&token, identity, created, lasts)));
        };
        add(
            "00000000000b",
            Role::Customer,
            "alice",
            &["alice", "rent"],
            now,
            Some(day),
        );
        add("00000000000a", Role::Teller, "bob", &[], now - 2 * day, Some(day));
        add("00000000000c", Role::Operator, "o", &[], now + day, None);
        let expected = "\
id            role      name   accounts     expires
00000000000a  teller    bob                 2026-11-22T03:05:12Z (expired)
00000000000b  customer  alice  alice, rent  2026-11-24T03:05:12Z
00000000000c  operator  o                   never
";
        assert_eq!(as_table(&tokens, now), expected);
        let json = as_json(&tokens, now);
        let listed: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let first = json!({
            "id": "00000000000a", "role": "teller", "name": "bob", "accounts": [],
            "created": "2026-11-21T03:05:12Z", "expires": "2026-11-22T03:05:12Z", "expired": true,
        });
        assert_eq!(listed["tokens"][0], first);
        assert_eq!(listed["tokens"][2]["expires"], serde_json::Value::Null);
        assert!(!json.contains("hash"), "{json}");
    }
}
