//! A JSON notification: which resource, and what became of it. The rest is in Recurly's API, which a collector cannot ask;
//! a sender that can adds the API's object as `transaction` or `subscription`.

use std::borrow::Cow;

use serde_json::Value;
use system_log_plugin::{Event, Json, Record, Verdict, scalar};

use crate::config::Config;
use crate::types::{self, Kind, Type};
use crate::{key, row};

/// Every field that is read; of an object of the API there are many more.
const READ: [&str; 33] = [
    "account",
    "account_code",
    "amount",
    "code",
    "currency",
    "customer_message",
    "email",
    "event_time",
    "event_type",
    "gateway_message",
    "gateway_response_code",
    "id",
    "invoice",
    "invoice_number",
    "name",
    "number",
    "object",
    "object_type",
    "payment_gateway",
    "payment_method",
    "plan",
    "quantity",
    "site_id",
    "state",
    "status",
    "status_code",
    "status_message",
    "subscription",
    "subscription_ids",
    "subscription_uuid",
    "transaction",
    "type",
    "uuid",
];

/// Details, by the names of the attributes: the notification's own, then those of an added object.
const DETAILS: [(&str, &[&str]); 14] = [
    ("site_id", &["site_id"]),
    ("invoice_id", &["transaction.invoice.id"]),
    ("invoice_number", INVOICE_NUMBER),
    ("action", &["transaction.type"]),
    ("amount", &["transaction.amount"]),
    ("currency", &["transaction.currency", "subscription.currency"]),
    ("transaction_status", &["transaction.status"]),
    ("gateway", &["transaction.payment_gateway.name"]),
    ("gateway_error_codes", &["transaction.gateway_response_code"]),
    ("payment_method", &["transaction.payment_method.object"]),
    ("state", &["subscription.state"]),
    ("quantity", &["subscription.quantity"]),
    ("plan_code", &["subscription.plan.code"]),
    ("plan_name", &["subscription.plan.name"]),
];
const ACCOUNT_CODE: &[&str] =
    &["account_code", "transaction.account.code", "subscription.account.code", "account.code"];
const EMAIL: &[&str] = &["transaction.account.email", "subscription.account.email", "account.email"];
const INVOICE_NUMBER: &[&str] = &["transaction.invoice.number", "invoice_number"];
/// Why a payment failed: for the merchant, in the gateway's words, for the customer.
const REASON: &[&str] = &[
    "transaction.status_message",
    "status_message",
    "transaction.gateway_message",
    "gateway_message",
    "transaction.customer_message",
    "customer_message",
];
/// The same in one word.
const STATUS_CODE: &[&str] = &["transaction.status_code", "status_code"];

/// What the notification and its account are called: asked for once, used for details, hints and the key.
struct Identity<'j> {
    id: Cow<'j, str>,
    uuid: Cow<'j, str>,
    account: Cow<'j, str>,
}

/// Reads a notification.
pub(crate) fn read(record: &Record, config: Config) -> Verdict {
    let json = match Json::parse_only(&record.payload, &READ) {
        Ok(json) => json,
        Err(reject) => return reject,
    };
    if json.fields().is_none() {
        return Verdict::malformed("payload: must be a JSON object");
    }
    let pair = match (word(&json, "object_type"), word(&json, "event_type")) {
        (Ok(object), Ok(event)) => [object, "/", event].concat(),
        (Err(reject), _) | (_, Err(reject)) => return reject,
    };
    let kind = match types::json(&pair) {
        Type::Logged(kind) => kind,
        Type::StatusUpdated => match Kind::of_status(&json.first_str(&["transaction.status"])) {
            Some(kind) if config.log_status_updates => kind,
            _ => return Verdict::not_logged(format!("{pair} is not logged")),
        },
        Type::NotLogged => return Verdict::not_logged(format!("{pair} is not logged")),
        Type::Unknown => return Verdict::Unknown(pair),
    };
    // What identifies is text; a number is read as it is written.
    let odd = ["id", "uuid", "site_id"]
        .into_iter()
        .find(|field| !matches!(json.at(field), Value::Null | Value::String(_) | Value::Number(_)));
    if let Some(field) = odd {
        return Verdict::malformed(format!("{field}: must be text"));
    }
    let mut event = kind.event();
    event.occurred_at = json.first_time(&["event_time"]);
    event.recipient = json.first_text(EMAIL);
    event.message = message(&json, kind);
    let identity = Identity { id: text(&json, "id"), uuid: text(&json, "uuid"), account: json.first_str(ACCOUNT_CODE) };
    details(&mut event, &json, kind, &identity);
    hints(&mut event, &json, kind, &identity);
    event.dedupe_key = dedupe_key(&json, record, &identity);
    row::keep(&mut event, "notification_id", key::notification_id(record).unwrap_or_default());
    Verdict::Emit(vec![event])
}

fn word<'j>(json: &'j Json<'_>, field: &str) -> Result<&'j str, Verdict> {
    match json.at(field) {
        Value::Null => Err(Verdict::missing(field)),
        Value::String(text) if text.is_empty() => Err(Verdict::missing(field)),
        Value::String(text) => Ok(text),
        _ => Err(Verdict::malformed(format!("{field}: must be text"))),
    }
}

fn message(json: &Json, kind: Kind) -> String {
    let what = match kind {
        Kind::PaymentSucceeded => {
            let (amount, currency) = (json.text("transaction.amount"), json.text("transaction.currency"));
            let amount = if amount.is_empty() { amount } else { format!("{amount} {currency}") };
            return row::succeeded(amount.trim_end(), &json.first_str(INVOICE_NUMBER));
        }
        Kind::PaymentFailed => {
            let reason = [json.first_str(REASON), json.first_str(STATUS_CODE)];
            return match reason.iter().map(|text| text.trim()).find(|text| !text.is_empty()) {
                Some(reason) => row::declined(&[reason]),
                None => "Payment declined (reason not included in the JSON notification)".into(),
            };
        }
        Kind::SubscriptionCreated => "created",
        Kind::SubscriptionUpdated => "updated",
        Kind::SubscriptionExpired => "expired",
    };
    let plan = json.first_str(&["subscription.plan.name", "subscription.plan.code"]);
    row::subscription(what, &plan, &json.first_str(&["subscription.quantity"]))
}

fn details(event: &mut Event, json: &Json, kind: Kind, identity: &Identity<'_>) {
    row::keep(event, "recurly_id", &identity.id);
    row::keep(event, "account_code", &identity.account);
    for (name, paths) in DETAILS {
        row::keep(event, name, &json.first_str(paths));
    }
    // What XML calls the transaction's id is the uuid here.
    let uuid = if kind.is_payment() { "transaction_id" } else { "subscription_uuid" };
    row::keep(event, uuid, &identity.uuid);
    if kind == Kind::PaymentFailed {
        row::keep(event, "reason", &json.first_str(REASON));
        row::keep(event, "status_code", &json.first_str(STATUS_CODE));
    }
}

fn hints(event: &mut Event, json: &Json, kind: Kind, identity: &Identity<'_>) {
    row::hint(event, "account_code", &identity.account);
    row::hint(event, "subscription", &text(json, "subscription_uuid"));
    if let Some(ids) = json.at("transaction.subscription_ids").as_array() {
        ids.iter().take(row::MAX_LISTED).for_each(|id| row::hint(event, "subscription", &scalar(id)));
    }
    let own = if kind.is_payment() { "transaction" } else { "subscription" };
    row::hint(event, own, &identity.uuid);
    row::hint(event, own, &identity.id);
}

/// Without a notification's id, resource and time tell one from another; where either is missing two notifications could
/// look the same, and none must be lost for that.
fn dedupe_key(json: &Json, record: &Record, identity: &Identity<'_>) -> String {
    if let Some(id) = key::notification_id(record) {
        return key::of_notification(id);
    }
    let time = text(json, "event_time");
    if time.is_empty() || (identity.id.is_empty() && identity.uuid.is_empty()) {
        return String::new();
    }
    let [site, object, event] = ["site_id", "object_type", "event_type"].map(|field| text(json, field));
    key::of_json(&[&site, &object, &event, &identity.id, &identity.uuid, &time])
}

fn text<'j>(json: &'j Json<'_>, field: &str) -> Cow<'j, str> {
    json.first_str(&[field])
}
