//! JSON of which only named fields are kept: the rest is checked, but never becomes a value. A provider's event has dozens
//! of fields and a collector reads a few; making all of them costs more than everything else it does.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::names::mix;

/// Parses a whole text. `names` count at every depth.
pub(crate) fn parse(text: &str, names: &[&str]) -> serde_json::Result<Value> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = Only(&Kept::of(names)).deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

/// Names to keep, and where to find them: of a name that is none of them a few bytes are looked at.
struct Kept<'n> {
    names: &'n [&'n str],
    /// One more than the place of the name whose slot it is, or of one that found its own slot taken.
    slots: Vec<u16>,
}

impl<'n> Kept<'n> {
    fn of(names: &'n [&'n str]) -> Self {
        let mut kept = Self { names, slots: vec![0; (names.len() * 4).next_power_of_two().max(64)] };
        for (at, name) in (1..).zip(names) {
            let free = kept.from(name).find(|slot| kept.slots[*slot] == 0);
            kept.slots[free.unwrap_or_default()] = at;
        }
        kept
    }

    /// The slots that a name may have, its own first.
    fn from(&self, name: &str) -> impl Iterator<Item = usize> + use<> {
        let size = self.slots.len();
        (mix(name.as_bytes()) % size..size).chain(0..size)
    }

    fn has(&self, name: &str) -> bool {
        let places = self.from(name).map(|slot| self.slots[slot]).take_while(|place| *place != 0);
        places.into_iter().any(|place| self.names[usize::from(place) - 1] == name)
    }
}

#[derive(Clone, Copy)]
struct Only<'n>(&'n Kept<'n>);

impl<'de> DeserializeSeed<'de> for Only<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Only<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key_seed(Name(self))? {
            match name {
                Some(name) => drop(fields.insert(name, entries.next_value_seed(self)?)),
                None => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::Object(fields))
    }
}

/// A field's name, if it is one of those.
struct Name<'n>(Only<'n>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<String>, E> {
        let Name(Only(kept)) = self;
        Ok(kept.has(name).then(|| name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn named_fields_stay_at_every_depth_and_others_leave_no_trace() {
        let text =
            r#"{"a": {"b": [1, -2, 2.5, "x\n", true, null, {"c": 1, "a": 3}], "c": {"a": 1}}, "c": "\u0041", "b": {}}"#;
        let expected = json!({"a": {"b": [1, -2, 2.5, "x\n", true, null, {"a": 3}]}, "b": {}});
        assert_eq!(parse(text, &["a", "b"]).expect("JSON"), expected);
        assert_eq!(parse(r#"{"a": 1, "a": 2}"#, &["a"]).expect("JSON"), json!({"a": 2}), "the last one counts");
    }

    #[test]
    fn names_that_share_a_slot_are_found_all_the_same() {
        // Alike in all that the slot is made of, and more than there are slots behind it.
        let names: Vec<String> = (0..200).map(|at| format!("a{at:03}bcdefgz")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(names.iter().all(|name| mix(name.as_bytes()) == mix(names[0].as_bytes())));
        for count in [0, 1, 2, 63, 64, 65, 200] {
            let kept = Kept::of(&names[..count]);
            assert!(names[..count].iter().all(|name| kept.has(name)), "{count}");
            assert!(names[count..].iter().chain(&["", "a", "a200bcdefgz"]).all(|name| !kept.has(name)), "{count}");
        }
        assert!(Kept::of(&["", "a"]).has("") && !Kept::of(&[]).has(""));
    }

    #[test]
    fn what_is_not_kept_is_checked_all_the_same() {
        for broken in [r#"{"c": }"#, r#"{"c": [1,]}"#, r#"{"c": "\x"}"#, r#"{"c": 1"#, "{} x", "", "{\"c\": \"\u{1}\"}"]
        {
            assert!(parse(broken, &["a"]).is_err(), "{broken}");
        }
        let deep = format!(r#"{{"c": {}{}, "a": 1}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(parse(&deep, &["a"]).expect("without recursion"), json!({"a": 1}));
    }
}
