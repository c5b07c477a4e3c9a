//! The whole road against a list: random events go in as raw payloads, random questions come back, and a reference that
//! knows nothing of the server's code says what the answer must be. List, pages, total, sort, search, contains, CSV.

mod generate;
mod live;
mod reference;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use system_log_tests::client::Client;
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;

use generate::{MEMBERS, ORGS, SYSTEM_KINDS, columns, random_batch, random_question};

/// Every stored event, read back one by one; what was sent is compared on the way.
async fn send(server: &TestServer, rng: &mut StdRng, all: &mut Vec<pb::Event>) {
    let batch = random_batch(rng);
    let results = server.sender().send(batch.source, batch.org, batch.records.clone()).await.unwrap();
    for (result, sent) in results.iter().zip(&batch.sent) {
        assert_eq!(result.outcome(), pb::Outcome::Stored, "{}: {sent:?}", result.message);
        // A sign-in is one event for each organisation of its address, in their order.
        let found: Vec<&str> = if batch.org.is_empty() {
            let (_, orgs) = MEMBERS.iter().find(|(address, _)| *address == sent.recipient).unwrap();
            let mut orgs = orgs.to_vec();
            orgs.sort_unstable();
            orgs
        } else {
            vec![batch.org; result.event_ids.len()]
        };
        assert_eq!(found.len(), result.event_ids.len(), "{sent:?}");
        for (id, org) in result.event_ids.iter().zip(found) {
            let admin = server.admin_of(org);
            let got = admin.log().get_event(pb::GetEventRequest { id: id.clone() }).await.unwrap().into_inner();
            let event = got.event.unwrap();
            assert_eq!(event.pre_auth, batch.org.is_empty());
            assert_eq!(
                (&event.message, &event.recipient, &event.subject),
                (&sent.message, &sent.recipient, &sent.subject)
            );
            assert_eq!((event.r#type.as_str(), event.org_id.as_str()), (sent.kind, org));
            assert_eq!(event.occurred_at, Some(system_log_tests::event::time(&sent.at)));
            all.push(event);
        }
    }
}

/// All pages of a question, forwards and back, with their totals.
async fn check(admin: &Client, org: &str, all: &[pb::Event], question: generate::Question, rng: &mut StdRng) {
    let expected = reference::answer(all, org, &question);
    let ids = |rows: &[pb::Event]| rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
    let size = rng.random_range(1..=60).max(i32::try_from(expected.len() / 6).unwrap());
    let mut request = pb::ListEventsRequest {
        filter: Some(question.filter.clone()),
        order_by: question.order_by.clone(),
        page_size: size,
        view_id: "model".into(),
        ..Default::default()
    };
    let mut forward = Vec::new();
    let mut previous = Vec::new();
    loop {
        let page = admin.list(request.clone()).await.unwrap();
        assert_eq!(page.total_size, i64::try_from(expected.len()).unwrap(), "total of {question:?}");
        forward.push(page.events);
        previous.push(page.previous_page_token);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let rows: Vec<pb::Event> = forward.concat();
    assert_eq!(ids(&rows), ids(&expected), "rows of {question:?}");
    assert_eq!(rows, expected);
    for (number, token) in previous.into_iter().enumerate().skip(1) {
        let page = admin.list(pb::ListEventsRequest { page_token: token, ..request.clone() }).await.unwrap();
        assert_eq!(ids(&page.events), ids(&forward[number - 1]), "back from page {number} of {question:?}");
    }
    let export = pb::ExportCsvRequest {
        filter: Some(question.filter.clone()),
        order_by: question.order_by.clone(),
        columns: vec!["id".into()],
        ..Default::default()
    };
    let export = admin.export(export).await.unwrap();
    let csv = String::from_utf8(export.data).unwrap();
    // The export is a view itself and, like any, not in its own result: but those before it are.
    let lines: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(lines, ids(&expected), "CSV of {question:?}");
}

async fn run(seed: u64, rounds: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut server = populated().await;
    let mut all = Vec::new();
    for round in 0..rounds {
        for _ in 0..rng.random_range(1..=3) {
            send(&server, &mut rng, &mut all).await;
        }
        if round % 3 == 2 {
            let now = system_log_model::Clock::now(&*server.clock);
            server = TestServer::open(server.stop().await, now).await;
        }
        for _ in 0..15 {
            let org = ORGS[rng.random_range(0..ORGS.len())];
            let question = random_question(&mut rng);
            check(&server.admin_of(org), org, &all, question, &mut rng).await;
        }
        let org = ORGS[rng.random_range(0..ORGS.len())];
        check_usage(&server.admin_of(org), org, &all, &mut rng).await;
    }
    let org = ORGS[rng.random_range(0..ORGS.len())];
    for log in [pb::Log::System, pb::Log::Email, pb::Log::AiUsage] {
        for (column, direction) in columns(log).iter().flat_map(|column| [(column, "asc"), (column, "desc")]) {
            let filter = pb::EventFilter { types: kinds(log), ..system_log_tests::event::everything(log) };
            let question = generate::Question { filter, order_by: format!("{column} {direction}") };
            check(&server.admin_of(org), org, &all, question, &mut rng).await;
        }
    }
}

/// Never the views: those that the model itself makes would be in every later answer.
fn kinds(log: pb::Log) -> Vec<String> {
    if log == pb::Log::System { SYSTEM_KINDS.map(String::from).to_vec() } else { Vec::new() }
}

/// A server whose directory knows the addresses that sign-ins find their organisations by.
async fn populated() -> TestServer {
    let server = TestServer::start().await;
    let directory = server.client("*", system_log_service::auth::Role::Directory);
    for (address, orgs) in MEMBERS {
        for org in orgs {
            let member = pb::Member { id: address.into(), email: address.to_lowercase(), ..Default::default() };
            let request = pb::UpsertMembersRequest { org_id: (*org).into(), members: vec![member] };
            directory.directory().upsert_members(request).await.unwrap();
        }
    }
    server
}

/// Every sum, count and percentile, by any dimensions, of any filter.
async fn check_usage(admin: &Client, org: &str, all: &[pb::Event], rng: &mut StdRng) {
    use pb::AiUsageDimension::{Actor, Day, Model};
    let filter = generate::random_filter(rng, pb::Log::AiUsage);
    let question = generate::Question { filter: filter.clone(), order_by: String::new() };
    let mut by = vec![Actor, Model, Day];
    by.retain(|_| rng.random_bool(0.5));
    let (rows, total) = reference::usage(&reference::answer(all, org, &question), &by);
    let request = pb::SummarizeAiUsageRequest {
        filter: Some(filter),
        group_by: by.iter().map(|dimension| (*dimension).into()).collect(),
        ..Default::default()
    };
    let answer = admin.log().summarize_ai_usage(request).await.unwrap().into_inner();
    let named = |row: pb::AiUsageRow| pb::AiUsageRow { actor_name: String::new(), ..row };
    assert_eq!(answer.total, Some(total), "{question:?}");
    assert_eq!(answer.rows.into_iter().map(named).collect::<Vec<_>>(), rows, "{by:?} of {question:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_what_the_contract_means() {
    for seed in 0..4 {
        run(seed, 6).await;
    }
}

/// The same for long: `cargo test --test it for_long -- --ignored`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes"]
async fn every_answer_is_what_the_contract_means_for_long() {
    for seed in 100..140 {
        run(seed, 12).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_stay_as_they_were_while_events_arrive() {
    let mut rng = StdRng::seed_from_u64(7);
    let server = populated().await;
    let mut all = Vec::new();
    for _ in 0..4 {
        send(&server, &mut rng, &mut all).await;
    }
    let admin = server.admin_of(ORGS[0]);
    for order_by in ["occurred_at desc", "message", "recipient desc"] {
        let filter = system_log_tests::event::everything(pb::Log::System);
        let question = generate::Question { filter, order_by: order_by.into() };
        let mine = |event: &&pb::Event| event.r#type != "system_log_viewed";
        let expected = reference::answer(&all, ORGS[0], &question);
        let mut request = pb::ListEventsRequest {
            filter: Some(pb::EventFilter {
                types: generate::SYSTEM_KINDS.map(String::from).to_vec(),
                ..question.filter
            }),
            order_by: question.order_by,
            page_size: 7,
            ..Default::default()
        };
        let mut rows = Vec::new();
        loop {
            let page = admin.list(request.clone()).await.unwrap();
            rows.extend(page.events);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
            send(&server, &mut rng, &mut all).await;
        }
        assert!(rows.iter().filter(mine).eq(expected.iter()), "{order_by}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_snapshot_is_whole_while_events_arrive_and_expire() {
    live::run(std::time::Duration::from_secs(8)).await;
}

/// The same for long.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes"]
async fn every_snapshot_is_whole_while_events_arrive_and_expire_for_long() {
    live::run(std::time::Duration::from_secs(300)).await;
}
