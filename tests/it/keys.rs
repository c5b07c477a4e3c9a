//! API keys: made, shown once, held to their scopes, gone when they are revoked or expire.

use std::time::Duration;

use system_log_model::Clock;
use system_log_service::auth::Role;
use system_log_tests::client::{Client, fields, reason};
use system_log_tests::event::{record, time, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;
use tonic::{Code, Status};

const AT: &str = "2026-11-22T09:00:00Z";

fn ask(scopes: &[&str], org_ids: &[&str]) -> pb::CreateKeyRequest {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    pb::CreateKeyRequest { name: "shop".into(), scopes: texts(scopes), org_ids: texts(org_ids), expire_time: None }
}

async fn make(operator: &Client, request: pb::CreateKeyRequest) -> Result<pb::CreateKeyResponse, Status> {
    Ok(operator.keys().create_key(request).await?.into_inner())
}

async fn list(operator: &Client) -> Vec<pb::Key> {
    operator.keys().list_keys(pb::ListKeysRequest::default()).await.unwrap().into_inner().keys
}

async fn send(client: &Client, source: &str, org: &str, id: &str) -> Result<pb::Outcome, String> {
    let sent = client.send(source, org, vec![webhook(id, AT, 204, "")]).await;
    sent.map(|results| results[0].outcome()).map_err(|status| reason(&status))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let server = TestServer::start().await;
    let operator = server.client("*", Role::Operator);
    let made = make(&operator, ask(&["ingest:webhook"], &["acme", "other"])).await.unwrap();
    assert!(made.secret.starts_with("slk_") && made.secret.len() > 40, "{}", made.secret);
    let key = made.key.unwrap();
    assert_eq!((key.name.as_str(), key.scopes.len(), key.org_ids.len(), key.revoked), ("shop", 1, 2, false));
    let client = server.client_with(&made.secret);
    assert_eq!(send(&client, "webhook", "acme", "w1").await, Ok(pb::Outcome::Stored));
    assert_eq!(send(&client, "webhook", "other", "w1").await, Ok(pb::Outcome::Stored));
    assert_eq!(send(&client, "webhook", "third", "w1").await, Err("ORG_NOT_ALLOWED".into()));
    assert_eq!(send(&client, "mailgun", "acme", "w1").await, Err("ROLE_REQUIRED".into()));
    assert_eq!(send(&client, "nothing-of-ours", "acme", "w1").await, Err("ROLE_REQUIRED".into()));
    let members = pb::ListMembersRequest { org_id: "acme".into(), ..Default::default() };
    assert_eq!(reason(&client.directory().list_members(members.clone()).await.unwrap_err()), "ROLE_REQUIRED");
    assert_eq!(reason(&client.keys().list_keys(pb::ListKeysRequest::default()).await.unwrap_err()), "ROLE_REQUIRED");
    assert_eq!(reason(&client.list(pb::ListEventsRequest::default()).await.unwrap_err()), "ROLE_REQUIRED");

    let both = make(&operator, ask(&["directory", "ingest:webhook"], &[])).await.unwrap();
    let both = server.client_with(&both.secret);
    assert!(both.directory().list_members(members).await.is_ok());
    assert_eq!(send(&both, "webhook", "third", "w1").await, Ok(pb::Outcome::Stored), "no organisation: all of them");

    let request = |sequence, source: &str| pb::IngestStreamRequest {
        sequence,
        source: source.into(),
        org_id: "acme".into(),
        records: vec![record(&serde_json::json!({}))],
    };
    let requests = tokio_stream::iter(vec![request(1, "mailgun"), request(2, "webhook")]);
    let mut answers = client.ingest().ingest_stream(requests).await.unwrap().into_inner();
    let first = answers.message().await.unwrap().unwrap();
    assert_eq!(first.error.map(|error| error.code), Some(i32::from(Code::PermissionDenied)));
    assert_eq!(answers.message().await.unwrap().unwrap().results.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_an_expired_and_an_unknown_key_are_refused_alike_and_a_restart_changes_nothing() {
    let server = TestServer::start().await;
    let operator = server.client("*", Role::Operator);
    let lasting = make(&operator, ask(&["ingest:webhook"], &[])).await.unwrap();
    let short =
        pb::CreateKeyRequest { expire_time: Some(time("2026-11-22T10:01:00Z")), ..ask(&["ingest:webhook"], &[]) };
    let short = make(&operator, short).await.unwrap();
    let revoked = make(&operator, ask(&["ingest:webhook"], &[])).await.unwrap();
    let id = revoked.key.unwrap().id;
    for _ in 0..2 {
        let answer = operator.keys().revoke_key(pb::RevokeKeyRequest { id: id.clone() }).await.unwrap().into_inner();
        assert!(answer.key.unwrap().revoked);
    }
    assert_eq!(
        send(&server.client_with(&revoked.secret), "webhook", "acme", "w1").await,
        Err("UNAUTHENTICATED".into())
    );
    assert_eq!(send(&server.client_with(&short.secret), "webhook", "acme", "w1").await, Ok(pb::Outcome::Stored));
    server.advance(Duration::from_secs(60));
    let now = server.clock.now();
    let server = TestServer::open(server.stop().await, now).await;
    let forged = format!("slk_{}", "A".repeat(43));
    let mut texts = std::collections::BTreeSet::new();
    for secret in [&short.secret, &revoked.secret, &forged, "slk_", "slk_x"] {
        let client = server.client_with(secret);
        let status = client.send("webhook", "acme", vec![webhook("w2", AT, 204, "")]).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
        texts.insert(status.message().to_owned());
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(send(&server.client_with(&lasting.secret), "webhook", "acme", "w2").await, Ok(pb::Outcome::Stored));
    let keys = list(&server.client("*", Role::Operator)).await;
    assert_eq!(keys.iter().map(|key| key.revoked).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(keys[1].expire_time, Some(time("2026-11-22T10:01:00Z")));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_at_once_and_pages_follow_each_other() {
    let server = TestServer::start().await;
    let operator = server.client("*", Role::Operator);
    let wrong = pb::CreateKeyRequest {
        name: "a\u{7}".into(),
        scopes: vec!["ingest:webhook".into(), "admin".into()],
        org_ids: vec!["not an id".into()],
        expire_time: Some(time("2026-11-22T10:00:00Z")),
    };
    let status = make(&operator, wrong).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_KEY"));
    assert_eq!(fields(&status), ["name", "scopes[1]", "org_ids[0]", "expire_time"]);
    assert_eq!(fields(&make(&operator, ask(&[], &[])).await.unwrap_err()), ["scopes"]);
    for _ in 0..5 {
        make(&operator, ask(&["directory"], &[])).await.unwrap();
    }
    let mut request = pb::ListKeysRequest { page_size: 2, ..Default::default() };
    let mut ids = Vec::new();
    loop {
        let page = operator.keys().list_keys(request.clone()).await.unwrap().into_inner();
        ids.extend(page.keys.into_iter().map(|key| key.id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(ids.len(), 5);
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let bad = pb::ListKeysRequest { page_token: "x".into(), ..Default::default() };
    assert_eq!(reason(&operator.keys().list_keys(bad).await.unwrap_err()), "INVALID_PAGE_TOKEN");
    let unknown = operator.keys().revoke_key(pb::RevokeKeyRequest { id: "nobody".into() }).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "KEY_NOT_FOUND"));
}

/// proves: S4
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_of_one_organisation_makes_and_sees_its_keys_only() {
    let server = TestServer::start().await;
    let everywhere = make(&server.client("*", Role::Operator), ask(&["directory"], &["acme", "other"])).await.unwrap();
    let own = server.client("acme", Role::Operator);
    for orgs in [&[][..], &["other"], &["acme", "other"]] {
        let status = make(&own, ask(&["directory"], orgs)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ORG_NOT_ALLOWED"));
    }
    let made = make(&own, ask(&["directory"], &["acme"])).await.unwrap().key.unwrap();
    assert_eq!(list(&own).await, [made]);
    let foreign = pb::RevokeKeyRequest { id: everywhere.key.unwrap().id };
    assert_eq!(reason(&own.keys().revoke_key(foreign).await.unwrap_err()), "KEY_NOT_FOUND");
    assert_eq!(list(&server.client("*", Role::Operator)).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_calls_too_often_is_told_when_to_come_back_and_others_are_not_held_up() {
    let folder = tempfile::tempdir().unwrap();
    let now = system_log_model::Timestamp::parse(system_log_tests::server::NOW).unwrap();
    let server = TestServer::configured(folder, now, "[limits]\nrequests_per_second = 5\n").await;
    let operator = server.client("*", Role::Operator);
    for _ in 0..5 {
        list(&operator).await;
    }
    let status = operator.keys().list_keys(pb::ListKeysRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    let retry = tonic_types::StatusExt::get_error_details(&status).retry_info().and_then(|retry| retry.retry_delay);
    assert_eq!(retry, Some(Duration::from_millis(200)));
    assert_eq!(send(&server.sender(), "webhook", "acme", "w1").await, Ok(pb::Outcome::Stored));
    server.advance(Duration::from_millis(200));
    list(&operator).await;
}
