//! Who looked at the log stands in the log: before the first row, once a view, or no row at all.

use system_log_tests::client::reason;
use system_log_tests::event::{everything, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;

fn list(view_id: &str) -> pb::ListEventsRequest {
    pb::ListEventsRequest {
        filter: Some(pb::EventFilter { query: "refused".into(), ..everything(pb::Log::System) }),
        view_id: view_id.into(),
        page_size: 25,
        ..Default::default()
    }
}

/// The recorded views, oldest first, without the ones this question itself makes.
async fn views(server: &TestServer) -> Vec<serde_json::Value> {
    let filter = pb::EventFilter { types: vec!["system_log_viewed".into()], ..everything(pb::Log::System) };
    let auditor = server.client_of(&system_log_service::auth::token::Subject {
        org: "acme",
        role: system_log_service::auth::Role::Admin,
        user: "auditor",
        name: "",
        email: "",
    });
    let rows = auditor.list_all(&filter, "occurred_at asc", 200).await.unwrap();
    let rows = rows.iter().map(|row| serde_json::to_value(row).unwrap());
    rows.filter(|row| row["actor"]["id"] != "auditor").collect()
}

/// proves: S6
#[tokio::test(flavor = "multi_thread")]
async fn every_view_is_recorded_with_user_log_and_filter() {
    let server = TestServer::start().await;
    let records = (0..60).map(|n| webhook(&format!("w{n}"), "2026-11-22T09:00:00Z", 503, "refused")).collect();
    server.sender().send("webhook", "acme", records).await.unwrap();
    let admin = server.admin_of("acme");
    let first = admin.list(list("")).await.unwrap();
    assert!(first.events.iter().all(|row| row.r#type != "system_log_viewed"), "not in its own result");
    admin.list(pb::ListEventsRequest { page_token: first.next_page_token, ..list("") }).await.unwrap();
    let export = pb::ExportCsvRequest { filter: Some(everything(pb::Log::Email)), ..Default::default() };
    admin.export(export).await.unwrap();

    let seen = views(&server).await;
    assert_eq!(seen.len(), 2, "a second page is no second view");
    let view = &seen[0];
    assert_eq!(
        (view["actor"]["id"].as_str(), view["message"].as_str()),
        (Some("u-test"), Some("Viewed the system log"))
    );
    assert_eq!(view["actor"]["displayName"], "Tess Ting");
    assert_eq!(
        (view["category"].as_str(), view["severity"].as_str()),
        (Some("CATEGORY_SECURITY"), Some("SEVERITY_INFO"))
    );
    assert_eq!(view["attributes"]["action"], "list");
    assert_eq!(view["attributes"]["log"], "system");
    assert_eq!(view["attributes"]["filter"]["query"], "refused");
    assert_eq!(view["attributes"]["filter"]["startTime"], "2026-08-25T00:00:00Z");
    assert_eq!(
        (seen[1]["attributes"]["action"].as_str(), seen[1]["attributes"]["log"].as_str()),
        (Some("export"), Some("email"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_is_one_view_an_hour_but_every_export_counts() {
    let server = TestServer::start().await;
    let admin = server.admin_of("acme");
    for _ in 0..3 {
        admin.list(list("page-1")).await.unwrap();
    }
    assert_eq!(views(&server).await.len(), 1);
    let mut moved = list("page-1");
    moved.filter.as_mut().unwrap().start_time = Some(system_log_tests::event::time("2026-11-20T00:00:00Z"));
    admin.list(moved).await.unwrap();
    assert_eq!(views(&server).await.len(), 1, "times aside");
    let mut other = list("page-1");
    other.filter.as_mut().unwrap().query = "timeout".into();
    admin.list(other).await.unwrap();
    admin.list(list("page-2")).await.unwrap();
    admin.list(list("")).await.unwrap();
    assert_eq!(views(&server).await.len(), 4);
    server.advance(std::time::Duration::from_secs(3_601));
    admin.list(list("page-1")).await.unwrap();
    assert_eq!(views(&server).await.len(), 5);
    for _ in 0..2 {
        let export = pb::ExportCsvRequest {
            filter: Some(everything(pb::Log::System)),
            view_id: "page-1".into(),
            ..Default::default()
        };
        admin.export(export).await.unwrap();
    }
    assert_eq!(views(&server).await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_question_and_a_detail_are_no_views() {
    let server = TestServer::start().await;
    let sent =
        server.sender().send("webhook", "acme", vec![webhook("w", "2026-11-22T09:00:00Z", 200, "")]).await.unwrap();
    let admin = server.admin_of("acme");
    let illegal = pb::EventFilter { models: vec!["opus".into()], ..everything(pb::Log::System) };
    admin.list(pb::ListEventsRequest { filter: Some(illegal), ..Default::default() }).await.unwrap_err();
    admin.log().get_event(pb::GetEventRequest { id: sent[0].event_ids[0].clone() }).await.unwrap();
    admin.log().describe_logs(pb::DescribeLogsRequest::default()).await.unwrap();
    admin.log().list_actors(pb::ListActorsRequest::default()).await.unwrap();
    assert_eq!(views(&server).await, Vec::<serde_json::Value>::new());
}

/// proves: S6
#[tokio::test(flavor = "multi_thread")]
async fn without_a_record_there_is_no_row() {
    let server = TestServer::start().await;
    server.sender().send("webhook", "acme", vec![webhook("w", "2026-11-22T09:00:00Z", 200, "")]).await.unwrap();
    let store = server.road.store.clone();
    tokio::task::spawn_blocking(move || store.close()).await.unwrap();
    let admin = server.admin_of("acme");
    let error = admin.list(list("")).await.unwrap_err();
    assert_eq!((error.code(), reason(&error).as_str()), (tonic::Code::Unavailable, "AUDIT_UNAVAILABLE"));
    let export = pb::ExportCsvRequest { filter: Some(everything(pb::Log::System)), ..Default::default() };
    assert_eq!(reason(&admin.export(export).await.unwrap_err()), "AUDIT_UNAVAILABLE");
    let sent = server.sender().send("webhook", "acme", vec![webhook("x", "2026-11-22T09:00:00Z", 200, "")]).await;
    let error = sent.unwrap_err();
    assert_eq!((error.code(), reason(&error).as_str()), (tonic::Code::Unavailable, "STORE_UNAVAILABLE"));
}

/// A page asks for its list and its histogram at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_asks_at_once_is_one_view_even_after_a_restart() {
    let server = TestServer::start().await;
    let admin = server.admin_of("acme");
    let asking = (0..12).map(|_| {
        let admin = admin.clone();
        tokio::spawn(async move { admin.list(list("page-1")).await.map(drop) })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(views(&server).await.len(), 1);
    let server = TestServer::open(
        server.stop().await,
        system_log_model::Timestamp::parse(system_log_tests::server::NOW).unwrap(),
    )
    .await;
    server.admin_of("acme").list(list("page-1")).await.unwrap();
    assert_eq!(views(&server).await.len(), 1, "within the hour");
    server.admin_of("acme").list(list("page-2")).await.unwrap();
    assert_eq!(views(&server).await.len(), 2);
}
