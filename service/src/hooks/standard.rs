//! Standard Webhooks (and Svix, whose headers have other names): `v1,<base64>` is HMAC-SHA256 over `id . time . body`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use system_log_model::{Timestamp, limits};

use super::mac::{is_signed, mark};
use super::{Delivery, Forged, Genuine, Scheme, Secret, TOLERANCE, fresh, seconds};

/// The headers' names, newest first: id, time, signatures.
const NAMES: [[&str; 3]; 2] =
    [["webhook-id", "webhook-timestamp", "webhook-signature"], ["svix-id", "svix-timestamp", "svix-signature"]];
/// More keys than are ever valid at once.
const MAX_SIGNATURES: usize = 16;
const SYMMETRIC: &str = "v1,";

pub(super) fn verify(secrets: &[Secret], delivery: Delivery<'_>, now: Timestamp) -> Result<Genuine, Forged> {
    let names = NAMES.iter().find(|names| delivery.headers.contains_key(names[0])).ok_or(Forged::Missing)?;
    let [id, time, signatures] = names.map(|name| delivery.header(name));
    let (id, time, signatures) =
        (id.ok_or(Forged::Missing)?, time.ok_or(Forged::Missing)?, signatures.ok_or(Forged::Missing)?);
    // The full stop is the separator: within a part it would let one part's end become the other's beginning.
    let is_id = !id.is_empty() && id.len() <= limits::MAX_IDEMPOTENCY_KEY_BYTES && !id.contains('.');
    let signed = seconds(time).filter(|_| is_id).ok_or(Forged::Malformed)?;
    let given: Vec<&str> =
        signatures.split_ascii_whitespace().filter_map(|signature| signature.strip_prefix(SYMMETRIC)).collect();
    if given.is_empty() || given.len() > MAX_SIGNATURES {
        return Err(Forged::Malformed);
    }
    let parts = [id.as_bytes(), b".", time.as_bytes(), b".", delivery.body];
    if !is_signed(secrets, &parts, |mac| STANDARD.encode(mac), &given) {
        return Err(Forged::Mismatch);
    }
    let until = fresh(signed, now, TOLERANCE)?;
    // A delivery that is tried again has the same id and a new time: another signature, the same event.
    Ok(Genuine { once: Some((mark(Scheme::StandardWebhooks.name(), &parts), until)), idempotency_key: id.to_owned() })
}

/// The bytes of a secret as it is handed out: base64, usually behind `whsec_`.
///
/// # Errors
/// The rule it breaks.
pub fn secret(text: &[u8]) -> Result<Secret, &'static str> {
    let encoded = text.strip_prefix(b"whsec_").unwrap_or(text);
    let written = String::from_utf8_lossy(encoded);
    let bytes = STANDARD.decode(encoded).map_err(|_| "base64, usually behind whsec_")?;
    if (24..=64).contains(&bytes.len()) {
        Ok(Secret::new(bytes).written_as(&written))
    } else {
        Err("24 to 64 bytes in base64")
    }
}
