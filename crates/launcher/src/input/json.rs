//! A JSON parser that keeps the place of each value, so that an error can name line, column, customer and event. It is
//! strict: a duplicate key, a comma too many or text after the end is an error. Numbers keep their spelling. serde_json
//! was tried and passed over: docs/decisions/0008-input-reader.md.

use std::collections::HashSet;

/// Deepest nesting. It bounds the stack of the parser.
const DEPTH_MAX: usize = 128;
/// Most values in a text. It bounds memory. The largest file with one event a line has fewer.
const VALUES_MAX: usize = 5_000_000;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<'a> {
    /// Offset in bytes from the start of the text.
    pub(crate) at: usize,
    /// The value.
    pub(crate) value: Value<'a>,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written in the text.
    Number(&'a str),
    /// A string, without its quotes and with its escapes resolved.
    String(String),
    /// `[…]`
    Array(Vec<Node<'a>>),
    /// `{…}`, in the order of the text. Keys are unique.
    Object(Vec<Member<'a>>),
}

/// One `"key": value` of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member<'a> {
    /// The key, without its quotes and with its escapes resolved.
    pub(crate) key: String,
    /// Offset of the key in bytes from the start of the text.
    pub(crate) key_at: usize,
    /// The value.
    pub(crate) value: Node<'a>,
}

impl Value<'_> {
    /// Kind of the value in words, such as "an object".
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text in quotes",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }
}

/// Error of a text that is not JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SyntaxError<'a> {
    /// Offset of the error in bytes from the start of the text.
    pub(crate) at: usize,
    /// What is wrong, and what to do.
    pub(crate) what: String,
    /// Arrays and objects around the error, innermost first.
    pub(crate) trail: Vec<Inside<'a>>,
}

/// An array or object that was not complete where an error was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Inside<'a> {
    /// An array, and the index of the element that was being read.
    Array(usize),
    /// An object with the members read so far, and the key whose value was being read.
    Object(Vec<Member<'a>>, Option<String>),
}

/// Parses a text that holds exactly one value.
pub(crate) fn read(text: &str) -> Result<Node<'_>, SyntaxError<'_>> {
    let mut reader = Reader { text, at: 0, values: 0 };
    reader.skip_space();
    if reader.at == text.len() {
        return Err(reader.error("the file is empty; it has to hold an array [ ... ] of customers and branches"));
    }
    let node = reader.value(1)?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(node),
        Some('[' | '{' | ',') => Err(reader.error(
            "there is another value after the first; put all of them in one array [ ], with a comma between two",
        )),
        Some(_) => Err(reader.error("there is text after the end of the data; remove it")),
    }
}

/// Parses a text that holds one value or several, one after another, as JSON Lines does. A comma may stand between two.
pub(crate) fn read_all(text: &str) -> Result<Vec<Node<'_>>, SyntaxError<'_>> {
    let mut reader = Reader { text, at: 0, values: 0 };
    let mut nodes = Vec::new();
    reader.skip_space();
    while reader.at < text.len() {
        nodes.push(reader.value(1)?);
        reader.skip_space();
        if reader.take(',') {
            reader.skip_space();
        }
    }
    Ok(nodes)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

type Read<'a, T> = Result<T, SyntaxError<'a>>;

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn error(&self, what: impl Into<String>) -> SyntaxError<'a> {
        syntax_error(self.at, what)
    }

    fn value(&mut self, depth: usize) -> Read<'a, Node<'a>> {
        self.skip_space();
        let at = self.at;
        self.values += 1;
        if depth > DEPTH_MAX {
            return Err(self.error(format!("nested deeper than {DEPTH_MAX}")));
        }
        if self.values > VALUES_MAX {
            return Err(self.error(format!("more than {VALUES_MAX} values")));
        }
        let value = match self.peek() {
            Some('[') => self.array(depth)?,
            Some('{') => self.object(depth)?,
            Some('"') => Value::String(self.string()?),
            Some(c) if c.is_ascii_alphanumeric() || "+-._".contains(c) => self.word()?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Node { at, value })
    }

    fn array(&mut self, depth: usize) -> Read<'a, Value<'a>> {
        let mut elements = Vec::new();
        self.at += 1;
        self.skip_space();
        if self.take(']') {
            return Ok(Value::Array(elements));
        }
        loop {
            let element = self
                .value(depth + 1)
                .map_err(|error| inside(error, Inside::Array(elements.len())))?;
            elements.push(element);
            if self
                .end_or_comma(']')
                .map_err(|error| inside(error, Inside::Array(elements.len() - 1)))?
            {
                return Ok(Value::Array(elements));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Read<'a, Value<'a>> {
        let mut members: Vec<Member<'a>> = Vec::new();
        let mut keys = HashSet::new();
        self.at += 1;
        self.skip_space();
        if self.take('}') {
            return Ok(Value::Object(members));
        }
        loop {
            match self.member(depth, &mut keys) {
                Ok(member) => members.push(member),
                Err((error, key)) => return Err(inside(error, Inside::Object(members, key))),
            }
            match self.end_or_comma('}') {
                Ok(false) => {}
                Ok(true) => return Ok(Value::Object(members)),
                Err(error) => return Err(inside(error, Inside::Object(members, None))),
            }
        }
    }

    fn member(
        &mut self,
        depth: usize,
        keys: &mut HashSet<String>,
    ) -> Result<Member<'a>, (SyntaxError<'a>, Option<String>)> {
        self.skip_space();
        let key_at = self.at;
        if self.peek() != Some('"') {
            return Err((self.unexpected("a key in quotes"), None));
        }
        let key = self.string().map_err(|error| (error, None))?;
        if !keys.insert(key.clone()) {
            let what = format!("the key {} comes twice; keep one", shown(&key));
            return Err((syntax_error(key_at, what), None));
        }
        self.skip_space();
        if !self.take(':') {
            return Err((self.unexpected("a colon"), Some(key)));
        }
        match self.value(depth + 1) {
            Ok(value) => Ok(Member { key, key_at, value }),
            Err(error) => Err((error, Some(key))),
        }
    }

    /// Reads what follows an element: true at the end of the array or object, false after a comma.
    fn end_or_comma(&mut self, end: char) -> Read<'a, bool> {
        self.skip_space();
        if self.take(end) {
            return Ok(true);
        }
        let comma = self.at;
        if !self.take(',') {
            return Err(self.unexpected(if end == ']' { "a comma or ]" } else { "a comma or }" }));
        }
        self.skip_space();
        if matches!(self.peek(), Some(']' | '}')) {
            let what = format!("there is a comma before the {end}; remove it");
            return Err(syntax_error(comma, what));
        }
        Ok(false)
    }

    /// Skips this character if it is the next one; returns whether it was.
    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    /// The error for the next character, where something else has to stand.
    fn unexpected(&self, wanted: &str) -> SyntaxError<'a> {
        self.error(match self.peek() {
            None => format!("the file ends where {wanted} should be; is it whole?"),
            Some(c @ ('“' | '”' | '„' | '‘' | '’' | '«' | '»')) => {
                format!("there is a curly quote ({c}), as pasted from a PDF; write straight quotes (\")")
            }
            Some('\'') => "there is a single quote; write double quotes (\")".to_owned(),
            Some('/' | '#') => format!("{wanted} should be here; JSON has no comments: remove it"),
            Some(',') => "there is a comma too many; remove it".to_owned(),
            Some(c) => format!("{wanted} should be here, not {}", shown(&c.to_string())),
        })
    }

    /// Reads a number, `true`, `false` or `null`.
    fn word(&mut self) -> Read<'a, Value<'a>> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || "+-._".contains(c)))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if is_number(word) => Value::Number(word),
            _ if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                return Err(self.error(format!("{} is not a number as JSON writes it", cut(word))));
            }
            _ => return Err(self.error(format!("{} is not a JSON value; texts stand in quotes", cut(word)))),
        };
        self.at += end;
        Ok(value)
    }

    fn string(&mut self) -> Read<'a, String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let plain = rest
                .find(|c: char| c == '"' || c == '\\' || c < ' ')
                .unwrap_or(rest.len());
            text.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some('"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                Some('\n' | '\r') => {
                    self.at = start;
                    return Err(self.error("a text in quotes does not end on its line; is a quote missing?"));
                }
                Some(c) => return Err(self.error(format!("{} in a text in quotes", shown(&c.to_string())))),
                None => return Err(self.error("the file ends inside a text in quotes; is it whole?")),
            }
        }
    }

    fn escape(&mut self) -> Read<'a, char> {
        let rest = self.rest();
        let simple = match rest[1..].chars().next() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode_escape(),
            _ => return Err(self.error("a backslash that begins no escape")),
        };
        self.at += 2;
        Ok(simple)
    }

    fn unicode_escape(&mut self) -> Read<'a, char> {
        let unit = |rest: &str| {
            let digits = rest.strip_prefix("\\u")?.get(..4)?;
            let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
            hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
        };
        let rest = self.rest();
        let first = unit(rest);
        let (code, length) = match (first, rest.get(6..).and_then(unit)) {
            (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => {
                (Some(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12)
            }
            (first, _) => (first, 6),
        };
        let character = code
            .and_then(char::from_u32)
            .ok_or_else(|| self.error("a \\u escape that is no character"))?;
        self.at += length;
        Ok(character)
    }
}

fn syntax_error<'a>(at: usize, what: impl Into<String>) -> SyntaxError<'a> {
    SyntaxError {
        at,
        what: what.into(),
        trail: Vec::new(),
    }
}

/// Adds an array or object around an error.
fn inside<'a>(mut error: SyntaxError<'a>, what: Inside<'a>) -> SyntaxError<'a> {
    error.trail.push(what);
    error
}

/// Whether a word is a number in JSON: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match word.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (word, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let no_leading_zero = whole == "0" || !whole.starts_with('0');
    digits(whole) && no_leading_zero && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

/// Formats a text from a file for a message: in quotes, cut to 40 characters, with control characters escaped.
pub(crate) fn shown(text: &str) -> String {
    format!("\"{}\"", cut(text))
}

/// Formats a text from a file as [`shown`] does, without quotes.
pub(crate) fn cut(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 40;
    let harmless = |c: char| {
        let plain = !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if plain {
            c.to_string()
        } else {
            c.escape_unicode().to_string()
        }
    };
    let start: String = text.chars().take(SHOWN_CHARS_MAX).map(harmless).collect();
    match text.chars().count() {
        count if count > SHOWN_CHARS_MAX => format!("{start}… ({count} characters)"),
        _ => start,
    }
}
