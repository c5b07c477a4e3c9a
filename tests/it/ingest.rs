//! One result per record, in order; nothing stored twice; a dry run stores nothing.

use serde_json::json;
use system_log_tests::client::reason;
use system_log_tests::event::{everything, record, time, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;

const AT: &str = "2026-11-22T09:00:00Z";

fn outcomes(results: &[pb::RecordResult]) -> Vec<(pb::Outcome, &str)> {
    results.iter().map(|result| (result.outcome(), result.reason.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_has_its_own_reason_and_never_hurts_its_neighbours() {
    let server = TestServer::start().await;
    let sender = server.client("acme", system_log_service::auth::Role::Ingest);
    let with = |payload: &str| pb::Record { payload: payload.to_owned().into_bytes().into(), ..Default::default() };
    let records = vec![
        webhook("w1", AT, 204, ""),
        with("{\"id\": "),
        webhook("w2", "2026-08-01T00:00:00Z", 204, ""),
        pb::Record { org_id: "other".into(), ..webhook("w3", AT, 204, "") },
        pb::Record { content_type: "image/png".into(), ..webhook("w4", AT, 204, "") },
        with(&" ".repeat(256 * 1024 + 1)),
        with("[]"),
        with(""),
        with(&"[".repeat(100_000)),
        with("{\"id\":\"w5\",\"occurred_at\":\"2026-11-22T09:00:00Z\",\"http_status\":200}"),
        webhook("w6", AT, 503, "Service Unavailable"),
    ];
    let results = sender.send("webhook", "acme", records).await.unwrap();
    use pb::Outcome::{Dropped, Rejected, Stored};
    let expected = [
        (Stored, ""),
        (Rejected, "MALFORMED_PAYLOAD"),
        (Rejected, "TOO_OLD"),
        (Rejected, "ORG_NOT_ALLOWED"),
        (Rejected, "UNSUPPORTED_CONTENT_TYPE"),
        (Rejected, "PAYLOAD_TOO_LARGE"),
        (Dropped, "NOT_LOGGED"), // a page without deliveries
        (Rejected, "MALFORMED_PAYLOAD"),
        (Rejected, "MALFORMED_PAYLOAD"),
        (Rejected, "MISSING_FIELD"),
        (Stored, ""),
    ];
    assert_eq!(outcomes(&results), expected);
    assert!(results[9].message.contains("url"), "names the field: {}", results[9].message);
    let rows = server.admin_of("acme").list_all(&everything(pb::Log::System), "occurred_at", 50).await.unwrap();
    let ids: Vec<&str> = rows.iter().filter(|row| row.source == "webhook").map(|row| row.id.as_str()).collect();
    assert_eq!(ids, [results[0].event_ids[0].as_str(), results[10].event_ids[0].as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_an_unknown_type_is_kept_as_a_guarded_dead_letter() {
    let server = TestServer::start().await;
    let secret = "hunter2-correct-horse";
    let unknown = record(&json!({"id": "x", "event": "teleported", "occurred_at": AT, "password": secret}));
    let results = server.sender().send("security", "acme", vec![unknown]).await.unwrap();
    assert_eq!(outcomes(&results), [(pb::Outcome::DeadLettered, "UNKNOWN_EVENT")]);
    let operator = server.client("*", system_log_service::auth::Role::Operator);
    let letters = operator.collectors().list_dead_letters(pb::ListDeadLettersRequest::default()).await.unwrap();
    let letters = letters.into_inner().dead_letters;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason, "UNKNOWN_EVENT");
    assert_eq!((letters[0].source.as_str(), letters[0].org_id.as_str()), ("security", "acme"));
    let payload = String::from_utf8(letters[0].payload.to_vec()).unwrap();
    assert!(payload.contains("teleported") && !payload.contains(secret), "{payload}");
}

/// proves: S11
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_answered_with_the_first_ids_even_after_a_restart() {
    let server = TestServer::start().await;
    let now = system_log_model::Clock::now(&*server.clock);
    let batch = || {
        vec![webhook("natural", AT, 200, ""), pb::Record { idempotency_key: "own".into(), ..webhook("a", AT, 200, "") }]
    };
    let first = server.sender().send("webhook", "acme", batch()).await.unwrap();
    let again = server.sender().send("webhook", "acme", batch()).await.unwrap();
    let folder = server.stop().await;
    let server = TestServer::open(folder, now).await;
    let later = server.sender().send("webhook", "acme", batch()).await.unwrap();
    for results in [again, later] {
        for (first, result) in first.iter().zip(results) {
            assert_eq!(result.outcome(), pb::Outcome::Duplicate);
            assert_eq!(result.event_ids, first.event_ids);
        }
    }
    let other = pb::Record { idempotency_key: "own".into(), ..webhook("b", AT, 503, "changed") };
    let results = server.sender().send("webhook", "acme", vec![other]).await.unwrap();
    assert_eq!(results[0].outcome(), pb::Outcome::Duplicate, "the key counts, not the payload");
    let elsewhere = server.sender().send("webhook", "globex", batch()).await.unwrap();
    assert!(elsewhere.iter().all(|result| result.outcome() == pb::Outcome::Stored), "a key is one organisation's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_record_does_not_use_up_its_key() {
    let server = TestServer::start().await;
    let keyed = |record| pb::Record { idempotency_key: "k".into(), ..record };
    let old = keyed(webhook("w", "2026-08-01T00:00:00Z", 200, ""));
    let refused = server.sender().send("webhook", "acme", vec![old]).await.unwrap();
    let stored = server.sender().send("webhook", "acme", vec![keyed(webhook("w", AT, 200, ""))]).await.unwrap();
    assert_eq!(refused[0].reason, "TOO_OLD");
    assert_eq!(stored[0].outcome(), pb::Outcome::Stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_events_and_stores_nothing() {
    let server = TestServer::start().await;
    let old = webhook("w2", "2026-01-01T00:00:00Z", 503, "old");
    let request = pb::IngestRequest {
        source: "webhook".into(),
        org_id: "acme".into(),
        records: vec![webhook("w1", AT, 503, "Unavailable"), old],
        validate_only: true,
    };
    for _ in 0..2 {
        let results = server.sender().ingest().ingest(request.clone()).await.unwrap().into_inner().results;
        assert_eq!(results[0].outcome(), pb::Outcome::Stored, "dedupe is not consulted");
        assert_eq!(results[0].events[0].message, "POST https://crm.example.com/hooks -> 503: Unavailable");
        assert!(results[0].event_ids.is_empty() && results[0].events[0].id.is_empty());
        assert_eq!((results[1].outcome(), results[1].reason.as_str()), (pb::Outcome::Rejected, "TOO_OLD"));
        assert_eq!(results[1].events.len(), 1, "an old sample can be looked at");
    }
    let page = server.admin_of("acme").list_all(&everything(pb::Log::System), "", 50).await.unwrap();
    assert_eq!(page.len(), 0);
    let foreign = pb::Record { org_id: "other".into(), ..webhook("w3", AT, 503, "Unavailable") };
    let request = pb::IngestRequest { records: vec![foreign], ..request };
    let own = server.client("acme", system_log_service::auth::Role::Ingest);
    for validate_only in [true, false] {
        let request = pb::IngestRequest { validate_only, ..request.clone() };
        let result = &own.ingest().ingest(request).await.unwrap().into_inner().results[0];
        assert_eq!((result.outcome(), result.reason.as_str()), (pb::Outcome::Rejected, "ORG_NOT_ALLOWED"));
        assert_eq!(result.events.len(), usize::from(validate_only), "shown, and refused all the same");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_cannot_be_is_the_receive_time_and_marked() {
    let server = TestServer::start().await;
    let times = ["yesterday at noon", "2009-12-31T23:59:59Z", "2026-11-22T10:11:00Z"];
    let records = times.iter().enumerate().map(|(n, at)| webhook(&format!("w{n}"), at, 200, "")).collect();
    server.sender().send("webhook", "acme", records).await.unwrap();
    let fine = webhook("fine", "2026-11-22T10:09:00.123456Z", 200, "");
    server.sender().send("webhook", "acme", vec![fine]).await.unwrap();
    let rows = server.admin_of("acme").list_all(&everything(pb::Log::System), "occurred_at asc", 50).await.unwrap();
    let hooks: Vec<_> = rows.iter().filter(|row| row.source == "webhook").collect();
    let attribute = |row: &pb::Event, name: &str| {
        serde_json::to_value(row).unwrap()["attributes"][name].as_str().unwrap_or_default().to_owned()
    };
    for (row, at) in hooks[..3].iter().zip(times) {
        assert_eq!(row.occurred_at, row.received_at);
        assert_eq!((attribute(row, "clock").as_str(), attribute(row, "source_time").as_str()), ("suspect", at));
    }
    assert_eq!(hooks[3].occurred_at, Some(time("2026-11-22T10:09:00.123456Z")));
    assert_eq!(attribute(hooks[3], "clock"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_answers_in_order_and_survives_a_refused_request() {
    let server = TestServer::start().await;
    let request = |sequence: u64, source: &str, records| pb::IngestStreamRequest {
        sequence,
        source: source.into(),
        org_id: "acme".into(),
        records,
    };
    let requests = vec![
        request(7, "webhook", vec![webhook("s1", AT, 200, "")]),
        request(8, "nothing-of-ours", vec![webhook("s2", AT, 200, "")]),
        request(9, "webhook", Vec::new()),
        request(10, "webhook", vec![webhook("s1", AT, 200, ""), webhook("s3", AT, 500, "x")]),
    ];
    let mut answers = server.sender().ingest().ingest_stream(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        seen.push(answer);
    }
    assert_eq!(seen.iter().map(|answer| answer.sequence).collect::<Vec<_>>(), [7, 8, 9, 10]);
    assert_eq!(seen[0].results[0].outcome(), pb::Outcome::Stored);
    for (answer, want) in [(&seen[1], "UNKNOWN_SOURCE"), (&seen[2], "EMPTY_BATCH")] {
        let error = answer.error.as_ref().expect("refused");
        assert_eq!(error.code, i32::from(tonic::Code::InvalidArgument));
        let details = prost::bytes::Bytes::from(prost::Message::encode_to_vec(error));
        assert_eq!(reason(&tonic::Status::with_details(tonic::Code::InvalidArgument, "", details)), want);
    }
    let last: Vec<_> = seen[3].results.iter().map(pb::RecordResult::outcome).collect();
    assert_eq!(last, [pb::Outcome::Duplicate, pb::Outcome::Stored]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_own_events_become_rows_with_their_change() {
    let server = TestServer::start().await;
    let change = record(&json!({"id": "r1", "occurred_at": AT, "event": "role_changed", "before": "standard",
        "after": "administrator", "recipient": "bob@example.com", "actor": {"id": "u1"}}));
    let sent = server.sender().send("security", "acme", vec![change]).await.unwrap();
    let id = sent[0].event_ids[0].clone();
    let event = server.admin_of("acme").log().get_event(pb::GetEventRequest { id }).await.unwrap().into_inner();
    let event = event.event.unwrap();
    assert_eq!(
        (event.r#type.as_str(), event.category(), event.severity()),
        ("role_changed", pb::Category::Security, pb::Severity::Info)
    );
    let change = event.change.unwrap();
    assert_eq!(
        (change.field.as_str(), change.before.as_str(), change.after.as_str()),
        ("role", "standard", "administrator")
    );
    assert_eq!(event.message, "role: standard -> administrator");
    assert_eq!(event.recipient, "bob@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pages_unknown_items_share_one_dead_letter() {
    let server = TestServer::start().await;
    let item = |n: usize| json!({"event": "levitated", "id": format!("i{n}"), "timestamp": 1_795_337_000.5, "recipient": "a@example.com"});
    let padding = "x".repeat(150_000);
    let page = record(&json!({"items": (0..300).map(item).collect::<Vec<_>>(), "paging": {"next": padding}}));
    let results = server.sender().send("mailgun", "acme", vec![page]).await.unwrap();
    assert_eq!((results[0].outcome(), results[0].items.len()), (pb::Outcome::DeadLettered, 300));
    let operator = server.client("*", system_log_service::auth::Role::Operator);
    let letters = operator.collectors().list_dead_letters(pb::ListDeadLettersRequest::default()).await.unwrap();
    assert_eq!(letters.into_inner().dead_letters.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_dead_letters_hold_for_one_operator_and_one_question() {
    let server = TestServer::start().await;
    let unknown = |n: usize| record(&json!({"id": format!("x{n}"), "event": "teleported", "occurred_at": AT}));
    server.sender().send("security", "acme", (0..5).map(unknown).collect()).await.unwrap();
    let operator = server.client("*", system_log_service::auth::Role::Operator);
    let list = async |request: pb::ListDeadLettersRequest| {
        operator.collectors().list_dead_letters(request).await.map(tonic::Response::into_inner)
    };
    let mut request = pb::ListDeadLettersRequest { page_size: 2, ..Default::default() };
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let page = list(request.clone()).await.unwrap();
        seen.extend(page.dead_letters.into_iter().map(|letter| letter.id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
        let other = pb::ListDeadLettersRequest { source: "security".into(), ..request.clone() };
        assert_eq!(reason(&list(other).await.unwrap_err()), "INVALID_PAGE_TOKEN");
    }
    assert_eq!(seen.len(), 5);
    let made_up = pb::ListDeadLettersRequest { page_token: seen.pop_first().unwrap(), ..Default::default() };
    assert_eq!(reason(&list(made_up).await.unwrap_err()), "INVALID_PAGE_TOKEN");
}

/// A page that was taken over keeps the letter for what was not, and with it the reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_page_waits_for_the_first_item_that_was_not_taken() {
    let server = TestServer::start().await;
    let item = |n: usize, event: &str| {
        json!({"event": event, "id": format!("i{n}"), "timestamp": 1_795_337_000.5, "recipient": "a@example.com",
            "domain": {"name": "mail.acme.example"}, "message": {"headers": {"subject": "Hi", "message-id": "1@x"}},
            "delivery-status": {"code": 250, "message": "OK"}})
    };
    let page = record(&json!({"items": [item(0, "delivered"), item(1, "levitated")], "paging": {}}));
    server.sender().send("mailgun", "", vec![page]).await.unwrap();
    let binding = pb::Binding {
        org_id: "acme".into(),
        source: "mailgun".into(),
        kind: "domain".into(),
        value: "mail.acme.example".into(),
    };
    let directory = server.client("*", system_log_service::auth::Role::Directory);
    directory.directory().upsert_bindings(pb::UpsertBindingsRequest { bindings: vec![binding] }).await.unwrap();
    let operator = server.client("*", system_log_service::auth::Role::Operator);
    let replay = pb::ReplayDeadLettersRequest { source: "mailgun".into(), ..Default::default() };
    operator.collectors().replay_dead_letters(replay).await.unwrap();
    let unknown = pb::ListDeadLettersRequest { reason: "UNKNOWN_EVENT".into(), ..Default::default() };
    let left = operator.collectors().list_dead_letters(unknown).await.unwrap().into_inner().dead_letters;
    assert_eq!(left.len(), 1);
}
