//! The tokens that a branch accepts, and their form in a file. Pure: the file itself is read elsewhere.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bank_auth::{ClientIdentity, Role, Token, TokenHash, TokenId};
use bank_types::AccountName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the form. A change that an older program would misread raises it.
const FORMAT: u32 = 1;
/// The word for a token that does not expire.
const NEVER: &str = "never";

/// What a branch keeps of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptToken {
    pub(crate) hash: TokenHash,
    pub(crate) identity: Arc<ClientIdentity>,
    /// In whole seconds, as in the file.
    pub(crate) created: SystemTime,
    /// When the token expires, in whole seconds. `None`: never.
    pub(crate) expires: Option<SystemTime>,
}

impl KeptToken {
    /// Keeps a token for a client, for this long. `None`: for ever.
    pub(crate) fn new(token: &Token, identity: ClientIdentity, now: SystemTime, lasts: Option<Duration>) -> Self {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let created = UNIX_EPOCH + Duration::from_secs(since.as_secs());
        Self {
            hash: token.hash(),
            identity: Arc::new(identity),
            created,
            expires: lasts.map(|lasts| created + lasts),
        }
    }

    pub(crate) fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// All tokens of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TokenSet(BTreeMap<TokenId, KeptToken>);

/// Why a text does not hold tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenSetError {
    /// The text is not the JSON that is expected.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// The version is another one.
    #[error("it has format {0}, and this version of branchd reads format {FORMAT}: use the version that wrote it")]
    OtherFormat(u32),
    /// A field of a token is wrong.
    #[error("tokens[{index}].{field}: {what}")]
    Field {
        /// The place of the token in the list, from 0.
        index: usize,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    tokens: Vec<Kept>,
}

/// A token as the file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    id: String,
    hash: String,
    role: String,
    name: String,
    accounts: Vec<String>,
    created: String,
    expires: String,
}

impl TokenSet {
    /// Reads the tokens from the content of a file.
    ///
    /// # Errors
    /// See [`TokenSetError`]. The message names the field.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, TokenSetError> {
        // A later version may have other fields, so its number is read first.
        if let Ok(Version { format }) = serde_json::from_slice(content)
            && format != FORMAT
        {
            return Err(TokenSetError::OtherFormat(format));
        }
        let file: File = serde_json::from_slice(content)?;
        let mut tokens = BTreeMap::new();
        for (index, kept) in file.tokens.into_iter().enumerate() {
            let wrong = |(field, what)| TokenSetError::Field { index, field, what };
            let id: TokenId = field("id", kept.id.parse()).map_err(wrong)?;
            let token = KeptToken::try_from(kept).map_err(wrong)?;
            match tokens.entry(id) {
                Entry::Vacant(free) => drop(free.insert(token)),
                Entry::Occupied(_) => return Err(wrong(("id", format!("{id} is there twice: remove one of them")))),
            }
        }
        Ok(Self(tokens))
    }

    /// The content of a file with these tokens.
    ///
    /// # Errors
    /// A time cannot be written.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let tokens = self.oldest_first().map(|(id, token)| Kept {
            id: id.to_string(),
            hash: token.hash.to_string(),
            role: token.identity.role.to_string(),
            name: token.identity.name.to_string(),
            accounts: token.identity.accounts.iter().map(ToString::to_string).collect(),
            created: date(token.created),
            expires: token.expires.map_or_else(|| NEVER.to_owned(), date),
        });
        let tokens = tokens.collect();
        let mut content = serde_json::to_vec_pretty(&File { format: FORMAT, tokens })?;
        content.push(b'\n');
        Ok(content)
    }

    /// The tokens, oldest first.
    pub(crate) fn oldest_first(&self) -> impl Iterator<Item = (TokenId, &KeptToken)> {
        let mut tokens: Vec<_> = self.0.iter().map(|(id, token)| (*id, token)).collect();
        tokens.sort_by_key(|(_, token)| token.created);
        tokens.into_iter()
    }

    pub(crate) fn get(&self, id: TokenId) -> Option<&KeptToken> {
        self.0.get(&id)
    }

    /// Adds a token. Returns whether its id was free.
    pub(crate) fn add(&mut self, id: TokenId, token: KeptToken) -> bool {
        match self.0.entry(id) {
            Entry::Vacant(free) => {
                free.insert(token);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Removes a token. Returns what was kept of it.
    pub(crate) fn remove(&mut self, id: TokenId) -> Option<KeptToken> {
        self.0.remove(&id)
    }
}

/// A field, and what is wrong with it.
type Wrong = (&'static str, String);

fn field<T, E: ToString>(name: &'static str, read: Result<T, E>) -> Result<T, Wrong> {
    read.map_err(|error| (name, error.to_string()))
}

impl TryFrom<Kept> for KeptToken {
    type Error = Wrong;

    fn try_from(kept: Kept) -> Result<Self, Wrong> {
        let role: Role = field("role", kept.role.parse())?;
        let accounts = kept.accounts.iter().map(|account| AccountName::new(account));
        let accounts: Vec<AccountName> = field("accounts", accounts.collect::<Result<_, _>>())?;
        check_accounts(role, &accounts).map_err(|what| ("accounts", what.to_owned()))?;
        let expires = match kept.expires.as_str() {
            NEVER => None,
            date => Some(field("expires", time(date))?),
        };
        Ok(Self {
            hash: field("hash", kept.hash.parse())?,
            identity: Arc::new(ClientIdentity {
                role,
                name: field("name", kept.name.parse())?,
                accounts,
            }),
            created: field("created", time(&kept.created))?,
            expires,
        })
    }
}

/// Checks that a customer has accounts and that no other role has.
///
/// # Errors
/// What is wrong.
pub(crate) fn check_accounts(role: Role, accounts: &[AccountName]) -> Result<(), &'static str> {
    match (role, accounts.is_empty()) {
        (Role::Customer, true) => Err("a customer has at least one account of its own"),
        (Role::Customer, false) | (_, true) => Ok(()),
        (_, false) => Err("only a customer has accounts of its own"),
    }
}

/// A time as it is written: `2026-11-23T03:05:12Z`. A time outside of the calendar, which ends with the year 9999, is
/// written as the start of 1970.
pub(crate) fn date(time: SystemTime) -> String {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

fn time(date: &str) -> Result<SystemTime, String> {
    let time: Result<Timestamp, _> = date.parse();
    time.map(SystemTime::from)
        .map_err(|_| format!("{date:?} is not a time such as 2026-11-23T03:05:12Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_403_112;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn identity(role: Role, name: &str, accounts: &[&str]) -> ClientIdentity {
        ClientIdentity {
            role,
            name: name.parse().expect("a name"),
            accounts: accounts
                .iter()
                .map(|name| AccountName::new(name).expect("a name"))
                .collect(),
        }
    }

    fn good() -> (TokenSet, [Token; 2]) {
        let [one, two] = [1, 2].map(|_| Token::random().expect("randomness"));
        let mut set = TokenSet::default();
        let now = at(NOW) + Duration::from_millis(47);
        let alice = identity(Role::Customer, "alice", &["alice", "rent"]);
        let month = Some(Duration::from_secs(30 * 86_400));
        assert!(set.add(one.id(), KeptToken::new(&one, alice, now, month)));
        let bob = identity(Role::Teller, "bob", &[]);
        let later = now + Duration::from_secs(1);
        assert!(set.add(two.id(), KeptToken::new(&two, bob, later, None)));
        (set, [one, two])
    }

    #[test]
    fn tokens_come_back_from_a_file_that_has_no_secret() {
        let (set, tokens) = good();
        let content = set.to_json().expect("written");
        assert_eq!(TokenSet::parse(&content).expect("read"), set);
        let text = String::from_utf8(content).expect("text");
        assert!(text.contains(r#""created": "2026-11-23T03:05:12Z""#), "{text}");
        assert!(text.contains(r#""expires": "never""#), "{text}");
        for token in &tokens {
            let secret = token.to_text();
            assert!(!text.contains(secret.rsplit(':').next().expect("a part")), "{text}");
            let kept = set.get(token.id()).expect("kept");
            assert_eq!(kept.hash, token.hash());
        }
        let first = set.get(tokens[0].id()).expect("kept");
        let end = NOW + 30 * 86_400;
        assert!(!first.has_expired(at(end - 1)) && first.has_expired(at(end)));
        assert!(!set.get(tokens[1].id()).expect("kept").has_expired(at(1 << 40)));
        let names: Vec<&str> = set
            .oldest_first()
            .map(|(_, kept)| kept.identity.name.as_str())
            .collect();
        assert_eq!(names, ["alice", "bob"]);
    }

    #[test]
    fn an_id_is_there_once() {
        let (mut set, [one, two]) = good();
        let kept = set.get(two.id()).expect("kept").clone();
        assert!(!set.add(one.id(), kept.clone()));
        assert_eq!(set.remove(two.id()), Some(kept));
        assert_eq!(set.remove(two.id()), None);
    }

    #[test]
    fn what_is_no_file_of_tokens_is_refused_with_the_field() {
        let (set, [one, two]) = good();
        let text = String::from_utf8(set.to_json().expect("written")).expect("text");
        let with = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}: {text}");
            text.replacen(from, to, 1)
        };
        let hash = one.hash().to_string();
        let (id, other_id) = (one.id().to_string(), two.id().to_string());
        let table = [
            (String::new(), "EOF"),
            ("null".to_owned(), "expected struct File"),
            ("[]".to_owned(), "invalid length 0"),
            ("{}".to_owned(), "missing field `format`"),
            (r#"{"format":1}"#.to_owned(), "missing field `tokens`"),
            (r#"{"format":1,"tokens":{}}"#.to_owned(), "invalid type: map"),
            (text[..text.len() / 2].to_owned(), "EOF"),
            (with(r#""format": 1"#, r#""format": 2, "more": 3"#), "it has format 2"),
            (with(r#""format": 1"#, r#""format": "1""#), "invalid type: string"),
            (
                with(r#""format": 1"#, r#""format": 1, "scope": 3"#),
                "unknown field `scope`",
            ),
            (with(r#""role""#, r#""rank": 7, "role""#), "unknown field `rank`"),
            (with(r#""role": "customer","#, ""), "missing field `role`"),
            (with(",\n      \"expires\": \"never\"", ""), "missing field `expires`"),
            (with(&id, &other_id), "tokens[1].id: "),
            (with(&id, "12"), "tokens[0].id: 12 hexadecimal digits"),
            (with(&hash, &hash[1..]), "tokens[0].hash: 64 hexadecimal digits"),
            (with("customer", "king"), "tokens[0].role: \"king\" is not a role"),
            (with("customer", "teller"), "tokens[0].accounts: only a customer"),
            (
                with("teller", "customer"),
                "tokens[1].accounts: a customer has at least one",
            ),
            (with(r#""alice""#, r#""a b""#), "tokens[0].name: "),
            (with(r#""rent""#, r#""r e""#), "tokens[0].accounts: "),
            (with("2026-11-23T", "2026-11-33T"), "tokens[0].created: "),
            (with("never", "soon"), "tokens[1].expires: \"soon\" is not a time"),
        ];
        for (content, message) in table {
            let error = TokenSet::parse(content.as_bytes()).expect_err(&content).to_string();
            assert!(error.contains(message), "{message}: {error}\n{content}");
            assert!(!error.contains(&hash[..16]), "{error}");
        }
    }
}
