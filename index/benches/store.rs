//! The store alone, without wire, sandbox and guard rules: events per second, bytes per event by part, memory, and how long
//! answers take. `cargo xtask bench store` runs it; the table goes into `docs/benchmarks.md`. With a folder as second argument it
//! stays, and the next run only asks; with a third one it asks only questions whose name contains that.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its table and ends when something fails")]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use system_log_index::status::Status;
use system_log_index::{
    AppendError, Cursor, DedupeKey, Direction, Group, PageRequest, Store, StoreLimits, StoreOptions,
};
use system_log_model::column::TableColumn;
use system_log_model::order::Direction as Towards;
use system_log_model::query::Range;
use system_log_model::search::Search;
use system_log_model::text::fold;
use system_log_model::{
    Actor, Category, Clock, Contains, Event, Filter, Guard, Log, OrderBy, OrgId, Query, Severity, Timestamp,
    WebhookDelivery,
};

/// Organisations; every fifth event belongs to the first.
const ORGS: usize = 300;
const DAYS: i64 = 79;
/// Of the events that all go into days that are written in place.
const LIVE_SECONDS: i64 = 6 * 3_600;
const BATCH: usize = 1_000;
/// Events of the run with live days only.
const LIVE_EVENTS: usize = 200_000;
/// Requests in flight.
const SENDERS: usize = 4;
const ROUNDS: usize = 101;

fn main() {
    // Only `cargo bench` says so: among the tests of all targets this is none.
    let (bench, args): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|arg| arg == "--bench");
    if bench.is_empty() {
        return;
    }
    let events: usize = args.first().map_or(100_000, |n| n.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let folder = args.get(1).map_or(temporary.path(), Path::new);
    println!("| figure, {events} events, {ORGS} organisations, {DAYS} days | value |\n|---|---|");
    let is_loaded = folder.join("log").is_dir();
    if !is_loaded {
        live_only(events.min(LIVE_EVENTS));
        fill(folder, events);
    }
    let begun = Instant::now();
    let store = open(folder);
    println!("| open | {:.3} s |", begun.elapsed().as_secs_f64());
    let only = args.get(2).map_or("", String::as_str);
    questions(&store, events, only);
    if !"scan".contains(only) {
        return;
    }
    println!(
        "| resident memory after the questions | {} MiB, {} of it mapped files; {} threads |",
        memory("VmRSS:"),
        memory("RssFile:"),
        std::fs::read_dir("/proc/self/task").unwrap().count()
    );
    let begun = Instant::now();
    let rows: usize = store.scan(query("org-0", |_| ()), store.snapshot(), None).map(|rows| rows.unwrap().len()).sum();
    println!("| scan of {rows} rows, newest first | {:.0} rows/s |", rows as f64 / begun.elapsed().as_secs_f64());
}

fn fill(folder: &Path, events: usize) {
    let store = open(folder);
    load(&store, events, DAYS * 86_400);
    print_bytes(&store.status(), events, "before days are closed");
    print_stages(&store.status(), "events of all days");
    let begun = Instant::now();
    store.settle().unwrap();
    let took = begun.elapsed();
    // The log leaves a large file once it is idle.
    thread::sleep(Duration::from_millis(2_500));
    println!("| until every day is closed and folded, after the rest | {:.1} s |", took.as_secs_f64());
    print_bytes(&store.status(), events, "closed");
    let (now, peak, mapped) = (memory("VmRSS:"), memory("VmHWM:"), memory("RssFile:"));
    println!("| resident memory after the load | {now} MiB, {mapped} of it mapped files (peak {peak}) |");
    store.close();
    drop(store);
    let at_rest = folder_bytes(folder) as f64 / events as f64;
    let payload = payload_bytes();
    println!(
        "| the folder at rest | {at_rest:.1} B/event, {:.2} of the {payload:.0} B of an event as JSON |",
        at_rest / payload
    );
}

fn open(folder: &Path) -> Store {
    let options =
        StoreOptions { directory: folder.to_owned(), clock: Arc::new(SystemClock), limits: StoreLimits::default() };
    Store::open(options).unwrap()
}

/// Batches from several threads, shuffled over all days, each record with its key. What making them takes is taken off.
fn load(store: &Store, events: usize, seconds: i64) {
    let begun = Instant::now();
    let next = AtomicUsize::new(0);
    let making: Duration = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|n| {
                scope.spawn({
                    let next = &next;
                    move || send(store, (events, seconds), n as u64, next)
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    // Making keeps as many cores busy as there are.
    let cores = thread::available_parallelism().map_or(1, |n| n.get().min(SENDERS)) as u32;
    let off = making / cores;
    let rate = |took: Duration| events as f64 / took.saturating_sub(off).as_secs_f64();
    println!("| acknowledged, {SENDERS} in flight, batches of {BATCH} | {:.0}/s |", rate(begun.elapsed()));
    store.flush().unwrap();
    println!("| until everything is in the days | {:.0}/s |", rate(begun.elapsed()));
}

/// Sends batches until there are no more; how long making them took.
fn send(store: &Store, (events, seconds): (usize, i64), seed: u64, next: &AtomicUsize) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let guard = Guard::new();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut making = Duration::ZERO;
    loop {
        let from = next.fetch_add(BATCH, Ordering::Relaxed);
        if from >= events {
            return making;
        }
        let at = Instant::now();
        let groups: Vec<Group> =
            (from..events.min(from + BATCH)).map(|n| group(&guard, &mut rng, n, seconds)).collect();
        making += at.elapsed();
        while let Err(error) = runtime.block_on(store.append(groups.clone())) {
            assert!(matches!(error, AppendError::Overloaded), "{error}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn org_of(number: usize) -> OrgId {
    OrgId::new(&format!("org-{number}")).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a bench has no clock to inject")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_micros(since.as_micros() as i64)
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }
}

fn group(guard: &Guard, rng: &mut StdRng, number: usize, seconds: i64) -> Group {
    let now = now();
    let errors = [
        "Connection refused by host",
        "upstream connect error or disconnect/reset before headers",
        "Not Found",
        "Timeout of 30 s exceeded while waiting for the response",
    ];
    let org = org_of(if rng.random_ratio(1, 5) { 0 } else { rng.random_range(0..ORGS) });
    let at = now.plus_micros(-rng.random_range(0..seconds) * 1_000_000 - rng.random_range(0..1_000) * 1_000);
    let user = rng.random_range(0..2_000);
    let is_webhook = rng.random_bool(0.5);
    let tail =
        if rng.random_bool(0.5) { format!(" (request {:012x})", rng.random::<u64>() >> 16) } else { String::new() };
    let error = errors[rng.random_range(0..errors.len())];
    let host = format!("https://crm-{}.example.com/hooks", rng.random_range(0..500));
    let event = Event {
        org: org.clone(),
        log: Log::System,
        kind: if is_webhook { "webhook_failed" } else { "email_sent" }.into(),
        category: Some(if is_webhook { Category::Webhook } else { Category::Email }),
        severity: if is_webhook { Severity::Error } else { Severity::Info },
        occurred_at: at,
        received_at: now.plus_micros(number as i64 / 1_000 * 7_000),
        message: format!("{error}{tail}"),
        actor: (!is_webhook).then(|| Actor {
            id: format!("u{user}"),
            display_name: format!("User {user}"),
            email: format!("user{user}@example.com"),
            ..Actor::default()
        }),
        recipient: if is_webhook { host.clone() } else { format!("user{user}@example.com") },
        subject: if is_webhook { String::new() } else { "Your weekly digest".into() },
        source: if is_webhook { "webhook" } else { "mailgun" }.into(),
        pre_auth: false,
        change: None,
        webhook: is_webhook.then(|| WebhookDelivery {
            url: host,
            http_status: 503,
            attempt: 1,
            ..WebhookDelivery::default()
        }),
        ai: None,
        attributes: [("delivery".to_owned(), json!(number))].into_iter().collect(),
    };
    let key = DedupeKey { org, collector: "webhook".into(), key: format!("b{number}") };
    Group { key: Some(key), claim: None, events: vec![guard.clean(event)] }
}

fn print_bytes(status: &Status, events: usize, when: &str) {
    let per = |bytes: u64| bytes as f64 / events as f64;
    println!(
        "| {when}: store / index / keys / directory / log | {:.1} / {:.1} / {:.1} / {:.1} / {:.1} B/event, {} late |",
        per(status.store_bytes),
        per(status.index_bytes),
        per(status.key_bytes),
        per(status.meta_bytes),
        per(status.log_bytes),
        status.late_events
    );
}

/// What each stage alone can take, by the time of one thread that it took.
fn print_stages(status: &Status, what: &str) {
    for (stage, total) in status.stages.iter().filter(|(_, total)| total.events > 0) {
        let rate = total.events as f64 / total.time.as_secs_f64();
        println!("| {what}: stage `{}` alone, {} events | {rate:.0}/s |", stage.name(), total.events);
    }
}

/// Events of the last hours only, which go into one or two live days: log, sled and tantivy.
fn live_only(events: usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    load(&store, events, LIVE_SECONDS);
    print_bytes(&store.status(), events, "live days only");
    print_stages(&store.status(), "live days only");
    store.close();
}

/// An event as JSON, in bytes: the mean of some.
fn payload_bytes() -> f64 {
    let (guard, mut rng) = (Guard::new(), StdRng::seed_from_u64(9));
    let bytes = |n| serde_json::to_vec(group(&guard, &mut rng, n, DAYS * 86_400).events[0].event()).unwrap().len();
    (0..1_000).map(bytes).sum::<usize>() as f64 / 1_000.0
}

fn folder_bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).unwrap().flatten();
    entries
        .map(|entry| {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() { folder_bytes(&entry.path()) } else { blocks(&meta) }
        })
        .sum()
}

fn blocks(meta: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(meta) * 512
}

fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}

fn query(org: &str, set: impl FnOnce(&mut Query)) -> Query {
    let now = now();
    let range = Range { start: now.plus_micros(-89 * 86_400_000_000), end: now.plus_micros(60_000_000) };
    let filter = Filter {
        log: Log::System,
        categories: Vec::new(),
        types: Vec::new(),
        severities: Vec::new(),
        search: None,
        contains: Contains::default(),
        actor_ids: Vec::new(),
        bot_only: false,
        exclude_pre_auth: false,
        models: Vec::new(),
        success: None,
    };
    let mut query = Query { org: OrgId::new(org).unwrap(), range, filter, order: OrderBy::default() };
    set(&mut query);
    query
}

fn contains(needle: &str) -> impl FnOnce(&mut Query) {
    let needle = fold(needle).into_owned();
    move |query| query.filter.contains = Contains { message: Some(needle), ..Contains::default() }
}

fn questions(store: &Store, events: usize, only: &str) {
    let words = |text: &str| Search::parse(text).unwrap();
    let order = |column| OrderBy { column, direction: Towards::Ascending };
    let rare = rare_needle(store);
    let questions: Vec<(&str, Query)> = vec![
        ("newest 50, largest organisation", query("org-0", |_| ())),
        ("newest 50, small organisation", query("org-7", |_| ())),
        ("typed filter", query("org-0", |q| q.filter.types = vec!["webhook_failed".into()])),
        ("two words", query("org-0", |q| q.filter.search = words("connection refused"))),
        ("contains, rare", query("org-0", contains(&rare))),
        ("contains, absent", query("org-0", contains("no such text"))),
        ("contains, absent, 3 bytes", query("org-0", contains("qzx"))),
        ("contains, common", query("org-0", contains("efused"))),
        ("contains, rare, small organisation", query("org-7", contains(&rare))),
        ("sorted by recipient", query("org-0", |q| q.order = order(TableColumn::Recipient))),
    ];
    for (what, question) in questions.into_iter().filter(|(what, _)| what.contains(only)) {
        let (median, worst) = time(|| {
            let request =
                PageRequest { snapshot: store.snapshot(), cursor: None, direction: Direction::Next, limit: 50 };
            store.page(&question, &request).unwrap();
        });
        println!("| {what}, median / p99 | {median:.2} / {worst:.2} ms |");
    }
    if !only.is_empty() {
        return;
    }
    let deep = deep_cursor(store, events);
    let (median, worst) = time(|| {
        let request =
            PageRequest { snapshot: store.snapshot(), cursor: deep.clone(), direction: Direction::Next, limit: 50 };
        store.page(&query("org-0", |_| ()), &request).unwrap();
    });
    println!("| a page in the middle, median / p99 | {median:.2} / {worst:.2} ms |");
    for (what, question) in [
        ("exact total, everything", query("org-0", |_| ())),
        ("exact total, typed filter", query("org-0", |q| q.filter.types = vec!["webhook_failed".into()])),
        ("exact total, common needle", query("org-0", contains("efused"))),
    ] {
        let (median, worst) = time(|| {
            store.count(&question, store.snapshot()).unwrap();
        });
        println!("| {what}, median / p99 | {median:.2} / {worst:.2} ms |");
    }
}

/// A needle that one event has: the tail of one's request id.
fn rare_needle(store: &Store) -> String {
    let request = PageRequest { snapshot: store.snapshot(), cursor: None, direction: Direction::Next, limit: 2_000 };
    let page = store.page(&query("org-0", contains("(request ")), &request).unwrap();
    let message = &page.rows.last().unwrap().event.message;
    message[message.len() - 11..message.len() - 1].to_owned()
}

fn deep_cursor(store: &Store, events: usize) -> Option<Cursor> {
    let request =
        PageRequest { snapshot: store.snapshot(), cursor: None, direction: Direction::Next, limit: events / 12 };
    let page = store.page(&query("org-0", |_| ()), &request).unwrap();
    let row = page.rows.last()?;
    Some(Cursor { key: TableColumn::time_key(row.event.occurred_at), sequence: row.id.sequence })
}

/// Median and 99th percentile, in milliseconds.
fn time(mut ask: impl FnMut()) -> (f64, f64) {
    let mut took: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            ask();
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    took.sort_by(f64::total_cmp);
    (took[ROUNDS / 2], took[ROUNDS * 99 / 100])
}
