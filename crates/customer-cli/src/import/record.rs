//! The record of an import: a file beside its input. It is on the disk before the first write is sent, and after that
//! it is replaced about once a second. It gives every line the same request id in every run.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bank_client::FileKind;
use bank_types::RequestId;
use durable_file::Durability;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::tally::Tally;

/// Version of the file format.
const VERSION: u32 = 1;
/// Largest record. The refusals that it keeps take the most.
const FILE_LEN_MAX: u64 = 4 << 20;
/// The bits of a UUID after its variant.
const COUNTED_BITS: u128 = (1 << 62) - 1;

/// A record that cannot be used. Nothing was sent.
#[derive(Debug, Error)]
pub enum RecordError {
    /// An error of the file system.
    #[error("the record of the import, {}: cannot {verb} it: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `write`.
        verb: &'static str,
        /// Error of the file system.
        #[source]
        source: std::io::Error,
    },
    /// The content is not a record.
    #[error("{}: it is no record of an import: {what}; it is left as it is; move it away, or import a copy of the file", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The input has changed since its import began.
    #[error(
        "{} has changed since its import began, and {settled} of its {rows} writes are in the books: put the old content \
         back to finish that import, or remove {} to import the new content as a new import",
        input.display(), path.display()
    )]
    Changed {
        /// The input.
        input: PathBuf,
        /// The record.
        path: PathBuf,
        /// How many writes of the old content are settled.
        settled: u64,
        /// How many writes the old content has.
        rows: u64,
    },
    /// The import is one into another bank.
    #[error(
        "{} was imported into bank {known}, and this is bank {bank}: remove {} to import the file here as well",
        input.display(), path.display()
    )]
    AnotherBank {
        /// The input.
        input: PathBuf,
        /// The record.
        path: PathBuf,
        /// Bank of the record.
        known: Uuid,
        /// Bank that is asked now.
        bank: Uuid,
    },
}

/// What an import has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    version: u32,
    bank_id: Uuid,
    /// Id of the import, from which the request ids of its lines follow.
    pub import_id: Uuid,
    /// SHA-256 of the input, in hexadecimal digits.
    sha256: String,
    /// Number of writes in the input.
    pub rows: u64,
    /// Every write on this line and before it has its outcome. 0: none has.
    pub settled_line: u64,
    /// The outcomes so far.
    pub tally: Tally,
}

/// What an input is known by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// SHA-256 of the input, in hexadecimal digits.
    pub sha256: String,
    /// Number of writes in the input.
    pub rows: u64,
}

impl Record {
    /// The record of an import that begins.
    pub fn new(bank_id: Uuid, import_id: Uuid, content: Content) -> Self {
        Self {
            version: VERSION,
            bank_id,
            import_id,
            sha256: content.sha256,
            rows: content.rows,
            settled_line: 0,
            tally: Tally::default(),
        }
    }

    /// The record of the import of this input: the one that is there, or a new one that is on the disk now.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn open(input: &Path, bank_id: Uuid, content: Content) -> Result<Self, RecordError> {
        let path = beside(input);
        let known = match durable_file::read_bounded(&path, FILE_LEN_MAX) {
            Ok(stored) => decode(&stored).map_err(|what| RecordError::Corrupt {
                path: path.clone(),
                what,
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let new = Self::new(bank_id, Uuid::now_v7(), content);
                new.save(input)?;
                return Ok(new);
            }
            Err(source) => {
                let verb = "read";
                return Err(RecordError::Io { path, verb, source });
            }
        };
        let input = input.to_owned();
        if known.bank_id != bank_id {
            return Err(RecordError::AnotherBank {
                input,
                path,
                known: known.bank_id,
                bank: bank_id,
            });
        }
        if (&known.sha256, known.rows) != (&content.sha256, content.rows) {
            return Err(RecordError::Changed {
                input,
                path,
                settled: known.tally.settled(),
                rows: known.rows,
            });
        }
        Ok(known)
    }

    /// Replaces the record of this input, and syncs it.
    ///
    /// # Errors
    /// [`RecordError::Io`]. The file is unchanged.
    pub fn save(&self, input: &Path) -> Result<(), RecordError> {
        let path = beside(input);
        let content = serde_json::to_vec(self).map_err(std::io::Error::from);
        let saved = content.and_then(|content| durable_file::replace(&path, &content, Durability::Host));
        saved.map_err(|source| RecordError::Io {
            path,
            verb: "write",
            source,
        })
    }

    /// The request id of the write on this line, the same in every run.
    pub fn request_id(&self, line: u64) -> RequestId {
        let base = self.import_id.as_u128();
        let counted = (base & COUNTED_BITS).wrapping_add(line.into()) & COUNTED_BITS;
        Uuid::from_u128(base & !COUNTED_BITS | counted).into()
    }

    /// Whether every write has its outcome.
    pub fn is_done(&self) -> bool {
        self.tally.settled() == self.rows
    }
}

/// The record beside an input: `payments.csv.import.json` beside `payments.csv`.
pub fn beside(input: &Path) -> PathBuf {
    let mut name = input.as_os_str().to_owned();
    name.push(".import.json");
    name.into()
}

fn decode(content: &[u8]) -> Result<Record, String> {
    if let Some(kind) = FileKind::of(content).filter(|kind| *kind != FileKind::Import) {
        return Err(format!("it is {kind}"));
    }
    let record: Record = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    if record.version != VERSION {
        let version = record.version;
        return Err(format!(
            "its version is {version}, and this program knows version {VERSION}"
        ));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(sha256: &str) -> Content {
        Content {
            sha256: sha256.to_owned(),
            rows: 3,
        }
    }

    #[test]
    fn each_line_has_an_id_of_its_own_that_is_a_uuid_of_the_same_version() {
        let id = Uuid::now_v7();
        // The last line wraps around within the counted bits.
        for id in [id, Uuid::from_u128(id.as_u128() | COUNTED_BITS)] {
            let record = Record::new(Uuid::nil(), id, content(""));
            let ids: Vec<RequestId> = (0..1000).map(|line| record.request_id(line)).collect();
            assert_eq!(ids[0], id.into());
            let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
            assert_eq!(distinct.len(), ids.len());
            for one in ids.into_iter().map(Uuid::from) {
                assert_eq!(
                    (one.get_version_num(), one.get_variant()),
                    (id.get_version_num(), id.get_variant())
                );
                assert_eq!(one.as_u128() >> 62, id.as_u128() >> 62);
            }
        }
    }

    #[test]
    fn an_import_is_found_again_and_another_content_or_bank_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let input = directory.path().join("a.csv");
        let bank = Uuid::from_u128(7);
        let mut begun = Record::open(&input, bank, content("1")).expect("begun");
        begun.settled_line = 2;
        begun.save(&input).expect("saved");
        assert_eq!(Record::open(&input, bank, content("1")).expect("found"), begun);
        let changed = Record::open(&input, bank, content("2"))
            .expect_err("changed")
            .to_string();
        assert!(changed.contains("has changed since its import began"), "{changed}");
        let elsewhere = Record::open(&input, Uuid::from_u128(8), content("1")).expect_err("another bank");
        assert!(matches!(elsewhere, RecordError::AnotherBank { .. }), "{elsewhere}");
        std::fs::write(beside(&input), "{}").expect("written");
        let damaged = Record::open(&input, bank, content("1")).expect_err("damaged");
        assert!(matches!(damaged, RecordError::Corrupt { .. }), "{damaged}");
    }
}
