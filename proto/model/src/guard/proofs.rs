//! The guard's promises: secrets of every kind in every carrier go, what only looks like one stays.

mod languages;
mod told;

use super::Guard;
use super::samples::{ALNUM, BASE32, HEX, LOWER, Rng, URL64};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Secrets that are known by their form, made by `make` from a generator.
type Maker = (&'static str, fn(&mut Rng) -> String);

fn jwt(rng: &mut Rng) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{}"}}"#, rng.text(HEX, 16)));
    format!("{header}.{claims}.{}", rng.text(URL64, 86))
}

fn pem(rng: &mut Rng) -> String {
    let dashes = "-".repeat(5);
    let body: Vec<String> = (0..6).map(|_| rng.text(ALNUM, 64)).collect();
    format!("{dashes}BEGIN RSA PRIVATE KEY{dashes}\n{}\n{dashes}END RSA PRIVATE KEY{dashes}", body.join("\n"))
}

const BY_FORM: &[Maker] = &[
    ("aws", |r| ["AK", "IA"].concat() + &r.text(BASE32, 16)),
    ("google", |r| ["AI", "za"].concat() + &r.text(URL64, 35)),
    ("google oauth", |r| ["ya", "29."].concat() + &r.text(URL64, 60)),
    ("azure", |r| format!("{}8Q{}{}", r.text(ALNUM, 3), '~', r.text(ALNUM, 34))),
    ("github", |r| ["gh", "p_"].concat() + &r.text(ALNUM, 36)),
    ("github server", |r| ["gh", "s_"].concat() + &r.text(ALNUM, 36)),
    ("github fine", |r| ["github", "_pat_"].concat() + &r.text(ALNUM, 22) + "_" + &r.text(ALNUM, 59)),
    ("gitlab", |r| ["gl", "pat-"].concat() + &r.text(URL64, 20)),
    ("slack", |r| format!("xo{}-{}-{}-{}", "xb", 1_234_567_890, 2_345_678_901u64, r.text(ALNUM, 24))),
    ("stripe", |r| ["sk", "_live_"].concat() + &r.text(ALNUM, 24)),
    ("stripe restricted", |r| ["rk", "_test_"].concat() + &r.text(ALNUM, 99)),
    ("stripe hook", |r| ["wh", "sec_"].concat() + &r.text(ALNUM, 32)),
    ("openai", |r| ["s", "k-"].concat() + &r.text(ALNUM, 20) + "T3BlbkFJ" + &r.text(ALNUM, 20)),
    ("openai project", |r| ["s", "k-proj-"].concat() + &r.text(URL64, 120)),
    ("anthropic", |r| ["s", "k-ant-api03-"].concat() + &r.text(URL64, 93) + "AA"),
    ("hugging face", |r| ["h", "f_"].concat() + &r.text(ALNUM, 34)),
    ("sendgrid", |r| format!("SG{}{}.{}", '.', r.text(URL64, 22), r.text(URL64, 43))),
    ("mailgun", |r| ["ke", "y-"].concat() + &r.text(HEX, 32)),
    ("mailgun new", |r| format!("{}-{}-{}", r.text(HEX, 32), r.text(HEX, 8), r.text(HEX, 8))),
    ("mailchimp", |r| r.text(HEX, 32) + "-us14"),
    ("twilio", |r| ["S", "K"].concat() + &r.text(HEX, 32)),
    ("square", |r| ["sq0", "atp-"].concat() + &r.text(URL64, 22)),
    ("shopify", |r| ["shp", "at_"].concat() + &r.text(HEX, 32)),
    ("npm", |r| ["np", "m_"].concat() + &r.text(ALNUM, 36)),
    ("pypi", |r| ["pyp", "i-AgEIcHlwaS5vcmc"].concat() + &r.text(URL64, 80)),
    ("digitalocean", |r| ["do", "p_v1_"].concat() + &r.text(HEX, 64)),
    ("databricks", |r| ["da", "pi"].concat() + &r.text(HEX, 32)),
    ("vault", |r| ["hv", "s."].concat() + &r.text(URL64, 90)),
    ("doppler", |r| ["dp.", "pt."].concat() + &r.text(ALNUM, 43)),
    ("linear", |r| ["lin", "_api_"].concat() + &r.text(ALNUM, 40)),
    ("notion", |r| ["nt", "n_"].concat() + &r.text(ALNUM, 46)),
    ("postman", |r| format!("PM{}-{}-{}", "AK", r.text(HEX, 24), r.text(HEX, 34))),
    ("grafana", |r| format!("gl{}_{}_{}", "sa", r.text(ALNUM, 32), r.text(HEX, 8))),
    ("sentry", |r| ["sntr", "yu_"].concat() + &r.text(HEX, 64)),
    ("crates", |r| ["ci", "o"].concat() + &r.text(ALNUM, 32)),
    ("heroku", |r| ["HR", "KU-AA"].concat() + &r.text(URL64, 58)),
    ("telegram", |r| format!("{}:{}{}", 1_234_567_890, "AA", r.text(URL64, 33))),
    ("ours", |r| ["sl", "k_"].concat() + &r.text(ALNUM, 32)),
    ("hugging face letters", |r| ["h", "f_"].concat() + &r.text(&ALNUM[..52], 34)),
    ("terraform", |r| format!("{}.{}.{}", r.text(ALNUM, 14), ["atlas", "v1"].concat(), r.text(URL64, 67))),
    ("airtable", |r| format!("pa{}{}.{}", 't', r.text(ALNUM, 14), r.text(HEX, 64))),
    ("contentful", |r| ["CFP", "AT-"].concat() + &r.text(URL64, 43)),
    ("netlify", |r| ["nf", "p_"].concat() + &r.text(ALNUM, 36)),
    ("pinecone", |r| ["pc", "sk_"].concat() + &r.text(ALNUM, 6) + "_" + &r.text(ALNUM, 63)),
    ("langsmith", |r| ["lsv2", "_pt_"].concat() + &r.text(HEX, 32) + "_" + &r.text(HEX, 10)),
    ("deepseek", |r| ["s", "k-"].concat() + &r.text(HEX, 32)),
    ("lob", |r| ["li", "ve_"].concat() + &r.text(HEX, 35)),
    ("launchdarkly", |r| {
        format!(
            "sd{}-{}-{}-{}-{}-{}",
            'k',
            r.text(HEX, 8),
            r.text(HEX, 4),
            r.text(HEX, 4),
            r.text(HEX, 4),
            r.text(HEX, 12)
        )
    }),
    ("jwt", jwt),
    ("age", |r| ["AGE-SECRET", "-KEY-1"].concat() + &r.text("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    ("acme", |r| ["acme", "_live_"].concat() + &r.text(ALNUM, 32)),
];

/// What a form-bound secret is carried in. `{}` stands for it.
fn carried(secret: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(&serde_json::json!({ "note": secret })).unwrap();
    let percent: String = secret
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let unicode: String = secret.bytes().map(|b| format!("\\u{b:04x}")).collect();
    let middle = secret.len() / 2;
    let (head, tail) = secret.split_at(middle);
    vec![
        ("plain", format!("request to provider failed with {secret} at step 3")),
        ("sentence end", format!("rejected {secret}.")),
        ("json", json.clone()),
        ("json in string", serde_json::to_string(&json).unwrap()),
        ("json in string twice", serde_json::to_string(&serde_json::to_string(&json).unwrap()).unwrap()),
        ("form", format!("grant_type=code&note={secret}&state=1")),
        ("query", format!("GET /v1/things?note={secret}&page=2 HTTP/1.1")),
        ("header", format!("X-Note: {secret}\r\nAccept: */*")),
        ("logfmt", format!("level=warn msg=\"call failed\" note={secret} status=401")),
        ("lines", format!("first line\n  {secret}\nlast line")),
        ("url-encoded", format!("https://example.test/cb?next=%2Fhome%3Fnote%3D{percent}%26x%3D1")),
        ("base64", format!("payload {} received", STANDARD.encode(format!("note={secret}")))),
        ("base64 alone", STANDARD.encode(secret)),
        ("unicode", format!("{{\"note\":\"{unicode}\"}}")),
        ("split", format!("{{\"note\":\"{head}\\n{tail}\"}}")),
        ("split for real", format!("note = \"{head}\n{tail}\"")),
    ]
}

/// The first eight characters of the secret that survive in any reading of the text.
fn leak(secret: &str, text: &str) -> Option<String> {
    let plain = super::carriers::View::of(text.as_bytes())
        .map_or_else(|| text.to_owned(), |v| String::from_utf8_lossy(&v.text).into_owned());
    let flat: String = plain.replace(['\n', '\\'], "");
    secret
        .as_bytes()
        .windows(8)
        .map(|w| String::from_utf8_lossy(w).into_owned())
        .find(|part| [text, plain.as_str(), flat.as_str()].iter().any(|t| t.contains(part)))
}

fn missed(cases: impl IntoIterator<Item = (String, String, String)>) -> (usize, Vec<String>) {
    let guard = Guard::new();
    let mut all = 0;
    let mut missed = vec![];
    for (name, secret, text) in cases {
        all += 1;
        let clean = guard.text(&text);
        if let Some(part) = leak(&secret, &clean) {
            missed.push(format!("{name}: {part} survives: {text} -> {clean}"));
        }
        assert_eq!(guard.text(&clean), clean, "idempotent: {text}");
    }
    (all, missed)
}

// proves: S1
#[test]
fn secrets_known_by_form_go_in_every_carrier() {
    let cases = BY_FORM.iter().flat_map(|(name, make)| {
        (0..12).flat_map(move |seed| {
            let secret = make(&mut Rng::new(seed * 7919 + 13));
            carried(&secret).into_iter().map(move |(carrier, text)| (format!("{name}/{carrier}"), secret.clone(), text))
        })
    });
    let (all, missed) = missed(cases);
    assert!(missed.len() * 1000 <= all, "{} of {all}:\n{}", missed.len(), missed.join("\n"));
}

// proves: S1
#[test]
fn private_keys_go_in_every_carrier() {
    let cases = (0..20).flat_map(|seed| {
        let secret = pem(&mut Rng::new(seed));
        let escaped = secret.replace('\n', "\\n");
        let json = serde_json::json!({ "k": secret }).to_string();
        let twice = serde_json::to_string(&json).unwrap();
        let texts = [
            secret.clone(),
            format!("key \"{escaped}\" loaded"),
            json,
            twice,
            STANDARD.encode(&secret),
            format!("a={}&b=1", secret.replace(' ', "+").replace('\n', "%0A")),
            secret[..200].to_owned(),
        ];
        texts.into_iter().map(move |text| ("pem".to_owned(), secret.clone(), text)).collect::<Vec<_>>()
    });
    let (_, missed) = missed(cases);
    assert_eq!(missed, Vec::<String>::new());
}

/// Names that are used for nothing but a secret.
const SURE: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "secret",
    "client_secret",
    "clientSecret",
    "api_key",
    "apikey",
    "x-api-key",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "sessionid",
    "private_key",
    "credentials",
];

/// Names of secrets that are used for other things too, or are longer.
const NAMES: &[&str] = &[
    "passphrase",
    "apiKey",
    "accessToken",
    "csrf_token",
    "mysql_pwd",
    "PGPASSWORD",
    "DB_PASSWORD",
    "webhook_signing_secret",
    "signing_secret",
    "SECRET_KEY_BASE",
    "aws_secret_access_key",
    "session",
    "AccountKey",
];

/// Names of fields that hold nothing else; in texts more is needed.
const FIELDS: &[&str] = &[
    "authorization",
    "Authorization",
    "cookie",
    "set_cookie",
    "session_cookie",
    "session_id",
    "sessionId",
    "credential",
    "otp",
];

fn named(name: &str, secret: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::json!({ "a": { "b": [{ (name): secret }] } }).to_string();
    let percent: String = secret
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let unicode: String = secret.bytes().map(|b| format!("\\u{b:04x}")).collect();
    vec![
        ("json", json.clone()),
        ("json in string", serde_json::to_string(&json).unwrap()),
        ("json twice", serde_json::to_string(&serde_json::to_string(&json).unwrap()).unwrap()),
        ("fragment", format!("body was {{\"{name}\": \"{secret}\", \"page\": 2}} and failed")),
        ("form", format!("grant_type=x&{name}={percent}&state=1")),
        ("query", format!("GET /v1/things?{name}={percent}&page=2 HTTP/1.1")),
        ("encoded query", format!("next=%2Fhome%3F{name}%3D{percent}%26page%3D2")),
        ("header", format!("Accept: */*\r\n{name}: {secret}\r\nHost: a.test")),
        ("logfmt", format!("level=warn {name}={secret} status=401")),
        ("env", format!("export {name}={secret}")),
        ("yaml", format!("db:\n  {name}: {secret}\n  port: 5432")),
        ("single quotes", format!("{{'{name}': '{secret}'}}")),
        ("code", format!("{name} = \"{secret}\"")),
        ("ruby", format!(":{name} => '{secret}'")),
        ("xml", format!("<config><{name}>{secret}</{name}></config>")),
        ("flag", format!("run --{name} {secret} --verbose")),
        ("flag with equals", format!("run --{name}={secret} --verbose")),
        ("unicode", format!("{{\"{name}\":\"{unicode}\"}}")),
        ("split", format!("{{\"{name}\":\"{}\\n{}\"}}", &secret[..9], &secret[9..])),
        ("base64", STANDARD.encode(format!("{{\"{name}\":\"{secret}\"}}"))),
        ("named pair", format!("{{\"name\":\"{name}\",\"value\":\"{secret}\"}}")),
        ("multipart", format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{secret}\r\n--x")),
    ]
}

// proves: S1
#[test]
fn secrets_known_by_name_go_in_every_carrier() {
    let cases = SURE.iter().chain(NAMES).flat_map(|name| {
        (0..12).flat_map(move |seed| {
            let mut rng = Rng::new(seed * 104_729 + 7);
            let secret = match seed % 4 {
                0 => rng.text(ALNUM, 24),
                1 => rng.text(LOWER, 32),
                2 => rng.text(HEX, 40),
                _ => rng.text(URL64, 43),
            };
            named(name, &secret)
                .into_iter()
                .map(move |(carrier, text)| (format!("{name}/{carrier}"), secret.clone(), text))
        })
    });
    let (all, missed) = missed(cases);
    assert!(missed.len() * 500 <= all, "{} of {all}:\n{}", missed.len(), missed.join("\n"));
}

// proves: S1
#[test]
fn chosen_passwords_go() {
    let cases = ["hunter2hunter", "S3cr3t!Pass&word", "Tr0ub4dor;and,3", "p@ss/w0rd#1x", "Winter2024!!"]
        .into_iter()
        .flat_map(|secret| {
            [
                format!("password={secret}"),
                format!("password: {secret}"),
                format!("{{\"password\":\"{secret}\"}}"),
                format!("postgres://app:{secret}@db.internal:5432/app"),
                format!("jdbc:sqlserver://db;user=sa;Password={secret};encrypt=true"),
                format!("curl -u admin:{secret} https://a.test"),
                format!("curl -u admin:'{secret}' https://a.test"),
                format!("CREATE USER bob IDENTIFIED BY PASSWORD '{secret}'"),
                format!("machine a.test login bob password {secret}"),
                format!("the password is {secret}"),
                format!("Authorization: Basic {}", STANDARD.encode(format!("bob:{secret}"))),
            ]
            .map(|text| ("password".to_owned(), secret.to_owned(), text))
        });
    let (_, missed) = missed(cases);
    assert_eq!(missed, Vec::<String>::new());
}

// proves: S1
#[test]
fn headers_urls_and_keywords() {
    let mut rng = Rng::new(99);
    let mut cases = vec![];
    for _ in 0..20 {
        let secret = rng.text(ALNUM, 40);
        let hex = rng.text(HEX, 64);
        let urls = [
            "redis://:{}@cache:6379/0",
            "amqp://u:{}@mq/vh",
            "mongodb+srv://u:{}@c.test/db",
            "https://u:{}@a.test/x?y=1",
        ];
        cases.extend(urls.map(|url| (url.to_owned(), secret.clone(), url.replace("{}", &secret))));
        let texts = [
            "Authorization: Bearer {}",
            "authorization: token {}",
            "curl -H 'Authorization: Bearer {}' https://a.test",
            "sent Bearer {} to upstream",
            "{\"headers\":{\"Authorization\":\"Bearer {}\"}}",
            "Cookie: theme=dark; sid={}",
            "Set-Cookie: connect.sid={}; Path=/; HttpOnly",
            "Proxy-Authorization: Basic {}",
            "the api key {} was rotated",
            "secret for tenant is {}",
            "token {} expired",
            "https://a.test/f?X-Amz-Signature={}&x=1",
            "https://acc.blob.test/c?sv=2022&sig={}",
            "AccountName=a;AccountKey={}==;EndpointSuffix=x",
            "https://hooks.slack.com/services/T0000/B0000/{}",
            "https://discord.com/api/webhooks/123456/{}",
            "stripe_key = '{}'",
            "datadog: \"{}\"",
            "os.environ.setdefault('SIGNING_KEY', '{}')",
            "connect.sid={}",
        ];
        cases.extend(texts.map(|text| (text.to_owned(), secret.clone(), text.replace("{}", &secret))));
        let texts = [
            "Digest username=\"bob\", realm=\"a\", response=\"{}\"",
            "Authorization: Hawk id=\"b\", ts=\"1353832234\", nonce=\"j4h3g2\", mac=\"{}\"",
            "X-Amz-Signature={}",
            "api_key={}",
            "Authorization: AWS4-HMAC-SHA256 Credential=x/2024/s3/aws4_request, SignedHeaders=host, Signature={}",
        ];
        cases.extend(texts.map(|text| (text.to_owned(), hex.clone(), text.replace("{}", &hex))));
    }
    let (all, missed) = missed(cases);
    assert!(missed.len() * 200 <= all, "{} of {all}:\n{}", missed.len(), missed.join("\n"));
}

const CHOSEN: &[&str] = &[
    "sess-abcdef0123456789",
    "tok-abcdef0123456789",
    "abc-def-ghi-123",
    "my-secret-key",
    "correct-horse-battery",
    "abc123",
    "swordfish",
    "admin",
    "expired",
    "x",
    "7",
    "Bearer abc-def-ghi-123",
    "a b",
    "550e8400-e29b-41d4-a716-446655440000",
];

// proves: S1
#[test]
fn a_field_that_names_a_secret_keeps_nothing() {
    let guard = Guard::new();
    for name in SURE.iter().chain(FIELDS) {
        for value in CHOSEN {
            let json = serde_json::json!({ "a": [{ (*name): value, "b": 1 }] }).to_string();
            for (media, body) in [
                ("application/json", json),
                ("application/x-www-form-urlencoded", format!("b=1&{name}={}", value.replace(' ', "+"))),
            ] {
                let clean = guard.payload(body.as_bytes(), media);
                let text = String::from_utf8_lossy(&clean);
                assert!(text.contains("[redacted:"), "{body} -> {text}");
                assert_eq!(guard.payload(&clean, media), clean, "idempotent: {body}");
            }
        }
    }
    let kept = serde_json::json!({
        "token": null, "secret": false, "password": "", "cookie": "null", "max_tokens": 5, "prompt_tokens": 7, "total_tokens": "12",
        "token_type": "bearer", "token_count": "3", "password_changed_at": "2026-11-25", "session_count": "4", "session": "closed",
        "auth": "plain", "tokens": "1200", "api_key": "${API_KEY}", "secret_name": "db-credentials",
        "errors": { "password": ["must be at least 8 characters", "This field may not be blank."] },
        "names": ["access_token", "refresh_token"],
    });
    let kept = kept.to_string();
    assert_eq!(String::from_utf8_lossy(&guard.payload(kept.as_bytes(), "application/json")), kept);
}

// proves: S1
#[test]
fn chosen_words_go_from_texts() {
    let guard = Guard::new();
    for (text, secret) in [
        ("password: hunterabc", "hunterabc"),
        ("login of bob failed, password: hunterabc", "hunterabc"),
        ("login password: hunterabc user=bob", "hunterabc"),
        ("job 7 with passwd: swordfish", "swordfish"),
        ("retry with token=hunterabc now", "hunterabc"),
        ("secret=hunterabc", "hunterabc"),
        ("call failed: api_key=hunterabc&page=2", "hunterabc"),
        ("GET /x?client_secret=correct-horse-battery&a=b", "correct-horse-battery"),
        ("body {\"token\":\"tok-abcdef0123456789\"}", "tok-abcdef0123456789"),
        ("body {\"session_cookie\": \"sess-abcdef0123456789\"}", "sess-abcdef0123456789"),
        ("body {\"token\":\"abc-def-ghi-123\"}", "abc-def-ghi-123"),
        ("api_key=\"my-secret-key\"", "my-secret-key"),
        ("token: tok-abcdef0123456789", "tok-abcdef0123456789"),
        ("session_id: abc123", "abc123"),
        ("session_id=abc123", "abc123"),
        ("Authorization: Bearer abc-def-ghi-123", "abc-def-ghi-123"),
        ("mysql -uroot -pSwordfish shop", "Swordfish"),
        ("mysqldump -h db -p'Sword fish' shop", "Sword fish"),
        ("sshpass -p swordfish ssh a@b", "swordfish"),
        ("sshpass -pswordfish ssh a@b", "swordfish"),
        ("ran `sshpass -p \"swordfish\" scp x a@b:`", "swordfish"),
    ] {
        let clean = guard.text(text).into_owned();
        assert!(!clean.contains(secret) && clean.contains("[redacted:"), "{text} -> {clean}");
        assert_eq!(guard.text(&clean), clean, "idempotent: {text}");
    }
    for text in [
        "password: required",
        "login failed, password: required",
        "token: expired",
        "Invalid password: please try again",
        "Unexpected token: identifier",
        "f(api_key=api_key, token=token)",
        "mysql -p shop",
        "mysql -P 3306 -p",
        "mkdir -p swordfish",
        "ssh -p 2222 host",
        "mysql --port=3306; mkdir -parents",
        "docker run mysql -p3306:3306",
        "cp /var/lib/mysql -preserve",
        "token=config.token",
    ] {
        assert_eq!(guard.text(text), text);
    }
}

// proves: S1
#[test]
fn authtokens_of_ngrok_go() {
    let mut rng = Rng::new(5);
    let token = format!("2{}a1B_{}z9Y", rng.text(ALNUM, 23), rng.text(ALNUM, 18));
    let cases = carried(&token).into_iter().map(|(carrier, text)| (carrier.to_owned(), token.clone(), text));
    let (_, missed) = missed(cases.filter(|(carrier, ..)| !carrier.starts_with("split")));
    assert_eq!(missed, Vec::<String>::new());
}
