//! Questions while everything moves: events arrive, the clock passes the retention of old ones, the days are written and
//! swept. Each walk through the pages is one moment, and what is acknowledged is found at once in every way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use system_log_model::{Clock, Timestamp, retention};
use system_log_tests::client::reason;
use system_log_tests::event::webhook;
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;

use super::generate::{Question, columns};
use super::reference;

const ORG: &str = "acme";
/// Within this time of its acknowledgement an event is found. From the promises of the store.
const FOUND_WITHIN: Duration = Duration::from_secs(1);
/// The clock's pace: hours of expiry in a few seconds.
const STEP: Duration = Duration::from_secs(240);
const STEP_EVERY: Duration = Duration::from_millis(100);
/// Questions begin so much inside the retention: the clock goes on before the server reads them.
const MARGIN: i64 = 1_800;
/// Events are sent so near to the edge that they expire while the test runs.
const EDGE: i64 = 20_000;
const WORDS: [&str; 4] = ["Connection refused", "timed_out", "über", "x"];

/// An event, and when it was on its way.
struct Known {
    event: pb::Event,
    sent: Instant,
    acknowledged: Instant,
}

/// One snapshot, walked to its end.
struct Walk {
    question: Question,
    asked: Instant,
    answered: Instant,
    /// What had expired when the last page was there.
    cutoff: Timestamp,
    ids: Vec<String>,
    total: i64,
}

struct Stage {
    server: TestServer,
    known: Mutex<Vec<Known>>,
    walks: Mutex<Vec<Walk>>,
    until: Instant,
}

fn wire(at: Timestamp) -> system_log_wire::Timestamp {
    let (seconds, nanos) = at.to_seconds();
    system_log_wire::Timestamp { seconds, nanos }
}

fn seconds(seconds: i64) -> i64 {
    seconds * 1_000_000
}

/// On a busy machine the clock may have gone on beyond the margin before the server looked.
fn is_too_slow(status: &tonic::Status) -> bool {
    reason(status) == "OUTSIDE_RETENTION"
}

impl Stage {
    fn now(&self) -> Timestamp {
        self.server.clock.now()
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    /// The whole retention, from just inside its edge.
    fn filter(&self) -> pb::EventFilter {
        let now = self.now();
        pb::EventFilter {
            log: pb::Log::System.into(),
            types: vec!["webhook_failed".into()],
            start_time: Some(wire(retention::cutoff(now).plus_micros(seconds(MARGIN)))),
            end_time: Some(wire(now.plus_micros(seconds(10)))),
            ..Default::default()
        }
    }

    /// Sends batches, and asks for one event of each in every way.
    async fn write(self: Arc<Self>, writer: usize) {
        let mut rng = StdRng::seed_from_u64(writer as u64);
        for number in 0.. {
            if !self.goes_on() {
                return;
            }
            let now = self.now();
            let batch: Vec<(Timestamp, String)> = (0..rng.random_range(1..=12))
                .map(|n| {
                    // At the edge of the retention, soon to be gone; now; anywhere.
                    let back = match rng.random_range(0..3) {
                        0 => retention::RETENTION_MICROS - seconds(rng.random_range(300..EDGE)),
                        1 => seconds(rng.random_range(0..60)),
                        _ => rng.random_range(0..retention::RETENTION_MICROS - seconds(300)),
                    };
                    let word = WORDS[rng.random_range(0..WORDS.len())];
                    (now.plus_micros(-back), format!("own{writer}q{number}q{n} {word}"))
                })
                .collect();
            self.send(batch).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn send(&self, batch: Vec<(Timestamp, String)>) {
        let records = batch.iter().map(|(at, error)| webhook("", &at.to_string(), 503, error)).collect();
        let sent = Instant::now();
        let results = self.server.sender().send("webhook", ORG, records).await.unwrap();
        let acknowledged = Instant::now();
        for ((at, error), result) in batch.iter().zip(&results) {
            assert_eq!(result.outcome(), pb::Outcome::Stored, "{}", result.message);
            let event = pb::Event {
                id: result.event_ids[0].clone(),
                org_id: ORG.into(),
                log: pb::Log::System.into(),
                r#type: "webhook_failed".into(),
                category: pb::Category::Webhook.into(),
                severity: pb::Severity::Error.into(),
                occurred_at: Some(wire(*at)),
                message: format!("POST https://crm.example.com/hooks -> 503: {error}"),
                recipient: "crm.example.com".into(),
                subject: "process.completed".into(),
                ..Default::default()
            };
            self.known.lock().push(Known { event, sent, acknowledged });
        }
        let ((at, error), result) = batch.iter().zip(&results).max_by_key(|((at, _), _)| *at).unwrap();
        // One that may expire before it is asked for would say nothing.
        if *at > retention::cutoff(self.now()).plus_micros(seconds(2 * EDGE)) {
            self.is_found(*at, error, &result.event_ids[0], acknowledged).await;
        }
    }

    /// In the list, by its word, and by a piece of it.
    async fn is_found(&self, at: Timestamp, error: &str, id: &str, acknowledged: Instant) {
        let word = error.split(' ').next().unwrap();
        let contains = pb::ContainsFilter { message: word[1..].to_uppercase(), ..Default::default() };
        for way in ["list", "search", "contains"] {
            loop {
                let filter = match way {
                    "list" => {
                        let (start_time, end_time) = (Some(wire(at)), Some(wire(at.plus_micros(1))));
                        pb::EventFilter { start_time, end_time, ..self.filter() }
                    }
                    "search" => pb::EventFilter { query: word.into(), ..self.filter() },
                    _ => pb::EventFilter { contains: Some(contains.clone()), ..self.filter() },
                };
                let began = Instant::now();
                match self.server.admin_of(ORG).list_all(&filter, "", 200).await {
                    Ok(rows) if rows.iter().any(|row| row.id == id) => break,
                    Ok(_) => assert!(began < acknowledged + FOUND_WITHIN, "{error} is not found by {way}"),
                    Err(status) => assert!(is_too_slow(&status), "{status:?}"),
                }
            }
        }
    }

    /// Asks random questions and walks through all their pages, then one back.
    async fn read(self: Arc<Self>, reader: usize) {
        let mut rng = StdRng::seed_from_u64(1_000 + reader as u64);
        while self.goes_on() {
            let mut filter = self.filter();
            match rng.random_range(0..4) {
                0 => filter.query = "refused".into(),
                1 => filter.contains = Some(pb::ContainsFilter { message: "D_OU".into(), ..Default::default() }),
                _ => {}
            }
            let columns = columns(pb::Log::System);
            let column = columns[rng.random_range(0..columns.len())];
            let order_by = format!("{column} {}", ["asc", "desc"][rng.random_range(0..2)]);
            let size = rng.random_range(5..=200);
            self.walk(Question { filter, order_by }, size).await;
        }
    }

    async fn walk(&self, question: Question, page_size: i32) {
        // A fresh token for each page: the clock may pass a token's day within a long walk.
        let admin = || self.server.admin_of(ORG);
        let mut request = pb::ListEventsRequest {
            filter: Some(question.filter.clone()),
            order_by: question.order_by.clone(),
            page_size,
            ..Default::default()
        };
        let asked = Instant::now();
        let (mut answered, mut total) = (None, None);
        let (mut ids, mut pages) = (Vec::new(), Vec::new());
        loop {
            let before = retention::cutoff(self.now());
            let page = match admin().list(request.clone()).await {
                Err(status) if answered.is_none() && is_too_slow(&status) => return,
                page => page.unwrap(),
            };
            answered.get_or_insert_with(Instant::now);
            assert_eq!(*total.get_or_insert(page.total_size), page.total_size, "the total is the first page's");
            let at = |row: &pb::Event| row.occurred_at.map(|at| Timestamp::from_seconds(at.seconds, at.nanos).unwrap());
            assert!(page.events.iter().all(|row| at(row) >= Some(before)), "a row beyond the retention");
            let of_page: Vec<String> = page.events.iter().map(|row| row.id.clone()).collect();
            ids.extend(of_page.clone());
            pages.push((of_page, page.previous_page_token));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        if let [.., (before, _), (_, previous)] = pages.as_slice() {
            let back = pb::ListEventsRequest { page_token: previous.clone(), ..request };
            let back = admin().list(back).await.unwrap();
            let shown: Vec<&String> = back.events.iter().map(|row| &row.id).collect();
            // A row may expire between the two, then the page reaches further back; what both have is in one order.
            let both: Vec<&String> = before.iter().filter(|id| shown.contains(id)).collect();
            assert!(shown.ends_with(&both), "back: {shown:?} instead of {before:?}");
        }
        let cutoff = retention::cutoff(self.now());
        let (answered, total) = (answered.unwrap(), total.unwrap());
        self.walks.lock().push(Walk { question, asked, answered, cutoff, ids, total });
    }

    /// Lets time pass; now and then the days are written at once, and what expired is swept away.
    async fn move_on(self: Arc<Self>) {
        for number in 0.. {
            if !self.goes_on() {
                return;
            }
            self.server.advance(STEP);
            let store = self.server.road.store.clone();
            let work = move || match number % 5 {
                0 => store.flush().unwrap(),
                3 => drop(store.sweep().unwrap()),
                _ => {}
            };
            tokio::task::spawn_blocking(work).await.unwrap();
            tokio::time::sleep(STEP_EVERY).await;
        }
    }

    /// Each walk is what its snapshot had, as far as it had not expired.
    fn judge(&self) {
        let known = self.known.lock();
        let by_id: BTreeMap<&str, &Known> = known.iter().map(|known| (known.event.id.as_str(), known)).collect();
        let at = |event: &pb::Event| {
            event.occurred_at.map(|at| Timestamp::from_seconds(at.seconds, at.nanos).unwrap()).unwrap()
        };
        for walk in self.walks.lock().iter() {
            let Walk { question, asked, answered, cutoff, ids, total } = walk;
            let got: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
            assert_eq!(got.len(), ids.len(), "a row twice: {question:?}");
            let before: Vec<pb::Event> =
                known.iter().filter(|known| known.acknowledged < *asked).map(|known| known.event.clone()).collect();
            for event in reference::answer(&before, ORG, question) {
                assert!(at(&event) < *cutoff || got.contains(event.id.as_str()), "missing of {question:?}: {event:?}");
            }
            let rows: Vec<pb::Event> = ids.iter().map(|id| by_id[id.as_str()].event.clone()).collect();
            let in_order = reference::answer(&rows, ORG, question);
            assert!(rows == in_order, "rows that do not match, or in another order: {question:?}");
            assert!(ids.iter().all(|id| by_id[id.as_str()].sent < *answered), "a row of later: {question:?}");
            let expired = known.iter().filter(|known| at(&known.event) < *cutoff).count();
            let missing = total - i64::try_from(rows.len()).unwrap();
            assert!((0..=i64::try_from(expired).unwrap()).contains(&missing), "{missing} of {total}: {question:?}");
        }
    }
}

pub(super) async fn run(length: Duration) {
    let server = TestServer::start().await;
    let until = Instant::now() + length;
    let stage = Arc::new(Stage { server, known: Mutex::default(), walks: Mutex::default(), until });
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..2 {
        tasks.spawn(stage.clone().write(number));
        tasks.spawn(stage.clone().read(number));
    }
    tasks.spawn(stage.clone().move_on());
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    stage.judge();
    let (events, walks) = (stage.known.lock().len(), stage.walks.lock().len());
    assert!(events > 100 && walks > 5, "{events} events and {walks} walks say little");
    let stage = Arc::into_inner(stage).unwrap();
    stage.server.stop().await;
}
