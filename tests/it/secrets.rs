//! A secret that was sent is nowhere: not in a row, a file, an export, a dead letter. proves: S1

use serde_json::json;
use system_log_service::auth::Role;
use system_log_tests::event::{everything, record};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;

/// Obviously fake, in the shapes that real ones have; put together so that no scanner takes this file for a leak.
fn secrets() -> Vec<String> {
    let fill = |alphabet: &str, length: usize| alphabet.chars().cycle().take(length).collect::<String>();
    let mixed = "q7Zk2Wv9Xb4Tn6Lp3Rs8";
    vec![
        format!("gh{}_{}", "p", fill(mixed, 36)),
        format!("sk_{}_{}", "live", fill(mixed, 24)),
        format!("AKI{}{}", "A", "Q7ZK2WV9XB4TN6LP"),
        format!("xox{}-{}-{}", "b", "123456789012", fill(mixed, 24)),
        format!("eyJhbGciOiJIUzI1NiJ9.{}.{}", "eyJzdWIiOiJhbGljZSIsImV4cCI6MTc5NTM0MTYwMH0", fill(mixed, 43)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_secret_is_found_nowhere_and_the_rest_is() {
    let server = TestServer::start().await;
    let mut records = Vec::new();
    for (n, secret) in secrets().iter().enumerate() {
        records.push(record(&json!({"id": format!("a{n}"), "occurred_at": "2026-11-22T09:00:00Z",
            "url": format!("https://user:{secret}@crm.example.com/in?team=7"), "method": "POST", "http_status": 401,
            "event": "task.done", "error": format!("denied for Authorization: Bearer {secret} at step {n}")})));
    }
    let results = server.sender().send("webhook", "acme", records).await.unwrap();
    assert!(results.iter().all(|result| result.outcome() == pb::Outcome::Stored));
    // This collector keeps fields it does not know as attributes: a secret may stand in the name of one.
    let names = secrets();
    let named = names.iter().enumerate().map(|(n, secret)| {
        record(&json!({"id": format!("k{n}"), "event": "task_auto_completed", "occurred_at": "2026-11-22T09:00:00Z",
            secret.as_str(): "yes"}))
    });
    let results = server.sender().send("platform", "acme", named.collect()).await.unwrap();
    assert!(results.iter().all(|result| result.outcome() == pb::Outcome::Stored));
    let letters =
        secrets().iter().map(|s| record(&json!({"event": "unheard_of", "note": format!("token {s}")}))).collect();
    server.sender().send("security", "acme", letters).await.unwrap();

    let admin = server.admin_of("acme");
    let rows = admin.list_all(&everything(pb::Log::System), "", 200).await.unwrap();
    let mut seen = serde_json::to_string(&rows).unwrap();
    let all = pb::ExportCsvRequest { filter: Some(everything(pb::Log::System)), ..Default::default() };
    seen += &String::from_utf8(admin.export(all).await.unwrap().data).unwrap();
    let operator = server.client("*", Role::Operator);
    let letters = operator.collectors().list_dead_letters(pb::ListDeadLettersRequest::default()).await.unwrap();
    for letter in letters.into_inner().dead_letters {
        seen += std::str::from_utf8(&letter.payload).unwrap();
    }
    for secret in secrets() {
        for part in (8..=secret.len()).map(|end| &secret[end - 8..end]) {
            // The header that every token of a kind shares is no secret.
            if !"eyJhbGciOiJIUzI1NiJ9.".contains(part) {
                assert!(!seen.contains(part), "{part} of {secret} survives");
            }
        }
    }
    assert!(seen.contains("at step 3") && seen.contains("crm.example.com/in?team=7"), "the rest stays readable");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_does_not_repeat_the_secret_of_a_record_that_is_dropped_or_rejected() {
    let server = TestServer::start().await;
    for secret in secrets() {
        // A request of MCP that is no call of a tool is named in the answer; so is an entity that nobody declared.
        let dropped =
            record(&json!({"kind": "mcp_tool_call", "response": {}, "request": {"jsonrpc": "2.0", "method": secret}}));
        let xml = format!("<failed_payment_notification>&x-{secret};</failed_payment_notification>");
        let rejected =
            pb::Record { payload: xml.into_bytes().into(), content_type: "text/xml".into(), ..Default::default() };
        let dropped = server.sender().send("ai", "acme", vec![dropped]).await.unwrap();
        let rejected = server.sender().send("recurly", "acme", vec![rejected]).await.unwrap();
        assert_eq!(dropped[0].outcome(), pb::Outcome::Dropped, "{}", dropped[0].message);
        assert_eq!(rejected[0].outcome(), pb::Outcome::Rejected, "{}", rejected[0].message);
        for result in dropped.iter().chain(&rejected) {
            assert!(!result.message.contains(&secret[8..16]), "{}", result.message);
            assert!(result.message.contains("[redacted:"), "{}", result.message);
        }
    }
}
