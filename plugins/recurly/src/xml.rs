//! An XML notification: the root says what happened, `account`, `transaction` and `subscription` to whom and what.
//!
//! Only this format tells why a payment failed. It has neither a time nor an id of the notification itself.

use system_log_plugin::text::cut;
use system_log_plugin::{Event, Record, SourceTime, Verdict, time};

use crate::config::Config;
use crate::document::{self, Fields};
use crate::types::{self, Kind, Type};
use crate::{encoding, key, row};

/// The contract's limit for a source's own spelling of a time.
const MAX_TIME_BYTES: usize = 128;

/// What a transaction says, by the names of the attributes.
const PAYMENT: [(&str, &str); 16] = [
    ("transaction_id", "transaction.id"),
    ("invoice_id", "transaction.invoice_id"),
    ("invoice_number", "transaction.invoice_number"),
    ("invoice_number_prefix", "transaction.invoice_number_prefix"),
    ("subscription_id", "transaction.subscription_id"),
    ("action", "transaction.action"),
    ("amount_in_cents", "transaction.amount_in_cents"),
    // Real transactions have none; the later of the two wins.
    ("currency", "invoice.currency"),
    ("currency", "transaction.currency"),
    ("gateway", "transaction.gateway"),
    ("gateway_error_codes", "transaction.gateway_error_codes"),
    ("failure_type", "transaction.failure_type"),
    ("payment_method", "transaction.payment_method"),
    ("reference", "transaction.reference"),
    ("transaction_source", "transaction.source"),
    ("account_code", "account.account_code"),
];

/// What a subscription says, by the names of the attributes.
const SUBSCRIPTION: [(&str, &str); 15] = [
    ("account_code", "account.account_code"),
    ("subscription_uuid", "subscription.uuid"),
    ("state", "subscription.state"),
    ("quantity", "subscription.quantity"),
    ("total_amount_in_cents", "subscription.total_amount_in_cents"),
    ("currency", "subscription.currency"),
    ("plan_code", "subscription.plan.plan_code"),
    ("plan_name", "subscription.plan.name"),
    ("collection_method", "subscription.collection_method"),
    ("activated_at", "subscription.activated_at"),
    ("canceled_at", "subscription.canceled_at"),
    ("expires_at", "subscription.expires_at"),
    ("current_period_started_at", "subscription.current_period_started_at"),
    ("current_period_ends_at", "subscription.current_period_ends_at"),
    ("trial_ends_at", "subscription.trial_ends_at"),
];

/// Reads a notification. The whole document is well formed before anything of it counts.
pub(crate) fn read(record: &Record, config: Config) -> Verdict {
    let text = match encoding::decode(&record.payload) {
        Ok(text) => text,
        Err(reject) => return reject,
    };
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let root = &match document::read(text) {
        Ok(fields) => fields,
        Err(reject) => return reject,
    };
    let name = root.name();
    let kind = match types::xml(name) {
        Type::Logged(kind) => kind,
        Type::StatusUpdated => match Kind::of_status(root.text("transaction.status")) {
            Some(kind) if config.log_status_updates => kind,
            _ => return Verdict::not_logged(format!("{name} is not logged")),
        },
        Type::NotLogged => return Verdict::not_logged(format!("{name} is not logged")),
        Type::Unknown => return Verdict::Unknown(name.to_owned()),
    };
    let subject = if kind.is_payment() { "transaction" } else { "subscription" };
    if !root.has(subject) {
        return Verdict::missing(&format!("{name}/{subject}"));
    }
    let test = root.text("transaction.test").eq_ignore_ascii_case("true");
    if test && config.drop_test_transactions {
        return Verdict::not_logged("transaction/test: test transactions are dropped by configuration");
    }
    let mut event = kind.event();
    event.recipient = root.text("account.email").to_owned();
    row::hint(&mut event, "account_code", root.text("account.account_code"));
    let own_key =
        if kind.is_payment() { payment(&mut event, kind, root) } else { subscription(&mut event, kind, root) };
    event.dedupe_key = match key::notification_id(record) {
        Some(id) => key::of_notification(id),
        None => own_key.unwrap_or_else(|| key::of_document(text)),
    };
    row::keep(&mut event, "notification_id", key::notification_id(record).unwrap_or_default());
    Verdict::Emit(vec![event])
}

/// Fills in a payment; answers with its key, if it has one.
fn payment(event: &mut Event, kind: Kind, root: &Fields<'_>) -> Option<String> {
    let text = |path: &str| root.text(path);
    let status = text("transaction.status").to_lowercase();
    let reason = text("transaction.message");
    event.occurred_at = time_at(root, "transaction.date");
    for (name, path) in PAYMENT {
        row::keep(event, name, text(path));
    }
    row::keep(event, "transaction_status", &status);
    for (name, path) in [("cvv_result", "transaction.cvv_result"), ("avs_result", "transaction.avs_result")] {
        row::keep(event, name, root.code(path));
    }
    for (name, path) in [("test", "transaction.test"), ("manually_entered", "transaction.manually_entered")] {
        if text(path).eq_ignore_ascii_case("true") {
            row::keep(event, name, "true");
        }
    }
    if kind == Kind::PaymentFailed {
        row::keep(event, "reason", reason);
        event.message = row::declined(&[reason, text("transaction.failure_type")]);
    } else {
        let amount = text("transaction.amount_in_cents");
        let amount = if amount.is_empty() { String::new() } else { format!("{amount} cents") };
        event.message = row::succeeded(&amount, text("transaction.invoice_number"));
    }
    let mut subscriptions = Vec::new();
    let listed = root.texts("transaction.subscription_ids.subscription_id");
    for id in root.texts("transaction.subscription_id").chain(listed) {
        if subscriptions.len() < row::MAX_LISTED && !subscriptions.contains(&id) {
            subscriptions.push(id);
        }
    }
    if subscriptions.len() > 1 || text("transaction.subscription_id").is_empty() {
        row::keep_list(event, "subscription_ids", &subscriptions);
    }
    subscriptions.iter().for_each(|id| row::hint(event, "subscription", id));
    let id = text("transaction.id");
    row::hint(event, "transaction", id);
    (!id.is_empty()).then(|| key::of_payment(root.name(), id, &status, text("transaction.date")))
}

/// Fills in a subscription. Its key is the document: the same subscription is updated again and again.
fn subscription(event: &mut Event, kind: Kind, root: &Fields<'_>) -> Option<String> {
    let text = |path: &str| root.text(path);
    let (what, at) = match kind {
        Kind::SubscriptionCreated => ("created", time_at(root, "subscription.activated_at")),
        Kind::SubscriptionExpired => ("expired", time_at(root, "subscription.expires_at")),
        // None of the times is that of the update.
        _ => ("updated", None),
    };
    event.occurred_at = at;
    for (name, path) in SUBSCRIPTION {
        row::keep(event, name, text(path));
    }
    let add_ons = root.each("subscription.subscription_add_ons.subscription_add_on", ["add_on_code", "quantity"]);
    let add_ons = add_ons.map(
        |[code, quantity]| {
            if quantity.is_empty() { code.to_owned() } else { format!("{code} x{quantity}") }
        },
    );
    row::keep_list(event, "add_ons", &add_ons.take(row::MAX_LISTED).collect::<Vec<_>>());
    let plan = [text("subscription.plan.name"), text("subscription.plan.plan_code")];
    let plan = plan.iter().find(|name| !name.is_empty()).copied().unwrap_or_default();
    event.message = row::subscription(what, plan, text("subscription.quantity"));
    row::hint(event, "subscription", text("subscription.uuid"));
    None
}

fn time_at(root: &Fields<'_>, path: &str) -> Option<SourceTime> {
    let text = root.text(path);
    (!text.is_empty()).then(|| SourceTime { micros: time::parse(text), text: cut(text, MAX_TIME_BYTES).to_owned() })
}
