//! SHA-256 in hex: what files and compiled code are known by.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The digest of these bytes.
pub(crate) fn of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
