//! Providers' webhooks over plain HTTP: a genuine delivery is taken once and never again, whatever is tried with it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use system_log_model::{Clock, Timestamp};
use system_log_service::auth::Role;
use system_log_tests::event::everything;
use system_log_tests::http::{Answer, call};
use system_log_tests::server::{NOW, TestServer};
use system_log_wire::systemlog::v1 as pb;

const OLD_KEY: &str = "an-obviously-fake-key";
const NEW_KEY: &str = "another-obviously-fake-key";
const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef01";
const MINUTE: i64 = 60;

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Receivers for every scheme. Secrets are files in the data folder.
fn config(folder: &tempfile::TempDir) -> String {
    let file = |name: &str, secret: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, secret).unwrap();
        format!("file:{}", path.display())
    };
    let (old, new) = (file("old", OLD_KEY), file("new", NEW_KEY));
    let standard = file("standard", &format!("whsec_{}", STANDARD.encode(OLD_KEY.repeat(2))));
    let basic = file("basic", "recurly:open sesame");
    let hook = |source: &str, token: &str, verify: &str, secrets: &[&str]| {
        let org = "org_id = \"acme\"";
        format!(
            "[[hooks]]\nsource = \"{source}\"\ntoken = \"{token}\"\n{org}\nverify = \"{verify}\"\nsecrets = {secrets:?}\n"
        )
    };
    let bound = hook("mailgun", "by-hint", "mailgun", &[&old]).replace("org_id = \"acme\"\n", "");
    hook("mailgun", "m", "mailgun", &[&old, &new])
        + &hook("webhook", "r", "recurly", &[&new, &old])
        + &hook("webhook", "s", "standard-webhooks", &[&standard])
        + &hook("webhook", "g", "github", &[&old])
        + &hook("webhook", "b", "basic", &[&basic])
        + &hook("webhook", "n", "none", &[])
        + &hook("nobody-knows", "n", "none", &[])
        + &bound
}

async fn start() -> TestServer {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    TestServer::configured(folder, Timestamp::parse(NOW).unwrap(), &config).await
}

async fn restart(server: TestServer) -> TestServer {
    let now = server.clock.now();
    let folder = server.stop().await;
    let config = config(&folder);
    TestServer::configured(folder, now, &config).await
}

fn now(server: &TestServer) -> i64 {
    server.clock.now().to_seconds().0
}

/// A Mailgun delivery of an event, signed at a time.
fn mailgun(key: &str, signed: i64, token: &str, event: &Value) -> Vec<u8> {
    let signature = hex(&hmac(key.as_bytes(), &[signed.to_string().as_bytes(), token.as_bytes()]));
    let block = json!({"timestamp": signed.to_string(), "token": token, "signature": signature});
    json!({"signature": block, "event-data": event}).to_string().into_bytes()
}

fn delivered(id: &str, recipient: &str) -> Value {
    json!({"event": "delivered", "id": id, "timestamp": 1_795_337_000.5, "recipient": recipient,
        "domain": {"name": "mg.example.com"}, "message": {"headers": {"subject": "Hello"}}})
}

async fn post(server: &TestServer, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let json = [&[("content-type", "application/json")], headers].concat();
    call(server.listen, "POST", path, &json, body).await
}

fn outcome(answer: &Answer) -> (u16, String) {
    let json = answer.json();
    let text = json["outcome"].as_str().or(json["reason"].as_str()).unwrap_or_default();
    (answer.status, text.to_owned())
}

async fn mails(server: &TestServer) -> Vec<String> {
    let rows = server.admin_of("acme").list_all(&everything(pb::Log::Email), "occurred_at", 50).await.unwrap();
    rows.into_iter().map(|row| row.recipient).collect()
}

fn refused(status: u16) -> (u16, String) {
    (status, "UNAUTHENTICATED".to_owned())
}

fn stored() -> (u16, String) {
    (200, "STORED".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailgun_token_is_good_once_for_whatever_body_and_through_a_restart() {
    let server = start().await;
    let at = now(&server);
    let genuine = mailgun(OLD_KEY, at, TOKEN, &delivered("e1", "ann@example.com"));
    assert_eq!(outcome(&post(&server, "/hooks/mailgun/m", &[], &genuine).await), stored());
    let swapped = mailgun(OLD_KEY, at, TOKEN, &delivered("e2", "eve@example.com"));
    for body in [&genuine, &swapped] {
        assert_eq!(outcome(&post(&server, "/hooks/mailgun/m", &[], body).await), refused(406));
        assert_eq!(outcome(&post(&server, "/hooks/mailgun/by-hint", &[], body).await), refused(406), "at another URL");
    }
    let server = restart(server).await;
    server.advance(Duration::from_secs(9 * 3_600 - 1));
    assert_eq!(outcome(&post(&server, "/hooks/mailgun/m", &[], &swapped).await), refused(406), "used");
    server.advance(Duration::from_secs(2));
    assert_eq!(outcome(&post(&server, "/hooks/mailgun/m", &[], &swapped).await), refused(406), "too old");
    assert_eq!(mails(&server).await, ["ann@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_dropped_or_rejected_uses_its_token_up_too() {
    let server = start().await;
    let at = now(&server);
    let opened = json!({"event": "opened", "id": "o1", "timestamp": 1_795_337_000.5, "recipient": "ann@example.com"});
    let answer = post(&server, "/hooks/mailgun/m", &[], &mailgun(OLD_KEY, at, TOKEN, &opened)).await;
    assert_eq!(outcome(&answer), (200, "DROPPED".into()));
    let swapped = mailgun(OLD_KEY, at, TOKEN, &delivered("e2", "eve@example.com"));
    assert_eq!(outcome(&post(&server, "/hooks/mailgun/m", &[], &swapped).await), refused(406));

    let token = TOKEN.replace("01", "02");
    let answer = post(&server, "/hooks/mailgun/m", &[], &mailgun(OLD_KEY, at, &token, &json!({"event": 7}))).await;
    assert_eq!(outcome(&answer), (406, "REJECTED".into()), "Mailgun stops trying at 406 alone");
    let swapped = mailgun(OLD_KEY, at, &token, &delivered("e2", "eve@example.com"));
    assert_eq!(outcome(&post(&server, "/hooks/mailgun/m", &[], &swapped).await), refused(406));
    assert!(mails(&server).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_shifted_stale_and_early_deliveries_are_refused() {
    let server = start().await;
    let at = now(&server);
    let event = delivered("e1", "ann@example.com");
    let signature = hex(&hmac(OLD_KEY.as_bytes(), &[at.to_string().as_bytes(), TOKEN.as_bytes()]));
    let block = |timestamp: &str, token: &str| {
        let block = json!({"timestamp": timestamp, "token": token, "signature": signature});
        json!({"signature": block, "event-data": event}).to_string().into_bytes()
    };
    let (text, mut longer) = (at.to_string(), at.to_string());
    longer.push_str(&TOKEN[..1]);
    let shifted = [block(&text[..9], &format!("{}{TOKEN}", &text[9..])), block(&longer, &TOKEN[1..])];
    let wrong = [
        mailgun("a-fake-key-of-nobody", at, TOKEN, &event),
        mailgun(OLD_KEY, at - 9 * 3_600 - 1, TOKEN, &event),
        mailgun(OLD_KEY, at + 5 * MINUTE + 1, TOKEN, &event),
        event.to_string().into_bytes(),
        Vec::new(),
    ];
    for (at, body) in shifted.iter().chain(&wrong).enumerate() {
        assert_eq!(outcome(&post(&server, "/hooks/mailgun/m", &[], body).await), refused(406), "{at}");
    }
    assert!(mails(&server).await.is_empty());
    assert_eq!(
        outcome(&post(&server, "/hooks/mailgun/m", &[], &block(&text, TOKEN)).await),
        stored(),
        "nothing was used up"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_without_a_gap_and_forms_are_read() {
    let server = start().await;
    let at = now(&server);
    for (n, key) in [OLD_KEY, NEW_KEY].into_iter().enumerate() {
        let token = format!("{}f{n}", &TOKEN[..48]);
        let body = mailgun(key, at, &token, &delivered(&format!("e{n}"), "ann@example.com"));
        assert_eq!(outcome(&post(&server, "/hooks/mailgun/m", &[], &body).await), stored());
    }
    let signature = hex(&hmac(OLD_KEY.as_bytes(), &[at.to_string().as_bytes(), TOKEN.as_bytes()]));
    let form = format!(
        "event=delivered&recipient=bob%40example.com&token=x&timestamp={at}&token={TOKEN}&signature={signature}"
    );
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = call(server.listen, "POST", "/hooks/mailgun/m", &headers, form.as_bytes()).await;
    assert_eq!(outcome(&answer), stored());
    assert_eq!(mails(&server).await.len(), 3);
}

fn webhook(id: &str) -> Vec<u8> {
    json!({"id": id, "occurred_at": "2026-11-22T09:00:00Z", "url": "https://crm.example.com/x", "method": "POST",
        "http_status": 503, "event": "process.completed"})
    .to_string()
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn recurly_signs_time_and_body_and_a_repetition_is_refused() {
    let server = start().await;
    let sign = |key: &str, at: i64, body: &[u8]| {
        let millis = (at * 1_000).to_string();
        let signature = hex(&hmac(key.as_bytes(), &[millis.as_bytes(), b".", body]));
        format!("{millis},{},{signature}", "0".repeat(64))
    };
    let send = async |header: &str, body: &[u8]| {
        let headers = [("recurly-signature", header), ("recurly-notification-id", "n1")];
        outcome(&post(&server, "/hooks/webhook/r", &headers, body).await)
    };
    let (at, body) = (now(&server), webhook("w1"));
    let genuine = sign(OLD_KEY, at, &body);
    assert_eq!(send(&genuine, &body).await, stored());
    assert_eq!(send(&genuine, &body).await, refused(401), "the same again");
    let fewer = genuine.replacen(&format!("{},", "0".repeat(64)), "", 1);
    assert_eq!(send(&fewer, &body).await, refused(401), "the same with another header");
    assert_eq!(send(&sign(NEW_KEY, at, &body), &body).await, refused(401), "the same, signed by the other key");
    assert_eq!(send(&sign(OLD_KEY, at + 1, &body), &body).await, (200, "DUPLICATE".into()), "tried again, signed anew");
    assert_eq!(send(&genuine, &webhook("w2")).await, refused(401), "another body");
    for at in [at - 5 * MINUTE - 1, at + 5 * MINUTE + 1] {
        assert_eq!(send(&sign(OLD_KEY, at, &body), &body).await, refused(401));
    }
    for header in ["", "1", &format!("{}000", at), &format!("{}000,", at)] {
        assert_eq!(send(header, &body).await, refused(401), "{header}");
    }
    let answer = post(&server, "/hooks/webhook/r", &[], &body).await;
    assert_eq!(outcome(&answer), refused(401), "no header at all");
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_webhooks_are_stored_once_by_their_id() {
    let server = start().await;
    let key = OLD_KEY.repeat(2);
    let send = async |id: &str, at: i64, body: &[u8]| {
        let time = at.to_string();
        let mac = hmac(key.as_bytes(), &[id.as_bytes(), b".", time.as_bytes(), b".", body]);
        let signature = format!("v1,{} v1a,whatever", STANDARD.encode(mac));
        let headers = [("webhook-id", id), ("webhook-timestamp", &time), ("webhook-signature", &signature)];
        outcome(&post(&server, "/hooks/webhook/s", &headers, body).await)
    };
    let at = now(&server);
    assert_eq!(send("msg_1", at, &webhook("w1")).await, stored());
    assert_eq!(send("msg_1", at, &webhook("w1")).await, refused(401), "the same again");
    assert_eq!(send("msg_1", at + 1, &webhook("w2")).await, (200, "DUPLICATE".into()), "its id is known");
    assert_eq!(send("msg_2", at, &webhook("w2")).await, stored());
    assert_eq!(send("msg_3", at - 5 * MINUTE - 1, &webhook("w3")).await, refused(401));
    assert_eq!(send("msg.4", at, &webhook("w4")).await, refused(401));
}

#[tokio::test(flavor = "multi_thread")]
async fn github_basic_and_open_receivers_answer_in_their_own_way() {
    let server = start().await;
    let leak = String::from_utf8(webhook("w3")).unwrap().replace("process.completed", &format!("key {OLD_KEY}"));
    assert_eq!(outcome(&post(&server, "/hooks/webhook/n", &[], leak.as_bytes()).await), stored());
    let rows = server.admin_of("acme").list_all(&everything(pb::Log::System), "", 50).await.unwrap();
    assert!(rows.iter().any(|row| row.subject.contains("[redacted:")), "{rows:?}");
    assert!(!format!("{rows:?}").contains(OLD_KEY), "a receiver's own secret stands in no event");
    let body = webhook("w1");
    let signature = format!("sha256={}", hex(&hmac(OLD_KEY.as_bytes(), &[&body])));
    let github = [("x-hub-signature-256", signature.as_str()), ("x-github-delivery", "d1")];
    assert_eq!(outcome(&post(&server, "/hooks/webhook/g", &github, &body).await), stored());
    assert_eq!(outcome(&post(&server, "/hooks/webhook/g", &github, &body).await), refused(401));
    server.advance(Duration::from_secs(4 * 86_400));
    let late = post(&server, "/hooks/webhook/g", &github, &body).await;
    assert_eq!(outcome(&late), (200, "DUPLICATE".into()), "no time is signed, but nothing is stored twice");

    let wrong = post(&server, "/hooks/webhook/b", &[("authorization", "Basic cmVjdXJseTpndWVzcw==")], &body).await;
    assert_eq!(outcome(&wrong), refused(401));
    assert!(wrong.header("www-authenticate").starts_with("Basic realm="));
    let right = format!("Basic {}", STANDARD.encode("recurly:open sesame"));
    for expected in ["STORED", "DUPLICATE"] {
        let answer = post(&server, "/hooks/webhook/b", &[("authorization", &right)], &webhook("w2")).await;
        assert_eq!(outcome(&answer), (200, expected.into()));
    }
    let odd = post(&server, "/hooks/webhook/n", &[], b"{").await;
    assert_eq!(outcome(&odd), (400, "REJECTED".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_urls_large_bodies_and_hints_without_a_binding_have_their_answers() {
    let server = start().await;
    for path in ["/hooks/mailgun/x", "/hooks/recurly/m", "/hooks/mailgun/", "/hooks/mailgun", "/hooks/a/b/c"] {
        let answer = post(&server, path, &[], b"{}").await;
        assert!(
            answer.status == 404 || answer.status == 401 || !answer.header("grpc-status").is_empty(),
            "{path} {answer:?}"
        );
    }
    assert_eq!(call(server.listen, "GET", "/hooks/mailgun/m", &[], b"").await.status, 405);
    let large = post(&server, "/hooks/webhook/n", &[], &vec![b' '; 256 * 1024 + 1]).await;
    assert_eq!(outcome(&large), (413, "PAYLOAD_TOO_LARGE".into()));
    let unknown = post(&server, "/hooks/nobody-knows/n", &[], b"{}").await;
    assert_eq!(outcome(&unknown), (503, "UNKNOWN_SOURCE".into()), "our own trouble: a collector that is not there");
    assert_eq!(unknown.header("retry-after"), "1");

    let body = mailgun(OLD_KEY, now(&server), TOKEN, &delivered("e1", "ann@example.com"));
    assert_eq!(outcome(&post(&server, "/hooks/mailgun/by-hint", &[], &body).await), (200, "DEAD_LETTERED".into()));
    let operator = server.client("*", Role::Operator);
    let letters = operator.collectors().list_dead_letters(pb::ListDeadLettersRequest::default()).await.unwrap();
    assert_eq!(letters.into_inner().dead_letters[0].reason, "ORG_UNRESOLVED");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_trouble_leaves_the_signature_good() {
    let server = start().await;
    let body = mailgun(OLD_KEY, now(&server), TOKEN, &delivered("e1", "ann@example.com"));
    server.road.store.close();
    let answer = post(&server, "/hooks/mailgun/m", &[], &body).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    let server = restart(server).await;
    assert_eq!(outcome(&post(&server, "/hooks/mailgun/m", &[], &body).await), stored());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_come_at_once_one_is_taken() {
    let server = std::sync::Arc::new(start().await);
    let at = now(&server);
    let tasks: Vec<_> = (0..24)
        .map(|n| {
            let (server, event) = (server.clone(), delivered(&format!("e{n}"), &format!("u{n}@example.com")));
            tokio::spawn(async move {
                post(&server, "/hooks/mailgun/m", &[], &mailgun(OLD_KEY, at, TOKEN, &event)).await.status
            })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            200 => taken += 1,
            status => assert!(status == 406 || status == 503, "{status}"),
        }
    }
    assert_eq!((taken, mails(&server).await.len()), (1, 1));
}

/// The published vectors, each against a running server at its own time.
#[tokio::test(flavor = "multi_thread")]
async fn published_signatures_hold_over_http_and_derived_ones_do_not() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../../service/src/hooks/vectors.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = String::new();
    for (n, vector) in vectors.iter().enumerate() {
        let path = folder.path().join(format!("key-{n}"));
        std::fs::write(&path, vector["key"].as_str().or(vector["secret"].as_str()).unwrap()).unwrap();
        let (source, verify) = match vector["scheme"].as_str().unwrap() {
            "mailgun" | "mailgun-legacy-form" => ("mailgun", "mailgun"),
            other => ("webhook", other),
        };
        config += &format!("[[hooks]]\nsource = \"{source}\"\ntoken = \"v{n}\"\norg_id = \"acme\"\n");
        config += &format!("verify = \"{verify}\"\nsecrets = [\"file:{}\"]\n", path.display());
    }
    let server = TestServer::configured(folder, Timestamp::parse("2016-01-01T00:00:00Z").unwrap(), &config).await;
    for (n, vector) in vectors.iter().enumerate() {
        let text = |field: &str| vector[field].as_str().unwrap_or_default();
        let time = text("timestamp").get(..10).and_then(|time| time.parse().ok()).unwrap_or(1_661_621_710_i64);
        let now = vector["now_ms"].as_i64().map(|ms| ms * 1_000).or(vector["now_s"].as_i64().map(|s| s * 1_000_000));
        server.clock.set(Timestamp::from_micros(now.unwrap_or(time * 1_000_000)));
        let block =
            json!({"timestamp": vector["timestamp"], "token": vector["token"], "signature": vector["signature"]});
        let (body, headers) = match text("scheme") {
            "mailgun" => (json!({"signature": block, "event-data": {"event": "opened"}}).to_string(), vec![]),
            "mailgun-legacy-form" => {
                let fields = ["timestamp", "token", "signature"].map(|field| format!("{field}={}", text(field)));
                let form = vec![("content-type", "application/x-www-form-urlencoded")];
                (format!("event=opened&{}", fields.join("&")), form)
            }
            "recurly" => (text("body").to_owned(), vec![("recurly-signature", text("header"))]),
            _ => {
                let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
                (text("body").to_owned(), names.map(|name| (name, text(&name.replace('-', "_")))).to_vec())
            }
        };
        let path = format!("/hooks/{}/v{n}", if text("scheme").starts_with("mailgun") { "mailgun" } else { "webhook" });
        let answer = call(server.listen, "POST", &path, &headers, body.as_bytes()).await;
        let is_refused = outcome(&answer).1 == "UNAUTHENTICATED";
        assert_eq!(is_refused, vector["valid"] != true, "{}: {answer:?}", vector["name"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_receiver_has_its_rate_and_puts_off_what_is_more() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder) + "[limits]\nrequests_per_second = 3\n";
    let server = TestServer::configured(folder, Timestamp::parse(NOW).unwrap(), &config).await;
    let body =
        json!({"id": "w", "occurred_at": NOW, "url": "https://crm.example.com/", "http_status": 200}).to_string();
    let post = async |token: &str| {
        let path = format!("/hooks/webhook/{token}");
        call(server.listen, "POST", &path, &[("content-type", "application/json")], body.as_bytes()).await
    };
    for _ in 0..3 {
        assert_eq!(post("n").await.status, 200);
    }
    let late = post("n").await;
    assert_eq!((late.status, late.json()["reason"].as_str()), (503, Some("RATE_LIMITED")));
    assert!(late.headers.iter().any(|(name, _)| name == "retry-after"), "{late:?}");
    assert_eq!(post("g").await.status, 401, "another receiver has a rate of its own");
    server.advance(Duration::from_secs(1));
    assert_eq!(post("n").await.status, 200);
}
