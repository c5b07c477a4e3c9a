//! The few things schemes do with keys, by well-kept libraries and in constant time.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use system_log_index::Mark;

use super::Secret;

/// HMAC-SHA256 over the parts, one behind the other.
pub(super) fn sign(secret: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.bytes).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether any key makes any of the given signatures of the parts, as `write` spells them. Every key is tried with every
/// signature, whatever is found.
pub(super) fn is_signed(secrets: &[Secret], parts: &[&[u8]], write: impl Fn(&[u8]) -> String, given: &[&str]) -> bool {
    let mut found = Choice::from(0);
    for secret in secrets {
        let own = write(&sign(secret, parts));
        for signature in given {
            found |= own.as_bytes().ct_eq(signature.as_bytes());
        }
    }
    found.into()
}

/// Whether two texts are the same, in a time that depends on neither: their digests are compared.
pub(super) fn same(one: &[u8], other: &[u8]) -> Choice {
    Sha256::digest(one).ct_eq(&Sha256::digest(other))
}

/// Whether it is a SHA-256 in lower-case hexadecimal digits.
pub(super) fn is_hex_digest(text: &str) -> bool {
    text.len() == 64 && is_lower_hex(text)
}

/// Whether all of it are lower-case hexadecimal digits.
pub(super) fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Stands for a delivery: what was signed, not the signature, which differs from key to key.
pub(super) fn mark(scheme: &str, signed: &[&[u8]]) -> Mark {
    let mut digest = Sha256::new();
    digest.update(scheme.as_bytes());
    digest.update([0]);
    signed.iter().for_each(|part| digest.update(part));
    let mut mark = Mark::default();
    mark.copy_from_slice(&digest.finalize()[..16]);
    mark
}
