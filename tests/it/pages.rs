//! A page never exceeds the message that a client takes by default, and the next one goes on exactly behind it.

use system_log_tests::event::{everything, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;

const ROWS: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_largest_rows_fit_and_lose_nothing_in_either_direction() {
    let server = TestServer::start().await;
    let error = "refused ".repeat(4_000);
    for batch in 0..ROWS / 100 {
        let records = (0..100).map(|n| {
            let n = batch * 100 + n;
            let at = format!("2026-11-22T09:{:02}:{:02}Z", n / 60, n % 60);
            let mut record: serde_json::Value =
                serde_json::from_slice(&webhook(&format!("w{n}"), &at, 503, &error).payload).unwrap();
            record["url"] = format!("https://crm.example.com/{}", "x".repeat(12_000)).into();
            system_log_tests::event::record(&record)
        });
        for half in records.collect::<Vec<_>>().chunks(50) {
            server.sender().send("webhook", "acme", half.to_vec()).await.unwrap();
        }
    }
    let admin = server.admin_of("acme");
    let filter = pb::EventFilter { types: vec!["webhook_failed".into()], ..everything(pb::Log::System) };
    let ask = |token: String| pb::ListEventsRequest {
        filter: Some(filter.clone()),
        order_by: "occurred_at".into(),
        page_size: 200,
        page_token: token,
        ..Default::default()
    };
    let mut pages = vec![admin.list(ask(String::new())).await.unwrap()];
    while let Some(next) = pages.last().map(|page| page.next_page_token.clone()).filter(|token| !token.is_empty()) {
        pages.push(admin.list(ask(next)).await.unwrap());
    }
    assert!(pages.len() > 2 && pages[0].events.len() < 200, "{} pages", pages.len());
    assert!(pages.iter().all(|page| page.total_size == i64::try_from(ROWS).unwrap()));
    let times: Vec<_> =
        pages.iter().flat_map(|page| &page.events).map(|row| row.occurred_at.unwrap().seconds).collect();
    assert_eq!(times.len(), ROWS);
    assert!(times.is_sorted_by(|a, b| a + 1 == *b), "no row is skipped or repeated");

    let mut back = pages.pop().unwrap();
    let mut before = back.events.len();
    while !back.previous_page_token.is_empty() {
        let first = back.events[0].occurred_at.unwrap().seconds;
        back = admin.list(ask(back.previous_page_token)).await.unwrap();
        assert_eq!(back.events.last().unwrap().occurred_at.unwrap().seconds, first - 1);
        before += back.events.len();
    }
    assert_eq!(before, ROWS, "all of them, backwards");
}
