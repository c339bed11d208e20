//! The owner of a certificate, as the URIs among its alternative names say.

use std::fmt;

use bank_auth::{ClientIdentity, Role};
use bank_types::AccountName;
use uuid::Uuid;

/// Scheme of the URIs.
const SCHEME: &str = "bank://";
/// Longest part of a malformed URI that an error shows, in characters.
const SHOWN_LEN_MAX: usize = 120;

/// The owner of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Id of the bank.
    pub bank: Uuid,
    /// The branch or client.
    pub subject: Subject,
}

/// A branch or a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The branch with this number, at least 1.
    Branch(u32),
    /// A client.
    Client(ClientIdentity),
}

/// Error of reading the owner of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// No URI names an owner, or more than one does.
    #[error("names no owner: exactly one URI bank://BANK/branch/N or bank://BANK/ROLE/NAME is expected")]
    NoOwner,
    /// A URI of a bank is malformed.
    #[error(
        "has the malformed URI {0:?}: bank://BANK/branch/N, bank://BANK/ROLE/NAME or bank://BANK/account/NAME is expected"
    )]
    Malformed(String),
    /// The URI of an account does not belong to a customer of the same bank.
    #[error("has the URI {0:?} of an account, which only a customer of the same bank may have")]
    Account(String),
}

/// What one URI of a bank says.
enum Says {
    Owner(Named),
    Account(Uuid, AccountName),
    Authority(Uuid),
}

impl Named {
    /// Reads the owner from the URIs of a certificate. URIs of other schemes are ignored. The certificate of an authority
    /// names no owner.
    ///
    /// # Errors
    /// See [`SubjectError`].
    pub fn from_uris<'a>(uris: impl IntoIterator<Item = &'a str>) -> Result<Self, SubjectError> {
        let mut owner: Option<Self> = None;
        let mut accounts = Vec::new();
        for uri in uris {
            match read(uri)? {
                None => {}
                Some(Says::Owner(named)) if owner.is_none() => owner = Some(named),
                Some(Says::Owner(_) | Says::Authority(_)) => return Err(SubjectError::NoOwner),
                Some(Says::Account(bank, account)) => accounts.push((bank, account, uri)),
            }
        }
        let mut owner = owner.ok_or(SubjectError::NoOwner)?;
        for (bank, account, uri) in accounts {
            match &mut owner.subject {
                Subject::Client(client) if client.role == Role::Customer && bank == owner.bank => {
                    if !client.accounts.contains(&account) {
                        client.accounts.push(account);
                    }
                }
                _ => return Err(SubjectError::Account(shown(uri))),
            }
        }
        Ok(owner)
    }

    /// The URIs for a certificate: the owner, then the own accounts.
    pub fn uris(&self) -> Vec<String> {
        let bank = self.bank;
        match &self.subject {
            Subject::Branch(branch) => vec![format!("{SCHEME}{bank}/branch/{branch}")],
            Subject::Client(client) => {
                let mut uris = vec![format!("{SCHEME}{bank}/{}/{}", client.role, client.name)];
                uris.extend(
                    client
                        .accounts
                        .iter()
                        .map(|account| format!("{SCHEME}{bank}/account/{account}")),
                );
                uris
            }
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(branch) => write!(f, "branch {branch}"),
            Self::Client(client) => client.fmt(f),
        }
    }
}

/// The URI in the certificate of a bank's authority.
pub fn authority_uri(bank: Uuid) -> String {
    format!("{SCHEME}{bank}/ca")
}

/// The bank whose authority a certificate is, as its URIs say. `None` for an authority that a bank shares with others.
pub fn authority_of<'a>(uris: impl IntoIterator<Item = &'a str>) -> Option<Uuid> {
    uris.into_iter().find_map(|uri| match read(uri) {
        Ok(Some(Says::Authority(bank))) => Some(bank),
        _ => None,
    })
}

/// Reads one URI. `None` for a URI of another scheme. There is one way to write each owner: what differs from it is
/// malformed.
fn read(uri: &str) -> Result<Option<Says>, SubjectError> {
    // A scheme is not case-sensitive (RFC 3986, section 3.1).
    if !uri
        .get(..SCHEME.len())
        .is_some_and(|found| found.eq_ignore_ascii_case(SCHEME))
    {
        return Ok(None);
    }
    let malformed = || SubjectError::Malformed(shown(uri));
    let parts: Vec<&str> = uri.strip_prefix(SCHEME).ok_or_else(malformed)?.split('/').collect();
    let bank = parts.first().and_then(|text| bank_id(text)).ok_or_else(malformed)?;
    let says = match parts[1..] {
        ["ca"] => Some(Says::Authority(bank)),
        ["branch", number] => branch_number(number).map(|branch| {
            let subject = Subject::Branch(branch);
            Says::Owner(Named { bank, subject })
        }),
        ["account", name] => AccountName::new(name).ok().map(|account| Says::Account(bank, account)),
        [role, name] => role.parse().ok().zip(name.parse().ok()).map(|(role, name)| {
            let subject = Subject::Client(ClientIdentity {
                role,
                name,
                accounts: Vec::new(),
            });
            Says::Owner(Named { bank, subject })
        }),
        _ => None,
    };
    says.map(Some).ok_or_else(malformed)
}

fn bank_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|bank| bank.to_string() == text)
}

fn branch_number(text: &str) -> Option<u32> {
    let number = text.parse().ok().filter(|number| *number >= 1)?;
    Some(number).filter(|number: &u32| number.to_string() == text)
}

/// A hostile URI is cut, so that it does not fill the log.
fn shown(uri: &str) -> String {
    uri.chars().take(SHOWN_LEN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANK: &str = "0190b5f4-1111-7222-8333-444455556666";
    const OTHER: &str = "0190b5f4-9999-7222-8333-444455556666";

    fn read_all(uris: &[String]) -> Result<Named, SubjectError> {
        Named::from_uris(uris.iter().map(String::as_str))
    }

    #[test]
    fn an_owner_comes_back_from_its_uris() {
        for (uris, shown) in [
            (vec!["branch/1"], "branch 1"),
            (vec!["branch/4294967295"], "branch 4294967295"),
            (vec!["teller/front.desk-2"], "teller front.desk-2"),
            (vec!["auditor/a"], "auditor a"),
            (vec!["operator/o"], "operator o"),
            (vec!["customer/alice"], "customer alice"),
            (
                vec!["customer/alice", "account/alice", "account/savings-2"],
                "customer alice",
            ),
        ] {
            let uris: Vec<String> = uris.iter().map(|rest| format!("bank://{BANK}/{rest}")).collect();
            let named = read_all(&uris).expect("an owner");
            assert_eq!(named.bank.to_string(), BANK);
            assert_eq!(named.subject.to_string(), shown);
            assert_eq!(named.uris(), uris);
        }
    }

    #[test]
    fn other_schemes_and_the_order_of_the_uris_do_not_matter() {
        let uris = [
            format!("bank://{BANK}/account/a"),
            "spiffe://example.org/bank".to_owned(),
            "https://bank/branch/1".to_owned(),
            "bank:".to_owned(),
            "é".repeat(9),
            format!("bank://{BANK}/customer/alice"),
            format!("bank://{BANK}/account/a"),
        ];
        let named = read_all(&uris).expect("an owner");
        assert_eq!(named.uris().len(), 2);
    }

    #[test]
    fn what_is_not_written_in_the_one_way_is_malformed() {
        let upper = BANK.to_uppercase();
        let simple = BANK.replace('-', "");
        for uri in [
            "bank://".to_owned(),
            format!("bank://{BANK}"),
            format!("bank://{BANK}/"),
            format!("bank://{BANK}/branch"),
            format!("bank://{BANK}/branch/"),
            format!("bank://{BANK}/branch/0"),
            format!("bank://{BANK}/branch/01"),
            format!("bank://{BANK}/branch/+1"),
            format!("bank://{BANK}/branch/-1"),
            format!("bank://{BANK}/branch/4294967296"),
            format!("bank://{BANK}/branch/1/"),
            format!("bank://{BANK}/branch/1?x"),
            format!("bank://{BANK}//branch/1"),
            format!("bank://{BANK}/Branch/1"),
            format!("bank://{BANK}/manager/alice"),
            format!("bank://{BANK}/teller/"),
            format!("bank://{BANK}/teller/a b"),
            format!("bank://{BANK}/teller/%61"),
            format!("bank://{BANK}/account/"),
            format!("bank://{BANK}/account/-a"),
            format!("bank://{BANK}/ca/1"),
            format!("bank://{upper}/branch/1"),
            format!("bank://{simple}/branch/1"),
            format!("bank://{{{BANK}}}/branch/1"),
            format!("BANK://{BANK}/branch/1"),
            format!("bank://me@{BANK}/branch/1"),
            format!("bank://{}/branch/1", "x".repeat(10_000)),
        ] {
            let owner = format!("bank://{BANK}/branch/7");
            let error = read_all(&[owner, uri.clone()]).expect_err(&uri);
            assert!(matches!(error, SubjectError::Malformed(_)), "{uri}: {error}");
            assert!(error.to_string().len() < 400, "{error}");
        }
    }

    #[test]
    fn exactly_one_owner_is_expected() {
        let uri = |rest: &str| format!("bank://{BANK}/{rest}");
        for uris in [
            vec![],
            vec![uri("ca")],
            vec![uri("account/a")],
            vec![uri("branch/1"), uri("ca")],
            vec![uri("branch/1"), uri("branch/2")],
            vec![uri("branch/1"), uri("branch/1")],
            vec![uri("branch/1"), uri("teller/t")],
            vec![uri("teller/t"), uri("customer/t")],
        ] {
            assert_eq!(read_all(&uris), Err(SubjectError::NoOwner), "{uris:?}");
        }
    }

    #[test]
    fn only_a_customer_of_the_same_bank_has_accounts() {
        let account = format!("bank://{BANK}/account/a");
        for owner in [
            format!("bank://{BANK}/branch/1"),
            format!("bank://{BANK}/teller/t"),
            format!("bank://{BANK}/operator/o"),
            format!("bank://{OTHER}/customer/c"),
        ] {
            let found = read_all(&[owner.clone(), account.clone()]);
            assert_eq!(found, Err(SubjectError::Account(account.clone())), "{owner}");
        }
    }

    #[test]
    fn the_authority_of_a_bank_says_so() {
        let bank = Uuid::try_parse(BANK).expect("an id");
        let uri = authority_uri(bank);
        assert_eq!(authority_of(["https://x", uri.as_str()]), Some(bank));
        assert_eq!(authority_of([format!("bank://{BANK}/branch/1").as_str()]), None);
    }
}
