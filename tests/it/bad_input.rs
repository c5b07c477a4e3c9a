//! Bad input: each mistake has its code, reason and field, and nothing panics.

use system_log_service::auth::Role;
use system_log_tests::client::{fields, reason};
use system_log_tests::event::{everything, time, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;
use tonic::{Code, Status};

fn check(error: &Status, code: Code, want: &str, field: &str) {
    let told = format!("{error:?}");
    assert_eq!((error.code(), reason(error).as_str()), (code, want), "{told}");
    if !field.is_empty() {
        assert!(fields(error).iter().any(|have| have == field), "{field} in {:?}", fields(error));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_illegal_question_names_field_and_rule() {
    type Change = fn(&mut pb::ListEventsRequest);
    fn filter(request: &mut pb::ListEventsRequest) -> &mut pb::EventFilter {
        request.filter.get_or_insert_default()
    }
    let cases: [(&str, &str, &str, Change); 21] = [
        ("no log", "INVALID_FILTER", "filter.log", |r| r.filter = None),
        ("unknown log", "INVALID_FILTER", "filter.log", |r| filter(r).log = 99),
        ("category on e-mail", "INVALID_FILTER", "filter.categories", |r| {
            *filter(r) = everything(pb::Log::Email);
            filter(r).categories = vec![pb::Category::Billing.into()];
        }),
        ("severity on AI", "INVALID_FILTER", "filter.severities", |r| {
            *filter(r) = everything(pb::Log::AiUsage);
            filter(r).severities = vec![pb::Severity::Error.into()];
        }),
        ("model on system", "INVALID_FILTER", "filter.models", |r| filter(r).models = vec!["opus".into()]),
        ("success on system", "INVALID_FILTER", "filter.success", |r| filter(r).success = Some(false)),
        ("unknown type", "INVALID_FILTER", "filter.types", |r| filter(r).types = vec!["email_delivered".into()]),
        ("unknown category", "INVALID_FILTER", "filter.categories", |r| filter(r).categories = vec![0]),
        ("no word", "INVALID_FILTER", "filter.query", |r| filter(r).query = "*** --".into()),
        ("long query", "INVALID_FILTER", "filter.query", |r| filter(r).query = "x".repeat(1_001)),
        ("long needle", "INVALID_FILTER", "filter.contains.subject", |r| {
            filter(r).contains.get_or_insert_default().subject = "ö".repeat(257);
        }),
        ("too long", "RANGE_TOO_LONG", "filter.start_time", |r| {
            filter(r).start_time = Some(time("2026-08-24T23:00:00Z"));
        }),
        ("too old", "OUTSIDE_RETENTION", "filter.start_time", |r| {
            filter(r).start_time = Some(time("2026-08-01T00:00:00Z"));
            filter(r).end_time = Some(time("2026-08-30T00:00:00Z"));
        }),
        ("backwards", "INVALID_FILTER", "filter.start_time", |r| {
            filter(r).start_time = Some(time("2026-11-20T00:00:00Z"));
            filter(r).end_time = Some(time("2026-11-19T00:00:00Z"));
        }),
        ("no time", "INVALID_FILTER", "filter.start_time", |r| {
            filter(r).start_time = Some(system_log_wire::Timestamp { seconds: i64::MAX, nanos: -1 });
        }),
        ("unknown column", "INVALID_ORDER_BY", "order_by", |r| r.order_by = "nonsense".into()),
        ("foreign column", "INVALID_ORDER_BY", "order_by", |r| r.order_by = "cost desc".into()),
        ("bad direction", "INVALID_ORDER_BY", "order_by", |r| r.order_by = "type sideways".into()),
        ("negative page", "INVALID_PAGE_SIZE", "page_size", |r| r.page_size = -1),
        ("altered token", "INVALID_PAGE_TOKEN", "page_token", |r| r.page_token = "abcdef".into()),
        ("long view", "INVALID_VIEW_ID", "view_id", |r| r.view_id = "v".repeat(65)),
    ];
    let server = TestServer::start().await;
    let admin = server.admin_of("acme");
    for (what, want, field, change) in cases {
        let mut request = pb::ListEventsRequest { filter: Some(everything(pb::Log::System)), ..Default::default() };
        change(&mut request);
        let error = admin.list(request).await.expect_err(what);
        check(&error, Code::InvalidArgument, want, field);
    }
    let large =
        pb::ListEventsRequest { filter: Some(everything(pb::Log::System)), page_size: 100_000, ..Default::default() };
    assert!(admin.list(large).await.is_ok(), "over 200 becomes 200");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_of_another_log_or_too_many_values_name_their_field() {
    type Change = fn(&mut pb::EventFilter);
    use pb::Log::{AiUsage, Email, System};
    let cases: [(&str, &[pb::Log], Change); 8] = [
        ("filter.categories", &[Email, AiUsage], |f| f.categories = vec![pb::Category::Billing.into()]),
        ("filter.severities", &[Email, AiUsage], |f| f.severities = vec![pb::Severity::Error.into()]),
        ("filter.severities", &[System], |f| f.severities = vec![99]),
        ("filter.models", &[System, Email], |f| f.models = vec!["opus".into()]),
        ("filter.success", &[System, Email], |f| f.success = Some(false)),
        ("filter.actor_ids", &[System, Email, AiUsage], |f| f.actor_ids = vec!["u".into(); 201]),
        ("filter.models", &[AiUsage], |f| f.models = vec!["opus".into(); 201]),
        ("filter.types", &[System], |f| f.types = vec!["webhook_sent".into(); 201]),
    ];
    let server = TestServer::start().await;
    let admin = server.admin_of("acme");
    for (field, logs, change) in cases {
        for log in logs {
            let mut filter = everything(*log);
            change(&mut filter);
            let request = pb::ListEventsRequest { filter: Some(filter), ..Default::default() };
            check(&admin.list(request).await.expect_err(field), Code::InvalidArgument, "INVALID_FILTER", field);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_holds_for_its_own_question_only() {
    let server = TestServer::start().await;
    let records = (0..60).map(|n| webhook(&format!("w{n}"), "2026-11-22T09:00:00Z", 503, "x")).collect();
    server.sender().send("webhook", "acme", records).await.unwrap();
    let admin = server.admin_of("acme");
    let request = pb::ListEventsRequest { filter: Some(everything(pb::Log::System)), ..Default::default() };
    let token = admin.list(request.clone()).await.unwrap().next_page_token;
    let with = |change: fn(&mut pb::ListEventsRequest)| {
        let mut request = pb::ListEventsRequest { page_token: token.clone(), ..request.clone() };
        change(&mut request);
        request
    };
    assert_eq!(admin.list(with(|r| r.page_size = 7)).await.unwrap().events.len(), 7);
    let changes: [fn(&mut pb::ListEventsRequest); 4] = [
        |r| r.order_by = "type".into(),
        |r| r.filter.as_mut().unwrap().query = "x".into(),
        |r| r.page_token.insert(30, 'A'),
        |r| r.page_token.truncate(20),
    ];
    for change in changes {
        check(&admin.list(with(change)).await.unwrap_err(), Code::InvalidArgument, "INVALID_PAGE_TOKEN", "page_token");
    }
    let other = server.client_of(&system_log_service::auth::token::Subject {
        org: "acme",
        role: Role::Admin,
        user: "somebody-else",
        name: "",
        email: "",
    });
    check(&other.list(with(|_| ())).await.unwrap_err(), Code::InvalidArgument, "INVALID_PAGE_TOKEN", "page_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_illegal_request_to_ingest_is_refused_as_a_whole() {
    let server = TestServer::start().await;
    let one = || vec![webhook("w", "2026-11-22T09:00:00Z", 200, "")];
    let sender = server.sender();
    let error = sender.send("telegraph", "acme", one()).await.unwrap_err();
    check(&error, Code::InvalidArgument, "UNKNOWN_SOURCE", "source");
    let error = sender.send("webhook", "acme", Vec::new()).await.unwrap_err();
    check(&error, Code::InvalidArgument, "EMPTY_BATCH", "records");
    let many = (0..1_001).map(|n| webhook(&n.to_string(), "2026-11-22T09:00:00Z", 200, "")).collect();
    let error = sender.send("webhook", "acme", many).await.unwrap_err();
    check(&error, Code::InvalidArgument, "BATCH_TOO_LARGE", "records");
    let narrow = server.client("acme", Role::Ingest);
    let error = narrow.send("webhook", "globex", one()).await.unwrap_err();
    check(&error, Code::PermissionDenied, "ORG_NOT_ALLOWED", "");
    let error = sender.send("webhook", "no spaces allowed", one()).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    let huge = (0..20).map(|_| pb::Record { payload: vec![b' '; 250_000].into(), ..Default::default() }).collect();
    let error = sender.send("webhook", "acme", huge).await.unwrap_err();
    check(&error, Code::InvalidArgument, "MESSAGE_TOO_LARGE", "request");
    let after = sender.send("webhook", "acme", one()).await.unwrap();
    assert_eq!(after[0].outcome(), pb::Outcome::Stored, "the service goes on");
}
