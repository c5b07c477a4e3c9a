//! Case files: `cases/NAME.in` holds a payload, `cases/NAME.out` the outcome as JSON. `BLESS=1 cargo test` writes what the
//! collector says now; read the difference before you commit it.
//!
//! The part before `.in` may name the media type: `bounce.form.in` is a form, `post.multipart.in` a multipart one,
//! `failed.xml.in` is XML; otherwise JSON. A `cases/config.json` is the plugin's configuration in all of them; without it there
//! is none.

mod media_type;
mod render;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::event::{AiUsage, Event, OrgHint, Outcome, Verdict};
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

// As the sandbox would send them.
render::render_events!(Event, AiUsage, org_hint, |event| {
    serde_json::from_str(&event.attributes.clone().into_text()).unwrap_or_default()
});

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
