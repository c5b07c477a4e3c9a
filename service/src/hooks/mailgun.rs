//! Mailgun: HMAC-SHA256 over `timestamp ‖ token`, in hexadecimal digits, within the body.
//!
//! The signature does not cover the event, so only its single use protects it: whoever has seen a delivery could send another
//! body with the same signature. Nor is there a separator: a digit moved from one part to the other keeps the signature, so
//! both shapes are checked first, and the mark stands for the concatenation.

use std::time::Duration;

use http::header;
use serde::Deserialize;
use system_log_model::Timestamp;

use super::mac::{hex, is_hex_digest, is_lower_hex, is_signed, mark};
use super::{Delivery, Forged, Genuine, Scheme, Secret, fresh, seconds};

/// Deliveries are tried again for eight hours, perhaps with the signature of the first attempt.
const WINDOW: Duration = Duration::from_secs(9 * 3_600);
const TIMESTAMP_DIGITS: usize = 10;
const TOKEN_DIGITS: usize = 50;

/// What is signed, and with what.
struct Block {
    is_form: bool,
    timestamp: String,
    token: String,
    /// The account's own signature, and for a subaccount its parent's.
    signatures: Vec<String>,
}

#[derive(Deserialize)]
struct Envelope {
    signature: Signature,
}

#[derive(Deserialize)]
struct Signature {
    timestamp: TextOrNumber,
    token: String,
    signature: String,
    #[serde(default, rename = "parent-signature")]
    parent: Option<String>,
}

/// The documentation says number, the deliveries say text.
#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(u64),
}

pub(super) fn verify(secrets: &[Secret], delivery: Delivery<'_>, now: Timestamp) -> Result<Genuine, Forged> {
    let Block { is_form, timestamp, token, signatures } = block(delivery).ok_or(Forged::Missing)?;
    let is_time = timestamp.len() == TIMESTAMP_DIGITS;
    let is_token = token.len() == TOKEN_DIGITS && is_lower_hex(&token);
    let signed = seconds(&timestamp).filter(|_| is_time && is_token).ok_or(Forged::Malformed)?;
    let given: Vec<&str> = signatures.iter().map(String::as_str).collect();
    if !given.iter().all(|signature| is_hex_digest(signature)) {
        return Err(Forged::Malformed);
    }
    let parts = [timestamp.as_bytes(), token.as_bytes()];
    if !is_signed(secrets, &parts, hex, &given) {
        return Err(Forged::Mismatch);
    }
    let until = fresh(signed, now, WINDOW)?;
    let mark = mark(Scheme::Mailgun.name(), &parts);
    // An event has an id of its own, which polling knows too. A form has its token alone, and the guard takes that away when
    // the form is kept aside: then this tells it from others.
    let idempotency_key = if is_form { format!("form:{}", hex(&mark)) } else { String::new() };
    Ok(Genuine { once: Some((mark, until)), idempotency_key })
}

fn block(delivery: Delivery<'_>) -> Option<Block> {
    let media_type = delivery.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let is_form = media_type.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded");
    if is_form { of_form(delivery.body) } else { of_json(delivery.body) }
}

fn of_json(body: &[u8]) -> Option<Block> {
    let Signature { timestamp, token, signature, parent } = serde_json::from_slice::<Envelope>(body).ok()?.signature;
    let timestamp = match timestamp {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string(),
    };
    Some(Block { is_form: false, timestamp, token, signatures: std::iter::once(signature).chain(parent).collect() })
}

/// The form posts of before 2018. Of a field that occurs twice, the last is Mailgun's: the customer's own stand before it.
fn of_form(body: &[u8]) -> Option<Block> {
    let (mut timestamp, mut token, mut signature) = (None, None, None);
    for (name, value) in form_urlencoded::parse(body) {
        match &*name {
            "timestamp" => timestamp = Some(value.into_owned()),
            "token" => token = Some(value.into_owned()),
            "signature" => signature = Some(value.into_owned()),
            _ => {}
        }
    }
    Some(Block { is_form: true, timestamp: timestamp?, token: token?, signatures: vec![signature?] })
}
