//! Detached ed25519 signatures of plugin files: whose plugins does this host load? It knows keys and bytes, no files.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH, Signature, VerifyingKey};

/// A key whose signatures are believed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(VerifyingKey);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&STANDARD.encode(self.0.as_bytes())).finish()
    }
}

/// Why a file is not believed to be what its author made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// None beside the file.
    #[error("is not signed, but signing_keys are configured: put its ed25519 signature beside it, as NAME.wasm.sig")]
    Missing,
    /// Not 64 bytes, raw or in base64.
    #[error("its signature is not one of ed25519: 64 bytes, raw or in base64")]
    Malformed,
    /// Of another file, or by another key.
    #[error("its signature holds for none of the configured signing_keys")]
    Wrong,
}

impl SigningKey {
    /// Reads a public key: its 32 bytes in base64.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rule = || "the 32 bytes of an ed25519 public key in base64".to_owned();
        let bytes = STANDARD.decode(text.trim()).map_err(|_| rule())?;
        let bytes: [u8; PUBLIC_KEY_LENGTH] = bytes.try_into().map_err(|_| rule())?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| rule())?;
        // Anybody could sign for a key of small order.
        if key.is_weak() { Err("a weak key".to_owned()) } else { Ok(Self(key)) }
    }
}

/// Whether one of the keys signed those bytes. Without keys everything is let through: signatures are not required.
///
/// # Errors
/// [`SignatureError`]
pub(crate) fn verify(keys: &[SigningKey], file: &[u8], signature: Option<&[u8]>) -> Result<(), SignatureError> {
    if keys.is_empty() {
        return Ok(());
    }
    let signature = read(signature.ok_or(SignatureError::Missing)?).ok_or(SignatureError::Malformed)?;
    let holds = |key: &SigningKey| key.0.verify_strict(file, &signature).is_ok();
    if keys.iter().any(holds) { Ok(()) } else { Err(SignatureError::Wrong) }
}

fn read(bytes: &[u8]) -> Option<Signature> {
    let raw: [u8; SIGNATURE_LENGTH] = match bytes.try_into() {
        Ok(raw) => raw,
        Err(_) => STANDARD.decode(bytes.trim_ascii()).ok()?.try_into().ok()?,
    };
    Some(Signature::from_bytes(&raw))
}

#[cfg(test)]
pub(crate) mod tests {
    use ed25519_dalek::Signer;

    use super::*;

    /// A key that only tests have, and a signature by it.
    pub(crate) fn sign(seed: u8, file: &[u8]) -> (SigningKey, Vec<u8>) {
        let secret = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
        let public = STANDARD.encode(secret.verifying_key().as_bytes());
        (SigningKey::parse(&public).unwrap(), secret.sign(file).to_vec())
    }

    #[test]
    fn one_of_the_keys_is_enough_and_base64_is_as_good_as_raw() {
        let ((ours, signature), (other, _)) = (sign(1, b"plugin"), sign(2, b"plugin"));
        let keys = [other.clone(), ours];
        assert_eq!(verify(&keys, b"plugin", Some(&signature)), Ok(()));
        let text = format!("{}\n", STANDARD.encode(&signature));
        assert_eq!(verify(&keys, b"plugin", Some(text.as_bytes())), Ok(()));
        assert_eq!(verify(&[other], b"plugin", Some(&signature)), Err(SignatureError::Wrong), "by another key");
        assert_eq!(verify(&keys, b"plugin.", Some(&signature)), Err(SignatureError::Wrong), "of another file");
        assert_eq!(verify(&keys, b"plugin", Some(b"hello")), Err(SignatureError::Malformed));
        assert_eq!(verify(&keys, b"plugin", None), Err(SignatureError::Missing));
    }

    #[test]
    fn without_keys_nothing_is_required() {
        assert_eq!(verify(&[], b"plugin", None), Ok(()));
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        for bad in ["", "hello", "AAAA", &STANDARD.encode([0; 32]), &STANDARD.encode(neutral)] {
            assert!(SigningKey::parse(bad).is_err(), "{bad:?}");
        }
    }
}
