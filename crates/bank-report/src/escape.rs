//! JSON inside a script element. Names come from inputs and must not become markup or script.

use serde::Serialize;

/// Serializes a value for the inside of a script element. The text has no `<`, so it can contain neither `</script` nor
/// `<!--`; its JSON value is unchanged. A value that cannot be serialized becomes `null`.
pub(crate) fn json_in_script<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_cannot_end_its_script_and_keeps_its_value() {
        for text in ["</script><script>alert(1)</script>", "<!--", "\u{2028}&\"'\\", "Zürich"] {
            let escaped = json_in_script(&text);
            assert!(!escaped.contains(['<', '>', '&', '\u{2028}']), "{escaped}");
            assert_eq!(serde_json::from_str::<String>(&escaped).ok().as_deref(), Some(text));
        }
    }
}
