//! The bank file: the id of a bank, and the address of each of its branches. Operators and the launcher write it,
//! customers read it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use uuid::Uuid;

use bank_types::Address;
use durable_file::Durability;

use crate::file_kind::FileKind;

/// Version of the format. The file does not hold it: a field that this program does not know is an error.
pub const VERSION: u32 = 1;
/// Largest bank file, in bytes. It has room for 100,000 branches.
const FILE_LEN_MAX: u64 = 8 << 20;

/// A bank and its branches: at least one branch, each number and each address once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BankFile {
    bank_id: Uuid,
    branches: Vec<Branch>,
}

/// A branch and its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Branch {
    /// Number of the branch, 1 or more.
    pub branch: u32,
    /// Address at which customers reach the branch.
    pub address: Address,
}

/// A branch number that the bank file does not list.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the bank has no branch {branch}; it has {}", list(known))]
pub struct UnknownBranch {
    /// Number that was asked for.
    pub branch: u32,
    /// Numbers that the bank file lists.
    pub known: Vec<u32>,
}

/// Error of a bank file.
#[derive(Debug, Error)]
pub enum BankFileError {
    /// The file cannot be read or written.
    #[error("bank file {}: cannot {verb} it: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `write`.
        verb: &'static str,
        /// Error of the file system.
        #[source]
        source: io::Error,
    },
    /// The content is not the JSON of a bank file.
    #[error("bank file {}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Error of the JSON, with its line.
        #[source]
        source: serde_json::Error,
    },
    /// The file is another one of this project.
    #[error("bank file {}: it is {kind}, not a bank file", path.display())]
    AnotherKind {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// A field is wrong.
    #[error("bank file {}: {field}: {what}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field, such as `branches[2].address`.
        field: String,
        /// What is wrong with it.
        what: String,
    },
}

/// The content of a bank file. The values are checked one by one, so that an error can name the field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBankFile {
    bank_id: Value,
    branches: Vec<RawBranch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBranch {
    branch: Value,
    address: Value,
}

/// A field, and what is wrong with it.
type Wrong = (String, String);

impl BankFile {
    /// A bank file with these branches, in this order.
    ///
    /// # Errors
    /// [`BankFileError::Field`] with an empty path, if there is no branch, or if a number or an address occurs twice.
    pub fn new(bank_id: Uuid, branches: Vec<Branch>) -> Result<Self, BankFileError> {
        Self::checked(bank_id, branches).map_err(|(field, what)| BankFileError::Field {
            path: PathBuf::new(),
            field,
            what,
        })
    }

    /// Reads and checks the file.
    ///
    /// # Errors
    /// The error names the file, and the field or the line.
    pub fn load(path: &Path) -> Result<Self, BankFileError> {
        let content = durable_file::read_bounded(path, FILE_LEN_MAX).map_err(|source| BankFileError::Io {
            path: path.to_owned(),
            verb: "read",
            source,
        })?;
        // Some editors write a byte order mark.
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
        let raw: RawBankFile = serde_json::from_slice(content).map_err(|source| {
            let path = path.to_owned();
            match FileKind::of(content).filter(|kind| *kind != FileKind::Bank) {
                Some(kind) => BankFileError::AnotherKind { path, kind },
                None => BankFileError::Json { path, source },
            }
        })?;
        Self::from_raw(&raw).map_err(|(field, what)| BankFileError::Field {
            path: path.to_owned(),
            field,
            what,
        })
    }

    /// Writes the file, completely or not at all.
    ///
    /// # Errors
    /// [`BankFileError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), BankFileError> {
        let write_error = |source| BankFileError::Io {
            path: path.to_owned(),
            verb: "write",
            source,
        };
        let mut content = serde_json::to_vec_pretty(self).map_err(|error| write_error(error.into()))?;
        content.push(b'\n');
        durable_file::replace(path, &content, Durability::Host).map_err(write_error)
    }

    /// Id of the bank.
    pub fn bank_id(&self) -> Uuid {
        self.bank_id
    }

    /// The branches, in the order of the file.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// Address of a branch.
    ///
    /// # Errors
    /// [`UnknownBranch`] if the file does not list the branch.
    pub fn address(&self, branch: u32) -> Result<&Address, UnknownBranch> {
        let found = self.branches.iter().find(|known| known.branch == branch);
        found.map(|known| &known.address).ok_or_else(|| UnknownBranch {
            branch,
            known: self.branches.iter().map(|known| known.branch).collect(),
        })
    }

    fn from_raw(raw: &RawBankFile) -> Result<Self, Wrong> {
        let bank_id = raw.bank_id.as_str().and_then(|text| Uuid::try_parse(text).ok());
        let bank_id =
            bank_id.ok_or_else(|| ("bank_id".to_owned(), format!("{} is not a UUID", short(&raw.bank_id))))?;
        let branches = raw
            .branches
            .iter()
            .enumerate()
            .map(|(i, branch)| Branch::from_raw(i, branch));
        Self::checked(bank_id, branches.collect::<Result<_, _>>()?)
    }

    fn checked(bank_id: Uuid, branches: Vec<Branch>) -> Result<Self, Wrong> {
        if branches.is_empty() {
            return Err(("branches".to_owned(), "a bank has at least one branch".to_owned()));
        }
        let (mut numbers, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for (i, Branch { branch, address }) in branches.iter().enumerate() {
            if *branch == 0 {
                return Err((
                    format!("branches[{i}].branch"),
                    "a branch number is 1 or more".to_owned(),
                ));
            }
            if !numbers.insert(branch) {
                return Err((
                    format!("branches[{i}].branch"),
                    format!("branch {branch} is listed twice"),
                ));
            }
            if !addresses.insert(address.as_str()) {
                return Err((format!("branches[{i}].address"), format!("{address} is listed twice")));
            }
        }
        Ok(Self { bank_id, branches })
    }
}

impl Branch {
    fn from_raw(i: usize, raw: &RawBranch) -> Result<Self, Wrong> {
        let branch = raw
            .branch
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| *number > 0);
        let branch = branch.ok_or_else(|| {
            (
                format!("branches[{i}].branch"),
                format!("{} is not a branch number, 1 or more", short(&raw.branch)),
            )
        })?;
        let field = format!("branches[{i}].address");
        let Some(text) = raw.address.as_str() else {
            return Err((
                field,
                format!("{} is not a text such as \"127.0.0.1:50001\"", short(&raw.address)),
            ));
        };
        let address = text
            .parse()
            .map_err(|error: bank_types::AddressError| (field, error.to_string()))?;
        Ok(Self { branch, address })
    }
}

/// The first part of a JSON value, for an error message.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// `1, 2, 3`, or the first of many.
fn list(numbers: &[u32]) -> String {
    const SHOWN_MAX: usize = 20;
    let mut text = numbers
        .iter()
        .take(SHOWN_MAX)
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    if numbers.len() > SHOWN_MAX {
        text.push_str(&format!(" and {} more", numbers.len() - SHOWN_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a5d0-0000-7000-8000-000000000001";

    fn load(content: &str) -> Result<BankFile, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bank.json");
        std::fs::write(&path, content).expect("written");
        BankFile::load(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_saved_file_is_loaded() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bank.json");
        let branch = |branch: u32| Branch {
            branch,
            address: format!("h:{}", 50000 + branch).parse().expect("one"),
        };
        let bank = BankFile::new(Uuid::from_u128(7), vec![branch(345), branch(1)]).expect("a bank");
        bank.save(&path).expect("saved");
        let loaded = BankFile::load(&path).expect("loaded");
        assert_eq!(loaded, bank);
        assert_eq!(loaded.address(345).expect("there").as_str(), "h:50345");
        assert_eq!(
            loaded.address(9).expect_err("none").to_string(),
            "the bank has no branch 9; it has 345, 1"
        );
    }

    #[test]
    fn a_byte_order_mark_is_ignored() {
        let text = format!("\u{feff}{{\"bank_id\":\"{ID}\",\"branches\":[{{\"branch\":1,\"address\":\"h:1\"}}]}}\r\n");
        assert_eq!(load(&text).expect("loaded").branches().len(), 1);
    }

    #[test]
    fn each_error_names_the_file_and_the_field_or_the_line() {
        let with = |branches: &str| format!("{{\"bank_id\":\"{ID}\",\"branches\":{branches}}}");
        let one = r#"{"branch":1,"address":"h:1"}"#;
        let table = [
            (String::new(), "EOF while parsing"),
            ("[]x".into(), "line 1"),
            ("{}".into(), "missing field `bank_id`"),
            (r#"{"bank_id":7,"branches":[]}"#.into(), "bank_id: 7 is not a UUID"),
            (format!("{{\"bank_id\":\"{ID}\"}}"), "missing field `branches`"),
            (with("[]"), "branches: a bank has at least one branch"),
            (with("{}"), "expected a sequence"),
            (
                with(r#"[{"branch":0,"address":"h:1"}]"#),
                "branches[0].branch: 0 is not a branch number",
            ),
            (
                with(r#"[{"branch":1.0,"address":"h:1"}]"#),
                "branches[0].branch: 1.0 is not",
            ),
            (
                with(r#"[{"branch":4294967296,"address":"h:1"}]"#),
                "branches[0].branch: 4294967296 is not",
            ),
            (
                with(r#"[{"branch":"1","address":"h:1"}]"#),
                "branches[0].branch: \"1\" is not",
            ),
            (
                with(&format!("[{one},{}]", r#"{"branch":2,"address":"h"}"#)),
                "branches[1].address: \"h\" is not an address",
            ),
            (
                with(r#"[{"branch":1,"address":5}]"#),
                "branches[0].address: 5 is not a text",
            ),
            (
                with(&format!("[{one},{one}]")),
                "branches[1].branch: branch 1 is listed twice",
            ),
            (
                with(&format!("[{one},{}]", r#"{"branch":2,"address":"h:1"}"#)),
                "branches[1].address: h:1 is listed twice",
            ),
            (
                with(r#"[{"branch":1,"address":"h:1","port":1}]"#),
                "unknown field `port`",
            ),
            (
                with(r#"[{"branch":1,"branch":1,"address":"h:1"}]"#),
                "duplicate field `branch`",
            ),
            (with("[]") + "x", "trailing characters"),
            (
                "passbook-secret-1:00".into(),
                "it is the secret of a bank, not a bank file",
            ),
            (r#"[{"id":1,"type":"branch"}]"#.into(), "it is an input of launcher run"),
        ];
        for (content, expected) in table {
            let error = load(&content).expect_err(&content);
            assert!(
                error.contains("bank.json: ") && error.contains(expected),
                "{content}: {error}"
            );
        }
        let error = BankFile::load(Path::new("/dev/zero"))
            .expect_err("a device")
            .to_string();
        assert_eq!(error, "bank file /dev/zero: cannot read it: it is not a regular file");
    }
}
