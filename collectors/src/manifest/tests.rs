//! A manifest is read strictly: every mistake names its key and its rule, and all of them are told at once.

use super::*;
use crate::limits::HostLimits;

const HEAD: &str = r#"name = "badge-reader"
version = "1.2.0-rc.1"
contract = "1"
description = "Doors."
sources = ["badge", "door_2"]
content_types = ["application/json", "application/vnd.door+xml"]
"#;
const KIND: &str = r#"[[kinds]]
log = "email"
name = "email_bounced"
"#;
const OWN: &str = r#"[[kinds]]
log = "system"
name = "badge_printed"
category = "process"
severity = "warning"
description = "A badge was printed."
"#;

fn mistakes(toml: &str) -> Vec<String> {
    Manifest::parse(toml.as_bytes()).expect_err(toml).mistakes
}

/// What is said when one line of a good manifest is another one.
fn with_line(line: &str, instead: &str) -> Vec<String> {
    let good = format!("{HEAD}{KIND}{OWN}");
    assert!(good.contains(line), "{line}");
    mistakes(&good.replacen(line, instead, 1))
}

#[test]
fn a_good_manifest_is_read_whole() {
    let limits = "[limits]\nmemory_mib = 16\noutput_mib = 4\ncall_ms = 200\nrecords = 64\n";
    let manifest = Manifest::parse(format!("{HEAD}{KIND}{OWN}{limits}").as_bytes()).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("badge-reader", "1.2.0-rc.1"));
    assert_eq!(manifest.sources, ["badge", "door_2"]);
    assert_eq!(manifest.content_types, ["application/json", "application/vnd.door+xml"]);
    let built_in = Catalogue::built_in();
    assert_eq!(manifest.kinds[0], **built_in.get(Log::Email, "email_bounced").unwrap(), "complete from its key alone");
    let own = &manifest.kinds[1];
    assert_eq!((own.category, own.severity), (Some(Category::Process), Severity::Warning));
    assert_eq!((&*own.description, own.pre_auth), ("A badge was printed.", false));
    let limits = ManifestLimits {
        memory_bytes: Some(16 * MIB),
        output_bytes: Some(4 * MIB),
        call: Some(Duration::from_millis(200)),
        records: Some(64),
    };
    assert_eq!(manifest.limits, limits);
}

#[test]
fn limits_are_optional() {
    let manifest = Manifest::parse(format!("{HEAD}{KIND}").as_bytes()).unwrap();
    assert_eq!(manifest.limits, ManifestLimits::default());
    let host = CallLimits::from(&HostLimits::default());
    assert_eq!(manifest.lower(host), Ok(host));
}

#[test]
fn a_wrong_value_names_key_and_rule() {
    let letters = "lower-case letters, digits, '-' and '_', beginning with a letter";
    let table = [
        (r#"name = "badge-reader""#, r#"name = "Badge""#, format!("name: {letters}")),
        (r#"name = "badge-reader""#, r#"name = """#, "name: a text of 1 to 64 bytes without control characters".into()),
        (
            r#"version = "1.2.0-rc.1""#,
            "version = 1",
            "version: a text of 1 to 64 bytes without control characters".into(),
        ),
        (r#"contract = "1""#, r#"contract = "2""#, r#"contract: "2", but this host speaks "1""#.into()),
        (
            r#"description = "Doors.""#,
            r#"description = "a\u0007b""#,
            "description: a text of 1 to 1024 bytes without control characters".into(),
        ),
        (
            r#""door_2"]"#,
            r#""Door"]"#,
            r#"sources: "Door" is not a name of lower-case letters, digits, '-' and '_' that is not ours"#.into(),
        ),
        (r#""door_2"]"#, r#""badge"]"#, r#"sources: "badge" stands there twice"#.into()),
        (r#"["badge", "door_2"]"#, r#""badge""#, "sources: required, a list of texts".into()),
        (r#"["badge", "door_2"]"#, "[]", "sources: at least one".into()),
        (
            r#""application/json""#,
            r#""application/json; charset=utf-8""#,
            r#"content_types: "application/json; charset=utf-8" is not a media type in lower case without parameters"#
                .into(),
        ),
        (r#""application/json""#, "7", "content_types: 7 is not a media type in lower case without parameters".into()),
    ];
    for (line, instead, said) in table {
        assert_eq!(with_line(line, instead), [said], "{instead}");
    }
}

/// proves: S8
#[test]
fn a_wrong_kind_names_its_place_and_rule() {
    let table = [
        (r#"log = "email""#, r#"log = "emails""#, "kinds[0].log: one of system, email, ai_usage"),
        (r#"log = "email""#, "", "kinds[0].log: required"),
        (r#"name = "email_bounced""#, "", "kinds[0].name: required"),
        (
            r#"category = "process""#,
            r#"category = "doors""#,
            "kinds[1].category: one of webhook, email, billing, security, process",
        ),
        (r#"severity = "warning""#, r#"severity = "fatal""#, "kinds[1].severity: one of info, warning, error"),
        (r#"severity = "warning""#, "", "kinds[1].severity: required"),
        (r#"description = "A badge was printed.""#, "", "kinds[1].description: required"),
        (
            r#"category = "process""#,
            "",
            r#"kinds[1].category: kind "badge_printed": the system log needs a category, no other log has one"#,
        ),
        (
            r#"name = "badge_printed""#,
            r#"name = "Badge printed""#,
            r#"kinds[1].name: kind name "Badge printed": 1 to 64 lower-case letters, digits and '_', beginning with a letter"#,
        ),
        (
            r#"name = "badge_printed""#,
            r#"name = "role_changed""#,
            r#"kinds[1].name: kind "role_changed" is already declared with another category or severity"#,
        ),
        (
            r#"name = "badge_printed""#,
            r#"name = "system_log_viewed""#,
            r#"kinds[1].name: "system_log_viewed" is written by the service alone"#,
        ),
        (r#"category = "process""#, "category = \"process\"\ncolour = \"red\"", "kinds[1].colour: unknown key"),
    ];
    for (line, instead, said) in table {
        assert_eq!(with_line(line, instead), [said], "{instead}");
    }
}

/// proves: S8
#[test]
fn kinds_are_declared_once_and_at_least_one_is() {
    assert_eq!(
        mistakes(&format!("{HEAD}{KIND}{KIND}")),
        [r#"kinds[1].name: "email_bounced" is declared twice in the log email"#]
    );
    let both = KIND.replace("email_bounced", "email_sent") + "[[kinds]]\nlog = \"system\"\nname = \"email_sent\"\n";
    assert!(Manifest::parse(format!("{HEAD}{both}").as_bytes()).is_ok(), "two logs, two kinds");
    for none in ["", "kinds = []\n", "kinds = \"all\"\n"] {
        assert_eq!(mistakes(&format!("{HEAD}{none}")), ["kinds: required, at least one table"]);
    }
    assert_eq!(mistakes(&format!("{HEAD}kinds = [\"email_sent\"]\n")), ["kinds: a list of tables"]);
}

#[test]
fn nobody_speaks_under_our_own_name() {
    let said = with_line(r#""badge", "#, r#""system-log", "#);
    assert!(said.len() == 1 && said[0].starts_with("sources: \"system-log\" is not"), "{said:?}");
}

#[test]
fn an_unknown_key_is_a_mistake_wherever_it_stands() {
    assert_eq!(mistakes(&format!("author = \"me\"\n{HEAD}{KIND}")), ["author: unknown key"]);
    assert_eq!(mistakes(&format!("{HEAD}{KIND}[limits]\nmemory = 1\n")), ["limits.memory: unknown key"]);
    assert_eq!(mistakes(&format!("{HEAD}{KIND}[network]\nallow = true\n")), ["network: unknown key"]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let required = ["contract", "name", "version", "description"].map(|key| format!("{key}: required")).into_iter();
    let lists = ["sources", "content_types"].map(|key| format!("{key}: required, a list of texts"));
    let all: Vec<String> = required.chain(lists).chain(["kinds: required, at least one table".to_owned()]).collect();
    assert_eq!(mistakes(""), all);
    let error = Manifest::parse(b"").unwrap_err().to_string();
    assert!(error.starts_with("contract: required; name: required; "), "{error}");
}

#[test]
fn what_is_no_toml_is_one_mistake() {
    assert_eq!(mistakes("name = ").len(), 1);
    assert_eq!(mistakes("name = \"a\"\nname = \"b\"").len(), 1);
    assert_eq!(Manifest::parse(&[0xff, 0xfe]).unwrap_err().mistakes, ["the manifest is not UTF-8"]);
}

/// proves: S7
#[test]
fn limits_are_lowered_and_never_raised() {
    let lower = |wish: &str| {
        let manifest = Manifest::parse(format!("{HEAD}{KIND}[limits]\n{wish}\n").as_bytes()).unwrap();
        manifest.lower(CallLimits::from(&HostLimits::default()))
    };
    let lowered = lower("memory_mib = 8\noutput_mib = 2\ncall_ms = 50\nrecords = 1").unwrap();
    assert_eq!((lowered.memory_bytes, lowered.output_bytes), (8 * MIB, 2 * MIB));
    assert_eq!(lowered.call_cap, Duration::from_millis(50));
    assert!(lower("memory_mib = 64\noutput_mib = 16\ncall_ms = 500\nrecords = 256").is_ok(), "as much as the host");
    let error = lower("memory_mib = 65\noutput_mib = 17\ncall_ms = 501\nrecords = 257").unwrap_err();
    let rule = |key: &str, max: usize| format!("limits.{key}: may only lower what the host allows, which is {max}");
    let all = [rule("memory_mib", 64), rule("output_mib", 16), rule("call_ms", 500), rule("records", MAX_CALL_RECORDS)];
    assert_eq!(error.mistakes, all);
    assert!(lower(&format!("memory_mib = {}", i64::MAX)).is_err(), "no overflow");
}

#[test]
fn a_limit_is_a_whole_number_above_0() {
    for wrong in ["0", "-1", "1.5", "\"16\"", "true"] {
        let said = mistakes(&format!("{HEAD}{KIND}[limits]\nmemory_mib = {wrong}\n"));
        assert_eq!(said, ["limits.memory_mib: a whole number above 0"], "{wrong}");
    }
    assert_eq!(mistakes(&format!("limits = 5\n{HEAD}{KIND}")), ["limits: a table"]);
}
