//! JSON: a secret is known by the name of its field at any depth.

use serde_json::{Map, Value};

use super::Guard;
use super::header;
use super::issued::is_card_number;
use super::keys::{Key, Strength, classify, classify_field, is_neutral};
use super::kind::Kind;
use super::value::{Form, is_secret, is_told};

/// Deeper than any parser here lets through; what is deeper still is not kept.
const DEEPEST: usize = 256;
/// Fields that name another field, and those that hold its value.
const NAMES: [&str; 7] = ["name", "key", "field", "header", "param", "variable", "property"];
const VALUES: [&str; 12] = [
    "value",
    "val",
    "values",
    "content",
    "before",
    "after",
    "old",
    "new",
    "oldValue",
    "newValue",
    "old_value",
    "new_value",
];

/// What the value of a field is, if it is a secret as a whole.
pub(super) fn field(key: Key, text: &str) -> Option<Kind> {
    let bytes = text.trim().as_bytes();
    if key.strength == Strength::Card {
        return is_card_number(bytes).then_some(key.kind);
    }
    let by_header = match key.strength {
        Strength::Cookie => header::cookies(bytes, true).map(|_| Kind::Cookie),
        _ => header::credentials(bytes, true).map(|(_, kind)| kind),
    };
    by_header.or_else(|| (is_secret(key, Form::Quoted, bytes) || is_told(key, bytes)).then_some(key.kind))
}

/// The judgement of a name, in a container that may already be sensitive: `cookies: {theme: …}`.
fn within(outer: Option<Key>, name: &str) -> Option<Key> {
    let own = classify_field(name.as_bytes());
    let inherited =
        outer.filter(|outer| outer.strength == Strength::Card || !is_neutral(name.as_bytes())).map(|outer| Key {
            strength: match outer.strength {
                Strength::Cookie | Strength::Any | Strength::Named => Strength::Named,
                Strength::Bare | Strength::Header | Strength::Session => Strength::Bare,
                Strength::Weak => Strength::Weak,
                Strength::Card => Strength::Card,
            },
            // `token: {value: …}` is still the token, `credentials: {region: …}` is not
            sure: outer.sure && VALUES.contains(&name),
            ..outer
        });
    own.or(inherited)
}

impl Guard {
    /// Removes the secrets of a JSON value; answers whether anything changed.
    pub(super) fn walk(&self, value: &mut Value, key: Option<Key>, depth: usize) -> bool {
        if depth > DEEPEST {
            *value = Value::from(Kind::Secret.marker());
            return true;
        }
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => {
                let told = |key: Key| match key.strength {
                    Strength::Any => !key.counts && number.to_string().len() >= 4,
                    Strength::Card => is_card_number(number.to_string().as_bytes()),
                    _ => false,
                };
                let secret = key.filter(|key| told(*key));
                if let Some(key) = secret {
                    *value = Value::from(key.kind.marker());
                }
                secret.is_some()
            }
            Value::String(text) => {
                let whole = key.and_then(|key| field(key, text)).map(|kind| kind.marker().to_owned());
                let changed = whole.or_else(|| self.redacted(text));
                changed.is_some_and(|new| {
                    *text = new;
                    true
                })
            }
            Value::Array(items) => {
                let paired = header_pair(items);
                let mut changed = false;
                for item in items {
                    changed |= self.walk(item, key.or(paired), depth + 1);
                }
                changed
            }
            Value::Object(object) => self.walk_object(object, key, depth),
        }
    }

    /// The fields of an object, names included.
    pub(super) fn walk_object(&self, object: &mut Map<String, Value>, outer: Option<Key>, depth: usize) -> bool {
        let named = NAMES
            .iter()
            .filter_map(|name| object.get(*name).and_then(Value::as_str))
            .find_map(|name| classify_field(name.as_bytes()));
        let mut changed = false;
        for (name, value) in object.iter_mut() {
            let key = match named {
                Some(key) if VALUES.contains(&name.as_str()) => Some(key),
                _ => within(outer, name),
            };
            changed |= self.walk(value, key, depth + 1);
        }
        let renamed: Vec<(String, String)> =
            object.keys().filter_map(|name| self.redacted(name).map(|new| (name.clone(), new))).collect();
        for (old, new) in renamed {
            changed = true;
            if let Some(value) = object.remove(&old) {
                let free = (2..).map(|n| format!("{new} {n}")).find(|name| !object.contains_key(name));
                let name = if object.contains_key(&new) { free.unwrap_or(new) } else { new };
                object.insert(name, value);
            }
        }
        changed
    }
}

/// `["Authorization", "Bearer …"]`, as header lists have it.
fn header_pair(items: &[Value]) -> Option<Key> {
    match items {
        [Value::String(name), Value::String(_)] => classify(name.as_bytes())
            .filter(|key| matches!(key.strength, Strength::Header | Strength::Cookie | Strength::Named))
            // the name is an item, too, and a pair of names is no header
            .map(|key| Key { sure: false, ..key }),
        _ => None,
    }
}
