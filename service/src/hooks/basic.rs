//! HTTP Basic: what Recurly's XML notifications have instead of a signature. It says who sends, and nothing about what is sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use subtle::Choice;

use super::mac::same;
use super::{Delivery, Forged, Genuine, Secret};

pub(super) fn verify(secrets: &[Secret], delivery: Delivery<'_>) -> Result<Genuine, Forged> {
    let header = delivery.header(header::AUTHORIZATION.as_str()).ok_or(Forged::Missing)?;
    let (scheme, encoded) = header.split_once(' ').ok_or(Forged::Malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Forged::Missing);
    }
    let given = STANDARD.decode(encoded.trim()).map_err(|_| Forged::Malformed)?;
    let found = secrets.iter().fold(Choice::from(0), |found, secret| found | same(&secret.bytes, &given));
    if found.into() { Ok(Genuine { once: None, idempotency_key: String::new() }) } else { Err(Forged::Mismatch) }
}
