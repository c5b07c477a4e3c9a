//! Histogram and facets: exact, on the calendar of a time zone, the same rows as the list.

use std::collections::BTreeMap;

use system_log_tests::client::{fields, reason};
use system_log_tests::event::{everything, record, time, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;

use pb::summarize_events_request::Resolution;

async fn filled() -> TestServer {
    let server = TestServer::start().await;
    let hook = |n: usize| {
        let at = format!("2026-10-{:02}T{:02}:30:00Z", 20 + n % 10, n % 24);
        webhook(&format!("w{n}"), &at, if n.is_multiple_of(4) { 503 } else { 200 }, "")
    };
    server.sender().send("webhook", "acme", (0..240).map(hook).collect()).await.unwrap();
    let login = |n: usize| {
        record(
            &serde_json::json!({"id": format!("l{n}"), "occurred_at": "2026-10-25T00:30:00Z", "event": "login_failed",
            "email": format!("user{}@example.com", n % 13), "actor": {"id": format!("u{}", n % 3)}}),
        )
    };
    server.sender().send("security", "acme", (0..26).map(login).collect()).await.unwrap();
    server
}

fn ask(resolution: Option<Resolution>) -> pb::SummarizeEventsRequest {
    let filter = pb::EventFilter {
        start_time: Some(time("2026-10-20T12:00:00Z")),
        end_time: Some(time("2026-10-30T00:00:00Z")),
        ..everything(pb::Log::System)
    };
    pb::SummarizeEventsRequest {
        filter: Some(filter),
        resolution,
        time_zone: "Europe/Berlin".into(),
        facets: ["type", "severity", "category", "recipient", "actor", "source"].map(String::from).to_vec(),
        facet_limit: 2,
        ..Default::default()
    }
}

fn step(seconds: i64) -> Option<Resolution> {
    Some(Resolution::Step(pbjson_types::Duration { seconds, nanos: 0 }))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bucket_and_facet_counts_the_rows_of_the_list() {
    let server = filled().await;
    let admin = server.admin_of("acme");
    for resolution in [None, step(3_600), step(6 * 3_600), step(86_400), Some(Resolution::BucketCount(7))] {
        let request = ask(resolution);
        let rows = admin.list_all(request.filter.as_ref().unwrap(), "", 200).await.unwrap();
        let rows: Vec<_> = rows.into_iter().filter(|row| row.r#type != "system_log_viewed").collect();
        let summary = admin.log().summarize_events(request.clone()).await.unwrap().into_inner();
        assert_eq!(summary.total_size, i64::try_from(rows.len()).unwrap());
        let at = |time: &Option<system_log_wire::Timestamp>| time.map(|time| time.seconds).unwrap();
        for (n, bucket) in summary.buckets.iter().enumerate() {
            let from = at(&bucket.start_time);
            let to = summary.buckets.get(n + 1).map_or(i64::MAX, |next| at(&next.start_time));
            let inside: Vec<_> = rows.iter().filter(|row| (from..to).contains(&at(&row.occurred_at))).collect();
            let of = |severity| i64::try_from(inside.iter().filter(|row| row.severity() == severity).count()).unwrap();
            assert_eq!(bucket.info, of(pb::Severity::Info));
            assert_eq!(bucket.warning, of(pb::Severity::Warning));
            assert_eq!(bucket.error, of(pb::Severity::Error));
            assert_eq!(bucket.total, i64::try_from(inside.len()).unwrap());
        }
        assert_eq!(summary.buckets.iter().map(|bucket| bucket.total).sum::<i64>(), summary.total_size);
        for facet in &summary.facets {
            let mut counts: BTreeMap<String, i64> = BTreeMap::new();
            for row in &rows {
                let value = match facet.field.as_str() {
                    "type" => row.r#type.clone(),
                    "severity" => row.severity().as_str_name().trim_start_matches("SEVERITY_").to_lowercase(),
                    "category" => row.category().as_str_name().trim_start_matches("CATEGORY_").to_lowercase(),
                    "recipient" => row.recipient.clone(),
                    "actor" => row.actor.clone().unwrap_or_default().id,
                    _ => row.source.clone(),
                };
                if !value.is_empty() {
                    *counts.entry(value).or_default() += 1;
                }
            }
            let all: i64 = counts.values().sum();
            let mut most: Vec<(i64, String)> = counts.into_iter().map(|(value, count)| (-count, value)).collect();
            most.sort();
            let shown: Vec<_> = facet.values.iter().map(|value| (-value.count, value.value.clone())).collect();
            assert_eq!(shown, most[..most.len().min(2)], "{}", facet.field);
            assert_eq!(facet.other_count, all + shown.iter().map(|(count, _)| count).sum::<i64>(), "{}", facet.field);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_night_the_clock_goes_back_has_25_hours() {
    let server = filled().await;
    let mut request = ask(step(3_600));
    let filter = request.filter.as_mut().unwrap();
    filter.start_time = Some(time("2026-10-24T22:00:00Z"));
    filter.end_time = Some(time("2026-10-25T23:00:00Z"));
    let hours = server.admin_of("acme").log().summarize_events(request).await.unwrap().into_inner().buckets;
    assert_eq!(hours.len(), 25);
    assert_eq!(hours[2].start_time, Some(time("2026-10-25T00:00:00Z")));
    assert_eq!(hours[2].warning, 26);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_illegal_summary_names_its_field_and_is_no_view() {
    let server = filled().await;
    let admin = server.admin_of("acme");
    type Change = fn(&mut pb::SummarizeEventsRequest);
    let bad: [(&str, Change); 9] = [
        ("step", |r| r.resolution = step(5_400)),
        ("step", |r| r.resolution = step(-60)),
        ("step", |r| r.resolution = step(1)),
        ("bucket_count", |r| r.resolution = Some(Resolution::BucketCount(501))),
        ("bucket_count", |r| r.resolution = Some(Resolution::BucketCount(0))),
        ("time_zone", |r| r.time_zone = "Middle/Earth".into()),
        ("facets", |r| r.facets = vec!["model".into()]),
        ("facets", |r| r.facets = vec!["type".into(), "type".into()]),
        ("facet_limit", |r| r.facet_limit = -1),
    ];
    for (field, change) in bad {
        let mut request = ask(None);
        change(&mut request);
        let error = admin.log().summarize_events(request).await.unwrap_err();
        assert_eq!((reason(&error).as_str(), fields(&error)), ("INVALID_FILTER", vec![field.to_owned()]));
    }
    let usage = pb::SummarizeAiUsageRequest { filter: ask(None).filter, ..Default::default() };
    let error = admin.log().summarize_ai_usage(usage).await.unwrap_err();
    assert_eq!(fields(&error), ["filter.log"]);
    let viewed = pb::EventFilter { types: vec!["system_log_viewed".into()], ..everything(pb::Log::System) };
    assert_eq!(admin.list_all(&viewed, "", 50).await.unwrap().len(), 0);
    admin.log().summarize_events(ask(None)).await.unwrap();
    assert_eq!(admin.list_all(&viewed, "", 50).await.unwrap().len(), 2, "the list before, and the summary");
}

#[tokio::test(flavor = "multi_thread")]
async fn ai_usage_of_nothing_is_nothing() {
    let server = TestServer::start().await;
    let request = pb::SummarizeAiUsageRequest {
        filter: Some(everything(pb::Log::AiUsage)),
        group_by: vec![pb::AiUsageDimension::Model.into()],
        ..Default::default()
    };
    let answer = server.admin_of("acme").log().summarize_ai_usage(request).await.unwrap().into_inner();
    assert_eq!((answer.rows.len(), answer.total.unwrap().requests), (0, 0));
}
