//! Recurly's JSON notifications: `recurly-signature: <time>,<hex>[,<hex>…]`, each HMAC-SHA256 over `time . body`. While a key is
//! rotated, Recurly signs with the old and the new one.

use system_log_model::Timestamp;

use super::mac::{hex, is_hex_digest, is_signed, mark};
use super::{Delivery, Forged, Genuine, Scheme, Secret, TOLERANCE, fresh, seconds};

const HEADER: &str = "recurly-signature";
/// More keys than are ever valid at once.
const MAX_SIGNATURES: usize = 16;
/// Milliseconds of this century have at least so many digits, seconds at most eleven.
const MILLIS_DIGITS: std::ops::RangeInclusive<usize> = 12..=14;

pub(super) fn verify(secrets: &[Secret], delivery: Delivery<'_>, now: Timestamp) -> Result<Genuine, Forged> {
    let header = delivery.header(HEADER).ok_or(Forged::Missing)?;
    let mut parts = header.split(',').map(str::trim);
    let time = parts.next().unwrap_or_default();
    let given: Vec<&str> = parts.collect();
    let is_formed = (1..=MAX_SIGNATURES).contains(&given.len()) && given.iter().all(|text| is_hex_digest(text));
    let signed = moment(time).filter(|_| is_formed).ok_or(Forged::Malformed)?;
    let parts = [time.as_bytes(), b".", delivery.body];
    if !is_signed(secrets, &parts, hex, &given) {
        return Err(Forged::Mismatch);
    }
    let until = fresh(signed, now, TOLERANCE)?;
    Ok(Genuine { once: Some((mark(Scheme::Recurly.name(), &parts), until)), idempotency_key: String::new() })
}

/// Recurly sends milliseconds; an example of its documentation has seconds. Either is what was signed.
fn moment(text: &str) -> Option<Timestamp> {
    if MILLIS_DIGITS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        let millis: i64 = text.parse().ok()?;
        return Some(Timestamp::from_micros(millis * 1_000));
    }
    seconds(text)
}
