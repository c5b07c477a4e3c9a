//! Reading JSON as providers write it: numbers as text, null for absent, fields under several names. Nothing here fails or
//! panics; what is not there reads as empty.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::event::{SourceTime, Verdict};
use crate::names::Names;
use crate::{deep, only, text, time};

static NULL: Value = Value::Null;

/// A JSON value, its own or a part of another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Json<'v> {
    value: Cow<'v, Value>,
    names: Names,
}

impl<'v> Json<'v> {
    /// Parses bytes; a byte-order mark is allowed. Of a key that occurs twice the last value counts. What is nested absurdly
    /// deep reads as null.
    ///
    /// # Errors
    /// A rejection that says where and why.
    pub fn parse(bytes: &[u8]) -> Result<Self, Verdict> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // Looking at all of it at once is cheaper than at each of its texts.
        let parsed = match std::str::from_utf8(bytes) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(bytes),
        };
        let parsed = parsed.or_else(|error| match deep::shallow(bytes) {
            Some(shallow) => serde_json::from_slice(&shallow),
            None => Err(error),
        });
        parsed.map(Self::of).map_err(|error| Verdict::malformed(format!("payload: not JSON: {error}")))
    }

    /// The same, of which only fields of these names are kept, at any depth. What is not kept is checked, and costs next to
    /// nothing: for payloads that say more than the collector reads.
    ///
    /// # Errors
    /// As [`Json::parse`].
    pub fn parse_only(bytes: &[u8], names: &[&str]) -> Result<Self, Verdict> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let kept = std::str::from_utf8(bytes).ok().and_then(|text| only::parse(text, names).ok());
        // What fails is parsed once more: for the words that say why, or because a kept field is too deep.
        kept.map_or_else(|| Self::parse(bytes), |value| Ok(Self::of(value)))
    }

    /// Wraps a value.
    #[must_use]
    pub fn of(value: Value) -> Self {
        Self { names: Names::of(&value), value: Cow::Owned(value) }
    }

    /// A value that stays where it is: a part of another one is read like a payload, and not copied for it.
    #[must_use]
    pub fn over(value: &'v Value) -> Self {
        Self { names: Names::of(value), value: Cow::Borrowed(value) }
    }

    /// The value itself.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Takes the value out.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.value.into_owned()
    }

    /// The value at a dotted path; null when any step is missing.
    #[must_use]
    pub fn at(&self, path: &str) -> &Value {
        if self.names.may_have(path) { under(&self.value, path) } else { &NULL }
    }

    /// The first of some paths that holds something besides null.
    #[must_use]
    pub fn first(&self, paths: &[&str]) -> &Value {
        paths.iter().map(|path| self.at(path)).find(|value| !value.is_null()).unwrap_or(&NULL)
    }

    /// The object's fields; none for anything else.
    #[must_use]
    pub fn fields(&self) -> Option<&Map<String, Value>> {
        self.value.as_object()
    }

    /// Text at a path; numbers and booleans as they are written, everything else empty.
    #[must_use]
    pub fn text(&self, path: &str) -> String {
        scalar(self.at(path))
    }

    /// The first non-empty text of some paths.
    #[must_use]
    pub fn first_text(&self, paths: &[&str]) -> String {
        self.first_str(paths).into_owned()
    }

    /// The same, to look at: what is text already is not copied.
    #[must_use]
    pub fn first_str(&self, paths: &[&str]) -> Cow<'_, str> {
        let texts = paths.iter().map(|path| match self.at(path) {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Null => Cow::Borrowed(""),
            value => Cow::Owned(scalar(value)),
        });
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// An integer at the first path that has one; a number written as text counts, with or without a fraction of zero.
    #[must_use]
    pub fn first_integer(&self, paths: &[&str]) -> Option<i64> {
        integer(self.first(paths))
    }

    /// The time at the first path that has one; empty text is none.
    #[must_use]
    pub fn first_time(&self, paths: &[&str]) -> Option<SourceTime> {
        let told = |value: &&Value| !value.is_null() && value.as_str() != Some("");
        paths.iter().map(|path| self.at(path)).find(told).map(time::read)
    }
}

/// The value at a dotted path below a value; null when any step is missing.
#[must_use]
pub fn under<'v>(value: &'v Value, path: &str) -> &'v Value {
    let (mut value, mut rest) = (value, path);
    loop {
        // Paths are short: a look at each byte is cheaper than a searcher, and most have no dot at all.
        let dot = rest.bytes().position(|byte| byte == b'.');
        let found = value.as_object().and_then(|fields| fields.get(&rest[..dot.unwrap_or(rest.len())]));
        match (found, dot) {
            (None, _) => return &NULL,
            (Some(found), None) => return found,
            (Some(found), Some(dot)) => (value, rest) = (found, &rest[dot + 1..]),
        }
    }
}

/// A scalar as text; empty for null, lists and objects.
#[must_use]
pub fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// A value as an integer, if it means one.
#[must_use]
pub fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(written) => {
            let digits = text::leading_number(written)?;
            digits.parse().ok().or_else(|| whole(digits.parse().ok()?))
        }
        _ => None,
    }
}

/// The largest integer every double below it is exact for.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_however_they_are_written() {
        let json = Json::of(json!({"a": {"b": "x", "n": "503 Service Unavailable", "f": 3.0, "z": null}, "t": true}));
        assert_eq!(json.text("a.b"), "x");
        assert_eq!(json.text("t"), "true");
        assert_eq!(json.text("a"), "");
        assert_eq!(json.first_integer(&["a.z", "a.n"]), Some(503));
        assert_eq!(json.first_integer(&["a.f"]), Some(3));
        assert_eq!(json.first_integer(&["a.b"]), None);
    }

    #[test]
    fn broken_json_says_where() {
        let Err(Verdict::Reject(code, message)) = Json::parse(b"{\"a\": }") else { panic!("accepted") };
        assert_eq!(code, "MALFORMED_PAYLOAD");
        assert!(message.contains("line 1 column 7"), "{message}");
        assert!(Json::parse("[".repeat(100_000).as_bytes()).is_err(), "deep nesting is refused, not followed");
    }
}
