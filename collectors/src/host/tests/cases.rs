//! The built-in plugins' own cases through the sandbox: it says what the native functions say, in whatever batch.

use std::path::PathBuf;

use serde_json::Map;
use system_log_model::Severity;

use super::*;

struct Case {
    name: String,
    record: Submission,
    out: Value,
}

/// The plugins whose cases are run.
const PLUGINS: [&str; 5] = ["webhook", "mailgun", "platform", "recurly", "ai"];

fn folder(plugin: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("plugins").join(plugin).join("cases")
}

/// A host with the configuration that each plugin's cases have.
fn configured() -> Host {
    let config = |plugin: &str| {
        let text = std::fs::read(folder(plugin).join("config.json")).ok()?;
        Some((plugin.to_owned(), serde_json::from_slice(&text).unwrap()))
    };
    let config = PLUGINS.into_iter().filter_map(config).collect();
    Host::new(HostOptions { threads: 1, config, ..HostOptions::default() }).unwrap()
}

fn cases(plugin: &str) -> Vec<Case> {
    let folder = folder(plugin);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "in"));
    paths.sort();
    assert!(!paths.is_empty());
    let case = |path: &std::path::PathBuf| {
        let name = path.display().to_string();
        let content_type = system_log_plugin_build::media_type(&name);
        Case {
            record: Submission { content_type: content_type.into(), ..record(std::fs::read(path).unwrap()) },
            out: serde_json::from_slice(&std::fs::read(path.with_extension("out")).unwrap()).unwrap(),
            name,
        }
    };
    paths.iter().map(case).collect()
}

/// An outcome in the words of the case files, as far as the host does not add anything.
fn render(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::One(one) => verdict(one),
        Outcome::Page(items) => json!({"page": items.iter().map(verdict).collect::<Vec<_>>()}),
    }
}

fn verdict(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Emit(drafts) => json!({"emit": drafts.iter().map(event).collect::<Vec<_>>()}),
        Verdict::Drop(reason, message) => json!({"drop": reason.name(), "message": message}),
        Verdict::Reject(code, message) => json!({"reject": code.name(), "message": message}),
        Verdict::Unknown(name) => json!({"unknown": name}),
        Verdict::Failed(reason, message) => panic!("{}: {message}", reason.name()),
    }
}

fn event(draft: &system_log_model::Draft) -> Value {
    let mut event = Map::new();
    event.insert("log".into(), draft.kind.log.name().into());
    let texts = [
        ("kind", &*draft.kind.name),
        ("message", &draft.message),
        ("recipient", &draft.recipient),
        ("subject", &draft.subject),
        ("attempted_email", &draft.attempted_email),
        ("dedupe_key", &draft.dedupe_key),
    ];
    event.extend(texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key.into(), text.into())));
    if let Some(time) = &draft.occurred_at {
        let micros = time.at.map(Timestamp::micros);
        event.insert("occurred_at".into(), json!({"micros": micros, "text": time.text}));
    }
    if !draft.attributes.is_empty() {
        event.insert("attributes".into(), Value::Object(draft.attributes.clone()));
    }
    Value::Object(event)
}

/// What of a case file [`event`] renders; a severity must be the draft's, but a draft always has one.
fn comparable(mut out: Value) -> Value {
    fn walk(value: &mut Value) {
        for key in ["page", "emit"] {
            value.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(walk);
        }
        if let Some(event) = value.as_object_mut().filter(|event| event.contains_key("kind")) {
            for key in ["severity", "actor", "change", "webhook", "ai", "org_hints"] {
                event.remove(key);
            }
            // The host's one change to a text.
            for text in event.values_mut().filter(|value| value.is_string()) {
                *text = text.as_str().unwrap_or_default().replace('\0', "").into();
            }
        }
    }
    walk(&mut out);
    out
}

/// proves: S8
#[tokio::test]
async fn the_sandbox_says_what_the_case_files_say() {
    let host = configured();
    for plugin in PLUGINS {
        let cases = cases(plugin);
        let outcomes = host.collect(plugin, NOW, cases.iter().map(|case| case.record.clone()).collect()).await.unwrap();
        assert_eq!(outcomes.len(), cases.len());
        for (case, outcome) in cases.into_iter().zip(&outcomes) {
            assert_eq!(render(outcome), comparable(case.out), "{}", case.name);
        }
    }
}

#[tokio::test]
async fn a_batch_says_what_its_records_say_one_by_one() {
    let host = configured();
    for plugin in PLUGINS {
        let cases = cases(plugin);
        let batch = host.collect(plugin, NOW, cases.iter().map(|case| case.record.clone()).collect()).await.unwrap();
        for (case, in_batch) in cases.into_iter().zip(batch) {
            let alone = host.collect(plugin, NOW, vec![case.record]).await.unwrap();
            assert_eq!(alone, [in_batch], "{}", case.name);
        }
    }
}

/// The examples for authors are admitted like anybody's plugins, and say in the sandbox what their case files say.
#[tokio::test]
async fn the_examples_say_what_their_case_files_say() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("plugins");
    let out = Path::new(env!("OUT_DIR")).join("examples");
    let mut examples =
        vec![("auth0", "auth0", system_log_plugin_build::build(&workspace, &out, &["auth0"]).unwrap().remove(0))];
    let missing = system_log_plugin_build::missing_for_c();
    if missing.is_empty() {
        let folder = "examples/c-heartbeat";
        examples.push((
            folder,
            "heartbeat",
            system_log_plugin_build::build_c(&workspace.join(folder), &out.join("c")).unwrap(),
        ));
    } else {
        println!("the example in C is left out; to build it: {}", missing.join("; "));
    }
    for (folder, source, plugin) in examples {
        let options = HostOptions { threads: 1, ..HostOptions::default() };
        let host = Host::with_plugins(options, vec![(plugin.name, plugin.component)]).unwrap();
        let cases = cases(folder);
        let records = cases.iter().map(|case| case.record.clone()).collect();
        let outcomes = host.collect(source, NOW, records).await.unwrap();
        assert_eq!(outcomes.len(), cases.len());
        for (case, outcome) in cases.into_iter().zip(&outcomes) {
            assert_eq!(render(outcome), comparable(case.out), "{}", case.name);
        }
    }
}

/// proves: S7
#[tokio::test]
async fn an_organisation_in_a_payload_is_a_hint_and_nothing_more() {
    let payload = json!({"id": "e1", "org_id": "acme", "event": "task_auto_completed", "received_at": 1});
    let outcomes = built_in().collect("platform", NOW, vec![record(payload.to_string())]).await.unwrap();
    let [Outcome::One(Verdict::Emit(drafts))] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(drafts[0].org_hints, [system_log_model::OrgHint::Org("acme".into())]);
    assert_eq!((drafts[0].severity, &drafts[0].occurred_at), (Severity::Info, &None), "received_at is the host's");
}
