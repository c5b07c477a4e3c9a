//! One log entry: `{log_id, data: {…}}` of a log stream, or the bare entry that the Management API lists.

use serde_json::Value;
use system_log_plugin::{Actor, Event, Json, OrgHint, Verdict, text};

use crate::roles;

/// Longer than any id, address or name.
const MAX_ATTRIBUTE_BYTES: usize = 1_024;

/// What a type code means: kind, severity, and whether it went wrong.
struct Meaning {
    kind: &'static str,
    severity: &'static str,
    failed: bool,
}

const fn meaning(kind: &'static str, severity: &'static str, failed: bool) -> Option<Meaning> {
    Some(Meaning { kind, severity, failed })
}

/// The table. Whatever is not in it is not logged: Auth0 has some 170 codes, most of them about its own workings.
fn table(code: &str) -> Option<Meaning> {
    match code {
        // Wrong password, wrong user, cross-origin, native social login, second factor.
        "f" | "fp" | "fu" | "fcoa" | "fens" | "gd_auth_failed" => meaning("login_failed", "warning", true),
        // Blocked after too many attempts, or because the password is known to have leaked.
        "limit_wc" | "limit_mu" | "pwd_leak" => meaning("login_failed", "error", true),
        "scpr" => meaning("password_reset_initiated", "info", false),
        "fcpr" => meaning("password_reset_initiated", "warning", true),
        "scp" => meaning("password_reset_completed", "info", false),
        "fcp" => meaning("password_reset_completed", "warning", true),
        "sce" => meaning("email_address_changed", "info", false),
        "fce" => meaning("email_address_changed", "warning", true),
        "gd_unenroll" => meaning("mfa_factor_removed", "warning", false),
        _ => None,
    }
}

/// Reads an entry.
pub(crate) fn read(json: &Json) -> Verdict {
    if json.fields().is_none() {
        return Verdict::malformed("an entry: a JSON object");
    }
    let inner = Json::over(json.at("data"));
    let data = if inner.fields().is_some() { &inner } else { json };
    let code = data.text("type");
    if code.is_empty() {
        return Verdict::missing("type");
    }
    let role = (code == "sapi").then(|| roles::change(data)).flatten();
    let meaning = match (&role, table(&code)) {
        (Some(_), _) => Meaning { kind: "role_changed", severity: "info", failed: false },
        (None, Some(meaning)) => meaning,
        (None, None) => return Verdict::not_logged(format!("type {code} is not logged")),
    };
    let mut event = Event::new("system", meaning.kind);
    event.severity = meaning.severity;
    event.occurred_at = data.first_time(&["date"]);
    event.message = message(data);
    event.org_hints = org_hints(data);
    let id = json.first_text(&["log_id", "data.log_id", "_id", "data._id"]);
    if !id.is_empty() {
        event.dedupe_key = format!("auth0:{id}");
    }
    keep(&mut event, data, &code, meaning.failed);
    match role {
        Some(role) => {
            event.actor = person(data, "details.request.auth.user.");
            event.recipient = role.user;
            event.attribute("operation", role.operation);
            event.attribute("roles", role.roles);
        }
        None => whom(&mut event, data),
    }
    Verdict::Emit(vec![event])
}

/// The user is who tried, and whom it concerns. `user_name` may be empty, a phone number or nonsense: only an address can
/// say whose event it is.
fn whom(event: &mut Event, data: &Json) {
    event.recipient = data.text("user_name");
    event.actor = person(data, "");
    let before_sign_in = ["login_failed", "password_reset_initiated", "password_reset_completed"];
    if before_sign_in.contains(&event.kind.as_str()) && event.recipient.contains('@') {
        event.attempted_email = event.recipient.trim().to_owned();
    }
}

fn person(data: &Json, at: &str) -> Option<Actor> {
    let id = data.text(&format!("{at}user_id"));
    let email = data.first_text(&[&format!("{at}email"), &format!("{at}user_name")]);
    let email = if email.contains('@') { email } else { String::new() };
    if id.is_empty() && email.is_empty() {
        return None;
    }
    Some(Actor { id, display_name: data.text(&format!("{at}name")), email, kind: "user".into() })
}

/// Auth0's own words, and the error behind them when that says more.
fn message(data: &Json) -> String {
    let description = data.text("description");
    let error = data.first_text(&["details.error.message", "details.error"]);
    match (description.is_empty(), error.is_empty() || description.contains(&error)) {
        (_, true) => description,
        (true, false) => error,
        (false, false) => format!("{description}: {error}"),
    }
}

/// An Auth0 organisation is closer to a customer than the tenant is.
fn org_hints(data: &Json) -> Vec<OrgHint> {
    let hint = |(kind, path): (&str, &str)| {
        let value = data.text(path);
        (!value.is_empty()).then(|| OrgHint::Binding(kind.to_owned(), value))
    };
    [("organization", "organization_id"), ("tenant", "tenant_name")].into_iter().filter_map(hint).collect()
}

/// Only what is named here is kept: `details` holds reset links, tickets, login states and request bodies.
fn keep(event: &mut Event, data: &Json, code: &str, failed: bool) {
    event.attribute("provider_event", code);
    if failed {
        event.attribute("outcome", "failed");
    }
    for (name, paths) in [
        ("user_agent", ["user_agent", "details.request.userAgent"]),
        ("method", ["details.request.method", "method"]),
        ("connection", ["connection", "connection_id"]),
        ("strategy", ["strategy", "strategy_type"]),
        ("client_id", ["client_id", "client_id"]),
        ("client_name", ["client_name", "client_name"]),
    ] {
        event.attribute(name, text::cut(&data.first_text(&paths), MAX_ATTRIBUTE_BYTES));
    }
    // An IPv4 address as a server with IPv6 sockets writes it.
    let ip = data.first_text(&["ip", "details.request.ip"]);
    let plain = ip.strip_prefix("::ffff:").filter(|rest| rest.contains('.')).unwrap_or(&ip);
    event.attribute("ip", Value::from(text::cut(plain, MAX_ATTRIBUTE_BYTES)));
}
