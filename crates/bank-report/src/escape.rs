//! Text that stays text: names come from inputs, and nothing in them may become markup or script.

use serde::Serialize;

/// For text and quoted attribute values.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// JSON for the inside of a script element, where a browser looks for `</script` and `<!--` and nothing else: no `<`
/// is left, and the value is the same. A value that has no JSON becomes `null`.
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
    fn markup_becomes_text() {
        assert_eq!(html("a<b & \"c\" 'd'>"), "a&lt;b &amp; &quot;c&quot; &#39;d&#39;&gt;");
        assert_eq!(html("Zürich €"), "Zürich €");
    }

    #[test]
    fn json_cannot_end_its_script_and_keeps_its_value() {
        for text in ["</script><script>alert(1)</script>", "<!--", "\u{2028}&\"'\\", "Zürich"] {
            let escaped = json_in_script(&text);
            assert!(!escaped.contains(['<', '>', '&', '\u{2028}']), "{escaped}");
            assert_eq!(serde_json::from_str::<String>(&escaped).ok().as_deref(), Some(text));
        }
    }
}
