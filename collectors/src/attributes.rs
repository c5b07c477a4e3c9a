//! Attributes: a JSON object of bounded size and depth, or bad output.

use serde_json::Value;
use system_log_model::event::Attributes;
use system_log_model::{limits, text};

/// Reads what a plugin calls attributes. Empty text means none.
///
/// # Errors
/// A sentence that names the rule, and nothing of the content.
pub(crate) fn parse(json: &str) -> Result<Attributes, String> {
    if json.is_empty() {
        return Ok(Attributes::new());
    }
    if json.len() > limits::MAX_ATTRIBUTE_BYTES {
        return Err(format!("attributes: {} bytes, at most {}", json.len(), limits::MAX_ATTRIBUTE_BYTES));
    }
    let object: Attributes = serde_json::from_str(json).map_err(|error| {
        // The category and place only: serde's own words quote the text.
        format!("attributes: not a JSON object ({:?} error at column {})", error.classify(), error.column())
    })?;
    if object.values().any(|value| depth(value) >= limits::MAX_ATTRIBUTE_DEPTH) {
        return Err(format!("attributes: nested deeper than {}", limits::MAX_ATTRIBUTE_DEPTH));
    }
    Ok(object.into_iter().map(|(key, value)| (tidy(key), tidy_value(value))).collect())
}

/// Nesting of containers; serde_json itself refuses to read more than 128.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn tidy_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(tidy(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(tidy_value).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(key, value)| (tidy(key), tidy_value(value))).collect())
        }
        other => other,
    }
}

fn tidy(text: String) -> String {
    text::tidy(text, limits::MAX_TEXT_BYTES)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_kept_and_its_texts_are_tidied() {
        assert_eq!(parse("").unwrap(), Attributes::new());
        let kept = parse(r#"{"ip": "10.0.0.1", "tags": ["a\u0000b", {"k\u0007ey": 1.5}]}"#).unwrap();
        assert_eq!(Value::Object(kept), json!({"ip": "10.0.0.1", "tags": ["ab", {"key": 1.5}]}));
    }

    #[test]
    fn anything_else_is_bad_output() {
        for bad in ["[]", "null", "1", "{", "{}{}", "{\"n\": 1e999}", "secret"] {
            let why = parse(bad).unwrap_err();
            assert!(why.starts_with("attributes: ") && !why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn depth_and_size_have_an_end() {
        let nested = |levels: usize| format!("{}{}", r#"{"a":"#.repeat(levels - 1) + "{", "}".repeat(levels));
        assert!(parse(&nested(limits::MAX_ATTRIBUTE_DEPTH)).is_ok());
        assert!(parse(&nested(limits::MAX_ATTRIBUTE_DEPTH + 1)).is_err());
        let sized = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
        assert!(parse(&sized(limits::MAX_ATTRIBUTE_BYTES)).is_ok());
        assert!(parse(&sized(limits::MAX_ATTRIBUTE_BYTES + 1)).is_err());
        assert!(parse(&"[".repeat(10_000)).is_err(), "no stack is harmed");
    }
}
