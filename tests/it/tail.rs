//! The tail: history first, then everything new, cut and resumed without loss or repeat.

use system_log_tests::client::{Client, fields, reason};
use system_log_tests::event::{everything, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;
use tonic::Streaming;

use pb::tail_events_response::Part;

const AT: &str = "2026-11-22T09:00:00Z";

fn ask(history: i32, resume_token: &str) -> pb::TailEventsRequest {
    let types = vec!["webhook_failed".to_owned(), "system_log_viewed".to_owned()];
    let filter = Some(pb::EventFilter { log: pb::Log::System.into(), types, ..Default::default() });
    pb::TailEventsRequest { filter, history, resume_token: resume_token.into(), view_id: String::new() }
}

async fn send(server: &TestServer, from: usize, to: usize) {
    let records =
        (from..to).map(|n| webhook(&format!("w{n}"), AT, if n % 5 == 4 { 200 } else { 503 }, &format!("n{n}")));
    server.sender().send("webhook", "acme", records.collect()).await.unwrap();
}

/// The numbers of the failed webhooks among those.
fn failed(from: usize, to: usize) -> Vec<String> {
    (from..to).filter(|n| n % 5 != 4).map(|n| format!("n{n}")).collect()
}

async fn open(admin: &Client, request: pb::TailEventsRequest) -> Streaming<pb::TailEventsResponse> {
    admin.log().tail_events(request).await.unwrap().into_inner()
}

/// Reads until so many events have come; what they say, and the last token.
async fn read(tail: &mut Streaming<pb::TailEventsResponse>, count: usize) -> (Vec<String>, String) {
    let (mut said, mut token) = (Vec::new(), String::new());
    while said.len() < count {
        match tail.message().await.unwrap().unwrap().part.unwrap() {
            Part::Batch(batch) => {
                let word = |event: &pb::Event| event.message.rsplit(' ').next().unwrap_or_default().to_owned();
                said.extend(batch.events.iter().map(word));
                token = batch.resume_token;
            }
            Part::Heartbeat(beat) => token = beat.resume_token,
            Part::Lagging(lagging) => panic!("{} skipped", lagging.skipped),
        }
    }
    (said, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn history_comes_first_then_what_is_new_and_its_own_record_never() {
    let server = TestServer::start().await;
    send(&server, 0, 40).await;
    let mut tail = open(&server.admin_of("acme"), ask(10, "")).await;
    let all = failed(0, 40);
    assert_eq!(read(&mut tail, 10).await.0, all[all.len() - 10..]);
    send(&server, 40, 60).await;
    assert_eq!(read(&mut tail, 16).await.0, failed(40, 60));
    // Somebody else's look is new and of this log.
    server
        .admin_of("acme")
        .list(pb::ListEventsRequest { filter: ask(0, "").filter, ..Default::default() })
        .await
        .unwrap();
    assert_eq!(read(&mut tail, 1).await.0, ["log"], "Viewed the system log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_tail_goes_on_without_loss_or_repeat_even_after_a_restart() {
    let server = TestServer::start().await;
    let admin = server.admin_of("acme");
    let mut tail = open(&admin, ask(0, "")).await;
    send(&server, 0, 30).await;
    let (mut said, token) = read(&mut tail, 1).await;
    drop(tail);
    send(&server, 30, 700).await;
    let now = system_log_model::Clock::now(&*server.clock);
    let server = TestServer::open(server.stop().await, now).await;
    let mut tail = open(&server.admin_of("acme"), ask(0, &token)).await;
    let all = failed(0, 700);
    let (more, token) = read(&mut tail, all.len() - said.len()).await;
    said.extend(more);
    assert_eq!(said, all);
    let filter = pb::EventFilter { types: vec!["system_log_viewed".into()], ..everything(pb::Log::System) };
    let views = server.admin_of("acme").list_all(&filter, "", 50).await.unwrap();
    assert_eq!(views.iter().filter(|view| view.message == "Followed the system log").count(), 1, "a resume is no view");
    let foreign = server.admin_of("globex").log().tail_events(ask(0, &token)).await.unwrap_err();
    assert_eq!(reason(&foreign), "INVALID_RESUME_TOKEN");
}

/// proves: S4
#[tokio::test(flavor = "multi_thread")]
async fn a_tail_holds_only_its_own_organisation_and_filter() {
    let server = TestServer::start().await;
    let mut tail = open(&server.admin_of("acme"), ask(0, "")).await;
    let other = (0..50).map(|n| webhook(&format!("o{n}"), AT, 503, "foreign")).collect();
    server.sender().send("webhook", "globex", other).await.unwrap();
    send(&server, 0, 10).await;
    assert_eq!(read(&mut tail, 8).await.0, failed(0, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_everything_late() {
    let server = TestServer::start().await;
    let mut tail = open(&server.admin_of("acme"), ask(0, "")).await;
    for round in 0..6 {
        send(&server, round * 1_000, (round + 1) * 1_000).await;
    }
    let all = failed(0, 6_000);
    assert_eq!(read(&mut tail, all.len()).await.0, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_illegal_tail_names_its_field() {
    let server = TestServer::start().await;
    let admin = server.admin_of("acme");
    let cases: [(&str, pb::TailEventsRequest); 3] =
        [("history", ask(1_001, "")), ("history", ask(-1, "")), ("resume_token", ask(0, "nonsense"))];
    for (field, request) in cases {
        let error = admin.log().tail_events(request).await.unwrap_err();
        assert_eq!(fields(&error), [field]);
    }
    let mut ended = ask(0, "");
    ended.filter.as_mut().unwrap().end_time = Some(system_log_tests::event::time(AT));
    assert_eq!(fields(&admin.log().tail_events(ended).await.unwrap_err()), ["filter.end_time"]);
}

/// Found from outside: a token of the history's first part went on behind all of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_is_cut_within_its_history_goes_on_there() {
    let server = TestServer::start().await;
    send(&server, 0, 700).await;
    let admin = server.admin_of("acme");
    let all = failed(0, 700);
    let mut tail = open(&admin, ask(500, "")).await;
    let (mut said, mut token) = read(&mut tail, 1).await;
    assert!(said.len() < 500, "the history comes in parts");
    drop(tail);
    while said.len() < 500 {
        let mut tail = open(&admin, ask(0, &token)).await;
        let (more, next) = read(&mut tail, 1).await;
        said.extend(more);
        token = next;
    }
    assert_eq!(said, all[all.len() - 500..]);
}

/// The stock client takes messages of four MiB.
#[tokio::test(flavor = "multi_thread")]
async fn giant_rows_come_a_few_at_a_time() {
    let server = TestServer::start().await;
    let giant = |n: usize| webhook(&format!("g{n}"), AT, 503, &format!("{n} {}", "lorem ipsum ".repeat(1_200)));
    for batch in 0..8 {
        let records = (batch * 40..batch * 40 + 40).map(giant).collect();
        let results = server.sender().send("webhook", "acme", records).await.unwrap();
        assert_eq!(results[0].outcome(), pb::Outcome::Stored, "{}", results[0].message);
    }
    let admin = server.admin_of("acme");
    let filter = pb::EventFilter { types: vec!["webhook_failed".into()], ..everything(pb::Log::System) };
    let first = admin.list_all(&filter, "", 1).await.unwrap();
    let size = prost::Message::encoded_len(&first[0]);
    assert!(size > 14_000, "320 rows of {size} bytes are to be more than one message holds");
    let filter = pb::EventFilter { end_time: None, ..filter };
    let request =
        pb::TailEventsRequest { filter: Some(filter.clone()), history: 320, ..pb::TailEventsRequest::default() };
    let mut tail = open(&admin, request).await;
    assert!(read(&mut tail, 320).await.0.len() >= 320);
    for format in [pb::ExportFormat::Csv, pb::ExportFormat::JsonLines] {
        let request =
            pb::ExportCsvRequest { filter: Some(filter.clone()), format: format.into(), ..Default::default() };
        assert_eq!(admin.export(request).await.unwrap().trailer.unwrap().total_rows, 320);
    }
}
