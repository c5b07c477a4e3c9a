//! An event's attributes: few, set one after the other, written once.

use std::borrow::Cow;
use std::ops::Index;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The contract's limit for all attributes of an event.
const MAX_BYTES: usize = 16 * 1024;
/// More would hardly fit; a payload of a hundred thousand fields must not take a hundred thousand looks at each.
const MAX_NAMES: usize = 1_024;

/// Values by name, in the order in which they were first set.
#[derive(Debug, Clone, Default)]
pub struct Attributes(Vec<(Cow<'static, str>, Value)>);

impl Attributes {
    /// Sets one; of two of the same name the last counts. Above 1,024 names no other is taken.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let name = name.into();
        match self.0.iter().position(|(known, _)| *known == name) {
            Some(at) => self.0[at].1 = value.into(),
            None if self.0.len() < MAX_NAMES => self.0.push((name, value.into())),
            None => {}
        }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the contract wants them: a JSON text, empty for none. A payload with too much to say loses its largest attributes
    /// rather than its event.
    pub(crate) fn into_text(mut self) -> String {
        let text = serde_json::to_string(&self).unwrap_or_default();
        if text.len() <= MAX_BYTES {
            return if self.is_empty() { String::new() } else { text };
        }
        let json = |value: &Value| value.to_string().len();
        // With colon and comma.
        let size = |(name, value): &(Cow<'static, str>, Value)| json(&Value::from(name.as_ref())) + json(value) + 2;
        let mut too_much = text.len() - MAX_BYTES;
        self.0.sort_by_cached_key(size);
        while too_much > 0
            && let Some(largest) = self.0.pop()
        {
            too_much = too_much.saturating_sub(size(&largest));
        }
        if self.is_empty() { String::new() } else { serde_json::to_string(&self).unwrap_or_default() }
    }
}

/// As objects are: the order does not count.
impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Null for a name that is not there, as for a JSON value.
impl Index<&str> for Attributes {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    #[test]
    fn the_last_of_a_name_counts() {
        let mut attributes = Attributes::default();
        for (name, value) in [("b", "1"), ("a", "2"), ("b", "3")] {
            attributes.set(name, value);
        }
        assert_eq!((attributes.len(), &attributes["b"], &attributes["c"]), (2, &Value::from("3"), &Value::Null));
        let mut other = Attributes::default();
        other.set("a", "2");
        assert_ne!(attributes, other);
        other.set("b", "3");
        assert_eq!(attributes, other);
        assert_eq!(attributes.into_text(), r#"{"b":"3","a":"2"}"#);
    }

    #[test]
    fn names_without_end_have_one() {
        let mut attributes = Attributes::default();
        (0..100_000).for_each(|at| attributes.set(at.to_string(), "x".repeat(20)));
        attributes.set("7", "y");
        assert_eq!((attributes.len(), attributes["7"].as_str()), (MAX_NAMES, Some("y")));
        let text = attributes.into_text();
        assert!(text.len() <= MAX_BYTES && text.len() > MAX_BYTES - 40, "{}", text.len());
        assert!(serde_json::from_str::<Map<String, Value>>(&text).is_ok());
    }

    #[test]
    fn the_largest_attribute_goes_first() {
        let mut attributes = Attributes::default();
        attributes.set("ip", "203.0.113.9");
        for (name, bytes) in [("b", 1_000), ("a", 2_000), ("c", 2_000)] {
            attributes.set(name, "\u{1}".repeat(bytes));
        }
        let text = attributes.into_text();
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        let kept: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        assert!(kept.contains_key("ip") && kept.contains_key("b"), "{:?}", kept.keys());
        assert_eq!(Attributes::default().into_text(), "");
        let mut huge = Attributes::default();
        huge.set("x".repeat(20_000), Value::Null);
        assert_eq!(huge.into_text(), "", "a name can be too large, too");
    }
}
