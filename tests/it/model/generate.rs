//! Random payloads of real sources, and random questions about them.

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::json;
use system_log_tests::event::record;
use system_log_wire::systemlog::v1 as pb;

/// Enough to find a leak between them.
pub(super) const ORGS: [&str; 3] = ["acme", "globex", "Acme"];

/// What this model sends to the system log.
pub(super) const SYSTEM_KINDS: [&str; 5] =
    ["webhook_sent", "webhook_failed", "email_send_failed", "process_auto_archived", "login_failed"];

/// What it sends to the AI log.
const AI_KINDS: [(&str, &str); 4] =
    [("ai_chat", "chat"), ("ai_tool_call", "mcp_tool_call"), ("ai_embedding", "embedding"), ("ai_request", "rerank")];
const MODELS: [&str; 4] = ["opus", "Opus", "sonnet-4.5", "gpt-4o"];

/// Who is a member where: (address, organisations). Sign-ins find their organisations by it.
pub(super) const MEMBERS: [(&str, &[&str]); 3] =
    [("both@example.com", &["acme", "globex"]), ("one@example.com", &["Acme"]), ("Three@Example.com", &ORGS)];

/// Columns that an answer may be sorted by.
pub(super) const fn columns(log: pb::Log) -> &'static [&'static str] {
    match log {
        pb::Log::System => &["occurred_at", "type", "category", "severity", "message", "recipient", "subject", "actor"],
        pb::Log::Email => &["occurred_at", "type", "severity", "message", "recipient", "subject", "actor"],
        _ => &["occurred_at", "type", "severity", "message", "actor", "model", "total_tokens", "cost", "latency"],
    }
}

/// Pieces of text that make trouble: folding, combining marks, wildcards, quotes, emoji, joined words.
const PIECES: [&str; 22] = [
    "connection",
    "Connection",
    "REFUSED",
    "refused",
    "time_out",
    "Time-Out",
    "İstanbul",
    "ıstanbul",
    "straße",
    "ÜBER",
    "u\u{308}ber",
    "%",
    "100%",
    "*",
    "\"quoted\"",
    "'",
    "🎉",
    "a",
    "x.y",
    "日本語",
    "ΣΊΣΥΦΟΣ",
    "503",
];

/// One request.
pub(super) struct Batch {
    pub(super) source: &'static str,
    /// Empty for sign-ins.
    pub(super) org: &'static str,
    pub(super) records: Vec<pb::Record>,
    pub(super) sent: Vec<Sent>,
}

/// What a row of it must say.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) kind: &'static str,
    pub(super) at: String,
    pub(super) message: String,
    pub(super) recipient: String,
    pub(super) subject: String,
}

fn pick<T: Copy>(rng: &mut StdRng, of: &[T]) -> T {
    of[rng.random_range(0..of.len())]
}

fn text(rng: &mut StdRng, most: usize) -> String {
    let count = rng.random_range(0..=most);
    let mut words = Vec::new();
    for _ in 0..count {
        words.push(pick(rng, &PIECES));
    }
    words.join(pick(rng, &[" ", " ", "-", "", ": "])).trim().to_owned()
}

/// Within the window; often the same instant, often at a day's edge.
fn at(rng: &mut StdRng) -> String {
    let day = match rng.random_range(0..3) {
        0 => "2026-11-21".to_owned(),
        1 => format!("2026-11-{:02}", rng.random_range(1..=21)),
        _ => format!("2026-{:02}-{:02}", rng.random_range(9..=10), rng.random_range(1..=30)),
    };
    let time = pick(rng, &["00:00:00Z", "23:59:59.999999Z", "12:00:00Z", "12:00:00.000001Z", "12:00:00Z"]);
    format!("{day}T{time}")
}

/// A batch of one source.
pub(super) fn random_batch(rng: &mut StdRng) -> Batch {
    let source = pick(rng, &["webhook", "mail", "process", "ai", "ai", "security"]);
    let org = if source == "security" { "" } else { pick(rng, &ORGS) };
    let (mut records, mut sent) = (Vec::new(), Vec::new());
    for _ in 0..rng.random_range(1..=40) {
        let (payload, row) = match source {
            "webhook" => webhook(rng),
            "mail" => mail(rng),
            "ai" => ai(rng),
            "security" => sign_in(rng),
            _ => process(rng),
        };
        records.push(record(&payload));
        sent.push(row);
    }
    Batch { source, org, records, sent }
}

fn webhook(rng: &mut StdRng) -> (serde_json::Value, Sent) {
    let status = pick(rng, &[0, 204, 503]);
    let host = pick(rng, &["crm.example.com", "erp.example.org"]);
    let error = text(rng, 4);
    let at = at(rng);
    let subject = text(rng, 1);
    let answer = if status == 0 { "no answer".to_owned() } else { status.to_string() };
    let tail = if error.is_empty() || status == 204 { String::new() } else { format!(": {error}") };
    let payload = json!({"occurred_at": at, "url": format!("https://{host}/in?k=1"), "method": "POST",
        "http_status": status, "event": subject, "error": if status == 204 { "" } else { &error },
        "actor": {"id": pick(rng, &["u1", "u2"]), "name": "Someone"}});
    let kind = if status == 204 { "webhook_sent" } else { "webhook_failed" };
    let message = format!("POST https://{host}/in -> {answer}{tail}");
    (payload, Sent { kind, at, message, recipient: host.into(), subject })
}

fn mail(rng: &mut StdRng) -> (serde_json::Value, Sent) {
    let (at, subject, message) = (at(rng), text(rng, 3), text(rng, 4));
    let recipient = pick(rng, &["alice@example.com", "Bob@Example.net", "zoë@example.com", ""]);
    let payload = json!({"occurred_at": at, "event": "email_send_failed", "recipient": recipient, "subject": subject,
        "message": message});
    (payload, Sent { kind: "email_send_failed", at, message, recipient: recipient.into(), subject })
}

fn process(rng: &mut StdRng) -> (serde_json::Value, Sent) {
    let (at, message) = (at(rng), text(rng, 4));
    let payload = json!({"occurred_at": at, "event": "process_auto_archived", "message": message,
        "actor": {"id": "bot", "kind": "bot"}});
    let sent = Sent { kind: "process_auto_archived", at, message, recipient: String::new(), subject: String::new() };
    (payload, sent)
}

/// Without an organisation: from before sign-in.
fn sign_in(rng: &mut StdRng) -> (serde_json::Value, Sent) {
    let (at, message) = (at(rng), text(rng, 3));
    let (address, _) = pick(rng, &MEMBERS);
    let payload = json!({"occurred_at": at, "event": "login_failed", "email": address, "message": message});
    (payload, Sent { kind: "login_failed", at, message, recipient: address.into(), subject: String::new() })
}

/// Costs at the edges: the smallest, a large one, none at all.
fn ai(rng: &mut StdRng) -> (serde_json::Value, Sent) {
    let (kind, word) = pick(rng, &AI_KINDS);
    let success = rng.random_bool(0.7);
    let (at, error) = (at(rng), if success { String::new() } else { format!("failed {}", text(rng, 2)).trim().into() });
    let (prompt, completion) = (rng.random_range(0..5_000), rng.random_range(0..900));
    let mut payload = json!({"occurred_at": at, "kind": word, "model": pick(rng, &MODELS), "provider": "p",
        "prompt_tokens": prompt, "completion_tokens": completion, "success": success, "error": error,
        "actor": {"id": pick(rng, &["u1", "u2", "bot"]), "name": "Someone"}});
    if rng.random_bool(0.7) {
        payload["cost_usd"] = pick(rng, &["0", "0.000000001", "0.0045", "12.5", "1000000.000000001"]).into();
    }
    if rng.random_bool(0.8) {
        payload["latency_ms"] = rng.random_range(1..3_000).into();
    }
    (payload, Sent { kind, at, message: error, recipient: String::new(), subject: String::new() })
}

const QUERIES: [&str; 13] = [
    "connection",
    "refus",
    "time_out",
    "\"time out\"",
    "-refused",
    "ÜBER",
    "503 refused",
    "webhook_fail",
    "a -connection",
    "日本",
    "\"x y\"",
    "istanbul",
    "i̇stanbul",
];

/// A filter and an order.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) filter: pb::EventFilter,
    pub(super) order_by: String,
}

fn needle(rng: &mut StdRng) -> String {
    if !rng.random_bool(0.25) {
        return String::new();
    }
    let whole: Vec<char> = text(rng, 2).chars().collect();
    if whole.is_empty() {
        return "e".into();
    }
    let start = rng.random_range(0..whole.len());
    let end = rng.random_range(start..whole.len()) + 1;
    whole[start..end].iter().collect()
}

/// Any legal question about the kinds that are sent.
pub(super) fn random_question(rng: &mut StdRng) -> Question {
    let log = pick(rng, &[pb::Log::System, pb::Log::System, pb::Log::Email, pb::Log::AiUsage]);
    let filter = random_filter(rng, log);
    let column = pick(rng, columns(log));
    let order_by = match rng.random_range(0..4) {
        0 => String::new(),
        1 => column.to_owned(),
        2 => format!("{column} asc"),
        _ => format!("{column} desc"),
    };
    Question { filter, order_by }
}

/// Any legal filter of a log.
pub(super) fn random_filter(rng: &mut StdRng, log: pb::Log) -> pb::EventFilter {
    let mut filter = system_log_tests::event::everything(log);
    filter.types = match log {
        pb::Log::System if rng.random_bool(0.3) => vec![pick(rng, &SYSTEM_KINDS).into()],
        // Never the views: those the model itself makes would be in every later answer.
        pb::Log::System => SYSTEM_KINDS.map(String::from).to_vec(),
        _ => Vec::new(),
    };
    if log == pb::Log::System && rng.random_bool(0.2) {
        filter.severities = vec![pick(rng, &[pb::Severity::Error, pb::Severity::Info]).into()];
    }
    if log == pb::Log::System && rng.random_bool(0.2) {
        filter.categories = vec![pick(rng, &[pb::Category::Webhook, pb::Category::Email]).into()];
    }
    if rng.random_bool(0.15) {
        filter.actor_ids = vec![pick(rng, &["u1", "bot", "nobody"]).into()];
    }
    filter.bot_only = rng.random_bool(0.1);
    filter.exclude_pre_auth = rng.random_bool(0.2);
    if log == pb::Log::AiUsage {
        if rng.random_bool(0.4) {
            filter.models = vec![pick(rng, &MODELS).into(), pick(rng, &MODELS).into()];
        }
        filter.success = pick(rng, &[None, None, Some(true), Some(false)]);
    }
    if rng.random_bool(0.3) {
        filter.query = pick(rng, &QUERIES).into();
    }
    filter.contains = Some(pb::ContainsFilter {
        event_name: if rng.random_bool(0.1) { "OOK_f".into() } else { String::new() },
        message: needle(rng),
        recipient: if rng.random_bool(0.1) { "@EXAMPLE".into() } else { String::new() },
        subject: needle(rng),
    });
    if rng.random_bool(0.3) {
        filter.start_time =
            Some(system_log_tests::event::time(&format!("2026-11-{:02}T12:00:00Z", rng.random_range(1..=20))));
        filter.end_time = Some(system_log_tests::event::time("2026-11-21T12:00:00.000001Z"));
    }
    filter
}
