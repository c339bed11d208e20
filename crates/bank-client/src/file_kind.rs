//! Recognizes files of this project by their content, so that a message can name a file that was given in the place of
//! another.

use std::fmt;

use serde_json::{Map, Value};

/// A kind of file of this project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// The bank file.
    Bank,
    /// The session file of a customer.
    Session,
    /// The record of an import of a customer.
    Import,
    /// The secret of a bank.
    Secret,
    /// An input of `launcher run`.
    Input,
    /// An output of `launcher run`.
    Output,
    /// The history of a run, or the journal of a branch in it.
    History,
    /// Settings of a run.
    RunSettings,
    /// Addresses and opening balance of a live bank that was founded.
    Founding,
    /// Port and token of a running launcher.
    Control,
}

impl FileKind {
    /// The kind of a file with this content. `None` if it is none that this program knows.
    pub fn of(content: &[u8]) -> Option<Self> {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).trim_ascii();
        if content.starts_with(b"passbook-secret-") {
            return Some(Self::Secret);
        }
        if let Ok(value) = serde_json::from_slice(content) {
            return of_value(&value);
        }
        // A file of lines, each of them JSON.
        let line = content.split(|byte| *byte == b'\n').next()?;
        of_value(&serde_json::from_slice(line).ok()?).filter(|kind| *kind == Self::History)
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bank => "a bank file",
            Self::Session => "a session file",
            Self::Import => "the record of an import",
            Self::Secret => "the secret of a bank",
            Self::Input => "an input of launcher run",
            Self::Output => "an output of launcher run",
            Self::History => "the history of a run",
            Self::RunSettings => "the settings of a run",
            Self::Founding => "the founding of a live bank",
            Self::Control => "the control file of a launcher",
        })
    }
}

fn of_value(value: &Value) -> Option<FileKind> {
    match value {
        Value::Object(object) => of_object(object),
        Value::Array(items) => match items.first()? {
            Value::Object(item) if item.contains_key("type") => Some(FileKind::Input),
            Value::Object(item) if item.contains_key("id") => Some(FileKind::Output),
            _ => None,
        },
        _ => None,
    }
}

fn of_object(object: &Map<String, Value>) -> Option<FileKind> {
    let has = |keys: &[&str]| keys.iter().all(|key| object.contains_key(*key));
    let kinds: [(&[&str], FileKind); 7] = [
        (&["bank_id", "branches"], FileKind::Bank),
        (&["version", "read_position", "write_position"], FileKind::Session),
        (&["version", "import_id", "sha256"], FileKind::Import),
        (&["started", "level", "propagation"], FileKind::RunSettings),
        (&["opening_balance", "branches"], FileKind::Founding),
        (&["port", "token"], FileKind::Control),
        (&["type"], FileKind::History),
    ];
    kinds.into_iter().find(|(keys, _)| has(keys)).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_content() {
        let session = r#"{"version":1,"bank_id":null,"read_position":0,"write_position":0,"pending":null}"#;
        let meta = r#"{"input":"x","started":"t","level":"session","propagation":"quorum","opening_balance":0,"branches":[1]}"#;
        let table = [
            ("\u{feff}{\"bank_id\":\"x\",\"branches\":[]}\n", Some(FileKind::Bank)),
            (session, Some(FileKind::Session)),
            (r#"{"version":1,"import_id":"x","sha256":"y"}"#, Some(FileKind::Import)),
            ("passbook-secret-1:00\n", Some(FileKind::Secret)),
            (r#"[{"id":1,"type":"branch","balance":0}]"#, Some(FileKind::Input)),
            (r#"[{"id":1,"recv":[]}]"#, Some(FileKind::Output)),
            (
                "{\"type\":\"branch\"}\n{\"type\":\"command\"}\n",
                Some(FileKind::History),
            ),
            (meta, Some(FileKind::RunSettings)),
            (r#"{"opening_balance":1,"branches":{}}"#, Some(FileKind::Founding)),
            (r#"{"pid":1,"port":2,"token":"t"}"#, Some(FileKind::Control)),
            ("{\"version\":1,\"bank_id\":null,\"read_pos", None),
            ("", None),
            ("[]", None),
            ("7", None),
            ("\u{0}\u{1}", None),
        ];
        for (content, kind) in table {
            assert_eq!(FileKind::of(content.as_bytes()), kind, "{content}");
        }
    }
}
