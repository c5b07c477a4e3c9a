//! Random events and random questions, made of pieces that meet often: otherwise nothing would ever be found.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use system_log_model::clock::MICROS_PER_DAY;
use system_log_model::column::TableColumn;
use system_log_model::query::Range;
use system_log_model::search::Search;
use system_log_model::text::fold;
use system_log_model::{
    Actor, ActorKind, AiUsage, Category, Change, Contains, Event, Filter, Log, OrderBy, Query, Severity,
    WebhookDelivery, order,
};

use super::{event, everything, noon};

pub(crate) const ORGS: [&str; 3] = ["acme", "acme-2", "b.org"];
/// How far back events reach.
const DAYS: i64 = 3;

const PIECES: [&str; 26] = [
    "connection",
    "Refused",
    "CONN",
    "refuse",
    "by",
    "host",
    "503",
    "İstanbul",
    "istanbul",
    "i̇",
    "e\u{301}te",
    "été",
    "100%",
    "%",
    "*",
    "\"quoted\"",
    "quoted",
    "a_b",
    "😀",
    "😀😀",
    "ΣΑΣ",
    "σας",
    "Straße",
    "-",
    "\\",
    "ǅ",
];
const KINDS: [&str; 5] = ["webhook_failed", "webhook_sent", "login_failed", "İ_kind", "refused_by"];

pub(crate) fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn pick<'a>(rng: &mut StdRng, of: &[&'a str]) -> &'a str {
    of.choose(rng).copied().unwrap_or_default()
}

pub(crate) fn text(rng: &mut StdRng, most: usize) -> String {
    let pieces = rng.random_range(0..=most);
    let mut text = String::new();
    for _ in 0..pieces {
        text.push_str(pick(rng, &PIECES));
        text.push_str(pick(rng, &[" ", " ", "  ", "_", "", ", "]));
    }
    // A word longer than the index keeps, sometimes with a twin that differs only at its end.
    if rng.random_bool(0.02) {
        text.push_str(&"long".repeat(70));
        text.push_str(pick(rng, &["", "x", "y"]));
    }
    text
}

fn actor(rng: &mut StdRng) -> Actor {
    Actor {
        id: pick(rng, &["", "u1", "u2", "u3"]).into(),
        display_name: pick(rng, &["", "Ann", "bob"]).into(),
        email: pick(rng, &["", "ann@x.org"]).into(),
        kind: *[None, Some(ActorKind::Bot), Some(ActorKind::User)].choose(rng).unwrap(),
    }
}

fn ai(rng: &mut StdRng) -> AiUsage {
    AiUsage {
        model: pick(rng, &["", "gpt", "GPT", "claude"]).into(),
        total_tokens: rng.random_range(0..4),
        cost_nano_usd: rng.random_bool(0.6).then(|| rng.random_range(-2..3)),
        latency_ms: rng.random_bool(0.6).then(|| rng.random_range(0..3)),
        success: rng.random(),
        error: text(rng, 1),
        ..AiUsage::default()
    }
}

pub(crate) fn random_event(rng: &mut StdRng) -> Event {
    // Few different instants, so that ties are common.
    let back = rng.random_range(0..DAYS * 24) * MICROS_PER_DAY / 24;
    let mut event = event(pick(rng, &ORGS), noon().plus_micros(-back - rng.random_range(0..2)), &text(rng, 5));
    event.log = *[Log::System, Log::System, Log::Email, Log::AiUsage].choose(rng).unwrap();
    event.kind = pick(rng, &KINDS).into();
    event.category = (event.log == Log::System).then(|| *Category::ALL.choose(rng).unwrap());
    event.severity = *Severity::ALL.choose(rng).unwrap();
    event.actor = rng.random_bool(0.7).then(|| actor(rng));
    event.recipient = text(rng, 1);
    event.subject = text(rng, 2);
    event.pre_auth = rng.random_bool(0.2);
    event.ai = (event.log == Log::AiUsage).then(|| ai(rng));
    event.webhook = rng.random_bool(0.1).then(|| WebhookDelivery {
        url: text(rng, 1),
        http_status: 503,
        ..WebhookDelivery::default()
    });
    event.change =
        rng.random_bool(0.1).then(|| Change { field: "role".into(), before: text(rng, 1), after: String::new() });
    if rng.random_bool(0.3) {
        let value = json!({"n": [1, -2.5, null, true], "t": text(rng, 1)});
        event.attributes.insert("reason".into(), value);
    }
    event
}

fn some<T: Clone>(rng: &mut StdRng, of: &[T]) -> Vec<T> {
    if rng.random_bool(0.75) {
        return Vec::new();
    }
    let count = rng.random_range(1..=of.len().min(2));
    of.choose_multiple(rng, count).cloned().collect()
}

/// A needle as a filter holds it: folded; often cut out of the middle of something.
fn needle(rng: &mut StdRng) -> Option<String> {
    if rng.random_bool(0.75) {
        return None;
    }
    let whole = match rng.random_range(0..4) {
        0 => pick(rng, &["o", "%", "*", " ", "\"", "😀", "i", "\u{307}", "\u{301}", "zzz"]).into(),
        _ => text(rng, 2),
    };
    let chars: Vec<char> = whole.chars().collect();
    let from = rng.random_range(0..=chars.len());
    let to = rng.random_range(from..=chars.len());
    let cut: String = chars[from..to].iter().collect();
    (!cut.is_empty()).then(|| fold(&cut).into_owned())
}

fn search(rng: &mut StdRng) -> Option<Search> {
    if rng.random_bool(0.5) {
        return None;
    }
    let mut query = String::new();
    for _ in 0..rng.random_range(1..=2) {
        query.push_str(pick(rng, &["", "", "", "-", "\""]));
        let term = match rng.random_range(0..12) {
            0 => "webhook_fail".to_owned(),
            1 => "l".to_owned(),
            2 => "long".repeat(70),
            3 => format!("{}x", "long".repeat(70)),
            4 => format!("by_{}", "long".repeat(60)),
            5 => "connection refuse".to_owned(),
            _ => text(rng, 1),
        };
        query.push_str(&term);
        query.push_str(pick(rng, &[" ", "\" ", "_h "]));
    }
    Search::parse(&query).ok().flatten()
}

pub(crate) fn random_query(rng: &mut StdRng) -> Query {
    let mut query = everything(pick(rng, &ORGS));
    let log = *[Log::System, Log::System, Log::Email, Log::AiUsage].choose(rng).unwrap();
    let is = |wanted| log == wanted;
    query.filter = Filter {
        log,
        categories: if is(Log::System) { some(rng, Category::ALL) } else { Vec::new() },
        types: some(rng, &KINDS.map(Into::into)),
        severities: some(rng, Severity::ALL),
        search: search(rng),
        contains: Contains {
            event_name: needle(rng),
            message: needle(rng),
            recipient: needle(rng),
            subject: needle(rng),
        },
        actor_ids: some(rng, &["", "u1", "u2", "u9"].map(Into::into)),
        bot_only: rng.random_bool(0.1),
        exclude_pre_auth: rng.random_bool(0.1),
        models: if is(Log::AiUsage) { some(rng, &["gpt".into(), "".into()]) } else { Vec::new() },
        success: (is(Log::AiUsage) && rng.random_bool(0.3)).then(|| rng.random()),
    };
    if rng.random_bool(0.5) {
        let at = |hours: i64| noon().plus_micros(-hours * MICROS_PER_DAY / 24);
        let from = rng.random_range(1..DAYS * 24);
        let to = rng.random_range(0..from);
        query.range = Range { start: at(from), end: at(to) };
    }
    let column = *TableColumn::of(log).choose(rng).unwrap();
    let direction = *[order::Direction::Ascending, order::Direction::Descending].choose(rng).unwrap();
    query.order = OrderBy { column, direction };
    if rng.random_bool(0.3) {
        query.order.column = TableColumn::OccurredAt;
    }
    query
}
