//! An entry of an input, or a part of one: an object whose fields are known, each missed or refused by name. Knows JSON and
//! how an error names its place; what entries mean is for others.

use super::error::Wrong;
use super::json::{self, Member, Node, Value, shown};

/// What a check gives.
pub(super) type Checked<T> = Result<T, Wrong>;

/// The rule for the numbers of customers and events.
pub(super) const NUMBER_RULE: &str = "write a whole number, in digits alone";

/// An object of the file.
pub(super) struct Entry<'n, 'a> {
    /// Where it starts.
    pub(super) at: usize,
    /// "customer 1"
    pub(super) name: String,
    members: &'n [Member<'a>],
}

impl<'n, 'a> Entry<'n, 'a> {
    /// An object by the name that errors give it. None: it is no object.
    pub(super) fn of(node: &'n Node<'a>, name: impl FnOnce(&'n [Member<'a>]) -> String) -> Option<Self> {
        let Value::Object(members) = &node.value else {
            return None;
        };
        Some(Entry {
            at: node.at,
            name: name(members),
            members,
        })
    }

    /// The same object by a better name.
    pub(super) fn named(self, name: impl FnOnce(&'n [Member<'a>]) -> String) -> Self {
        Entry {
            name: name(self.members),
            ..self
        }
    }

    pub(super) fn member(&self, key: &str) -> Option<&'n Member<'a>> {
        self.members.iter().find(|member| member.key == key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'n Node<'a>> {
        self.member(key).map(|member| &member.value)
    }

    pub(super) fn need(&self, key: &str) -> Checked<&'n Node<'a>> {
        self.get(key)
            .ok_or_else(|| self.wrong(self.at, format!("\"{key}\" is missing; add it")))
    }

    pub(super) fn only(&self, known: &[&str]) -> Checked<()> {
        match self.members.iter().find(|member| !known.contains(&member.key.as_str())) {
            None => Ok(()),
            Some(unknown) => {
                let known = match known {
                    [one] => format!("only \"{one}\" is known here"),
                    _ => format!("known are {}", known.join(", ")),
                };
                let what = format!("unknown field {}; {known}", shown(&unknown.key));
                Err(self.wrong(unknown.key_at, what))
            }
        }
    }

    /// Something in it is wrong.
    pub(super) fn wrong(&self, at: usize, what: impl Into<String>) -> Wrong {
        wrong(at, &self.name, what)
    }
}

/// Something is wrong; `whose` names what it is part of, or is empty.
pub(super) fn wrong(at: usize, whose: &str, what: impl Into<String>) -> Wrong {
    let whose = if whose.is_empty() {
        String::new()
    } else {
        format!("{whose}: ")
    };
    Wrong {
        at,
        whose,
        what: what.into(),
    }
}

/// "event 4", or "event no. 2" (from 1) where it has no number.
pub(super) fn name(what: &str, members: &[Member<'_>], index: usize) -> String {
    match members
        .iter()
        .find(|member| member.key == "id")
        .map(|member| &member.value.value)
    {
        Some(Value::Number(id)) if what != "entry" => format!("{what} {}", json::cut(id)),
        _ => format!("{what} no. {}", index + 1),
    }
}

/// A value as an error shows it.
pub(super) fn written(node: &Node<'_>) -> String {
    match &node.value {
        Value::Number(digits) => json::cut(digits),
        Value::String(text) => shown(text),
        Value::Bool(word) => word.to_string(),
        other => other.kind().to_owned(),
    }
}

/// A whole number in digits alone, in range.
pub(super) fn integer(node: &Node<'_>, least: u64, most: u64) -> Option<u64> {
    match node.value {
        Value::Number(digits) => digits.parse().ok().filter(|number| (least..=most).contains(number)),
        _ => None,
    }
}
