//! An event's attributes: few, set one after the other, written once.

use std::borrow::Cow;
use std::ops::Index;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The contract's limit for all attributes of an event.
const MAX_BYTES: usize = 16 * 1024;

/// Values by name, in the order in which they were first set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes(Vec<(Cow<'static, str>, Value)>);

impl Attributes {
    /// Sets one; of two of the same name the last counts.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
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

    /// As the contract wants them: a JSON text, empty for none. A payload with too much to say loses its largest attribute
    /// rather than its event.
    #[must_use]
    pub fn into_text(mut self) -> String {
        while !self.is_empty() {
            let text = serde_json::to_string(&self).unwrap_or_default();
            if text.len() <= MAX_BYTES {
                return text;
            }
            let sizes = self.0.iter().map(|(name, value)| name.len() + value.to_string().len());
            if let Some((largest, _)) = sizes.enumerate().max_by_key(|(_, size)| *size) {
                self.0.remove(largest);
            }
        }
        String::new()
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
        assert_eq!(attributes.into_text(), r#"{"b":"3","a":"2"}"#);
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
