//! GitHub: `x-hub-signature-256: sha256=<hex>` is HMAC-SHA256 over the body. No time is signed.

use std::time::Duration;

use system_log_model::Timestamp;

use super::mac::{hex, is_hex_digest, is_signed, mark};
use super::{Delivery, Forged, Genuine, Scheme, Secret, micros};

const HEADER: &str = "x-hub-signature-256";
/// GitHub lets a delivery be sent again for three days. Later on the key below still keeps the same body from being stored
/// twice.
const REMEMBERED: Duration = Duration::from_secs(3 * 86_400);

pub(super) fn verify(secrets: &[Secret], delivery: Delivery<'_>, now: Timestamp) -> Result<Genuine, Forged> {
    let given = delivery.header(HEADER).ok_or(Forged::Missing)?;
    let given = given.strip_prefix("sha256=").filter(|text| is_hex_digest(text)).ok_or(Forged::Malformed)?;
    if !is_signed(secrets, &[delivery.body], hex, &[given]) {
        return Err(Forged::Mismatch);
    }
    let mark = mark(Scheme::Github.name(), &[delivery.body]);
    // The delivery's own name is not signed, so it cannot tell a new delivery from a replayed one; the body can.
    let idempotency_key = format!("sha256:{}", hex(&mark));
    Ok(Genuine { once: Some((mark, now.plus_micros(micros(REMEMBERED)))), idempotency_key })
}
