//! What the contract means, as plainly as it can be written: no index, no code of the server's.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use system_log_wire::systemlog::v1 as pb;

use super::generate::Question;

fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn words(text: &str) -> Vec<String> {
    let folded = fold(text);
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Adjacent words of one field; the last may be a beginning when the term was not quoted.
fn stands_in(term: &[String], open: bool, field: &str) -> bool {
    let field = words(field);
    (0..field.len()).any(|start| {
        term.iter().enumerate().all(|(n, want)| match field.get(start + n) {
            Some(have) if open && n + 1 == term.len() => have.starts_with(want.as_str()),
            Some(have) => have == want,
            None => false,
        })
    })
}

fn found(query: &str, event: &pb::Event) -> bool {
    let mut rest = query.trim();
    while !rest.is_empty() {
        let (minus, term) = match rest.strip_prefix('-') {
            Some(term) => (true, term),
            None => (false, rest),
        };
        let (term, open, after) = match term.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').map_or((quoted, false, ""), |(term, after)| (term, false, after)),
            None => term.split_once(' ').map_or((term, true, ""), |(term, after)| (term, true, after)),
        };
        let term = words(term);
        let here = stands_in(&term, open, &event.r#type) || stands_in(&term, open, &event.message);
        if here == minus {
            return false;
        }
        rest = after.trim_start();
    }
    true
}

fn matches(event: &pb::Event, filter: &pb::EventFilter) -> bool {
    let at = |time: &Option<system_log_wire::Timestamp>| time.as_ref().map(|t| (t.seconds, t.nanos)).unwrap();
    let actor = event.actor.clone().unwrap_or_default();
    let contains = filter.contains.clone().unwrap_or_default();
    let has = |text: &str, needle: &str| fold(text).contains(&fold(needle));
    event.log == filter.log
        && at(&event.occurred_at) >= at(&filter.start_time)
        && at(&event.occurred_at) < at(&filter.end_time)
        && (filter.types.is_empty() || filter.types.contains(&event.r#type))
        && (filter.categories.is_empty() || filter.categories.contains(&event.category))
        && (filter.severities.is_empty() || filter.severities.contains(&event.severity))
        && (filter.actor_ids.is_empty() || filter.actor_ids.contains(&actor.id))
        && (!filter.bot_only || actor.kind() == pb::ActorKind::Bot)
        && (!filter.exclude_pre_auth || !event.pre_auth)
        && (filter.models.is_empty() || event.ai.as_ref().is_some_and(|ai| filter.models.contains(&ai.model)))
        && filter.success.is_none_or(|want| event.ai.as_ref().is_some_and(|ai| ai.success == want))
        && has(&event.r#type, &contains.event_name)
        && has(&event.message, &contains.message)
        && has(&event.recipient, &contains.recipient)
        && has(&event.subject, &contains.subject)
        && found(&filter.query, event)
}

/// A sort key: absent last whatever the direction, so apart from the value.
fn key(event: &pb::Event, column: &str) -> (bool, i64, String) {
    let text = |text: &str| (text.is_empty(), 0, fold(text));
    let number = |number: Option<i64>| (number.is_none(), number.unwrap_or_default(), String::new());
    match column {
        "occurred_at" => {
            let time = event.occurred_at.as_ref().unwrap();
            (false, time.seconds * 1_000_000 + i64::from(time.nanos / 1_000), String::new())
        }
        "severity" => (false, i64::from(event.severity), String::new()),
        "type" => text(&event.r#type),
        "category" => {
            let name = event.category().as_str_name().trim_start_matches("CATEGORY_").to_owned();
            (event.category() == pb::Category::Unspecified, 0, fold(&name))
        }
        "message" => text(&fold(&event.message).chars().take(64).collect::<String>()),
        "recipient" => text(&event.recipient),
        "subject" => text(&event.subject),
        "actor" => {
            let actor = event.actor.clone().unwrap_or_default();
            text([actor.display_name, actor.email, actor.id].iter().find(|t| !t.is_empty()).map_or("", |t| t))
        }
        "model" => text(event.ai.as_ref().map_or("", |ai| &ai.model)),
        "total_tokens" => number(event.ai.as_ref().map(|ai| ai.total_tokens)),
        "cost" => number(event.ai.as_ref().and_then(|ai| ai.cost_nano_usd)),
        "latency" => number(event.ai.as_ref().and_then(latency)),
        other => panic!("no column {other}"),
    }
}

/// The rows, in order.
pub(super) fn answer(all: &[pb::Event], org: &str, question: &Question) -> Vec<pb::Event> {
    let rows = all.iter().filter(|event| event.org_id == org && matches(event, &question.filter));
    let mut rows: Vec<pb::Event> = rows.cloned().collect();
    let order = if question.order_by.is_empty() { "occurred_at desc" } else { &question.order_by };
    let (column, direction) = order.split_once(' ').unwrap_or((order, "asc"));
    let directed = |order: Ordering| if direction == "desc" { order.reverse() } else { order };
    rows.sort_by(|a, b| {
        let ((a_absent, a_number, a_text), (b_absent, b_number, b_text)) = (key(a, column), key(b, column));
        a_absent
            .cmp(&b_absent)
            .then_with(|| directed((a_number, a_text).cmp(&(b_number, b_text))))
            .then_with(|| directed(a.id.cmp(&b.id)))
    });
    rows
}

/// On the wire 0 is no latency; none that is sent here is 0.
fn latency(ai: &pb::AiUsage) -> Option<i64> {
    Some(ai.latency_ms).filter(|latency| *latency != 0)
}

/// Sums over rows, by a key of each: what `SummarizeAiUsage` must say.
pub(super) fn usage(rows: &[pb::Event], by: &[pb::AiUsageDimension]) -> (Vec<pb::AiUsageRow>, pb::AiUsageRow) {
    use pb::AiUsageDimension::{Actor, Day, Model};
    let mut groups: BTreeMap<(String, String, String), Vec<&pb::Event>> = BTreeMap::new();
    for row in rows {
        let actor = row.actor.as_ref().map(|actor| actor.id.clone()).filter(|_| by.contains(&Actor));
        let model = row.ai.as_ref().map(|ai| ai.model.clone()).filter(|_| by.contains(&Model));
        let seconds = row.occurred_at.as_ref().unwrap().seconds;
        let day = system_log_model::Timestamp::from_seconds(seconds, 0).unwrap().to_string()[..10].to_owned();
        let day = if by.contains(&Day) { day } else { String::new() };
        groups.entry((actor.unwrap_or_default(), model.unwrap_or_default(), day)).or_default().push(row);
    }
    let row = |((actor_id, model, day), rows): (_, Vec<&pb::Event>)| pb::AiUsageRow {
        actor_id,
        model,
        day,
        ..figures(&rows)
    };
    let total = figures(&rows.iter().collect::<Vec<_>>());
    if by.is_empty() {
        groups.clear();
    }
    (groups.into_iter().map(row).collect(), total)
}

fn figures(rows: &[&pb::Event]) -> pb::AiUsageRow {
    let uses: Vec<&pb::AiUsage> = rows.iter().map(|row| row.ai.as_ref().unwrap()).collect();
    let count = |count: usize| i64::try_from(count).unwrap();
    let mut latencies: Vec<i64> = uses.iter().copied().filter_map(latency).collect();
    latencies.sort_unstable();
    // The smallest latency that at least so many percent of all are not above.
    let percentile = |percent: usize| {
        let enough = |limit: &&i64| latencies.iter().filter(|l| l <= limit).count() * 100 >= percent * latencies.len();
        latencies.iter().find(enough).copied().unwrap_or_default()
    };
    pb::AiUsageRow {
        requests: count(uses.len()),
        failures: count(uses.iter().filter(|ai| !ai.success).count()),
        prompt_tokens: uses.iter().map(|ai| ai.prompt_tokens).sum(),
        completion_tokens: uses.iter().map(|ai| ai.completion_tokens).sum(),
        total_tokens: uses.iter().map(|ai| ai.total_tokens).sum(),
        cost_nano_usd: uses.iter().filter_map(|ai| ai.cost_nano_usd).sum(),
        requests_without_cost: count(uses.iter().filter(|ai| ai.cost_nano_usd.is_none()).count()),
        latency_p50_ms: percentile(50),
        latency_p95_ms: percentile(95),
        latency_p99_ms: percentile(99),
        ..Default::default()
    }
}
