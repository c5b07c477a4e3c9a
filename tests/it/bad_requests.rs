//! Bad input to every method: what `bad_input.rs` does for the list and for ingest, as one table for all the others. Each mistake
//! has its code, its reason, and names its field.

use std::future::Future;

use system_log_service::auth::Role;
use system_log_tests::client::{fields, reason};
use system_log_tests::event::{everything, time, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;
use tonic::{Code, Response, Status};

/// What a call is refused with.
async fn refused<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Status {
    match call.await {
        Ok(_) => panic!("not refused"),
        Err(status) => status,
    }
}

/// (what, status, reason, field)
type Case = (&'static str, Status, &'static str, &'static str);

fn check(cases: Vec<Case>) {
    for (what, status, want, field) in cases {
        let have = (status.code(), reason(&status));
        assert_eq!(have, (Code::InvalidArgument, want.to_owned()), "{what}: {status:?}");
        let named = fields(&status);
        assert!(named.iter().any(|name| name == field), "{what}: {field} is not in {named:?}");
    }
}

fn ai() -> Option<pb::EventFilter> {
    Some(everything(pb::Log::AiUsage))
}

fn system() -> Option<pb::EventFilter> {
    Some(everything(pb::Log::System))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reading_method_names_what_is_wrong() {
    let server = TestServer::start().await;
    let mut log = server.admin_of("acme").log();
    let usage =
        |filter, group_by: i32| pb::SummarizeAiUsageRequest { filter, group_by: vec![group_by], ..Default::default() };
    let export = |change: fn(&mut pb::ExportCsvRequest)| {
        let mut request = pb::ExportCsvRequest { filter: system(), ..Default::default() };
        change(&mut request);
        request
    };
    let tail = |change: fn(&mut pb::TailEventsRequest)| {
        let mut request = pb::TailEventsRequest {
            filter: Some(pb::EventFilter { log: pb::Log::System.into(), ..Default::default() }),
            ..Default::default()
        };
        change(&mut request);
        request
    };
    let zone = pb::SummarizeAiUsageRequest { filter: ai(), time_zone: "Nowhere".into(), ..Default::default() };
    let actors =
        |page_size, token: &str| pb::ListActorsRequest { page_size, page_token: token.into(), ..Default::default() };
    check(vec![
        (
            "usage of another log",
            refused(log.summarize_ai_usage(usage(system(), 1))).await,
            "INVALID_FILTER",
            "filter.log",
        ),
        ("no dimension", refused(log.summarize_ai_usage(usage(ai(), 0))).await, "INVALID_FILTER", "group_by"),
        ("unknown dimension", refused(log.summarize_ai_usage(usage(ai(), 99))).await, "INVALID_FILTER", "group_by"),
        ("no filter", refused(log.summarize_ai_usage(usage(None, 1))).await, "INVALID_FILTER", "filter.log"),
        ("unknown zone", refused(log.summarize_ai_usage(zone)).await, "INVALID_FILTER", "time_zone"),
        ("no filter", refused(log.export_csv(export(|r| r.filter = None))).await, "INVALID_FILTER", "filter.log"),
        (
            "unknown column",
            refused(log.export_csv(export(|r| r.columns = vec!["nonsense".into()]))).await,
            "INVALID_FILTER",
            "columns",
        ),
        (
            "foreign column",
            refused(log.export_csv(export(|r| r.columns = vec!["cost_usd".into()]))).await,
            "INVALID_FILTER",
            "columns",
        ),
        (
            "a column twice",
            refused(log.export_csv(export(|r| r.columns = vec!["id".into(), "id".into()]))).await,
            "INVALID_FILTER",
            "columns",
        ),
        (
            "columns of JSON",
            refused(log.export_csv(export(|r| {
                r.format = pb::ExportFormat::JsonLines.into();
                r.columns = vec!["id".into()];
            })))
            .await,
            "INVALID_FILTER",
            "columns",
        ),
        ("unknown format", refused(log.export_csv(export(|r| r.format = 99))).await, "INVALID_FILTER", "format"),
        (
            "foreign order",
            refused(log.export_csv(export(|r| r.order_by = "latency".into()))).await,
            "INVALID_ORDER_BY",
            "order_by",
        ),
        (
            "no token",
            refused(log.export_csv(export(|r| r.resume_token = "x".into()))).await,
            "INVALID_RESUME_TOKEN",
            "resume_token",
        ),
        (
            "an end",
            refused(
                log.tail_events(tail(|r| r.filter.as_mut().unwrap().end_time = Some(time("2026-11-22T10:00:00Z")))),
            )
            .await,
            "INVALID_FILTER",
            "filter.end_time",
        ),
        ("negative history", refused(log.tail_events(tail(|r| r.history = -1))).await, "INVALID_FILTER", "history"),
        ("long history", refused(log.tail_events(tail(|r| r.history = 1_001))).await, "INVALID_FILTER", "history"),
        (
            "no token",
            refused(log.tail_events(tail(|r| r.resume_token = "x".into()))).await,
            "INVALID_RESUME_TOKEN",
            "resume_token",
        ),
        (
            "models elsewhere",
            refused(log.tail_events(tail(|r| r.filter.as_mut().unwrap().models = vec!["m".into()]))).await,
            "INVALID_FILTER",
            "filter.models",
        ),
        ("negative page", refused(log.list_actors(actors(-1, ""))).await, "INVALID_PAGE_SIZE", "page_size"),
        ("no token", refused(log.list_actors(actors(0, "x"))).await, "INVALID_PAGE_TOKEN", "page_token"),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_of_directory_collectors_and_keys_names_what_is_wrong() {
    let server = TestServer::start().await;
    let mut directory = server.client("*", Role::Directory).directory();
    let operator = server.client("*", Role::Operator);
    let (mut collectors, mut keys) = (operator.collectors(), operator.keys());
    let upsert = |org: &str, member: pb::Member| pb::UpsertMembersRequest { org_id: org.into(), members: vec![member] };
    let one = || pb::Member { id: "u".into(), email: "u@example.com".into(), ..Default::default() };
    let bind = |change: fn(&mut pb::Binding)| {
        let mut binding =
            pb::Binding { org_id: "acme".into(), source: "s".into(), kind: "k".into(), value: "v".into() };
        change(&mut binding);
        pb::UpsertBindingsRequest { bindings: vec![binding] }
    };
    let members = |org: &str, page_size, token: &str| pb::ListMembersRequest {
        org_id: org.into(),
        page_size,
        page_token: token.into(),
    };
    let letters = pb::ListDeadLettersRequest { page_size: -1, ..Default::default() };
    let try_out =
        |source: &str, records| pb::TestCollectorRequest { source: source.into(), org_id: "acme".into(), records };
    let hook = || vec![webhook("w", "2026-11-22T09:00:00Z", 200, "")];
    let many = pb::ReplayDeadLettersRequest { ids: vec![String::new(); 1_001], ..Default::default() };
    let key = pb::CreateKeyRequest { scopes: vec!["everything".into()], ..Default::default() };
    check(vec![
        ("no organisation", refused(directory.upsert_members(upsert("", one()))).await, "MISSING_FIELD", "org_id"),
        (
            "no id",
            refused(directory.upsert_members(upsert("acme", pb::Member::default()))).await,
            "MISSING_FIELD",
            "members.id",
        ),
        (
            "unknown kind",
            refused(directory.upsert_members(upsert("acme", pb::Member { kind: 99, ..one() }))).await,
            "INVALID_MEMBER",
            "members.kind",
        ),
        (
            "long name",
            refused(directory.upsert_members(upsert("acme", pb::Member { display_name: "x".repeat(321), ..one() })))
                .await,
            "INVALID_MEMBER",
            "members",
        ),
        (
            "no organisation",
            refused(directory.delete_members(pb::DeleteMembersRequest::default())).await,
            "MISSING_FIELD",
            "org_id",
        ),
        ("no organisation", refused(directory.list_members(members("", 0, ""))).await, "MISSING_FIELD", "org_id"),
        (
            "negative page",
            refused(directory.list_members(members("acme", -1, ""))).await,
            "INVALID_PAGE_SIZE",
            "page_size",
        ),
        (
            "no token",
            refused(directory.list_members(members("acme", 0, "x"))).await,
            "INVALID_PAGE_TOKEN",
            "page_token",
        ),
        (
            "no organisation",
            refused(directory.upsert_bindings(bind(|b| b.org_id.clear()))).await,
            "MISSING_FIELD",
            "org_id",
        ),
        (
            "no source",
            refused(directory.upsert_bindings(bind(|b| b.source.clear()))).await,
            "INVALID_BINDING",
            "bindings.source",
        ),
        (
            "no kind",
            refused(directory.upsert_bindings(bind(|b| b.kind.clear()))).await,
            "INVALID_BINDING",
            "bindings.kind",
        ),
        (
            "long value",
            refused(directory.upsert_bindings(bind(|b| b.value = "v".repeat(257)))).await,
            "INVALID_BINDING",
            "bindings.value",
        ),
        (
            "no organisation",
            refused(directory.list_bindings(pb::ListBindingsRequest::default())).await,
            "MISSING_FIELD",
            "org_id",
        ),
        ("negative page", refused(collectors.list_dead_letters(letters)).await, "INVALID_PAGE_SIZE", "page_size"),
        (
            "unknown source",
            refused(collectors.test_collector(try_out("telegraph", hook()))).await,
            "UNKNOWN_SOURCE",
            "source",
        ),
        (
            "no record",
            refused(collectors.test_collector(try_out("webhook", Vec::new()))).await,
            "EMPTY_BATCH",
            "records",
        ),
        (
            "nothing named",
            refused(collectors.replay_dead_letters(pb::ReplayDeadLettersRequest::default())).await,
            "MISSING_FIELD",
            "ids",
        ),
        ("many letters", refused(collectors.replay_dead_letters(many)).await, "BATCH_TOO_LARGE", "ids"),
        ("unknown scope", refused(keys.create_key(key)).await, "INVALID_KEY", "scopes[0]"),
        ("no id", refused(keys.revoke_key(pb::RevokeKeyRequest::default())).await, "MISSING_FIELD", "id"),
        (
            "negative page",
            refused(keys.list_keys(pb::ListKeysRequest { page_size: -1, ..Default::default() })).await,
            "INVALID_PAGE_SIZE",
            "page_size",
        ),
    ]);
}

/// Two bytes on the wire are hundreds in memory: such a message is counted before it is read.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_too_many_elements_is_refused_before_it_is_read() {
    const TOO_MANY: usize = 200_000;
    let server = TestServer::start().await;
    let ingest = pb::IngestRequest {
        source: "webhook".into(),
        records: vec![pb::Record::default(); TOO_MANY],
        ..Default::default()
    };
    let headers = (0..TOO_MANY).map(|n| (n.to_string(), String::new())).collect();
    let mut one = ingest.clone();
    one.records = vec![pb::Record { headers, ..Default::default() }];
    let types = pb::EventFilter { types: vec![String::new(); TOO_MANY], ..everything(pb::Log::System) };
    let list = pb::ListEventsRequest { filter: Some(types), ..Default::default() };
    let members = vec![pb::Member::default(); TOO_MANY];
    let upsert = pb::UpsertMembersRequest { org_id: "acme".into(), members };
    let mut sender = server.sender().ingest();
    check(vec![
        ("records", refused(sender.ingest(ingest)).await, "BATCH_TOO_LARGE", "records"),
        ("headers", refused(sender.ingest(one)).await, "BATCH_TOO_LARGE", "records.headers"),
        ("types", refused(server.admin_of("acme").log().list_events(list)).await, "INVALID_FILTER", "filter.types"),
        (
            "members",
            refused(server.client("*", Role::Directory).directory().upsert_members(upsert)).await,
            "BATCH_TOO_LARGE",
            "members",
        ),
    ]);
    let hook = vec![webhook("w", "2026-11-22T09:00:00Z", 200, "")];
    assert_eq!(server.sender().send("webhook", "acme", hook).await.unwrap()[0].outcome(), pb::Outcome::Stored);
}
