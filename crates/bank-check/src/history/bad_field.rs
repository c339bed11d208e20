//! Names the field of a line that cannot be read. serde knows no field for a value of a type with a tag, such as an
//! operation or its action, because it reads such a value twice.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Fields whose text says of which kind a value is. Without them nothing else can be read, so they are tried last.
const TAGS: [&str; 3] = ["type", "operation", "kind"];

/// The field that keeps a line from being read as a `T`, such as `balance` or `action.amount`. `None` if the line is
/// not an object, or if the message of serde names the field.
pub(super) fn bad_field<T: DeserializeOwned>(text: &str, message: &str) -> Option<String> {
    if message.starts_with("missing field") || message.starts_with("unknown field") {
        return None;
    }
    let Value::Object(fields) = serde_json::from_str(text).ok()? else {
        return None;
    };
    let error = |fields: &Map<String, Value>| serde_json::from_value::<T>(fields.clone().into()).err();
    let path = path(&fields, &|fields| error(fields).map(|error| error.to_string()));
    (!path.is_empty()).then(|| path.join("."))
}

/// The path of the field without which there is another error, or none.
fn path(fields: &Map<String, Value>, error: &dyn Fn(&Map<String, Value>) -> Option<String>) -> Vec<String> {
    let found = error(fields);
    let without = |name: &str| {
        let mut fields = fields.clone();
        fields.remove(name);
        fields
    };
    let is_tag = |name: &str| TAGS.contains(&name) && fields.get(name).is_some_and(Value::is_string);
    let (tags, others): (Vec<&str>, Vec<&str>) = fields.keys().map(String::as_str).partition(|name| is_tag(name));
    let mut candidates = others.into_iter().chain(tags);
    let Some(name) = candidates.find(|name| error(&without(name)) != found) else {
        return Vec::new();
    };
    let mut names = vec![name.to_owned()];
    if let Some(Value::Object(inner)) = fields.get(name) {
        names.extend(path(inner, &|inner| {
            let mut fields = fields.clone();
            fields.insert(name.to_owned(), inner.clone().into());
            error(&fields)
        }));
    }
    names
}
