//! Case files: `cases/NAME.in` holds a payload, `cases/NAME.out` the outcome as JSON. `BLESS=1 cargo test` writes what the
//! collector says now; read the difference before you commit it.
//!
//! The part before `.in` may name the media type: `bounce.form.in` is a form, `post.multipart.in` a multipart one,
//! `failed.xml.in` is XML; otherwise JSON. A `cases/config.json` is the plugin's configuration in all of them; without it there
//! is none.

mod media_type;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::event::{AiUsage, Event, OrgHint, Outcome, Verdict, attributes_text};
use crate::{Call, Record};

pub use media_type::media_type;

/// When every case is received.
pub const RECEIVED_AT: i64 = 1_795_341_600_000_000;

/// A collector's function.
pub type Collect = fn(&Call, &Record) -> Outcome;

/// Runs every case of a folder.
///
/// # Panics
/// When an outcome differs from its file, a case has no `.out`, or there are no cases: the message names the file.
pub fn check(folder: &Path, source: &str, collect: Collect) {
    let bless = std::env::var_os("BLESS").is_some();
    let config = config(folder);
    let mut seen = 0;
    let mut wrong = Vec::new();
    let mut files: Vec<_> = fs::read_dir(folder).expect("the folder of cases").filter_map(Result::ok).collect();
    files.sort_by_key(fs::DirEntry::path);
    for path in files.into_iter().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "in") {
            continue;
        }
        seen += 1;
        let payload = fs::read(&path).expect("a case");
        let kind = media_type(&path.to_string_lossy());
        let outcome = run_with(&config, source, kind, payload, collect);
        let text = format!("{:#}\n", render(&outcome));
        let out = path.with_extension("out");
        if bless {
            fs::write(&out, &text).expect("writing an outcome");
        } else if fs::read_to_string(&out).unwrap_or_default() != text {
            wrong.push(format!("{}:\n{text}", out.display()));
        }
    }
    assert!(seen > 0, "no cases in {}", folder.display());
    assert!(wrong.is_empty(), "{} of {seen} cases differ (BLESS=1 accepts them):\n{}", wrong.len(), wrong.join("\n"));
}

/// One payload through a collector that has no configuration.
pub fn run(source: &str, content_type: &str, payload: Vec<u8>, collect: Collect) -> Outcome {
    run_with("{}", source, content_type, payload, collect)
}

/// One payload through a collector that is configured: the configuration is a JSON object.
pub fn run_with(config: &str, source: &str, content_type: &str, payload: Vec<u8>, collect: Collect) -> Outcome {
    let call = Call { source: source.to_owned(), config: config.to_owned(), received_at: RECEIVED_AT };
    collect(&call, &Record { payload, content_type: content_type.to_owned(), headers: Vec::new() })
}

/// The configuration of a folder's cases.
fn config(folder: &Path) -> String {
    fs::read_to_string(folder.join("config.json")).unwrap_or_else(|_| "{}".into())
}

/// An outcome as JSON, absent fields left out.
#[must_use]
pub fn render(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::One(one) => verdict(one),
        Outcome::Page(items) => json!({"page": items.iter().map(verdict).collect::<Vec<_>>()}),
    }
}

fn verdict(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Emit(events) => json!({"emit": events.iter().map(event).collect::<Vec<_>>()}),
        Verdict::Drop(reason, message) => json!({"drop": reason, "message": message}),
        Verdict::Reject(code, message) => json!({"reject": code, "message": message}),
        Verdict::Unknown(name) => json!({"unknown": name}),
    }
}

fn event(event: &Event) -> Value {
    let mut all = json!({
        "log": event.log,
        "kind": event.kind,
        "severity": event.severity,
        "occurred_at": event.occurred_at.as_ref().map(|t| json!({"micros": t.micros, "text": t.text})),
        "message": event.message,
        "actor": event.actor.as_ref().map(|a| json!({"id": a.id, "display_name": a.display_name, "email": a.email, "kind": a.kind})),
        "recipient": event.recipient,
        "subject": event.subject,
        "attempted_email": event.attempted_email,
        "change": event.change.as_ref().map(|c| json!({"field": c.field, "before": c.before, "after": c.after})),
        "webhook": event.webhook.as_ref().map(|w| json!({"url": w.url, "method": w.method, "http_status": w.http_status,
            "attempt": w.attempt, "latency_ms": w.latency_ms})),
        "ai": event.ai.as_ref().map(ai),
        // As the sandbox would send them.
        "attributes": serde_json::from_str::<Value>(&attributes_text(event.attributes.clone())).unwrap_or_default(),
        "org_hints": event.org_hints.iter().map(org_hint).collect::<Vec<_>>(),
        "dedupe_key": event.dedupe_key,
    });
    if let Some(fields) = all.as_object_mut() {
        fields.retain(|_, value| {
            !matches!(value, Value::Null) && *value != json!("") && *value != json!({}) && *value != json!([])
        });
    }
    all
}

/// An unknown cost or latency is null, so that it cannot be mistaken for 0.
fn ai(ai: &AiUsage) -> Value {
    json!({"model": ai.model, "provider": ai.provider, "operation": ai.operation, "prompt_tokens": ai.prompt_tokens,
        "completion_tokens": ai.completion_tokens, "total_tokens": ai.total_tokens, "cached_tokens": ai.cached_tokens,
        "cache_write_tokens": ai.cache_write_tokens, "reasoning_tokens": ai.reasoning_tokens,
        "cost_nano_usd": ai.cost_nano_usd, "latency_ms": ai.latency_ms, "success": ai.success, "error": ai.error})
}

fn org_hint(hint: &OrgHint) -> Value {
    match hint {
        OrgHint::Org(org) => json!({"org": org}),
        OrgHint::Binding(kind, value) => json!({"binding": [kind, value]}),
    }
}

/// Laws that hold for every collector, on a folder of cases: garbage never panics, and what is cut short is refused or read,
/// never trapped on.
///
/// # Panics
/// When the collector does.
pub fn check_laws(folder: &Path, source: &str, collect: Collect) {
    let config = config(folder);
    let mut payloads: Vec<Vec<u8>> =
        vec![Vec::new(), b"null".to_vec(), b"[]".to_vec(), b"{}".to_vec(), b"\"\"".to_vec()];
    payloads.push(vec![0xff; 64]);
    payloads.push("[".repeat(100_000).into_bytes());
    for entry in fs::read_dir(folder).expect("the folder of cases").filter_map(Result::ok) {
        if entry.path().extension().is_some_and(|extension| extension == "in") {
            let whole = fs::read(entry.path()).expect("a case");
            payloads.extend((0..whole.len()).step_by(1 + whole.len() / 40).map(|end| whole[..end].to_vec()));
            let flipped = (0..whole.len()).step_by(1 + whole.len() / 40).map(|at| {
                let mut copy = whole.clone();
                copy[at] ^= 0x15;
                copy
            });
            payloads.extend(flipped);
        }
    }
    for payload in payloads {
        for kind in ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"] {
            let once = run_with(&config, source, kind, payload.clone(), collect);
            let again = run_with(&config, source, kind, payload.clone(), collect);
            assert_eq!(once, again, "the same payload, another outcome");
            if let Outcome::One(Verdict::Emit(events)) = once {
                assert!(!events.is_empty(), "an empty emit");
            }
        }
    }
}
