//! Which paths an object may have. Collectors ask for a field under all the names that sources have for it, and most of them
//! are not there: to say so must cost next to nothing.

use serde_json::{Map, Value};

/// Bits; of the paths that are not there one in ten is looked up all the same.
const BITS: usize = 512;
/// No collector asks for a longer path; a longer one is looked up.
const DEPTH: usize = 4;

/// A set that has every dotted path of an object, and others rarely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names {
    bits: [u64; BITS / 64],
    /// Whether there are paths of more names than those that were added.
    is_deeper: bool,
}

impl Names {
    /// Those of a value; none when it is no object.
    #[must_use]
    pub(crate) fn of(value: &Value) -> Self {
        let mut names = Self { bits: [0; BITS / 64], is_deeper: false };
        if let Value::Object(fields) = value {
            names.add_all(fields, &mut Vec::with_capacity(64), DEPTH);
        }
        names
    }

    fn add_all(&mut self, fields: &Map<String, Value>, path: &mut Vec<u8>, depth: usize) {
        let above = path.len();
        for (name, value) in fields {
            path.extend_from_slice(name.as_bytes());
            self.add(path);
            if let Value::Object(fields) = value {
                path.push(b'.');
                if depth > 1 { self.add_all(fields, path, depth - 1) } else { self.is_deeper = true }
            }
            path.truncate(above);
        }
    }

    fn add(&mut self, path: &[u8]) {
        let bit = mix(path) % BITS;
        self.bits[bit / 64] |= 1 << (bit % 64);
    }

    /// Whether a dotted path may be there; `false` is certain.
    #[must_use]
    #[inline]
    pub(crate) fn may_have(&self, path: &str) -> bool {
        let bit = mix(path.as_bytes()) % BITS;
        self.bits[bit / 64] & (1 << (bit % 64)) != 0 || (self.is_deeper && path.split('.').count() > DEPTH)
    }
}

/// Few bytes of a path tell it from most others, and reading all of them would cost as much as looking it up.
#[inline]
pub const fn mix(path: &[u8]) -> usize {
    match path {
        [] => 0,
        [first, .., last] => {
            let (middle, later) = (path[path.len() / 2], path[path.len() * 3 / 4]);
            path.len() * 37 + *first as usize * 5 + *last as usize * 11 + middle as usize * 23 + later as usize * 71
        }
        [only] => *only as usize * 5 + 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_path_is_missed_and_few_are_made_up() {
        let value = json!({
            "id": 1, "occurred_at": 1, "url": 1, "method": 1, "attempt": 1, "duration_ms": 1, "e": 1, "": {"": 1},
            "actor": {"id": 1, "name": {"first": {"letter": {"a": {"b": 1}}}}},
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
            "actor.name.first.letter.a.b",
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
        assert!(!Names::of(&json!(["a"])).may_have("a"));
    }
}
