//! The writes in a file: CSV with a header, or one JSON object per line. They are read one by one, and each error names
//! its line and its field.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use bank_types::{AccountName, Amount, Write};
use csv::{ErrorKind, StringRecord};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::events;
use crate::input::{self, shown};

/// Largest line, in bytes. The longest line that makes sense has some two hundred.
const LINE_LEN_MAX: usize = 64 << 10;

/// Format of the input of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object per line.
    JsonLines,
}

impl Format {
    /// The format with this name, `csv` or `jsonl`.
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "csv" => Some(Self::Csv),
            "jsonl" => Some(Self::JsonLines),
            _ => None,
        }
    }

    /// The format that the extension of a file tells.
    pub fn of_name(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        Self::named(&extension.to_ascii_lowercase())
    }
}

/// One write of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The write.
    pub write: Write,
}

/// An input that cannot be read on, or a line in it that is wrong.
#[derive(Debug, Error)]
pub enum RowError {
    /// A line is wrong. The next line can be read.
    #[error("line {line}: {what}")]
    Line {
        /// Line number, from 1.
        line: u64,
        /// The field, and what is wrong with it.
        what: String,
    },
    /// The rest of the input cannot be read.
    #[error("after line {after}: {source}")]
    Read {
        /// The last line that was read.
        after: u64,
        /// Error of the file system.
        #[source]
        source: io::Error,
    },
}

/// The writes of an input, in their order.
pub struct Rows<R> {
    input: Input<R>,
}

enum Input<R> {
    Csv {
        reader: csv::Reader<Bounded<R>>,
        columns: Columns,
        record: StringRecord,
        line: u64,
    },
    JsonLines {
        reader: BufReader<R>,
        text: Vec<u8>,
        line: u64,
    },
}

impl<R: Read> Rows<R> {
    /// Reads the header, if the format has one.
    ///
    /// # Errors
    /// The header is wrong, or the input cannot be read.
    pub fn new(format: Format, input: R) -> Result<Self, RowError> {
        let input = match format {
            Format::Csv => {
                let mut reader = csv::Reader::from_reader(Bounded {
                    input,
                    left: LINE_LEN_MAX,
                });
                let header = reader.headers().cloned().map_err(|error| by_csv(error, 0))?;
                let columns = Columns::of(&header).map_err(|what| RowError::Line { line: 1, what })?;
                Input::Csv {
                    reader,
                    columns,
                    record: StringRecord::new(),
                    line: 1,
                }
            }
            Format::JsonLines => Input::JsonLines {
                reader: BufReader::new(input),
                text: Vec::new(),
                line: 0,
            },
        };
        Ok(Self { input })
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.input {
            Input::Csv {
                reader,
                columns,
                record,
                line,
            } => {
                reader.get_mut().left = LINE_LEN_MAX;
                match reader.read_record(record) {
                    Ok(false) => None,
                    Ok(true) => {
                        *line = record.position().map_or(*line, csv::Position::line);
                        let row = columns.write(record);
                        Some(
                            row.map(|write| Row { line: *line, write })
                                .map_err(|what| RowError::Line { line: *line, what }),
                        )
                    }
                    Err(error) => Some(Err(by_csv(error, *line))),
                }
            }
            Input::JsonLines { reader, text, line } => loop {
                text.clear();
                let read = reader.by_ref().take(LINE_LEN_MAX as u64 + 1).read_until(b'\n', text);
                match read {
                    Ok(0) => return None,
                    Ok(_) => *line += 1,
                    Err(source) => return Some(Err(RowError::Read { after: *line, source })),
                }
                if text.len() > LINE_LEN_MAX {
                    let source = too_long();
                    return Some(Err(RowError::Read {
                        after: *line - 1,
                        source,
                    }));
                }
                let text = match *line {
                    1 => text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text),
                    _ => text,
                };
                if !text.trim_ascii().is_empty() {
                    let row = by_json(text.trim_ascii());
                    let line = *line;
                    return Some(
                        row.map(|write| Row { line, write })
                            .map_err(|what| RowError::Line { line, what }),
                    );
                }
            },
        }
    }
}

/// An input that ends with an error after so many bytes. So a quotation mark that is never closed does not fill the
/// memory with the rest of the file.
struct Bounded<R> {
    input: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.left);
        if len == 0 && !buffer.is_empty() {
            return Err(too_long());
        }
        let read = self.input.read(&mut buffer[..len])?;
        self.left -= read;
        Ok(read)
    }
}

fn too_long() -> io::Error {
    let what = format!("the line is longer than {LINE_LEN_MAX} bytes: is a quotation mark not closed?");
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Where each column of a CSV file stands.
#[derive(Debug, Default)]
struct Columns {
    kind: usize,
    account: Option<usize>,
    amount: Option<usize>,
    to: Option<usize>,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, String> {
        let (mut kind, mut columns) = (None, Self::default());
        for (at, name) in header.iter().enumerate() {
            let column = match name {
                "type" => &mut kind,
                "account" => &mut columns.account,
                "amount" => &mut columns.amount,
                "to" => &mut columns.to,
                other => {
                    return Err(format!(
                        "column {}: {} is none of type, account, amount, to; the first line is the header",
                        at + 1,
                        shown(other)
                    ));
                }
            };
            if column.replace(at).is_some() {
                return Err(format!("column {}: {name} is there twice", at + 1));
            }
        }
        columns.kind =
            kind.ok_or("the header has no column type; it is the first line, such as type,account,amount,to")?;
        Ok(columns)
    }

    fn write(&self, record: &StringRecord) -> Result<Write, String> {
        let field = |at: Option<usize>| at.and_then(|at| record.get(at)).filter(|text| !text.is_empty());
        let fields = Fields {
            names: ("type", "amount"),
            kind: record.get(self.kind).unwrap_or_default(),
            account: field(self.account),
            to: field(self.to),
        };
        let amount = field(self.amount).map(|text| input::amount(text).map_err(|error| format!("amount: {error}")));
        fields.write(amount)
    }
}

/// A line of a JSON Lines file. The values are checked one by one, so that an error can name the field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLine {
    interface: Value,
    account: Option<Value>,
    money: Option<Value>,
    to: Option<Value>,
}

fn by_json(text: &[u8]) -> Result<Write, String> {
    let raw: RawLine = serde_json::from_slice(text).map_err(|error| {
        let text = error.to_string();
        // The line is counted in the file, and not in this text.
        match text.rfind(" at line ") {
            Some(end) => format!("column {}: {}", error.column(), &text[..end]),
            None => text,
        }
    })?;
    let account = raw
        .account
        .as_ref()
        .map(|value| events::text("account", value))
        .transpose()?;
    let to = raw.to.as_ref().map(|value| events::text("to", value)).transpose()?;
    let fields = Fields {
        names: ("interface", "money"),
        kind: events::text("interface", &raw.interface)?,
        account,
        to,
    };
    fields.write(raw.money.map(|money| events::amount(Some(money))))
}

/// The fields of a row, but for its amount.
struct Fields<'a> {
    /// Names of the fields for the kind and the amount.
    names: (&'static str, &'static str),
    kind: &'a str,
    account: Option<&'a str>,
    to: Option<&'a str>,
}

impl Fields<'_> {
    fn write(&self, amount: Option<Result<Amount, String>>) -> Result<Write, String> {
        let (kind_name, amount_name) = self.names;
        if let (true, Some(_)) = (self.kind != "transfer", self.to) {
            return Err("to: only a transfer has it".to_owned());
        }
        let account = || {
            self.account
                .map_or(Ok(AccountName::main()), |name| named("account", name))
        };
        let given = || {
            amount
                .clone()
                .unwrap_or_else(|| Err(format!("{amount_name}: it is missing")))
        };
        match self.kind {
            "deposit" => Ok(Write::Deposit {
                account: account()?,
                amount: given()?,
            }),
            "withdraw" => Ok(Write::Withdraw {
                account: account()?,
                amount: given()?,
            }),
            "transfer" => {
                let from = account()?;
                let to = named("to", self.to.ok_or("to: it is missing")?)?;
                if from == to {
                    return Err(format!("to: {to} cannot pay itself"));
                }
                Ok(Write::Transfer {
                    from,
                    to,
                    amount: given()?,
                })
            }
            "open" if amount.is_some() => Err(format!("{amount_name}: an account opens with 0")),
            "open" => Ok(Write::Open {
                account: named("account", self.account.ok_or("account: it is missing")?)?,
            }),
            other => Err(format!(
                "{kind_name}: {} is none of deposit, withdraw, transfer, open",
                shown(other)
            )),
        }
    }
}

fn named(field: &str, text: &str) -> Result<AccountName, String> {
    input::account(text).map_err(|error| format!("{field}: {error}"))
}

fn by_csv(error: csv::Error, line: u64) -> RowError {
    let at = error.position().map_or(line + 1, csv::Position::line);
    let what = match error.into_kind() {
        ErrorKind::Io(source) => return RowError::Read { after: line, source },
        ErrorKind::Utf8 { err, .. } => format!("column {}: it is not UTF-8", err.field() + 1),
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} fields, and the header has {expected_len}")
        }
        _ => "it is not CSV".to_owned(),
    };
    RowError::Line { line: at, what }
}
