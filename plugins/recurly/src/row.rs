//! What a row says, in whatever format the notification came, and how its details are kept within bounds.

use system_log_plugin::text::{collapse, cut};
use system_log_plugin::{Event, OrgHint};

/// One attribute. All of them, escaped, stay below what the host accepts.
const MAX_ATTRIBUTE_BYTES: usize = 256;
/// One item of a list: Recurly's ids have 32 characters.
const MAX_ITEM_BYTES: usize = 64;
/// A longer name for a customer is nobody's binding.
const MAX_HINT_BYTES: usize = 256;
/// Subscriptions of one payment, add-ons of one subscription.
pub(crate) const MAX_LISTED: usize = 8;

/// `Payment succeeded (1000 cents, invoice 2059)`.
pub(crate) fn succeeded(amount: &str, invoice: &str) -> String {
    let invoice = if invoice.is_empty() { String::new() } else { format!("invoice {invoice}") };
    let details: Vec<&str> = [amount, &invoice].into_iter().filter(|part| !part.is_empty()).collect();
    if details.is_empty() { "Payment succeeded".into() } else { format!("Payment succeeded ({})", details.join(", ")) }
}

/// `Payment declined: text; failure type`. A text may say the opposite of what happened ("Transaction Normal"), so all
/// that is there is shown, and each only once.
pub(crate) fn declined(reasons: &[&str]) -> String {
    let mut shown: Vec<&str> = Vec::new();
    for reason in reasons {
        if !reason.is_empty() && !shown.contains(reason) {
            shown.push(reason);
        }
    }
    if shown.is_empty() { "Payment declined".into() } else { format!("Payment declined: {}", shown.join("; ")) }
}

/// `Subscription created: Bronze Plan x2`.
pub(crate) fn subscription(what: &str, plan: &str, quantity: &str) -> String {
    match (plan, quantity) {
        ("", _) => format!("Subscription {what}"),
        (plan, "") => format!("Subscription {what}: {plan}"),
        (plan, quantity) => format!("Subscription {what}: {plan} x{quantity}"),
    }
}

/// Keeps a detail: one line, without control characters, not longer than a detail is.
pub(crate) fn keep(event: &mut Event, name: &'static str, text: &str) {
    event.attribute(name, bounded(text, MAX_ATTRIBUTE_BYTES));
}

/// Keeps a list of details.
pub(crate) fn keep_list(event: &mut Event, name: &'static str, texts: &[impl AsRef<str>]) {
    event.attribute(
        name,
        texts.iter().take(MAX_LISTED).map(|text| bounded(text.as_ref(), MAX_ITEM_BYTES)).collect::<Vec<_>>(),
    );
}

fn bounded(text: &str, max: usize) -> String {
    // Nearly every text is one word of a few plain characters.
    if text.len() <= max && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return text.to_owned();
    }
    let text: String = collapse(text).chars().filter(|c| !c.is_control()).take(max).collect();
    cut(text.trim(), max).to_owned()
}

/// Adds Recurly's name for a customer, once.
pub(crate) fn hint(event: &mut Event, kind: &str, value: &str) {
    let hint = OrgHint::Binding(kind.into(), value.into());
    if !value.is_empty() && value.len() <= MAX_HINT_BYTES && !event.org_hints.contains(&hint) {
        event.org_hints.push(hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_there_is() {
        assert_eq!(succeeded("1000 cents", "2059"), "Payment succeeded (1000 cents, invoice 2059)");
        assert_eq!(succeeded("1000 cents", ""), "Payment succeeded (1000 cents)");
        assert_eq!(succeeded("", "2059"), "Payment succeeded (invoice 2059)");
        assert_eq!(succeeded("", ""), "Payment succeeded");
        assert_eq!(declined(&["a", "b"]), "Payment declined: a; b");
        assert_eq!(declined(&["", "b"]), "Payment declined: b");
        assert_eq!(declined(&["a", "a"]), "Payment declined: a");
        assert_eq!(declined(&["", ""]), "Payment declined");
        assert_eq!(subscription("expired", "Gold", "2"), "Subscription expired: Gold x2");
        assert_eq!(subscription("expired", "Gold", ""), "Subscription expired: Gold");
        assert_eq!(subscription("expired", "", "2"), "Subscription expired");
    }

    #[test]
    fn details_and_hints_are_bounded() {
        let mut event = Event::new("system", "x");
        keep(&mut event, "a", &"\u{7}\"é".repeat(1_000));
        keep(&mut event, "none", " \u{7} ");
        assert_eq!(event.attributes.len(), 1);
        assert!(event.attributes["a"].as_str().unwrap().len() <= MAX_ATTRIBUTE_BYTES);
        for value in ["", "1", "1", &"x".repeat(MAX_HINT_BYTES + 1)] {
            hint(&mut event, "account_code", value);
        }
        assert_eq!(event.org_hints, [OrgHint::Binding("account_code".into(), "1".into())]);
    }
}
