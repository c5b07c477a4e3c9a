//! Recurly's notifications: real XML samples with other ids, times and amounts, and JSON where XML tells no time.

use serde_json::json;
use system_log_model::Timestamp;

use super::Random;

const PAID: &str = include_str!("../samples/recurly_successful_payment.xml");
const DECLINED: &str = include_str!("../samples/recurly_failed_payment.xml");
const CREATED: &str = include_str!("../samples/recurly_new_subscription.xml");
const EXPIRED: &str = include_str!("../samples/recurly_expired_subscription.xml");
const AMOUNTS: [u64; 4] = [4_900, 9_900, 12_000, 49_900];

pub(super) fn notification(id: &str, at: Timestamp, random: &mut Random) -> String {
    let amount = random.pick(&AMOUNTS).to_string();
    let (sample, time) = match random.below(100) {
        0..62 => (PAID, "date"),
        62..74 => (DECLINED, "date"),
        74..82 => (CREATED, "activated_at"),
        82..86 => (EXPIRED, "expires_at"),
        // XML does not tell when a subscription was updated, JSON does.
        _ => return updated(id, at),
    };
    // Recurly tells whole seconds.
    let at = Timestamp::from_seconds(at.micros() / 1_000_000, 0).unwrap_or(at).to_string();
    let own = [("id", id), ("uuid", id), ("test", "false"), ("amount_in_cents", amount.as_str()), (time, at.as_str())];
    own.into_iter().fold(sample.to_owned(), |text, (name, value)| with(text, name, value))
}

fn updated(id: &str, at: Timestamp) -> String {
    json!({
        "id": id,
        "object_type": "subscription",
        "site_id": "demo",
        "event_type": "updated",
        "event_time": at.to_string(),
        "uuid": id,
    })
    .to_string()
}

/// The document with another text in the first element of that name, if it has one.
fn with(xml: String, name: &str, value: &str) -> String {
    let element = |xml: &str| {
        let opened = xml.find(&format!("<{name}>")).or_else(|| xml.find(&format!("<{name} ")))?;
        let from = opened + xml.get(opened..)?.find('>')? + 1;
        Some(from..from + xml.get(from..)?.find('<')?)
    };
    match element(&xml) {
        Some(inside) => format!("{}{value}{}", &xml[..inside.start], &xml[inside.end..]),
        None => xml,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_gets_its_own_time_and_id() {
        let xml = with(with(DECLINED.to_owned(), "date", "2026-11-22T10:00:00Z"), "id", "mine");
        assert!(xml.contains("<date type=\"datetime\">2026-11-22T10:00:00Z</date>"), "{xml}");
        assert!(xml.contains("<id>mine</id>") && xml.contains("<account_code>1</account_code>"), "{xml}");
        assert_eq!(with(xml.clone(), "uuid", "none"), xml, "it has none");
    }
}
