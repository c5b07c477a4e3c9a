//! Whole events and payloads, and the time they take.

use serde_json::json;

use super::Guard;
use super::samples::{ALNUM, HEX, Rng};
use crate::clock::Timestamp;
use crate::event::{Actor, AiUsage, Change, Event, WebhookDelivery};
use crate::id::OrgId;
use crate::vocabulary::{Log, Severity};

fn event(secret: &str) -> Event {
    let text = format!("token={secret}");
    Event {
        org: OrgId::new("org_1").unwrap(),
        log: Log::System,
        kind: "api_key.created".into(),
        category: None,
        severity: Severity::Info,
        occurred_at: Timestamp::from_micros(0),
        received_at: Timestamp::from_micros(0),
        message: text.clone(),
        actor: Some(Actor { id: text.clone(), display_name: text.clone(), email: text.clone(), kind: None }),
        recipient: text.clone(),
        subject: text.clone(),
        source: text.as_str().into(),
        pre_auth: false,
        change: Some(Change {
            field: "api_key".into(),
            before: secret.to_owned(),
            after: secret.chars().rev().collect(),
        }),
        webhook: Some(WebhookDelivery {
            url: format!("https://u:{secret}@a.test/x?page=2"),
            method: text.clone(),
            ..Default::default()
        }),
        ai: Some(AiUsage {
            model: text.clone(),
            provider: text.clone(),
            operation: text.clone(),
            error: text,
            ..Default::default()
        }),
        attributes: json!({
            "a": [{ "b": { "clientSecret": secret, "prompt_tokens": 1234 } }],
            "headers": [["Authorization", format!("Bearer {secret}")], ["Accept", "*/*"]],
            "env": [{ "name": "DB_PASSWORD", "value": secret }],
            "cookies": { "theme": secret },
            "raw": json!({ "password": secret, "page": 2 }).to_string(),
            (format!("token={secret}")): 1,
            "otp": 482_913,
        })
        .as_object()
        .unwrap()
        .clone(),
    }
}

// proves: S1
#[test]
fn no_field_of_an_event_keeps_a_secret() {
    for seed in 0..40 {
        let secret = Rng::new(seed).text(ALNUM, 32);
        let clean = Guard::new().clean(event(&secret));
        let back: String = secret.chars().rev().collect();
        let stored = serde_json::to_string(clean.event()).unwrap();
        for part in secret.as_bytes().windows(8).chain(back.as_bytes().windows(8)) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!stored.contains(part), "{part} in {stored}");
        }
        let event = clean.event();
        assert_eq!(&*event.kind, "api_key.created");
        assert_eq!(event.attributes["a"][0]["b"]["prompt_tokens"], 1234);
        assert_eq!(event.attributes["otp"], "[redacted:password]");
        assert_eq!(event.webhook.as_ref().unwrap().url, "https://u:[redacted:url_password]@a.test/x?page=2");
        assert_eq!(Guard::new().clean(event.clone()), clean, "idempotent");
    }
}

#[test]
fn a_webhook_url_is_kept_in_full() {
    let secret = Rng::new(5).text(ALNUM, 32);
    let hooks = ["hooks.slack", ".com/services/T0001/B0001/"].concat();
    for url in [
        format!("https://a.test/hook?token={secret}&x=1"),
        format!("https://{hooks}{secret}"),
        format!("https://a.test/{secret}?sig={secret}"),
    ] {
        let mut event = event(&secret);
        event.webhook = Some(WebhookDelivery { url: url.clone(), ..Default::default() });
        assert_eq!(Guard::new().clean(event).event().webhook.as_ref().unwrap().url, url);
        assert_ne!(Guard::new().text(&url), url, "elsewhere it goes");
    }
}

// proves: S1
#[test]
fn the_deployments_own_secrets_go() {
    use base64::Engine as _;
    let own = "correct horse/battery+staple";
    let guard = Guard::with_literals([own.to_owned(), "ab".to_owned()]);
    for shift in ["", "x", "xy"] {
        let wrapped = base64::engine::general_purpose::STANDARD.encode(format!("{shift}{own} tail"));
        let clean = guard.text(&wrapped).into_owned();
        assert!(clean.contains("[redacted:literal]") && clean.len() < 32, "{clean}");
    }
    for text in [
        own.to_owned(),
        format!("about {own} is"),
        "x=correct%20horse%2Fbattery%2Bstaple".to_owned(),
        "correct horse\\/battery+staple".to_owned(),
    ] {
        let clean = guard.text(&text).into_owned();
        assert!(!clean.contains("battery"), "{clean}");
    }
    assert_eq!(guard.text("about abacus"), "about abacus");
    assert!(!format!("{guard:?}").contains("horse"));
}

// proves: S1
#[test]
fn payloads_keep_their_format() {
    let guard = Guard::new();
    let secret = Rng::new(9).text(HEX, 32);
    let clean = |payload: &str, media: &str| String::from_utf8(guard.payload(payload.as_bytes(), media)).unwrap();
    let json =
        clean(&json!({ "id": 12, "api_key": secret, "pin": 1.10 }).to_string(), "application/json; charset=utf-8");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["api_key"], "[redacted:api_key]");
    let twice = format!(r#"{{"password":"{secret}","password":"***","n":1.00}}"#);
    assert!(!clean(&twice, "application/json").contains(&secret[..8]));
    let untouched = r#"{"b":1.00, "a": 123456789012345678901234567890}"#;
    assert_eq!(clean(untouched, "application/json"), untouched);
    let form = clean(&format!("a=b+c&client%5Fsecret={secret}&d=e"), "application/x-www-form-urlencoded");
    assert_eq!(form, "a=b+c&client%5Fsecret=[redacted:secret]&d=e");
    assert!(!clean(&format!("{{\"a\":1}}\n{{\"token\":\"{secret}\"}}"), "application/x-ndjson").contains(&secret[..8]));
    let xml = clean(&format!("<a><password>{secret}</password></a>"), "text/xml");
    assert_eq!(xml, "<a><password>[redacted:password]</password></a>");
    let binary = [b"\xff\xfe\x80 token=".as_slice(), secret.as_bytes(), b" \xc3"].concat();
    assert_eq!(guard.payload(&binary, ""), b"\xff\xfe\x80 token=[redacted:token] \xc3");
    let wide: Vec<u8> = format!("password={secret}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(guard.payload(&wide, ""), b"password=[redacted:password]");
    let hidden: String = format!("password={secret}").chars().flat_map(|c| [c, '\u{1}']).collect();
    assert!(guard.text(&hidden).ends_with("[redacted:password]"), "control characters hide nothing");
}

/// Each is repeated to 1 MiB. A rule that looks at any byte again for every keyword before it takes minutes here.
#[test]
fn hostile_texts_take_linear_time() {
    let guard = Guard::new();
    let start = std::time::Instant::now();
    for unit in [
        "key=",
        "{\"a\":",
        "eyJ",
        "eyJ.",
        "token ",
        "\"key\":\"",
        "key='",
        "key=\"",
        "://",
        "://a:",
        "://u:p@",
        "sk-",
        "ghp_",
        "SG.",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN ",
        "Cookie: a=b; ",
        "authorization: ",
        "hooks.slack.com/services/",
        "[redacted:",
        "\\",
        "%3D",
        "key:,",
        "<password>",
        "digest ",
        "bearer a",
        "token%3Dabc123XYZ99%26",
        "a/",
        "\"a\n",
    ] {
        let text = unit.repeat((1 << 20) / unit.len());
        assert!(guard.text(&text).len() < 8 << 20);
    }
    // 29 MiB: seconds unoptimised, hours if anything is quadratic
    assert!(start.elapsed().as_secs() < 120, "{:?}", start.elapsed());
}
