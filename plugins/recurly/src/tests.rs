//! Cases and laws, and what a case file cannot say: headers, configuration, media types.

use system_log_plugin::cases::{RECEIVED_AT, run};
use system_log_plugin::{Call, Event, OrgHint, Outcome, Record, Verdict};

use super::collect;

const FAILED: &str = include_str!("../cases/blacklightcms--failed_payment_notification.xml.in");
const UPDATED: &str = include_str!("../cases/blacklightcms--updated_subscription_notification.xml.in");
const JSON: &str = r#"{"id":"ra93x2i8g69t","object_type":"payment","site_id":"qc326l1hl8k9","event_type":"failed",
    "event_time":"2026-11-22T00:17:45Z","uuid":"63abcf806e29cbfb3ec9c84e658777be"}"#;

fn with(config: &str, header: Option<&str>, payload: &str) -> Verdict {
    let call = Call { source: "recurly".into(), config: config.into(), received_at: RECEIVED_AT };
    let headers = header.map(|id| ("recurly-notification-id".to_owned(), id.to_owned())).into_iter().collect();
    let record = Record { payload: payload.into(), content_type: "application/xml".into(), headers };
    match collect(&call, &record) {
        Outcome::One(verdict) => verdict,
        Outcome::Page(_) => panic!("a notification is no page"),
    }
}

fn event(config: &str, header: Option<&str>, payload: &str) -> Event {
    match with(config, header, payload) {
        Verdict::Emit(mut events) if events.len() == 1 => events.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_notification_of_its_own_id_is_known_by_it() {
    for payload in [FAILED, JSON] {
        let event = event("{}", Some(" 9f8e "), payload);
        assert_eq!(event.dedupe_key, "recurly:n:9f8e");
        assert_eq!(event.attributes["notification_id"], "9f8e");
        assert_eq!(self::event("{}", Some(""), payload).dedupe_key, self::event("{}", None, payload).dedupe_key);
    }
}

#[test]
fn the_body_tells_the_format_whatever_the_media_type() {
    for media_type in ["application/json", "application/xml", "text/xml", "application/x-www-form-urlencoded"] {
        for payload in [FAILED, JSON] {
            let outcome = run("recurly", media_type, payload.into(), collect);
            assert!(matches!(outcome, Outcome::One(Verdict::Emit(_))), "{media_type} {outcome:?}");
        }
    }
    let rejects =
        |media_type: &str, payload: &[u8], why: &str| match run("recurly", media_type, payload.into(), collect) {
            Outcome::One(Verdict::Reject("MALFORMED_PAYLOAD", message)) => assert!(message.contains(why), "{message}"),
            other => panic!("{other:?}"),
        };
    rejects("text/xml", b"not a document", "payload: not XML");
    rejects("application/json", b"not an object", "payload: not JSON");
    rejects("application/json", b"[{}]", "payload: must be a JSON object");
    rejects("text/xml", b"\xef\xbb\xbf \r\n", "payload: empty");
}

#[test]
fn every_encoding_gives_the_same_event() {
    let text = FAILED.replace("UTF-8", "UTF-16").replace("Verena", "Vérena");
    let utf8 = event("{}", None, &FAILED.replace("Verena", "Vérena"));
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for payload in [[b"\xff\xfe".to_vec(), little.clone()].concat(), little, [b"\xfe\xff".to_vec(), big].concat()] {
        for media_type in ["text/xml", "application/json"] {
            let outcome = run("recurly", media_type, payload.clone(), collect);
            assert_eq!(outcome, Outcome::One(Verdict::Emit(vec![utf8.clone()])));
        }
    }
}

#[test]
fn what_stands_around_a_document_makes_no_other_key() {
    let bare = UPDATED.trim();
    let key = event("{}", None, bare).dedupe_key;
    for (before, after) in [(" \r\n", "\n"), ("\u{feff}", ""), ("\n\u{feff}\n", "\n\n"), ("", "\u{feff}")] {
        assert_eq!(event("{}", None, &format!("{before}{bare}{after}")).dedupe_key, key, "{before:?} {after:?}");
    }
    assert_ne!(event("{}", None, &bare.replace("Subscription One", "Subscription Two")).dedupe_key, key);
}

#[test]
fn test_transactions_can_be_dropped() {
    let config = r#"{"drop_test_transactions":true}"#;
    assert!(matches!(with(config, None, FAILED), Verdict::Drop("NOT_LOGGED", _)));
    let real = FAILED.replace("<test type=\"boolean\">true", "<test type=\"boolean\">false");
    assert_eq!(event(config, None, &real).attributes.get("test"), None);
}

#[test]
fn later_statuses_can_be_logged() {
    let config = r#"{"log_status_updates":true}"#;
    let later = FAILED.replace("failed_payment", "transaction_status_updated");
    assert!(matches!(with("{}", None, &later), Verdict::Drop("NOT_LOGGED", _)));
    let failed = event(config, None, &later);
    assert_eq!(failed.kind, "billing_payment_failed");
    assert_ne!(failed.dedupe_key, event(config, None, FAILED).dedupe_key);
    let succeeded = event(config, None, &later.replace("Declined</status>", "Success</status>"));
    assert_eq!((succeeded.kind.as_str(), succeeded.severity), ("billing_payment_succeeded", "info"));
    assert!(matches!(with(config, None, &later.replace("Declined</status>", "void</status>")), Verdict::Drop(..)));
    let json = JSON.replace("failed", "transaction_status_updated");
    assert!(matches!(with(config, None, &json), Verdict::Drop(..)), "JSON does not say which status");
    let enriched = json.replace('}', r#","transaction":{"status":"declined","status_message":"No funds"}}"#);
    assert_eq!(event(config, None, &enriched).message, "Payment declined: No funds");
}

#[test]
fn the_largest_event_is_within_the_hosts_limits() {
    let quotes = "&quot;\u{e9}".repeat(400);
    let mut large = FAILED.replace("<account_code>1<", &format!("<account_code>{quotes}<"));
    for field in ["id", "invoice_id", "action", "gateway", "message", "failure_type", "reference", "source", "status"] {
        let open = format!("<{field}>");
        let at = large.rfind(&open).expect("a field") + open.len();
        large.insert_str(at, &quotes);
    }
    let more = ["currency", "gateway_error_codes", "invoice_number_prefix", "payment_method"]
        .map(|field| format!("<{field}>{quotes}</{field}>"))
        .concat();
    let ids: String = (0..1_000).map(|i| format!("<subscription_id>{i}{quotes}</subscription_id>")).collect();
    let large = large.replace("<transaction>", &format!("<transaction>{more}{}", &ids));
    let event = event("{}", Some(&"\u{7}\"".repeat(5_000)), &large);
    let attributes = serde_json::to_string(&event.attributes).unwrap();
    assert!(attributes.len() <= 16 * 1024, "{}", attributes.len());
    assert!(event.attributes.len() > 15);
    let ids: String = (0..1_000).map(|i| format!("<subscription_id>s{i}</subscription_id>")).collect();
    let event = self::event("{}", None, &FAILED.replace("<transaction>", &format!("<transaction>{ids}")));
    assert_eq!(event.org_hints.len(), 10, "account, eight subscriptions, transaction; the host takes 16");
    assert_eq!(event.attributes["subscription_ids"].as_array().unwrap().len(), 8);
}

#[test]
fn hints_are_tried_from_the_customer_down() {
    let binding = |kind: &str, value: &str| OrgHint::Binding(kind.into(), value.into());
    assert_eq!(
        event("{}", None, FAILED).org_hints,
        [
            binding("account_code", "1"),
            binding("subscription", "1974a098jhlkjasdfljkha898326881c"),
            binding("transaction", "a5143c1d3a6f4a8287d0e2cc1d4c0427"),
        ]
    );
    assert_eq!(
        event("{}", None, JSON).org_hints,
        [binding("transaction", "63abcf806e29cbfb3ec9c84e658777be"), binding("transaction", "ra93x2i8g69t")]
    );
}
