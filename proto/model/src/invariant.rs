//! The promises, by name. Each is stated in ARCHITECTURE.md and proved by at least one test that says `proves: Sn`;
//! a test of its own fails when one of the three is missing.

/// (name, promise).
pub const INVARIANTS: [(&str, &str); 11] = [
    ("S1", "nothing is stored unredacted"),
    ("S2", "an acknowledged event survives kill and power loss"),
    ("S3", "the index can be deleted and rebuilt with the same answers"),
    ("S4", "no answer holds another organisation's row"),
    ("S5", "no answer holds a row older than 90 days"),
    ("S6", "the view is recorded before its first row"),
    ("S7", "a plugin cannot choose organisation, id or receive time, nor outlive its deadline or memory"),
    ("S8", "every stored kind is in the catalogue and its plugin's manifest"),
    ("S9", "an export equals the concatenated pages"),
    ("S10", "every queue is bounded and a full one answers RESOURCE_EXHAUSTED with RetryInfo"),
    ("S11", "one stored event per idempotency key for the whole retention"),
];
