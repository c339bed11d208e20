//! Access to the fields of a JSON object by name. An error names the object, the field and the place.

use super::error::Wrong;
use super::json::{self, Member, Node, Value, shown};

/// Result of a check: a value, or what is wrong and where.
pub(crate) type Checked<T> = Result<T, Wrong>;

/// Remedy for a wrong number of a customer or an event.
pub(super) const NUMBER_RULE: &str = "write a whole number, in digits alone";

/// A JSON object of the input.
pub(super) struct Entry<'n, 'a> {
    /// Byte offset of the object.
    pub(super) at: usize,
    /// Name of the object in error messages, such as "customer 1".
    pub(super) name: String,
    members: &'n [Member<'a>],
}

impl<'n, 'a> Entry<'n, 'a> {
    /// Takes a value as an object with this name. `None` if the value is not an object.
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

    /// Renames the object.
    pub(super) fn named(self, name: impl FnOnce(&'n [Member<'a>]) -> String) -> Self {
        Entry {
            name: name(self.members),
            ..self
        }
    }

    /// The field with its key, if the object has it.
    pub(super) fn member(&self, key: &str) -> Option<&'n Member<'a>> {
        self.members.iter().find(|member| member.key == key)
    }

    /// The value of a field, if the object has it.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node<'a>> {
        self.member(key).map(|member| &member.value)
    }

    /// The value of a field that the object must have.
    pub(super) fn need(&self, key: &str) -> Checked<&'n Node<'a>> {
        self.get(key)
            .ok_or_else(|| self.wrong(self.at, format!("\"{key}\" is missing; add it")))
    }

    /// Refuses fields that are not in this list.
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

    /// An error in this object.
    pub(super) fn wrong(&self, at: usize, what: impl Into<String>) -> Wrong {
        wrong(at, &self.name, what)
    }
}

/// An error at this place. `whose` names the object that has the error, or is empty.
pub(crate) fn wrong(at: usize, whose: &str, what: impl Into<String>) -> Wrong {
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

/// Names an object by its id, as in "event 4", or by its place counted from 1, as in "event no. 2".
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

/// Formats a value for an error message.
pub(crate) fn written(node: &Node<'_>) -> String {
    match &node.value {
        Value::Number(digits) => json::cut(digits),
        Value::String(text) => shown(text),
        Value::Bool(word) => word.to_string(),
        other => other.kind().to_owned(),
    }
}

/// Reads a whole number in digits alone, within this range.
pub(super) fn integer(node: &Node<'_>, least: u64, most: u64) -> Option<u64> {
    match node.value {
        Value::Number(digits) => digits.parse().ok().filter(|number| (least..=most).contains(number)),
        _ => None,
    }
}
