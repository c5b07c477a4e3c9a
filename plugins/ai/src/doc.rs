//! A payload, or a part of one: its values, and how its numbers were written.
//!
//! A JSON number becomes a double when it has a fraction. For a cost that is one rounding too many: where it could matter, the
//! number's text is looked up in the payload.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use system_log_plugin::{Json, Verdict, scalar};

use crate::decimal::Decimal;

/// Counts beyond this are not exact in JSON, and nobody's tokens.
const MAX_COUNT: i64 = 1 << 53;

/// A JSON value and where it stands in the payload.
#[derive(Debug, Clone)]
pub(crate) struct Doc<'v> {
    json: Json<'v>,
    payload: Cow<'v, str>,
    /// Dotted path within the payload, ending with a dot unless empty.
    prefix: String,
}

impl<'v> Doc<'v> {
    /// Parses a payload; a byte-order mark is allowed.
    pub(crate) fn parse(bytes: &'v [u8]) -> Result<Self, Verdict> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let json = Json::parse(bytes)?;
        let payload = std::str::from_utf8(bytes).map_err(|_| Verdict::malformed("payload: not JSON: not UTF-8"))?;
        Ok(Self { json, payload: payload.into(), prefix: String::new() })
    }

    /// A value that was not written so in the payload.
    pub(crate) fn of(value: Value) -> Self {
        Self::written_nowhere(Json::of(value))
    }

    /// The same of a value that stays where it is.
    pub(crate) fn over(value: &'v Value) -> Self {
        Self::written_nowhere(Json::over(value))
    }

    fn written_nowhere(json: Json<'v>) -> Self {
        Self { json, payload: "".into(), prefix: String::new() }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Vec<Doc<'_>> {
        let raw: Vec<&RawValue> = serde_json::from_str(&self.payload).unwrap_or_default();
        let values = self.json.value().as_array().into_iter().flatten();
        let raw = raw.into_iter().map(RawValue::get).chain(std::iter::repeat(""));
        let item =
            |(value, payload)| Doc { json: Json::over(value), payload: Cow::Borrowed(payload), prefix: String::new() };
        values.zip(raw).map(item).collect()
    }

    /// The part at a field's name; text that holds JSON is read.
    pub(crate) fn part(&self, name: &str) -> Doc<'_> {
        match self.json.at(name) {
            Value::String(text) => match Doc::parse(text.as_bytes()) {
                Ok(inner) if inner.json.value().is_object() || inner.json.value().is_array() => inner,
                // An answer in plain words is nobody's business.
                _ => Doc::of(Value::Null),
            },
            value => Doc {
                json: Json::over(value),
                payload: Cow::Borrowed(&self.payload),
                prefix: format!("{}{name}.", self.prefix),
            },
        }
    }

    /// The same for longer than what it is a part of.
    pub(crate) fn into_owned(self) -> Doc<'static> {
        let payload = Cow::Owned(self.payload.into_owned());
        Doc { json: Json::of(self.json.into_value()), payload, prefix: self.prefix }
    }

    /// The values.
    pub(crate) const fn json(&self) -> &Json<'v> {
        &self.json
    }

    /// Whether something besides null stands at a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        !self.json.at(path).is_null()
    }

    /// A path as the sender knows it.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// A scalar as it was written; empty for anything else.
    pub(crate) fn written(&self, path: &str) -> String {
        match self.json.at(path) {
            // A whole number is exact as it is.
            value @ Value::Number(number) if number.is_f64() => {
                raw(&self.payload, &self.path(path)).unwrap_or_else(|| scalar(value))
            }
            value => scalar(value),
        }
    }

    /// A text; the rule is broken by lists and objects.
    pub(crate) fn text(&self, path: &str) -> Result<String, Verdict> {
        match self.json.at(path) {
            Value::Array(_) | Value::Object(_) => Err(Verdict::malformed(format!("{}: a text", self.path(path)))),
            value => Ok(scalar(value)),
        }
    }

    /// A count at the first of some paths that has one.
    pub(crate) fn count(&self, paths: &[&str]) -> Result<Option<i64>, Verdict> {
        for path in paths.iter().filter(|path| self.has(path)) {
            if let Some(count) = count(self.json.at(path), || self.path(path))? {
                return Ok(Some(count));
            }
        }
        Ok(None)
    }

    /// An amount of USD at the first of some paths that has one, in 10⁻⁹ USD.
    pub(crate) fn cost(&self, paths: &[&str]) -> Result<Option<i64>, Verdict> {
        for path in paths {
            match self.json.at(path) {
                Value::Null => {}
                Value::String(text) if text.trim().is_empty() => {}
                value @ (Value::Number(_) | Value::String(_)) => {
                    let amount = || Decimal::parse(&self.written(path)).filter(|amount| !amount.is_negative());
                    let nanos = double(value, 9).or_else(|| amount()?.shifted(9));
                    return nanos.map(Some).ok_or_else(|| self.not_usd(path));
                }
                _ => return Err(self.not_usd(path)),
            }
        }
        Ok(None)
    }

    fn not_usd(&self, path: &str) -> Verdict {
        Verdict::malformed(format!("{}: a decimal number of USD, from 0 to 9 billion", self.path(path)))
    }

    /// A span of time at the first of some paths, in milliseconds; the unit is 10^`places` milliseconds. What is negative or
    /// no number is not known.
    pub(crate) fn millis(&self, paths: &[&str], places: i32) -> Option<i64> {
        let told = |value: &Value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Number(_) | Value::Bool(_) => true,
            _ => false,
        };
        let (path, value) = paths.iter().map(|path| (path, self.json.at(path))).find(|(_, value)| told(value))?;
        let written = || Decimal::parse(&self.written(path))?.shifted(places).filter(|millis| *millis >= 0);
        double(value, places).or_else(written)
    }
}

/// A double that is not negative times 10^`places`, rounded, where whatever was written and became that double rounds to the
/// same: all but what is next to a half, or so large that everything is.
fn double(value: &Value, places: i32) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    let number = number.as_f64().filter(|number| number.is_sign_positive())?;
    let product = number * 10_f64.powi(places);
    // The parser is off by less than three parts in 2^52, the product by less than one.
    let off = product * f64::EPSILON * 4.0;
    let is_certain = (product.fract() - 0.5).abs() > off;
    #[expect(clippy::cast_possible_truncation, reason = "certain only below 2^49, where less than a half is off")]
    is_certain.then(|| product.round() as i64)
}

/// A value as a count; absent, null and empty text are none.
pub(crate) fn count(value: &Value, field: impl FnOnce() -> String) -> Result<Option<i64>, Verdict> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::Number(number) if number.as_i64().is_some_and(|number| (0..=MAX_COUNT).contains(&number)) => {
            return Ok(number.as_i64());
        }
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::Number(_) | Value::String(_) => scalar(value),
        _ => String::new(),
    };
    let number = Decimal::parse(&text).and_then(|number| number.whole());
    match number.filter(|number| (0..=MAX_COUNT).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(Verdict::malformed(format!("{}: a whole number of tokens, from 0 to 2^53", field()))),
    }
}

/// The text of a number in a payload.
fn raw(payload: &str, path: &str) -> Option<String> {
    let mut at = payload;
    for name in path.split('.') {
        let found = Field(name).deserialize(&mut serde_json::Deserializer::from_str(at)).ok()?;
        at = found?.get();
    }
    Some(at.to_owned())
}

/// A field of an object as it was written; all others are passed over. The last of a name counts.
struct Field<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = entries.next_key_seed(Name(self.0))? {
            if is_it {
                found = Some(entries.next_value()?);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a name is that one.
struct Name<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_is_rounded_as_what_was_written_or_not_at_all() {
        let value = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let (mut certain, mut not) = (0, 0);
        let mut look = |written: &str| {
            for places in [0, 3, 9] {
                let exact = Decimal::parse(written).and_then(|number| number.shifted(places));
                let rounded = double(&value(written), places);
                assert!(rounded.is_none() || rounded == exact, "{written}, {places}: {rounded:?}, {exact:?}");
                *(if rounded.is_some() { &mut certain } else { &mut not }) += 1;
            }
        };
        // Next to a half, above and below it, by all distances.
        for whole in (0..400_u64).chain([1 << 20, 123_456_789_012, (1 << 45) + 3]) {
            for distance in 1..25 {
                for tail in [format!("4{}", "9".repeat(distance)), format!("5{}1", "0".repeat(distance))] {
                    for exponent in [0, 3, 9, 12] {
                        look(&format!("{whole}.{tail}e-{exponent}"));
                    }
                }
            }
        }
        for written in ["0", "-0.0", "1e-320", "0.123456789012345678901234567890", "18446744073709551615"] {
            look(written);
        }
        assert!(certain > 100_000 && not > 10_000, "{certain}, {not}");
        let known = [("0.25", 9, 250_000_000), ("2.5e-4", 9, 250_000), ("7", 3, 7_000)];
        for (text, places, rounded) in known {
            assert_eq!(double(&value(text), places), Some(rounded), "{text}");
        }
        for text in ["-1.5", "-1e-400", "1e300", "0.5", "\"1.25\"", "null"] {
            assert_eq!(double(&value(text), 0), None, "{text}");
        }
    }

    #[test]
    fn a_cost_is_read_as_it_was_written() {
        let doc = Doc::parse(
            br#"{"cost": 12345678.123456789, "response": {"usage": {"cost": 0.00000000050000000000000000001}}}"#,
        );
        let doc = doc.unwrap_or_else(|reject| panic!("{reject:?}"));
        assert_eq!(doc.cost(&["cost"]), Ok(Some(12_345_678_123_456_789)), "a double says …790");
        assert_eq!(doc.part("response").cost(&["x", "usage.cost"]), Ok(Some(1)), "a double is a tie");
        let page = Doc::parse(br#"[{}, {"cost": 12345678.123456789}]"#).unwrap_or_else(|reject| panic!("{reject:?}"));
        assert_eq!(page.items()[1].cost(&["cost"]), Ok(Some(12_345_678_123_456_789)));
    }
}
