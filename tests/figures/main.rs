//! The first figures, through the contract: events acknowledged per second, bytes per event, and how long an answer takes.
//!
//! `cargo xtask bench` builds the service for release and runs this beside it. The server is a process of its own, the
//! client is this one, both on the same machine: what is printed is what a caller sees.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::time::Instant;

use clap::Parser;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use system_log_tests::client::Client;
use system_log_tests::event::record;
use system_log_tests::process::{Process, token};
use system_log_wire::systemlog::v1 as pb;
use tonic::transport::Endpoint;

/// Organisations; every third event belongs to the first.
const ORGS: usize = 300;
/// Records a request.
const BATCH: usize = 1_000;
/// Requests in flight.
const SENDERS: usize = 4;
/// Nothing more is folded in when nothing was for so long.
const QUIET: std::time::Duration = std::time::Duration::from_secs(3);
/// Repetitions of each question; the median and the 99th percentile are printed.
const ROUNDS: usize = 200;

#[derive(Debug, Parser)]
struct Args {
    /// Events to send.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
}

#[tokio::main]
async fn main() {
    let events = Args::parse().events;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Process::serve(folder.path(), &[]);
    let endpoint = Endpoint::from_shared(format!("http://{}", server.listen)).expect("an address");
    let channel = endpoint.connect().await.expect("the server listens");
    let sender = Client::new(channel.clone(), &token(folder.path(), "*", "ingest"));
    let admin = Client::new(channel, &token(folder.path(), "org-0", "admin"));

    println!("| figure | value |\n|---|---|");
    let seconds = load(&sender, events).await;
    println!(
        "| events acknowledged (durable), batches of {BATCH}, {SENDERS} in flight | {:.0}/s |",
        events as f64 / seconds
    );
    let waited = Instant::now();
    let bytes = settle(&server).await;
    println!(
        "| until the days have everything, late events folded in, after the last answer | {:.1} s |",
        waited.elapsed().as_secs_f64()
    );
    for (what, bytes) in bytes {
        println!("| {what} | {:.0} B/event |", bytes / events as f64);
    }
    println!("| resident memory | {} MiB |", resident(&server));
    for (what, filter) in questions(events) {
        let (median, worst) = time(&admin, &filter).await;
        println!("| {what}, median / p99 | {median:.2} / {worst:.2} ms |");
    }
    let begun = Instant::now();
    let request = pb::ExportCsvRequest { filter: Some(all()), ..Default::default() };
    let rows = admin.export(request).await.expect("an export").trailer.expect("a trailer").total_rows;
    println!("| CSV export of {rows} rows | {:.0} rows/s |", rows as f64 / begun.elapsed().as_secs_f64());
    server.terminate();
}

/// Sends raw payloads of two sources; the time from the first request to the last answer.
async fn load(sender: &Client, events: u64) -> f64 {
    let now = jiff::Timestamp::now();
    let mut rng = StdRng::seed_from_u64(1);
    let total = usize::try_from(events).expect("a count");
    let batches: Vec<(&str, Vec<pb::Record>)> = (0..total.div_ceil(BATCH))
        .map(|batch| {
            let source = if batch % 2 == 0 { "webhook" } else { "mail" };
            let count = BATCH.min(total - batch * BATCH);
            (source, (0..count).map(|n| payload(&mut rng, source, batch * BATCH + n, now)).collect())
        })
        .collect();
    let queue = std::sync::Arc::new(parking_lot::Mutex::new(batches));
    let begun = Instant::now();
    let sending: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (queue, sender) = (queue.clone(), sender.clone());
            tokio::spawn(async move {
                loop {
                    let Some((source, records)) = queue.lock().pop() else { return };
                    loop {
                        match sender.send(source, "", records.clone()).await {
                            Ok(results) => {
                                assert!(results.iter().all(|r| r.outcome() == pb::Outcome::Stored), "{:?}", results[0]);
                                break;
                            }
                            Err(status) if status.code() == tonic::Code::ResourceExhausted => {
                                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                            }
                            Err(status) => panic!("{status}"),
                        }
                    }
                }
            })
        })
        .collect();
    for task in sending {
        task.await.expect("a sender");
    }
    begun.elapsed().as_secs_f64()
}

fn payload(rng: &mut StdRng, source: &str, number: usize, now: jiff::Timestamp) -> pb::Record {
    let ago = jiff::SignedDuration::from_secs(rng.random_range(0..85 * 86_400));
    let at = (now - ago).to_string();
    let errors = ["Connection refused", "upstream connect error or disconnect/reset before headers", "Not Found"];
    let error = format!("{} (request {:012x})", errors[rng.random_range(0..3)], rng.random::<u64>() >> 16);
    let payload = if source == "webhook" {
        json!({"id": format!("b{number}"), "occurred_at": at, "method": "POST", "http_status": 503,
            "url": format!("https://crm-{}.example.com/hooks", rng.random_range(0..500)), "attempt": 1,
            "duration_ms": 120, "event": "process.completed", "error": error})
    } else {
        json!({"id": format!("b{number}"), "occurred_at": at, "event": "email_sent", "message": error,
            "recipient": format!("user{}@example.com", rng.random_range(0..5_000)), "subject": "Your weekly digest"})
    };
    let org = if rng.random_ratio(1, 3) { 0 } else { rng.random_range(0..ORGS) };
    pb::Record { org_id: format!("org-{org}"), ..record(&payload) }
}

/// Waits until nothing is pending and no more late events are folded in; bytes by place.
async fn settle(server: &Process) -> [(&'static str, f64); 3] {
    let mut late = (f64::MAX, Instant::now());
    loop {
        let metrics = server.metrics().await;
        let value = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("no metric {name} in\n{metrics}")).parse::<f64>().expect("a number")
        };
        let now = value("system_log_late_events");
        if now < late.0 {
            late = (now, Instant::now());
        }
        if value("system_log_pending_events") == 0.0 && (now == 0.0 || late.1.elapsed() > QUIET) {
            let bytes = |place: &str| value(&format!("system_log_disk_bytes{{part=\"{place}\"}}"));
            return [
                ("store on disk", bytes("store")),
                ("index on disk", bytes("index")),
                ("commit log", bytes("log")),
            ];
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

fn resident(server: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_024
}

fn all() -> pb::EventFilter {
    let ago = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(89 * 86_400);
    let start = system_log_wire::Timestamp { seconds: ago.as_second(), nanos: 0 };
    pb::EventFilter { log: pb::Log::System.into(), start_time: Some(start), ..Default::default() }
}

fn questions(events: u64) -> Vec<(&'static str, pb::EventFilter)> {
    let contains = |message: &str| Some(pb::ContainsFilter { message: message.into(), ..Default::default() });
    let rare = format!("crm-{}.example", events % 500);
    vec![
        ("newest 50 of 90 days", all()),
        ("typed filter", pb::EventFilter { types: vec!["webhook_failed".into()], ..all() }),
        ("two words", pb::EventFilter { query: "connection refused".into(), ..all() }),
        ("contains, needle of one row in a thousand", pb::EventFilter { contains: contains(&rare), ..all() }),
        ("contains, absent needle", pb::EventFilter { contains: contains("no such text"), ..all() }),
        ("contains, common needle", pb::EventFilter { contains: contains("efused"), ..all() }),
    ]
}

/// First pages without a total, in milliseconds.
async fn time(admin: &Client, filter: &pb::EventFilter) -> (f64, f64) {
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let request = pb::ListEventsRequest {
            filter: Some(filter.clone()),
            view_id: "bench".into(),
            skip_total: true,
            ..Default::default()
        };
        let begun = Instant::now();
        admin.list(request).await.expect("a page");
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    (took[ROUNDS / 2], took[ROUNDS * 99 / 100])
}
