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
async fn refused<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Option<Status> {
    call.await.err()
}

/// (what, status, reason, field)
type Case = (&'static str, Option<Status>, &'static str, &'static str);

fn check(cases: Vec<Case>) {
    for (what, status, want, field) in cases {
        let status = status.unwrap_or_else(|| panic!("{what}: not refused"));
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
async fn an_illegal_summary_of_usage_names_its_field() {
    let server = TestServer::start().await;
    let mut log = server.admin_of("acme").log();
    let usage = |filter, by: i32| pb::SummarizeAiUsageRequest { filter, group_by: vec![by], ..Default::default() };
    let zone = pb::SummarizeAiUsageRequest { filter: ai(), time_zone: "Nowhere".into(), ..Default::default() };
    let mut ask = async |request| refused(log.summarize_ai_usage(request)).await;
    check(vec![
        ("another log", ask(usage(system(), 1)).await, "INVALID_FILTER", "filter.log"),
        ("no filter", ask(usage(None, 1)).await, "INVALID_FILTER", "filter.log"),
        ("no dimension", ask(usage(ai(), 0)).await, "INVALID_FILTER", "group_by"),
        ("unknown dimension", ask(usage(ai(), 99)).await, "INVALID_FILTER", "group_by"),
        ("unknown zone", ask(zone).await, "INVALID_FILTER", "time_zone"),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_illegal_export_names_its_field() {
    let server = TestServer::start().await;
    let mut log = server.admin_of("acme").log();
    let mut ask = async |change: fn(&mut pb::ExportCsvRequest)| {
        let mut request = pb::ExportCsvRequest { filter: system(), ..Default::default() };
        change(&mut request);
        refused(log.export_csv(request)).await
    };
    let of_json = ask(|r| {
        r.format = pb::ExportFormat::JsonLines.into();
        r.columns = vec!["id".into()];
    });
    let of_json = of_json.await;
    check(vec![
        ("columns of JSON", of_json, "INVALID_FILTER", "columns"),
        ("no filter", ask(|r| r.filter = None).await, "INVALID_FILTER", "filter.log"),
        ("unknown column", ask(|r| r.columns = vec!["nonsense".into()]).await, "INVALID_FILTER", "columns"),
        ("foreign column", ask(|r| r.columns = vec!["cost_usd".into()]).await, "INVALID_FILTER", "columns"),
        ("a column twice", ask(|r| r.columns = vec!["id".into(); 2]).await, "INVALID_FILTER", "columns"),
        ("unknown format", ask(|r| r.format = 99).await, "INVALID_FILTER", "format"),
        ("foreign order", ask(|r| r.order_by = "latency".into()).await, "INVALID_ORDER_BY", "order_by"),
        ("no token", ask(|r| r.resume_token = "x".into()).await, "INVALID_RESUME_TOKEN", "resume_token"),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_illegal_tail_and_list_of_actors_name_their_field() {
    let server = TestServer::start().await;
    let mut log = server.admin_of("acme").log();
    let mut reader = server.admin_of("acme").log();
    let mut ask = async |change: fn(&mut pb::TailEventsRequest)| {
        let filter = pb::EventFilter { log: pb::Log::System.into(), ..Default::default() };
        let mut request = pb::TailEventsRequest { filter: Some(filter), ..Default::default() };
        change(&mut request);
        refused(log.tail_events(request)).await
    };
    let mut actors = async |page_size, token: &str| {
        let request = pb::ListActorsRequest { page_size, page_token: token.into(), ..Default::default() };
        refused(reader.list_actors(request)).await
    };
    let ended = ask(|r| r.filter.get_or_insert_default().end_time = Some(time("2026-11-22T10:00:00Z"))).await;
    let models = ask(|r| r.filter.get_or_insert_default().models = vec!["m".into()]).await;
    check(vec![
        ("an end", ended, "INVALID_FILTER", "filter.end_time"),
        ("models elsewhere", models, "INVALID_FILTER", "filter.models"),
        ("negative history", ask(|r| r.history = -1).await, "INVALID_FILTER", "history"),
        ("long history", ask(|r| r.history = 1_001).await, "INVALID_FILTER", "history"),
        ("no token", ask(|r| r.resume_token = "x".into()).await, "INVALID_RESUME_TOKEN", "resume_token"),
        ("negative page", actors(-1, "").await, "INVALID_PAGE_SIZE", "page_size"),
        ("no token", actors(0, "x").await, "INVALID_PAGE_TOKEN", "page_token"),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_illegal_change_of_members_names_its_field() {
    let server = TestServer::start().await;
    let mut directory = server.client("*", Role::Directory).directory();
    let mut other = directory.clone();
    let one = || pb::Member { id: "u".into(), email: "u@example.com".into(), ..Default::default() };
    let mut upsert = async |org: &str, member| {
        refused(directory.upsert_members(pb::UpsertMembersRequest { org_id: org.into(), members: vec![member] })).await
    };
    let gone = refused(other.delete_members(pb::DeleteMembersRequest::default())).await;
    let mut list = async |org: &str, page_size, token: &str| {
        let request = pb::ListMembersRequest { org_id: org.into(), page_size, page_token: token.into() };
        refused(other.list_members(request)).await
    };
    let unknown = upsert("acme", pb::Member { kind: 99, ..one() }).await;
    let long = upsert("acme", pb::Member { display_name: "x".repeat(321), ..one() }).await;
    check(vec![
        ("no organisation", upsert("", one()).await, "MISSING_FIELD", "org_id"),
        ("no id", upsert("acme", pb::Member::default()).await, "MISSING_FIELD", "members.id"),
        ("unknown kind", unknown, "INVALID_MEMBER", "members.kind"),
        ("long name", long, "INVALID_MEMBER", "members"),
        ("no organisation to delete of", gone, "MISSING_FIELD", "org_id"),
        ("no organisation to list", list("", 0, "").await, "MISSING_FIELD", "org_id"),
        ("negative page", list("acme", -1, "").await, "INVALID_PAGE_SIZE", "page_size"),
        ("no token", list("acme", 0, "x").await, "INVALID_PAGE_TOKEN", "page_token"),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_illegal_binding_names_its_field() {
    let server = TestServer::start().await;
    let mut directory = server.client("*", Role::Directory).directory();
    let listed = refused(directory.list_bindings(pb::ListBindingsRequest::default())).await;
    let mut bind = async |change: fn(&mut pb::Binding)| {
        let mut binding =
            pb::Binding { org_id: "acme".into(), source: "s".into(), kind: "k".into(), value: "v".into() };
        change(&mut binding);
        refused(directory.upsert_bindings(pb::UpsertBindingsRequest { bindings: vec![binding] })).await
    };
    check(vec![
        ("no organisation to list", listed, "MISSING_FIELD", "org_id"),
        ("no organisation", bind(|b| b.org_id.clear()).await, "MISSING_FIELD", "org_id"),
        ("no source", bind(|b| b.source.clear()).await, "INVALID_BINDING", "bindings.source"),
        ("no kind", bind(|b| b.kind.clear()).await, "INVALID_BINDING", "bindings.kind"),
        ("long value", bind(|b| b.value = "v".repeat(257)).await, "INVALID_BINDING", "bindings.value"),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_illegal_request_to_collectors_and_keys_names_its_field() {
    let server = TestServer::start().await;
    let operator = server.client("*", Role::Operator);
    let (mut collectors, mut keys) = (operator.collectors(), operator.keys());
    let try_out =
        |source: &str, records| pb::TestCollectorRequest { source: source.into(), org_id: "acme".into(), records };
    let hook = vec![webhook("w", "2026-11-22T09:00:00Z", 200, "")];
    let replay = |ids| pb::ReplayDeadLettersRequest { ids, ..Default::default() };
    let letters = pb::ListDeadLettersRequest { page_size: -1, ..Default::default() };
    let unknown = refused(collectors.test_collector(try_out("telegraph", hook))).await;
    let empty = refused(collectors.test_collector(try_out("webhook", Vec::new()))).await;
    let nothing = refused(collectors.replay_dead_letters(replay(Vec::new()))).await;
    let many = refused(collectors.replay_dead_letters(replay(vec![String::new(); 1_001]))).await;
    let letters = refused(collectors.list_dead_letters(letters)).await;
    let scope = pb::CreateKeyRequest { scopes: vec!["everything".into()], ..Default::default() };
    let page = pb::ListKeysRequest { page_size: -1, ..Default::default() };
    check(vec![
        ("unknown source", unknown, "UNKNOWN_SOURCE", "source"),
        ("no record", empty, "EMPTY_BATCH", "records"),
        ("nothing named", nothing, "MISSING_FIELD", "ids"),
        ("many letters", many, "BATCH_TOO_LARGE", "ids"),
        ("negative page of letters", letters, "INVALID_PAGE_SIZE", "page_size"),
        ("unknown scope", refused(keys.create_key(scope)).await, "INVALID_KEY", "scopes[0]"),
        ("no id", refused(keys.revoke_key(pb::RevokeKeyRequest::default())).await, "MISSING_FIELD", "id"),
        ("negative page of keys", refused(keys.list_keys(page)).await, "INVALID_PAGE_SIZE", "page_size"),
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
