//! What the host believes of one event: words of the contract, texts of bounded length, numbers that count something.

use serde_json::{Value, json};
use system_log_model::Catalogue;
use system_log_model::limits::{MAX_ATTRIBUTE_BYTES, MAX_IDEMPOTENCY_KEY_BYTES, MAX_SOURCE_TIME_BYTES, MAX_TEXT_BYTES};

use super::*;

/// A plugin that declared one kind of each log.
pub(crate) fn kinds() -> Kinds {
    let catalogue = Catalogue::built_in();
    let declared = [(Log::System, "webhook_failed"), (Log::Email, "email_sent"), (Log::AiUsage, "ai_chat")];
    declared.map(|(log, name)| catalogue.get(log, name).unwrap().clone()).into_iter().collect()
}

/// An event that says as little as it may.
pub(crate) fn plain() -> claimed::Event {
    claimed::Event {
        log: "system".into(),
        kind: "webhook_failed".into(),
        severity: String::new(),
        occurred_at: None,
        message: String::new(),
        actor: None,
        recipient: String::new(),
        subject: String::new(),
        attempted_email: String::new(),
        change: None,
        webhook: None,
        ai: None,
        attributes: String::new(),
        org_hints: vec![],
        dedupe_key: String::new(),
    }
}

fn delivery() -> claimed::WebhookDelivery {
    claimed::WebhookDelivery {
        url: "https://a.example/".into(),
        method: "POST".into(),
        http_status: 503,
        attempt: 2,
        latency_ms: Some(85),
    }
}

fn usage() -> claimed::AiUsage {
    claimed::AiUsage {
        model: "m".into(),
        provider: "p".into(),
        operation: "chat".into(),
        prompt_tokens: 1,
        completion_tokens: 2,
        total_tokens: 3,
        cached_tokens: 0,
        cache_write_tokens: 0,
        reasoning_tokens: 0,
        cost_nano_usd: None,
        latency_ms: None,
        success: true,
        error: String::new(),
    }
}

fn believed(event: claimed::Event) -> Draft {
    draft(event, &kinds()).expect("believed")
}

/// The sentence that stands in the dead letter.
fn bad_output(event: claimed::Event) -> String {
    match draft(event, &kinds()) {
        Err(Verdict::Failed(DeadLettered::CollectorBadOutput, message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plain_event_is_its_kind_and_nothing_else() {
    let draft = believed(plain());
    assert_eq!((&*draft.kind.name, draft.severity), ("webhook_failed", Severity::Error), "the kind's own severity");
    assert_eq!((draft.occurred_at, draft.actor, draft.change), (None, None, None));
    assert!(draft.message.is_empty() && draft.attributes.is_empty() && draft.org_hints.is_empty());
}

/// proves: S8
#[test]
fn a_kind_must_be_declared_in_that_very_log() {
    let of = |log: &str, kind: &str| draft(claimed::Event { log: log.into(), kind: kind.into(), ..plain() }, &kinds());
    assert!(of("email", "email_sent").is_ok());
    for (log, kind) in [("system", "email_sent"), ("system", "role_changed"), ("email", ""), ("ai_usage", "AI_CHAT")] {
        let Err(Verdict::Reject(Rejected::KindNotDeclared, message)) = of(log, kind) else { panic!("{log} {kind}") };
        assert_eq!(message, format!("kind: the collector's manifest does not declare {kind:?} in the log {log}"));
    }
    let Err(Verdict::Reject(_, message)) = of("system", &"k".repeat(9_999)) else { panic!("undeclared") };
    assert!(message.len() < 300, "{message}");
}

#[test]
fn words_are_those_of_the_contract() {
    assert_eq!(believed(claimed::Event { severity: "info".into(), ..plain() }).severity, Severity::Info);
    let unknown = |word: &str| format!("{word} is no word of the contract");
    for (severity, quoted) in [("Info", "\"Info\""), ("fatal", "\"fatal\""), ("in\u{7}fo", "\"in\\u{7}fo\"")] {
        let said = bad_output(claimed::Event { severity: severity.into(), ..plain() });
        assert_eq!(said, unknown(&format!("severity: {quoted}")));
    }
    assert_eq!(bad_output(claimed::Event { log: "audit".into(), ..plain() }), unknown("log: \"audit\""));
    let actor = |kind: &str| claimed::Actor {
        id: "u1".into(),
        display_name: "Ada".into(),
        email: String::new(),
        kind: kind.into(),
    };
    let by = |kind: &str| claimed::Event { actor: Some(actor(kind)), ..plain() };
    assert_eq!(believed(by("")).actor.unwrap().kind, None);
    assert_eq!(believed(by("bot")).actor.unwrap().kind, Some(ActorKind::Bot));
    assert_eq!(bad_output(by("root")), unknown("actor.kind: \"root\""));
}

#[test]
fn texts_lose_control_characters_and_keep_the_rest() {
    let dirty = || " a\u{0}b\u{1b}[31m\n\tc\r ".to_owned();
    let clean = " ab[31m\n\tc ";
    let change = claimed::Change { field: dirty(), before: dirty(), after: dirty() };
    let actor = claimed::Actor { id: dirty(), display_name: dirty(), email: dirty(), kind: String::new() };
    let draft = believed(claimed::Event {
        message: dirty(),
        recipient: dirty(),
        subject: dirty(),
        attempted_email: dirty(),
        change: Some(change),
        actor: Some(actor),
        webhook: Some(claimed::WebhookDelivery { url: dirty(), method: dirty(), ..delivery() }),
        ai: Some(claimed::AiUsage { model: dirty(), provider: dirty(), operation: dirty(), error: dirty(), ..usage() }),
        org_hints: vec![claimed::OrgHint::Org(dirty()), claimed::OrgHint::Binding((dirty(), dirty()))],
        ..plain()
    });
    let (change, actor) = (draft.change.unwrap(), draft.actor.unwrap());
    let (webhook, ai) = (draft.webhook.unwrap(), draft.ai.unwrap());
    let mut texts = vec![draft.message, draft.recipient, draft.subject, draft.attempted_email];
    texts.extend([change.field, change.before, change.after, actor.id, actor.display_name, actor.email]);
    texts.extend([webhook.url, webhook.method, ai.model, ai.provider, ai.operation, ai.error]);
    for hint in draft.org_hints {
        match hint {
            OrgHint::Org(id) => texts.push(id),
            OrgHint::Binding { kind, value } => texts.extend([kind, value]),
        }
    }
    assert_eq!(texts, vec![clean; 19]);
}

#[test]
fn texts_are_cut_between_characters() {
    let long = "é".repeat(MAX_TEXT_BYTES); // two bytes each
    let draft = believed(claimed::Event { message: format!("x{long}"), subject: long, ..plain() });
    assert_eq!((draft.message.len(), draft.subject.len()), (MAX_TEXT_BYTES - 1, MAX_TEXT_BYTES));
    let time = claimed::SourceTime { micros: None, text: "9".repeat(1_000) };
    let time = believed(claimed::Event { occurred_at: Some(time), ..plain() }).occurred_at.unwrap();
    assert_eq!((time.at, time.text.len()), (None, MAX_SOURCE_TIME_BYTES));
}

#[test]
fn a_source_time_is_taken_as_it_is_for_others_to_judge() {
    for micros in [i64::MIN, -1, 0, i64::MAX] {
        let time = claimed::SourceTime { micros: Some(micros), text: "then".into() };
        let time = believed(claimed::Event { occurred_at: Some(time), ..plain() }).occurred_at.unwrap();
        assert_eq!(time.at, Some(Timestamp::from_micros(micros)));
    }
}

#[test]
fn a_status_has_three_digits_and_counts_are_not_negative() {
    let of = |webhook| claimed::Event { webhook: Some(webhook), ..plain() };
    for http_status in [0, 204, 999] {
        let kept = believed(of(claimed::WebhookDelivery { http_status, ..delivery() })).webhook.unwrap();
        assert_eq!((kept.http_status, kept.attempt, kept.latency_ms), (http_status, 2, 85));
    }
    for http_status in [-1, 1_000] {
        let said = bad_output(of(claimed::WebhookDelivery { http_status, ..delivery() }));
        assert_eq!(said, format!("webhook.http-status: {http_status}, but at most three digits"));
    }
    let said = bad_output(of(claimed::WebhookDelivery { attempt: -1, ..delivery() }));
    assert_eq!(said, "webhook.attempt: -1, but it counts something");
    let said = bad_output(of(claimed::WebhookDelivery { latency_ms: Some(-5), ..delivery() }));
    assert_eq!(said, "webhook.latency-ms: -5, but it counts something");
}

#[test]
fn token_counts_are_not_negative_and_an_unknown_cost_is_not_0() {
    let of = |ai| claimed::Event { log: "ai_usage".into(), kind: "ai_chat".into(), ai: Some(ai), ..plain() };
    assert_eq!(believed(of(usage())).ai.unwrap().cost_nano_usd, None);
    assert_eq!(believed(of(claimed::AiUsage { cost_nano_usd: Some(0), ..usage() })).ai.unwrap().cost_nano_usd, Some(0));
    let wrong = [
        ("prompt-tokens", claimed::AiUsage { prompt_tokens: -1, ..usage() }),
        ("completion-tokens", claimed::AiUsage { completion_tokens: -1, ..usage() }),
        ("total-tokens", claimed::AiUsage { total_tokens: -1, ..usage() }),
        ("cached-tokens", claimed::AiUsage { cached_tokens: -1, ..usage() }),
        ("cache-write-tokens", claimed::AiUsage { cache_write_tokens: -1, ..usage() }),
        ("reasoning-tokens", claimed::AiUsage { reasoning_tokens: -1, ..usage() }),
        ("cost-nano-usd", claimed::AiUsage { cost_nano_usd: Some(-1), ..usage() }),
        ("latency-ms", claimed::AiUsage { latency_ms: Some(-1), ..usage() }),
    ];
    for (field, ai) in wrong {
        assert_eq!(bad_output(of(ai)), format!("ai.{field}: -1, but it counts something"));
    }
}

/// The keys that hold secrets are removed later, by the one guard there is; here they only have to survive as what they are.
#[test]
fn attributes_are_an_object_or_bad_output() {
    let of = |attributes: &str| claimed::Event { attributes: attributes.into(), ..plain() };
    let kept = believed(of(r#"{"ip":"10.0.0.1","pass\u0000word":"a\u0007b"}"#)).attributes;
    assert_eq!(Value::Object(kept), json!({"ip": "10.0.0.1", "password": "ab"}));
    for wrong in ["[]", "{", "\"hunter2\"", "{\"a\":hunter2}"] {
        let said = bad_output(of(wrong));
        assert!(said.starts_with("attributes: ") && !said.contains("hunter2"), "{said}");
    }
    assert!(bad_output(of(&" ".repeat(MAX_ATTRIBUTE_BYTES + 1))).contains("at most 16384"));
}

#[test]
fn a_handful_of_hints_is_enough() {
    let of = |count| claimed::Event { org_hints: vec![claimed::OrgHint::Org("a".into()); count], ..plain() };
    assert_eq!(believed(of(MAX_ORG_HINTS)).org_hints.len(), MAX_ORG_HINTS);
    assert_eq!(bad_output(of(MAX_ORG_HINTS + 1)), "org-hints: 17, at most 16");
}

#[test]
fn a_dedupe_key_is_kept_whole_or_hashed_and_never_cut() {
    let key = |key: &str| believed(claimed::Event { dedupe_key: key.into(), ..plain() }).dedupe_key;
    let longest = "k".repeat(MAX_IDEMPOTENCY_KEY_BYTES);
    assert_eq!((key(""), key(" a b "), key(&longest)), (String::new(), " a b ".into(), longest.clone()));
    let (one, other) = (key(&format!("{longest}1")), key(&format!("{longest}2")));
    assert!(one.starts_with("sha256:") && one.len() == 7 + 64, "{one}");
    assert_ne!(one, other, "two events stay two");
    assert_eq!(one, key(&format!("{longest}1")), "and one stays one");
    assert_ne!(key("a\u{0}b"), key("ab"), "a control character is not removed but hashed");
}

/// proves: S7
#[test]
fn the_contract_has_no_word_for_organisation_id_or_receive_time() {
    let mut resolve = wit_parser::Resolve::default();
    resolve.push_source("collector.wit", include_str!("../../../plugins/wit/collector.wit")).unwrap();
    let event = resolve.types.iter().find(|(_, of)| of.name.as_deref() == Some("event")).unwrap().1;
    let wit_parser::TypeDefKind::Record(event) = &event.kind else { panic!("an event is a record") };
    let fields: Vec<&str> = event.fields.iter().map(|field| field.name.as_str()).collect();
    let allowed = "log kind severity occurred-at message actor recipient subject attempted-email change webhook ai \
        attributes org-hints dedupe-key";
    assert_eq!(fields.join(" "), allowed, "a further field must not let a plugin decide what is the host's");
}
