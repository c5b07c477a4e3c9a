//! Secrets that a sentence or a path leads up to: "API key provided: …", `/password/reset/…`.

use super::super::Guard;
use super::super::samples::{ALNUM, HEX, Rng};

// proves: S1
#[test]
fn what_is_said_to_be_a_secret_goes() {
    let guard = Guard::new();
    let mut rng = Rng::new(41);
    for text in [
        "Incorrect API key provided: {}. You can find your API key at https://a.test/keys.",
        "Invalid API Key provided: {}",
        "API key supplied: {}",
        "API key used: '{}'",
        "api key in header: {}",
        "API key not valid: {}",
        "Access token expired: {}",
        "token provided: {}",
        "Client secret you sent: {}, request 7",
        "password provided: {}",
        "LiteLLM Virtual Key expected. Received={}, expected to start with 'sk-'.",
    ] {
        for secret in [rng.text(ALNUM, 40), rng.text(ALNUM, 24), rng.text(HEX, 32)] {
            let told = text.replace("{}", &secret);
            let clean = guard.text(&told).into_owned();
            assert!(!clean.contains(&secret[..8]) && clean.contains("[redacted:"), "{told} -> {clean}");
            assert_eq!(guard.text(&clean), clean, "idempotent: {told}");
        }
    }
}

#[test]
fn what_is_said_about_a_secret_stays() {
    let guard = Guard::new();
    for text in [
        "API key not found: acme-billing",
        "Access token expired: please sign in again",
        "API key used: 3 times",
        "API key provided: [FILTERED]",
        "password entered: too short",
        "Token rejected: signature mismatch",
        "API key invalid: request 550e8400-e29b-41d4-a716-446655440000",
        "Unknown API key used by: billing-service",
        "secret sent: no",
    ] {
        assert_eq!(guard.text(text), text);
    }
}

// proves: S1
#[test]
fn the_number_of_a_card_is_known_by_its_brand() {
    let guard = Guard::new();
    for (text, clean) in [
        ("Visa 4111 1111 1111 1111 declined", "Visa [redacted:secret] declined"),
        ("PAN 4111111111111111", "PAN [redacted:secret]"),
        ("pan: 5555-5555-5555-4444", "pan: [redacted:secret]"),
        ("AMEX 378282246310005 expired", "AMEX [redacted:secret] expired"),
    ] {
        assert_eq!(guard.text(text), clean);
    }
    for kept in ["Visa ending in 1111", "visa appointment 4111111111111112", "span 4111111111111112", "Japan 12"] {
        assert_eq!(guard.text(kept), kept);
    }
}

// proves: S1
#[test]
fn the_token_of_a_link_goes_and_an_id_stays() {
    let guard = Guard::new();
    let mut rng = Rng::new(42);
    for _ in 0..20 {
        for token in [rng.text(ALNUM, 40), rng.text(ALNUM, 32), rng.text(HEX, 64), format!("c5x-{}", rng.text(HEX, 32))]
        {
            for link in [
                "https://a.test/password/reset/{}?email=b@c.test",
                "/reset_password/{}",
                "see a.test/invite/{}.",
                "/reset/Mg/{}/",
            ] {
                let text = link.replace("{}", &token);
                let clean = guard.text(&text).into_owned();
                assert!(!clean.contains(&token[4..12]) && clean.contains("[redacted:"), "{text} -> {clean}");
            }
        }
    }
    for kept in [
        "https://a.test/invite/550e8400-e29b-41d4-a716-446655440000",
        "/password/reset/request",
        "/invitations/1234567890123456789012",
        "/reset/password-was-changed-by-administrator",
        "/activate/acme-billing-department",
    ] {
        assert_eq!(guard.text(kept), kept);
    }
}
