//! What a reader gets: defaults, details, search, actors, retention, the description of the logs.

use serde_json::json;
use system_log_service::auth::Role;
use system_log_tests::event::{everything, record, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_range_the_last_day_is_shown_newest_first_with_an_exact_total() {
    let server = TestServer::start().await;
    let mut records = vec![webhook("before", "2026-11-21T09:59:59Z", 200, "")];
    records.extend((0..120).map(|n| webhook(&format!("w{n}"), "2026-11-22T09:00:00Z", 200, "")));
    server.sender().send("webhook", "acme", records).await.unwrap();
    let filter = Some(pb::EventFilter { log: pb::Log::System.into(), ..Default::default() });
    let admin = server.admin_of("acme");
    let request = pb::ListEventsRequest { filter, ..Default::default() };
    let page = admin.list(request.clone()).await.unwrap();
    assert_eq!((page.events.len(), page.total_size), (50, 120));
    assert!(page.previous_page_token.is_empty());
    let mut ids: Vec<&str> = page.events.iter().map(|row| row.id.as_str()).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "ties by ingest order in the same direction");
    let next = pb::ListEventsRequest { page_token: page.next_page_token.clone(), ..request.clone() };
    let second = admin.list(next).await.unwrap();
    assert_eq!((second.events.len(), second.total_size), (50, 120));
    let back = pb::ListEventsRequest { page_token: second.previous_page_token.clone(), ..request.clone() };
    let first = admin.list(back).await.unwrap();
    assert_eq!(first.events.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ids);
    ids.clear();
    let uncounted = admin.list(pb::ListEventsRequest { skip_total: true, ..request }).await.unwrap();
    assert_eq!(uncounted.total_size, -1);
}

/// proves: S5
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_gone_the_instant_it_expires() {
    let server = TestServer::start().await;
    let sent =
        server.sender().send("webhook", "acme", vec![webhook("w", "2026-08-24T10:00:10Z", 200, "")]).await.unwrap();
    let get = pb::GetEventRequest { id: sent[0].event_ids[0].clone() };
    let admin = server.admin_of("acme");
    assert!(admin.log().get_event(get.clone()).await.is_ok());
    server.advance(std::time::Duration::from_secs(11));
    let error = admin.log().get_event(get).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn search_and_contains_find_what_the_help_page_promises() {
    let server = TestServer::start().await;
    let at = "2026-11-22T09:00:00Z";
    let records = vec![
        webhook("1", at, 0, "Connection refused by 10.0.0.7"),
        webhook("2", at, 503, "upstream İstanbul 100% *busy*"),
        webhook("3", at, 204, ""),
        webhook("4", at, 500, "refused the connection"),
    ];
    server.sender().send("webhook", "acme", records).await.unwrap();
    let admin = server.admin_of("acme");
    let count = async |query: &str, needle: &str| {
        let contains = pb::ContainsFilter { message: needle.into(), ..Default::default() };
        let filter = pb::EventFilter {
            query: query.into(),
            contains: Some(contains),
            types: vec!["webhook_failed".into(), "webhook_sent".into()],
            ..everything(pb::Log::System)
        };
        admin.list_all(&filter, "", 200).await.unwrap().len()
    };
    for (query, expected) in [
        ("connection refused", 2),
        ("CONN refus", 2),
        ("\"connection refused\"", 1),
        ("refused -\"connection refused\"", 1),
        ("webhook_failed", 3),
        ("webhook_s", 1),
        ("efused", 0),
        ("istanbul", 0),
        ("i̇stanbul", 1),
    ] {
        assert_eq!(count(query, "").await, expected, "{query}");
    }
    for (needle, expected) in
        [("efused", 2), ("% *B", 1), ("%", 1), ("*", 1), ("-> 5", 2), ("İST", 1), ("8", 0), ("7", 1), (" ", 4)]
    {
        assert_eq!(count("", needle).await, expected, "{needle:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_can_draw_itself_from_the_description() {
    let server = TestServer::start().await;
    let admin = server.admin_of("acme");
    let described = admin.log().describe_logs(pb::DescribeLogsRequest::default()).await.unwrap().into_inner();
    assert_eq!(described.page_sizes, [25, 50, 100, 200]);
    assert_eq!(described.retention.unwrap().seconds, 90 * 86_400);
    let kinds: Vec<usize> = described.logs.iter().map(|log| log.kinds.len()).collect();
    assert_eq!(kinds, [20, 8, 4]);
    let system = &described.logs[0];
    let failed = system.kinds.iter().find(|kind| kind.r#type == "webhook_failed").unwrap();
    assert_eq!((failed.category(), failed.severity()), (pb::Category::Webhook, pb::Severity::Error));
    assert_eq!(failed.sources, ["webhook"]);
    assert!(!failed.description.is_empty());
    assert!(described.logs[1].categories.is_empty(), "categories are the system log's");
    let contains: Vec<&str> = system.columns.iter().filter(|c| c.contains).map(|c| c.name.as_str()).collect();
    assert_eq!(contains, ["type", "message", "recipient", "subject"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_are_picked_by_a_part_of_name_or_address() {
    let server = TestServer::start().await;
    let member = |id: &str, email: &str, name: &str| pb::Member {
        id: id.into(),
        email: email.into(),
        display_name: name.into(),
        ..Default::default()
    };
    let members = vec![
        member("1", "ada@example.com", "Ada Lovelace"),
        member("2", "grace@example.com", "Grace Hopper"),
        member("3", "x@love.example", "X"),
    ];
    let request = pb::UpsertMembersRequest { org_id: "acme".into(), members };
    server.client("acme", Role::Directory).directory().upsert_members(request).await.unwrap();
    let admin = server.admin_of("acme");
    let ask = pb::ListActorsRequest { query: "LOVE".into(), page_size: 1, page_token: String::new() };
    let first = admin.log().list_actors(ask.clone()).await.unwrap().into_inner();
    assert_eq!(first.actors[0].id, "1");
    let next = pb::ListActorsRequest { page_token: first.next_page_token, ..ask };
    let second = admin.log().list_actors(next).await.unwrap().into_inner();
    assert_eq!((second.actors[0].id.as_str(), second.next_page_token.as_str()), ("3", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_event_is_found_at_once_by_every_road() {
    let server = TestServer::start().await;
    let admin = server.admin_of("acme");
    for n in 0..20 {
        let mail = json!({"id": format!("m{n}"), "occurred_at": "2026-11-22T09:00:00Z", "event": "email_send_failed",
            "recipient": format!("r{n}@example.com"), "subject": "Hello", "reason": format!("needle-{n}-quux")});
        let sent = server.sender().send("mail", "acme", vec![record(&mail)]).await.unwrap();
        assert_eq!(sent[0].event_ids.len(), 2, "a send failure is an event of both logs");
        for log in [pb::Log::System, pb::Log::Email] {
            let searched = pb::EventFilter { query: format!("needle-{n}-quux"), ..everything(log) };
            let contains = pb::ContainsFilter { message: format!("eedle-{n}-q"), ..Default::default() };
            let contained = pb::EventFilter { contains: Some(contains), ..everything(log) };
            for filter in [searched, contained] {
                let rows = admin.list_all(&filter, "", 50).await.unwrap();
                assert_eq!(rows.len(), 1, "{n} {log:?}");
            }
        }
    }
}
