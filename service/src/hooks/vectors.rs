//! Published signatures (of Symfony, Recurly's clients for Ruby and Go, and Standard Webhooks; all MIT, with keys that were made
//! for tests) and what must be refused although it looks much like them.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use system_log_model::Timestamp;

use super::mac::hex;
use super::{Delivery, Forged, Genuine, Scheme, Secret, mac, standard};

const VECTORS: &str = include_str!("vectors.json");

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap()
}

/// A vector as a request: scheme, key, headers, body, and the time at which it arrives.
fn request(vector: &Value) -> (Scheme, Secret, HeaderMap, Vec<u8>, Timestamp) {
    let key = |field: &str| Secret::new(text(vector, field).into());
    let signed = || text(vector, "timestamp").get(..10).and_then(|t| t.parse().ok()).unwrap_or(1_661_621_710);
    match text(vector, "scheme") {
        "mailgun" => {
            let block = ["timestamp", "token", "signature"].map(|field| (field.to_owned(), vector[field].clone()));
            let body = json!({"signature": Value::Object(block.into_iter().collect()), "event-data": {}});
            (Scheme::Mailgun, key("key"), HeaderMap::new(), body.to_string().into_bytes(), at(signed()))
        }
        "mailgun-legacy-form" => {
            let fields = ["timestamp", "token", "signature"].map(|field| format!("{field}={}", text(vector, field)));
            let body = format!("event=delivered&token=of-the-customer&{}", fields.join("&"));
            let headers = headers(&[("content-type", "application/x-www-form-urlencoded")]);
            (Scheme::Mailgun, key("key"), headers, body.into_bytes(), at(signed()))
        }
        "recurly" => {
            let now = Timestamp::from_micros(vector["now_ms"].as_i64().unwrap() * 1_000);
            let headers = headers(&[("recurly-signature", text(vector, "header"))]);
            (Scheme::Recurly, key("key"), headers, text(vector, "body").into(), now)
        }
        _ => {
            let field = |name: &str| text(vector, &name.replace('-', "_"));
            let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
            let headers = headers(&names.map(|name| (name, field(name))));
            let secret = standard::secret(text(vector, "secret").as_bytes()).unwrap();
            let now = at(vector["now_s"].as_i64().unwrap());
            (Scheme::StandardWebhooks, secret, headers, text(vector, "body").into(), now)
        }
    }
}

#[test]
fn published_signatures_hold_and_the_derived_ones_do_not() {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.len(), 18);
    for vector in &vectors {
        let (scheme, key, headers, body, now) = request(vector);
        let delivery = Delivery { headers: &headers, body: &body };
        let verified = scheme.verify(std::slice::from_ref(&key), delivery, now);
        assert_eq!(verified.is_ok(), vector["valid"] == true, "{}: {verified:?}", vector["name"]);
        // With a new key before the old one, and with the wrong key alone.
        let other = Secret::new(b"an obviously fake key".to_vec());
        let rotating = scheme.verify(&[other.clone(), key], delivery, now);
        assert_eq!(rotating, verified, "{}", vector["name"]);
        assert!(scheme.verify(&[other], delivery, now).is_err(), "{}", vector["name"]);
        assert!(scheme.verify(&[], delivery, now).is_err(), "{}", vector["name"]);
        let has_key = verified.is_ok_and(|genuine| !genuine.idempotency_key.is_empty());
        let is_form = text(vector, "scheme") == "mailgun-legacy-form";
        assert_eq!(has_key, vector["valid"] == true && (is_form || scheme == Scheme::StandardWebhooks));
    }
}

fn mailgun(timestamp: &str, token: &str, signature: &str, now: Timestamp) -> Result<Genuine, Forged> {
    let body = json!({"signature": {"timestamp": timestamp, "token": token, "signature": signature}}).to_string();
    let delivery = Delivery { headers: &HeaderMap::new(), body: body.as_bytes() };
    Scheme::Mailgun.verify(&[Secret::new(b"fake".to_vec())], delivery, now)
}

#[test]
fn mailgun_signs_no_boundary_and_has_nine_hours() {
    let sign = |text: &str| hex(&mac::sign(&Secret::new(b"fake".to_vec()), &[text.as_bytes()]));
    let (time, token) = ("1795341600", "0123456789abcdef0123456789abcdef0123456789abcdef01");
    let signature = sign(&format!("{time}{token}"));
    let now = at(1_795_341_600);
    assert!(mailgun(time, token, &signature, now).is_ok());
    let shifted = [
        ("179534160", "00123456789abcdef0123456789abcdef0123456789abcdef01"),
        ("17953416000", "123456789abcdef0123456789abcdef0123456789abcdef01"),
    ];
    for (time, token) in shifted {
        assert_eq!(mailgun(time, token, &signature, now), Err(Forged::Malformed));
    }
    let upper = token.to_uppercase();
    assert_eq!(mailgun(time, &upper, &sign(&format!("{time}{upper}")), now), Err(Forged::Malformed));
    assert_eq!(mailgun(time, token, &signature.to_uppercase(), now), Err(Forged::Malformed));
    let later = |seconds: i64| mailgun(time, token, &signature, at(1_795_341_600 + seconds));
    assert!(later(9 * 3_600).is_ok() && later(-300).is_ok());
    assert_eq!((later(9 * 3_600 + 1), later(-301)), (Err(Forged::Stale), Err(Forged::Early)));
    let (mark, until) = later(0).unwrap().once.unwrap();
    assert_eq!(until, at(1_795_341_600 + 9 * 3_600));
    assert_eq!(later(5).unwrap().once.unwrap().0, mark, "the same delivery has the same mark");
}

#[test]
fn mailgun_bodies_without_a_signature_are_refused() {
    let key = [Secret::new(b"fake".to_vec())];
    for body in
        ["", "[]", "null", "{\"items\":[]}", "{\"signature\":\"x\"}", "{\"signature\":{\"timestamp\":1}}", "a=b"]
    {
        let delivery = Delivery { headers: &HeaderMap::new(), body: body.as_bytes() };
        assert_eq!(Scheme::Mailgun.verify(&key, delivery, at(0)), Err(Forged::Missing), "{body}");
    }
    let deep = format!("{{\"event-data\":{}1{},\"signature\":1}}", "[".repeat(100_000), "]".repeat(100_000));
    let delivery = Delivery { headers: &HeaderMap::new(), body: deep.as_bytes() };
    assert!(Scheme::Mailgun.verify(&key, delivery, at(0)).is_err(), "no panic");
}

#[test]
fn recurly_counts_five_minutes_both_ways_in_seconds_too() {
    let key = Secret::new(b"fake".to_vec());
    let verify = |time: &str, body: &str, now: i64| {
        let signature = hex(&mac::sign(&key, &[time.as_bytes(), b".", b"{}"]));
        let headers = headers(&[("recurly-signature", &format!("{time},{signature}"))]);
        let delivery = Delivery { headers: &headers, body: body.as_bytes() };
        Scheme::Recurly.verify(std::slice::from_ref(&key), delivery, at(now)).map(|genuine| genuine.once.is_some())
    };
    for time in ["1659641851", "1659641851000"] {
        assert_eq!((verify(time, "{}", 1_659_642_151), verify(time, "{}", 1_659_641_551)), (Ok(true), Ok(true)));
        assert_eq!(verify(time, "{}", 1_659_642_152), Err(Forged::Stale));
        assert_eq!(verify(time, "{}", 1_659_641_550), Err(Forged::Early));
        assert_eq!(verify(time, "{ }", 1_659_641_851), Err(Forged::Mismatch), "another body");
    }
    for time in ["", "-1659641851", "+1659641851", "1e9", "999999999999999"] {
        assert_eq!(verify(time, "{}", 1_659_641_851), Err(Forged::Malformed), "{time}");
    }
}

#[test]
fn standard_webhooks_know_both_names_and_no_stop_within_an_id() {
    let secret = standard::secret(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let verify = |prefix: &str, id: &str, time: &str, body: &str| {
        let mac = mac::sign(&secret, &[id.as_bytes(), b".", time.as_bytes(), b".", body.as_bytes()]);
        let signature = format!("v1,{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, mac));
        let names = ["id", "timestamp", "signature"].map(|name| format!("{prefix}-{name}"));
        let headers = headers(&[(&names[0], id), (&names[1], time), (&names[2], &signature)]);
        let delivery = Delivery { headers: &headers, body: body.as_bytes() };
        Scheme::StandardWebhooks.verify(std::slice::from_ref(&secret), delivery, at(1_614_265_330))
    };
    for prefix in ["webhook", "svix"] {
        let genuine = verify(prefix, "msg_1", "1614265330", "{}").unwrap();
        assert_eq!(genuine.idempotency_key, "msg_1");
    }
    assert_eq!(verify("hook", "msg_1", "1614265330", "{}"), Err(Forged::Missing));
    assert_eq!(verify("webhook", "msg_1.1614265330", "1614265330", "{}"), Err(Forged::Malformed));
    assert_eq!(verify("webhook", "msg_1", "1614265631", "{}"), Err(Forged::Early));
    assert_eq!(verify("webhook", "msg_1", "1614265029", "{}"), Err(Forged::Stale));
}

#[test]
fn github_and_basic_are_what_their_senders_write() {
    // From GitHub's documentation of its webhooks.
    let key = [Secret::new(b"It's a Secret to Everybody".to_vec())];
    let signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers_of = |value: &str| headers(&[("x-hub-signature-256", value)]);
    let verify = |headers: &HeaderMap, body: &[u8]| Scheme::Github.verify(&key, Delivery { headers, body }, at(0));
    assert!(verify(&headers_of(signed), b"Hello, World!").is_ok());
    assert_eq!(verify(&headers_of(signed), b"Hello, World?"), Err(Forged::Mismatch));
    assert_eq!(verify(&headers_of(&signed.replace("sha256=", "sha1=")), b"Hello, World!"), Err(Forged::Malformed));
    let mut twice = headers_of(signed);
    twice.append("x-hub-signature-256", HeaderValue::from_static("sha256=0"));
    assert_eq!(verify(&twice, b"Hello, World!"), Err(Forged::Missing), "of two headers neither counts");

    // RFC 7617, section 2.
    let key = [Secret::new(b"Aladdin:open sesame".to_vec())];
    let verify = |value: &str| {
        let headers = headers(&[("authorization", value)]);
        Scheme::Basic.verify(&key, Delivery { headers: &headers, body: b"" }, at(0)).map(|genuine| genuine.once)
    };
    assert_eq!(verify("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Ok(None));
    assert_eq!(verify("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Ok(None));
    assert_eq!(verify("Basic QWxhZGRpbjpvcGVu"), Err(Forged::Mismatch));
    assert_eq!(verify("Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Err(Forged::Missing));
}
