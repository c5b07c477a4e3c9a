//! Which paths an object may have. Collectors ask for a field under all the names that sources have for it, and most of them
//! are not there: to say so must cost next to nothing.

use serde_json::{Map, Value};

/// Bits; of the paths that are not there one in ten is looked up all the same.
const BITS: usize = 512;
/// No collector asks for a longer path; a longer one is looked up.
const DEPTH: usize = 4;

/// A set that has every dotted path of an object, and others rarely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names([u64; BITS / 64]);

impl Names {
    /// Those of a value; none when it is no object.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let mut names = Self([0; BITS / 64]);
        if let Value::Object(fields) = value {
            names.add_all(fields, 0, DEPTH);
        }
        names
    }

    /// Plain names.
    pub(crate) fn these(all: &[&str]) -> Self {
        let mut names = Self([0; BITS / 64]);
        all.iter().for_each(|name| names.add(step(0, name.as_bytes())));
        names
    }

    fn add_all(&mut self, fields: &Map<String, Value>, above: usize, depth: usize) {
        for (name, value) in fields {
            let path = step(above, name.as_bytes());
            self.add(path);
            if let (Value::Object(fields), 2..) = (value, depth) {
                self.add_all(fields, path, depth - 1);
            }
        }
    }

    const fn add(&mut self, path: usize) {
        self.0[path % BITS / 64] |= 1 << (path % 64);
    }

    /// Whether a dotted path may be there; `false` is certain.
    #[must_use]
    pub fn may_have(&self, path: &str) -> bool {
        let (mut at, mut rest) = (0, path.as_bytes());
        for _ in 0..DEPTH {
            let dot = rest.iter().position(|byte| *byte == b'.');
            at = step(at, &rest[..dot.unwrap_or(rest.len())]);
            match dot {
                None => return self.has(at),
                Some(dot) => rest = &rest[dot + 1..],
            }
        }
        true
    }

    /// The same for one of [`Self::these`].
    pub(crate) const fn has_name(&self, name: &str) -> bool {
        self.has(step(0, name.as_bytes()))
    }

    const fn has(&self, path: usize) -> bool {
        self.0[path % BITS / 64] & (1 << (path % 64)) != 0
    }
}

/// Few bytes of a name tell it from most others, and reading all of them would cost as much as looking it up.
const fn step(above: usize, name: &[u8]) -> usize {
    let own = match name {
        [] => 0,
        [only] => *only as usize * 5 + 1,
        [first, .., last] => {
            let middle = name[name.len() / 2];
            name.len() * 37 + *first as usize * 5 + *last as usize * 11 + middle as usize * 23
        }
    };
    above.wrapping_mul(41).wrapping_add(own)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_path_is_missed_and_few_are_made_up() {
        let value = json!({
            "id": 1, "occurred_at": 1, "url": 1, "method": 1, "attempt": 1, "duration_ms": 1, "e": 1, "": {"": 1},
            "actor": {"id": 1, "name": {"first": {"letter": {"a": 1}}}},
        });
        let names = Names::of(&value);
        for there in [
            "id",
            "url",
            "e",
            "",
            ".",
            "actor.id",
            "actor.name",
            "actor.name.first.letter",
            "actor.name.first.letter.a",
        ] {
            assert!(names.may_have(there), "{there:?}");
        }
        let absent = [
            "status",
            "status_code",
            "statusCode",
            "http_status",
            "endpoint_url",
            "error",
            "type",
            "actor.kind",
            "actor_id",
        ];
        assert!(absent.iter().filter(|name| names.may_have(name)).count() < 3);
        // A name with a dot in it cannot be asked for, as ever.
        assert!(!Names::of(&json!({"a.b": 1})).may_have("a"));
        assert_eq!(Names::of(&json!(["a"])), Names::these(&[]));
        assert!(Names::these(&["a", "status"]).has_name("status"));
    }
}
