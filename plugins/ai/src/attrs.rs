//! Attributes of telemetry: OTLP lists of `{key, value}`, or an object, flat or nested. Only names that are asked for are
//! ever read; prompts and answers stand beside them.

use std::collections::BTreeMap;

use serde_json::Value;
use system_log_plugin::{Json, Verdict, scalar};

use crate::doc::count;

/// Beginnings of names that are worth a look.
const BEGINNINGS: [&str; 17] = [
    "gen_ai.",
    "mcp.",
    "llm.",
    "error.",
    "exception.",
    "langfuse.",
    "openinference.",
    "enduser.",
    "user.",
    "org.",
    "event.",
    "jsonrpc.",
    "rpc.",
    "service.",
    "deployment.",
    "operation.",
    "embedding.model_name",
];

/// Scalars by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attrs(BTreeMap<String, Value>);

impl Attrs {
    /// The attributes in either spelling.
    pub(crate) fn read(value: &Value) -> Self {
        let mut attrs = Self::default();
        match value {
            Value::Array(pairs) => {
                for pair in pairs {
                    if let Some(key) = pair.get("key").and_then(Value::as_str) {
                        attrs.add(key, &any_value(pair.get("value").unwrap_or(&Value::Null)));
                    }
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    attrs.add(key, value);
                }
            }
            _ => {}
        }
        attrs
    }

    /// Copies what is worth a look and nothing else: the rest may be a whole conversation.
    fn add(&mut self, key: &str, value: &Value) {
        if let (false, Value::Object(fields)) = (key.contains('.'), value) {
            // Nested spelling: {"gen_ai": {"usage": {…}}}.
            if BEGINNINGS.iter().any(|name| name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))) {
                self.nest(key, fields, 0);
            }
        } else if BEGINNINGS.iter().any(|beginning| key.starts_with(beginning)) {
            self.0.insert(key.to_owned(), value.clone());
        }
    }

    fn nest(&mut self, prefix: &str, fields: &serde_json::Map<String, Value>, depth: usize) {
        for (name, value) in fields {
            let key = format!("{prefix}.{name}");
            match value {
                Value::Object(inner) if depth < 4 => self.nest(&key, inner, depth + 1),
                value if BEGINNINGS.iter().any(|beginning| key.starts_with(beginning)) => {
                    self.0.insert(key, value.clone());
                }
                _ => {}
            }
        }
    }

    /// Whether any name begins so.
    pub(crate) fn has_prefix(&self, prefix: &str) -> bool {
        self.0.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// The first non-empty text of some names.
    pub(crate) fn text(&self, names: &[&str]) -> String {
        let texts = names.iter().filter_map(|name| self.0.get(*name)).map(scalar);
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// The first of some names that has a count.
    pub(crate) fn count(&self, names: &[&str]) -> Result<Option<i64>, Verdict> {
        for name in names {
            if let Some(count) = count(self.0.get(*name).unwrap_or(&Value::Null), || (*name).to_owned())? {
                return Ok(Some(count));
            }
        }
        Ok(None)
    }

    /// An attribute that is an object, or text that holds one: OTLP knows no objects in attributes.
    pub(crate) fn object(&self, name: &str) -> Json<'_> {
        match self.0.get(name) {
            Some(Value::String(text)) => Json::of(serde_json::from_str(text).unwrap_or_default()),
            Some(value) => Json::over(value),
            None => Json::of(Value::Null),
        }
    }
}

/// OTLP's `AnyValue`: scalars as they are, of a list the first item, everything else nothing.
fn any_value(value: &Value) -> Value {
    let Some(fields) = value.as_object() else { return value.clone() };
    for name in ["stringValue", "intValue", "doubleValue", "boolValue"] {
        if let Some(scalar) = fields.get(name) {
            return scalar.clone();
        }
    }
    fields.get("arrayValue").and_then(|list| list.get("values")?.get(0)).map(any_value).unwrap_or_default()
}
