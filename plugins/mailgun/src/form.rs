//! The form posts of before 2018, translated into today's event object.

use serde_json::{Map, Value, json};
use system_log_plugin::{Json, Verdict};

use crate::{event, failure};

/// More fields than any post has; user variables are among them.
const MAX_FIELDS: usize = 500;

/// Every field that is read.
const READ: [&str; 17] = [
    "Message-Id",
    "code",
    "description",
    "domain",
    "error",
    "event",
    "message-headers",
    "message-id",
    "notification",
    "org_id",
    "reason",
    "recipient",
    "sender",
    "severity",
    "signature",
    "timestamp",
    "token",
];

/// Begins the id of a post, which is the token of its signature.
pub(crate) const TOKEN: &str = "tok:";

/// Reads a post. Of a field that occurs twice, signature fields count as last written and all others as first.
pub(crate) fn read(pairs: impl Iterator<Item = (String, String)>) -> Verdict {
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in pairs.take(MAX_FIELDS) {
        if READ.binary_search(&name.as_str()).is_err() {
            continue;
        }
        let last_counts = ["timestamp", "token", "signature"].contains(&name.as_str());
        if last_counts || !fields.contains_key(&name) {
            fields.insert(name, Value::String(value));
        }
    }
    let form = Json::of(Value::Object(fields));
    let name = form.text("event").trim().to_ascii_lowercase();
    if name.is_empty() {
        return match form.text("sender").as_str() {
            "" => Verdict::missing("event"),
            _ => Verdict::Unknown("inbound message".into()),
        };
    }
    let verdict = event::read(&Json::of(translate(&form, &name)));
    if name == "bounced" { bounced(verdict) } else { verdict }
}

/// The pairs of an urlencoded body.
pub(crate) fn pairs(payload: &[u8]) -> impl Iterator<Item = (String, String)> {
    payload.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |b| *b == b'=');
        (decode(halves.next().unwrap_or_default()), decode(halves.next().unwrap_or_default()))
    })
}

/// These posts tell a bounce themselves, whatever its code.
fn bounced(verdict: Verdict) -> Verdict {
    let Verdict::Emit(mut events) = verdict else { return verdict };
    for event in &mut events {
        event.kind = "email_bounced".into();
        event.attribute("failure_class", failure::REJECTED_BY_RECEIVER);
    }
    Verdict::Emit(events)
}

fn translate(form: &Json, name: &str) -> Value {
    let (name, severity, fallback) = match name {
        "bounced" => ("failed", "permanent", "bounce"),
        "dropped" => ("failed", "permanent", ""),
        other => (other, "", ""),
    };
    let code = form.text("code");
    // Some servers' `5.1.1` stands where the code would.
    let enhanced = if code.matches('.').count() > 1 { code.trim() } else { "" };
    let headers = headers(&form.text("message-headers"));
    let header = |wanted: &str| {
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
    };
    let reason = match form.text("reason").as_str() {
        "" => fallback.to_owned(),
        other => other.to_owned(),
    };
    let token = form.text("token");
    json!({
        "event": name,
        "severity": if severity.is_empty() { form.text("severity") } else { severity.to_owned() },
        "reason": reason,
        // A post has no id; its token is used once.
        "id": if token.is_empty() { String::new() } else { format!("{TOKEN}{token}") },
        "timestamp": form.text("timestamp"),
        "recipient": form.text("recipient"),
        "domain": {"name": form.text("domain")},
        "delivery-status": {
            "code": if enhanced.is_empty() { code.as_str() } else { "" },
            "enhanced-code": enhanced,
            "message": form.first_text(&["error", "notification"]),
            "description": form.text("description"),
        },
        "message": {"headers": {
            "message-id": form.first_text(&["Message-Id", "message-id"]).trim_matches(['<', '>']),
            "subject": header("subject").unwrap_or_default(),
            "to": header("to").unwrap_or_default(),
        }},
        "user-variables": {"org_id": form.text("org_id")},
    })
}

/// A JSON list of [name, value]; a value may be a list itself.
fn headers(text: &str) -> Vec<(String, String)> {
    let Ok(list) = Json::parse(text.as_bytes()) else { return Vec::new() };
    let pair = |pair: &Value| {
        let name = pair.get(0)?.as_str()?.to_owned();
        let value = pair.get(1)?;
        let value = value.as_str().or_else(|| value.get(0)?.as_str())?.to_owned();
        Some((name, value))
    };
    list.value().as_array().map(|list| list.iter().filter_map(pair).collect()).unwrap_or_default()
}

/// Percent-decoding with `+` for a space; what is not UTF-8 is replaced.
fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, more @ ..] = rest {
        rest = more;
        match (byte, more) {
            (b'%', [high, low, after @ ..]) if let (Some(high), Some(low)) = (digit(*high), digit(*low)) => {
                bytes.push(high * 16 + low);
                rest = after;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn digit(hex: u8) -> Option<u8> {
    char::from(hex).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
