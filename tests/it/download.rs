//! `/export.csv` is the export of the contract as a download: the same bytes, the same rules, and visibly broken off when it is
//! not whole.

use std::time::Duration;

use serde_json::json;
use system_log_service::auth::Role;
use system_log_service::auth::token::Subject;
use system_log_tests::event::{everything, record, webhook};
use system_log_tests::http::{Answer, call, send};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;
use tokio::io::AsyncReadExt;

const RANGE: &str = "start=2026-08-25T00:00:00Z&end=2026-11-23T00:00:00Z";

fn token(server: &TestServer, org: &str, role: Role) -> String {
    server.token_of(&Subject { org, role, user: "u-test", name: "Tess Ting", email: "tess@example.com" })
}

async fn download(server: &TestServer, query: &str) -> Answer {
    let bearer = format!("Bearer {}", token(server, "acme", Role::Admin));
    call(server.listen, "GET", &format!("/export.csv?{query}"), &[("authorization", &bearer)], b"").await
}

async fn form(server: &TestServer, fields: &str) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    call(server.listen, "POST", "/export.csv", &headers, fields.as_bytes()).await
}

async fn filled() -> TestServer {
    let server = TestServer::start().await;
    let at = |n: usize| format!("2026-11-{:02}T09:00:00Z", 1 + n % 20);
    let hooks =
        (0..50).map(|n| webhook(&format!("w{n}"), &at(n), if n % 3 == 0 { 503 } else { 204 }, "=said \"no\"\n"));
    server.sender().send("webhook", "acme", hooks.collect()).await.unwrap();
    let mail = |n: usize| {
        record(&json!({"id": format!("m{n}"), "occurred_at": at(n), "event": "email_send_failed",
            "recipient": format!("a{n}@example.com"), "subject": "=1+1", "reason": "no"}))
    };
    server.sender().send("mail", "acme", (0..9).map(mail).collect()).await.unwrap();
    server
}

fn reason(answer: &Answer) -> String {
    answer.json()["error"]["reason"].as_str().unwrap_or_default().to_owned()
}

async fn views(server: &TestServer) -> Vec<pb::Event> {
    let filter = pb::EventFilter { types: vec!["system_log_viewed".into()], ..everything(pb::Log::System) };
    let auditor = Subject { org: "acme", role: Role::Admin, user: "auditor", name: "", email: "" };
    let rows = server.client_of(&auditor).list_all(&filter, "occurred_at", 200).await.unwrap();
    rows.into_iter().filter(|row| row.actor.as_ref().is_some_and(|actor| actor.id == "u-test")).collect()
}

/// proves: S9
#[tokio::test(flavor = "multi_thread")]
async fn a_download_has_the_bytes_of_the_rpc() {
    let server = filled().await;
    let admin = server.admin_of("acme");
    let webhooks = pb::EventFilter {
        categories: vec![pb::Category::Webhook.into()],
        severities: vec![pb::Severity::Error.into()],
        ..everything(pb::Log::System)
    };
    let columns = ["subject", "recipient"].map(String::from).to_vec();
    let cases = [
        (
            format!("log=system&{RANGE}&category=webhook&severity=error&order_by=message"),
            pb::ExportCsvRequest { filter: Some(webhooks), order_by: "message".into(), ..Default::default() },
        ),
        (
            format!("log=email&{RANGE}&columns=subject,recipient&raw=1&contains.recipient=%40EXAMPLE"),
            pb::ExportCsvRequest {
                filter: Some(everything(pb::Log::Email)),
                columns,
                raw_values: true,
                ..Default::default()
            },
        ),
    ];
    for (query, request) in cases {
        let expected = admin.export(request).await.unwrap().data;
        let answer = download(&server, &query).await;
        assert_eq!((answer.status, answer.is_whole), (200, true));
        assert_eq!(answer.text(), String::from_utf8(expected.to_vec()).unwrap());
        assert!(answer.text().lines().count() > 9, "{}", answer.text());
        let posted = form(&server, &format!("{query}&token={}", token(&server, "acme", Role::Admin))).await;
        assert_eq!((posted.status, posted.body), (200, answer.body.clone()));
        assert!(answer.header("content-type").starts_with("text/csv; charset=utf-8"));
        let disposition = answer.header("content-disposition").to_owned();
        assert!(disposition.starts_with("attachment; filename=\"") && disposition.ends_with("-20261122T100000Z.csv\""));
        assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"));
    }
    let seen = views(&server).await;
    assert_eq!(seen.len(), 6, "every export is recorded");
    let attributes = serde_json::to_value(&seen[1]).unwrap()["attributes"].clone();
    assert_eq!((&attributes["action"], &attributes["log"]), (&json!("export"), &json!("system")));
    assert_eq!(attributes["filter"]["categories"], json!(["CATEGORY_WEBHOOK"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_gets_no_row_and_no_token_stands_in_a_url() {
    let server = filled().await;
    let query = format!("log=system&{RANGE}");
    let unknown = call(server.listen, "GET", &format!("/export.csv?{query}"), &[], b"").await;
    assert_eq!((unknown.status, reason(&unknown).as_str()), (401, "UNAUTHENTICATED"));
    assert_eq!(unknown.header("www-authenticate"), "Bearer");
    let posted = form(&server, &format!("{query}&token=nonsense")).await;
    assert_eq!((posted.status, reason(&posted).as_str()), (401, "UNAUTHENTICATED"));
    for (org, role) in [("*", Role::Ingest), ("acme", Role::Member), ("*", Role::Operator)] {
        let posted = form(&server, &format!("{query}&token={}", token(&server, org, role))).await;
        assert_eq!((posted.status, reason(&posted).as_str()), (403, "ROLE_REQUIRED"), "{}", role.name());
    }
    let in_url = download(&server, &format!("{query}&token={}", token(&server, "acme", Role::Admin))).await;
    assert_eq!((in_url.status, reason(&in_url).as_str()), (400, "INVALID_FILTER"));
    let other = form(&server, &format!("{query}&token={}", token(&server, "other", Role::Admin))).await;
    assert_eq!(other.text().lines().count(), 1, "another organisation's log has a heading only: {}", other.text());
    assert!(views(&server).await.is_empty(), "a refused request is no view");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_named_before_anything_is_recorded() {
    let server = filled().await;
    let wrong = download(&server, "log=sytem&bot=yes&tpye=x").await;
    let details = wrong.json()["error"]["details"].clone();
    assert_eq!((wrong.status, reason(&wrong).as_str()), (400, "INVALID_FILTER"));
    let fields: Vec<&str> =
        details[1]["fieldViolations"].as_array().unwrap().iter().filter_map(|v| v["field"].as_str()).collect();
    assert_eq!(fields, ["log", "bot", "tpye"]);
    for (query, expected) in [
        ("", "INVALID_FILTER"),
        ("log=email&category=webhook", "INVALID_FILTER"),
        ("log=system&columns=nope", "INVALID_FILTER"),
        ("log=system&order_by=nope", "INVALID_ORDER_BY"),
        ("log=system&start=2026-08-01T00:00:00Z&end=2026-11-22T00:00:00Z", "RANGE_TOO_LONG"),
    ] {
        let answer = download(&server, query).await;
        assert_eq!((answer.status, reason(&answer).as_str()), (400, expected), "{query}");
    }
    assert!(views(&server).await.is_empty());
    server.road.store.close();
    let answer = download(&server, "log=system").await;
    assert_eq!((answer.status, reason(&answer).as_str()), (503, "AUDIT_UNAVAILABLE"));
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_finished_is_broken_off() {
    let server = TestServer::start().await;
    let text = "refused ".repeat(1_500);
    for batch in 0..8 {
        let records = (0..250).map(|n| webhook(&format!("w{batch}-{n}"), "2026-11-22T09:00:00Z", 503, &text));
        server.sender().send("webhook", "acme", records.collect()).await.unwrap();
    }
    let bearer = format!("Bearer {}", token(&server, "acme", Role::Admin));
    let target = format!("/export.csv?log=system&{RANGE}");
    let mut stream = send(server.listen, "GET", &target, &[("authorization", &bearer)], b"").await;
    let mut first = vec![0; 100_000];
    stream.read_exact(&mut first).await.unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200"));
    // Nothing is read meanwhile, so most of the file is still on its way when the server is told to stop.
    let stopping = tokio::spawn(server.stop());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut rest = Vec::new();
    let _broken = stream.read_to_end(&mut rest).await;
    stopping.await.unwrap();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "what is not whole does not look whole");
}
