//! Whose event is it? By the request, by the address that was entered, or by a binding; and nobody else ever sees it.

use serde_json::json;
use system_log_service::auth::Role;
use system_log_tests::client::{Client, reason};
use system_log_tests::event::{everything, login_failed, record, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;

const AT: &str = "2026-11-22T09:00:00Z";

async fn join(directory: &Client, org: &str, id: &str, email: &str, kind: pb::ActorKind) {
    let member = pb::Member { id: id.into(), email: email.into(), display_name: id.to_uppercase(), kind: kind.into() };
    let request = pb::UpsertMembersRequest { org_id: org.into(), members: vec![member] };
    assert_eq!(directory.directory().upsert_members(request).await.unwrap().into_inner().upserted, 1);
}

async fn rows(server: &TestServer, org: &str) -> Vec<pb::Event> {
    let rows = server.admin_of(org).list_all(&everything(pb::Log::System), "occurred_at asc", 50).await.unwrap();
    rows.into_iter().filter(|row| row.r#type != "system_log_viewed").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_login_goes_to_every_organisation_of_the_address_and_to_nobody_else() {
    let server = TestServer::start().await;
    let directory = server.client("*", Role::Directory);
    let before = server.sender().send("security", "", vec![login_failed("l1", AT, "Alice@Example.com")]).await.unwrap();
    assert_eq!((before[0].outcome(), before[0].reason.as_str()), (pb::Outcome::Dropped, "NO_MATCHING_MEMBER"));

    join(&directory, "acme", "a", "alice@example.com", pb::ActorKind::User).await;
    join(&directory, "globex", "a2", "ALICE@example.com", pb::ActorKind::User).await;
    let sent = server.sender().send("security", "", vec![login_failed("l2", AT, "aLICE@example.COM")]).await.unwrap();
    assert_eq!(sent[0].outcome(), pb::Outcome::Stored);
    assert_eq!(sent[0].event_ids.len(), 2);
    for org in ["acme", "globex"] {
        let rows = rows(&server, org).await;
        assert_eq!(rows.len(), 1, "{org} does not see what came before its member");
        assert!(rows[0].pre_auth && rows[0].org_id == org);
        let hidden = pb::EventFilter { exclude_pre_auth: true, ..everything(pb::Log::System) };
        let shown = server.admin_of(org).list_all(&hidden, "", 50).await.unwrap();
        assert!(shown.iter().all(|row| row.r#type != "login_failed"));
    }
    assert_eq!(rows(&server, "initech").await, []);

    let gone = pb::DeleteMembersRequest { org_id: "acme".into(), ids: vec!["a".into(), "unknown".into()] };
    assert_eq!(directory.directory().delete_members(gone).await.unwrap().into_inner().deleted, 1);
    let sent = server.sender().send("security", "", vec![login_failed("l3", AT, "alice@example.com")]).await.unwrap();
    assert_eq!(sent[0].event_ids.len(), 1);
    assert_eq!(rows(&server, "acme").await.len(), 1, "who leaves keeps nothing away that was assigned before");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_organisation_the_event_is_its_own_and_without_an_address_it_is_dropped() {
    let server = TestServer::start().await;
    let own = server.sender().send("security", "acme", vec![login_failed("l1", AT, "x@example.com")]).await.unwrap();
    assert_eq!(own[0].outcome(), pb::Outcome::Stored);
    assert!(!rows(&server, "acme").await[0].pre_auth);
    let nobody = record(&json!({"id": "l2", "occurred_at": AT, "event": "login_failed"}));
    let dropped = server.sender().send("security", "", vec![nobody]).await.unwrap();
    assert_eq!((dropped[0].outcome(), dropped[0].reason.as_str()), (pb::Outcome::Dropped, "NO_ATTEMPTED_EMAIL"));
    let missing = server.sender().send("webhook", "", vec![webhook("w", AT, 200, "")]).await.unwrap();
    assert_eq!((missing[0].outcome(), missing[0].reason.as_str()), (pb::Outcome::Rejected, "ORG_MISSING"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_event_waits_for_its_binding() {
    let server = TestServer::start().await;
    let event = record(&json!({"event-data": {"event": "delivered", "id": "m1", "timestamp": 1_795_337_000.5,
        "recipient": "bob@example.com", "domain": {"name": "mail.acme.example"},
        "message": {"headers": {"subject": "Hi", "message-id": "1@x"}},
        "delivery-status": {"code": 250, "message": "OK"}}}));
    let waiting = server.sender().send("mailgun", "", vec![event.clone()]).await.unwrap();
    assert_eq!((waiting[0].outcome(), waiting[0].reason.as_str()), (pb::Outcome::DeadLettered, "ORG_UNRESOLVED"));
    let early = pb::ReplayDeadLettersRequest { source: "mailgun".into(), ..Default::default() };
    let operator = server.client("*", Role::Operator);
    let failed = operator.collectors().replay_dead_letters(early).await.unwrap().into_inner().results;
    assert_eq!(failed[0].result.as_ref().unwrap().reason, "ORG_UNRESOLVED");
    let listed = operator.collectors().list_dead_letters(pb::ListDeadLettersRequest::default()).await.unwrap();
    let attempts: Vec<i32> = listed.into_inner().dead_letters.iter().map(|letter| letter.attempts).collect();
    assert_eq!(attempts, [2], "it stays, and is no second one");
    let binding = pb::Binding {
        org_id: "acme".into(),
        source: "mailgun".into(),
        kind: "domain".into(),
        value: "mail.acme.example".into(),
    };
    let directory = server.client("*", Role::Directory);
    let request = pb::UpsertBindingsRequest { bindings: vec![binding.clone()] };
    directory.directory().upsert_bindings(request).await.unwrap();
    let replay = |dry_run| pb::ReplayDeadLettersRequest { source: "mailgun".into(), dry_run, ..Default::default() };
    let letters = async || {
        let listed = operator.collectors().list_dead_letters(pb::ListDeadLettersRequest::default()).await.unwrap();
        listed.into_inner().dead_letters
    };
    let shown = operator.collectors().replay_dead_letters(replay(true)).await.unwrap().into_inner().results;
    assert_eq!(shown[0].result.as_ref().unwrap().events.len(), 1);
    assert_eq!(letters().await.len(), 1, "a dry run leaves it where it is");
    let replayed = operator.collectors().replay_dead_letters(replay(false)).await.unwrap().into_inner().results;
    assert_eq!(replayed[0].result.as_ref().unwrap().outcome(), pb::Outcome::Stored);
    assert_eq!(letters().await, []);
    let again = server.sender().send("mailgun", "", vec![event]).await.unwrap();
    assert_eq!(again[0].outcome(), pb::Outcome::Duplicate, "{}", again[0].message);
    let email = server.admin_of("acme").list_all(&everything(pb::Log::Email), "", 50).await.unwrap();
    assert_eq!((email[0].recipient.as_str(), email[0].r#type.as_str()), ("bob@example.com", "email_delivered"));
    let listed = pb::ListBindingsRequest { org_id: "acme".into(), ..Default::default() };
    let listed = directory.directory().list_bindings(listed).await.unwrap().into_inner();
    assert_eq!(listed.bindings, [binding]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_of_a_model_waits_without_what_was_said() {
    let server = TestServer::start().await;
    let said = "the quick brown fox";
    let payload = json!({"id": "chatcmpl-1", "call_type": "acompletion", "custom_llm_provider": "openai", "status": "success",
        "startTime": "2026-11-22 09:00:00.000000", "endTime": "2026-11-22 09:00:01.000000", "model": "gpt-4o",
        "metadata": {"user_api_key_org_id": "llm-org-1"}, "response_cost": 0.000_225, "total_tokens": 30, "prompt_tokens": 10,
        "completion_tokens": 20, "messages": [{"role": "user", "content": said}],
        "response": {"id": "chatcmpl-1", "model": "gpt-4o", "object": "chat.completion",
            "choices": [{"finish_reason": "stop", "message": {"content": said, "role": "assistant"}}],
            "usage": {"completion_tokens": 20, "prompt_tokens": 10, "total_tokens": 30}}});
    let waiting = server.sender().send("ai", "", vec![record(&payload)]).await.unwrap();
    assert_eq!((waiting[0].outcome(), waiting[0].reason.as_str()), (pb::Outcome::DeadLettered, "ORG_UNRESOLVED"));
    let operator = server.client("*", Role::Operator);
    let listed = operator.collectors().list_dead_letters(pb::ListDeadLettersRequest::default()).await.unwrap();
    let letter = String::from_utf8(listed.into_inner().dead_letters[0].payload.to_vec()).unwrap();
    assert!(!letter.contains(said) && letter.contains("[removed]"), "{letter}");
    let binding = pb::Binding {
        org_id: "acme".into(),
        source: "ai".into(),
        kind: "litellm_organization".into(),
        value: "llm-org-1".into(),
    };
    let request = pb::UpsertBindingsRequest { bindings: vec![binding] };
    server.client("*", Role::Directory).directory().upsert_bindings(request).await.unwrap();
    let replay = |dry_run| pb::ReplayDeadLettersRequest { source: "ai".into(), dry_run, ..Default::default() };
    let shown = operator.collectors().replay_dead_letters(replay(true)).await.unwrap().into_inner().results;
    let shown = shown[0].result.as_ref().unwrap().events[0].clone();
    let dry = pb::IngestRequest {
        source: "ai".into(),
        records: vec![record(&payload)],
        validate_only: true,
        ..Default::default()
    };
    let direct = server.sender().ingest().ingest(dry).await.unwrap().into_inner().results[0].events[0].clone();
    assert_eq!((&shown.ai, &shown.attributes, &shown.r#type), (&direct.ai, &direct.attributes, &direct.r#type));
    let replayed = operator.collectors().replay_dead_letters(replay(false)).await.unwrap().into_inner().results;
    assert_eq!(replayed[0].result.as_ref().unwrap().outcome(), pb::Outcome::Stored);
    let again = server.sender().send("ai", "", vec![record(&payload)]).await.unwrap();
    assert_eq!(again[0].outcome(), pb::Outcome::Duplicate, "{}", again[0].message);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_known_by_id_alone_gets_name_address_and_kind_from_the_directory() {
    let server = TestServer::start().await;
    join(&server.client("*", Role::Directory), "acme", "bot", "bot@example.com", pb::ActorKind::Bot).await;
    let archived =
        record(&json!({"id": "p1", "occurred_at": AT, "event": "process_auto_archived", "name": "Onboarding",
        "actor": {"id": "bot"}}));
    server.sender().send("process", "acme", vec![archived, webhook("w1", AT, 200, "")]).await.unwrap();
    let bot = pb::EventFilter { bot_only: true, ..everything(pb::Log::System) };
    let rows = server.admin_of("acme").list_all(&bot, "", 50).await.unwrap();
    assert_eq!(rows.len(), 1);
    let actor = rows[0].actor.clone().unwrap();
    assert_eq!((actor.display_name.as_str(), actor.email.as_str()), ("BOT", "bot@example.com"));
    assert_eq!(actor.kind(), pb::ActorKind::Bot);
}

/// proves: S4
#[tokio::test(flavor = "multi_thread")]
async fn no_id_token_or_question_reaches_another_organisations_rows() {
    let server = TestServer::start().await;
    let ours: Vec<_> = (0..120).map(|n| webhook(&format!("w{n}"), AT, 503, "shared words")).collect();
    let sent = server.sender().send("webhook", "acme", ours).await.unwrap();
    let other = server.admin_of("globex");
    assert_eq!(rows(&server, "globex").await, []);
    for id in sent.iter().flat_map(|result| &result.event_ids).take(5).chain([&"nonsense".to_owned()]) {
        let error = other.log().get_event(pb::GetEventRequest { id: id.clone() }).await.unwrap_err();
        assert_eq!((error.code(), reason(&error).as_str()), (tonic::Code::NotFound, "EVENT_NOT_FOUND"));
    }
    let ask = |token: String| pb::ListEventsRequest {
        filter: Some(everything(pb::Log::System)),
        page_token: token,
        ..Default::default()
    };
    let page = server.admin_of("acme").list(ask(String::new())).await.unwrap();
    let error = other.list(ask(page.next_page_token.clone())).await.unwrap_err();
    assert_eq!(reason(&error), "INVALID_PAGE_TOKEN");
    assert!(server.admin_of("acme").list(ask(page.next_page_token)).await.is_ok());
    let members = pb::ListMembersRequest { org_id: "acme".into(), ..Default::default() };
    let narrow = server.client("globex", Role::Directory);
    let error = narrow.directory().list_members(members).await.unwrap_err();
    assert_eq!(reason(&error), "ORG_NOT_ALLOWED");
}

/// proves: S11
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_from_before_sign_in_changes_nothing_whoever_joined_or_left_meanwhile() {
    let server = TestServer::start().await;
    let directory = server.client("*", Role::Directory);
    join(&directory, "acme", "a", "alice@example.com", pb::ActorKind::User).await;
    join(&directory, "initech", "i", "alice@example.com", pb::ActorKind::User).await;
    let keyed = |key: &str| pb::Record { idempotency_key: key.into(), ..login_failed("", AT, "Alice@example.com") };
    let batch = || vec![login_failed("l1", AT, "alice@example.com"), keyed("own")];
    let first = server.sender().send("security", "", batch()).await.unwrap();
    assert!(first.iter().all(|result| result.outcome() == pb::Outcome::Stored && result.event_ids.len() == 2));

    join(&directory, "globex", "g", "alice@example.com", pb::ActorKind::User).await;
    let is_known = |results: Vec<pb::RecordResult>| {
        for (first, result) in first.iter().zip(results) {
            assert_eq!(result.outcome(), pb::Outcome::Duplicate, "{}", result.message);
            assert_eq!(result.event_ids, first.event_ids);
        }
    };
    is_known(server.sender().send("security", "", batch()).await.unwrap());
    assert_eq!(rows(&server, "globex").await, [], "who joins does not see what came before");

    for (org, id) in [("acme", "a"), ("initech", "i"), ("globex", "g")] {
        let gone = pb::DeleteMembersRequest { org_id: org.into(), ids: vec![id.into()] };
        directory.directory().delete_members(gone).await.unwrap();
    }
    is_known(server.sender().send("security", "", batch()).await.unwrap());
    let now = system_log_model::Clock::now(&*server.clock);
    let server = TestServer::open(server.stop().await, now).await;
    join(&server.client("*", Role::Directory), "globex", "g", "alice@example.com", pb::ActorKind::User).await;
    is_known(server.sender().send("security", "", batch()).await.unwrap());
    assert_eq!((rows(&server, "acme").await.len(), rows(&server, "globex").await.len()), (2, 0));

    let fresh = vec![login_failed("l2", AT, "alice@example.com"), login_failed("l1", AT, "bob@example.com")];
    let sent = server.sender().send("security", "", fresh).await.unwrap();
    assert_eq!(sent[0].outcome(), pb::Outcome::Stored, "what is new goes to whoever is a member now");
    assert_eq!(sent[1].reason, "NO_MATCHING_MEMBER", "another address is another record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_of_one_organisation_learns_nothing_of_what_others_sent() {
    let server = TestServer::start().await;
    let directory = server.client("*", Role::Directory);
    for org in ["acme", "globex"] {
        join(&directory, org, "a", "alice@example.com", pb::ActorKind::User).await;
    }
    let batch = || vec![login_failed("l1", AT, "alice@example.com")];
    let narrow = |org: &str| server.client(org, Role::Ingest);
    let own = narrow("acme").send("security", "", batch()).await.unwrap();
    let other = narrow("globex").send("security", "", batch()).await.unwrap();
    assert_eq!((own[0].outcome(), other[0].outcome()), (pb::Outcome::Stored, pb::Outcome::Stored));
    assert_ne!(own[0].event_ids, other[0].event_ids);
    let wide = server.sender().send("security", "", batch()).await.unwrap();
    assert_eq!(wide[0].outcome(), pb::Outcome::Duplicate, "both have it");
    assert_eq!((rows(&server, "acme").await.len(), rows(&server, "globex").await.len()), (1, 1));
}
