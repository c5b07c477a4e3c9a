//! Is what follows a sensitive name the secret, or a word about it?
//!
//! "password: must be at least 8 characters", "token: expired" and "secret: none" name no secret. The shape of the
//! value and the way it is written decide, because the words before it are the same.

use std::sync::LazyLock;

use super::entropy::{Shape, is_open, is_pointer, is_uuid};
use super::keys::{Key, Strength};
use super::kind::MARKER;
use super::text::WordSet;

/// How a value is attached to its name, from the surest to the least sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In quotes, a JSON value, an XML element, a form field.
    Quoted,
    /// `name=value` without a space.
    Tight,
    /// `name: value` alone on its line, as in YAML or a header.
    Line,
    /// `name: value` or `name = value` amid other text.
    Loose,
}

/// Words that describe a state or a type and are no secrets.
static WORDS: LazyLock<WordSet> = LazyLock::new(|| {
    "a absent accepted active all allowed always any anonymous array auto autodetected basic bearer blank bool boolean \
     bytes cancelled changed char confirmed correct created default deleted denied digest disabled email empty enabled \
     error exists expired external fail failed failure false file filtered forbidden found generated hidden identifier ignored \
     in inactive include incorrect inherit int integer internal invalid is issued key kerberos ldap locked login long \
     malformed manual masked match matched matches mismatch missing must n/a na needed negotiate never new nil no none \
     nonexistent not ntlm null number oauth oauth2 object off ok omit on optional or pass passed password pending \
     plain present private protected provided public reached received redacted refused rejected removed renewed \
     required reset revoked rotated saml same-origin sent set short skipped stored str string success succeeded text \
     the to token true type unauthorized unchanged undefined unexpected unknown unset unused updated user uuid valid \
     falsch abgelaufen erforderlich incorrecta incorrecto incorreta invalida inválida requerida caducada requis requise \
     invalide incorrect expiré errata sbagliata onjuist verplicht fel неверный неверен обязателен изменён 错误 无效 必填 \
     varchar verified was weak wrong yes your secret passwd your_password yourpassword your-password change_me"
        .split_ascii_whitespace()
        .collect()
});

/// Words of validation messages; people do not choose them for passphrases.
static RULE_WORDS: LazyLock<WordSet> = LazyLock::new(|| {
    "must cannot can't required require requires invalid missing should expired least characters failed incorrect \
     not been too does was were please enter forgot forgotten reset changed least contain contains match matches \
     wrong need needs optional is are has have will updated rejected accepted unexpected only allowed valid muss \
     mindestens erforderlich obligatoire requis debe obligatorio deve obrigatório obbligatoria moet wymagane for by"
        .split_ascii_whitespace()
        .collect()
});

/// Whether the value of a field that is used for nothing but a secret is one: all but nothing, a mask, a stand-in and a
/// sentence about it. Text is judged by [`is_secret`] alone, which has to tell prose from values.
pub(super) fn is_told(key: Key, value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let letters = |open: usize, close: usize| {
        value[open..value.len() - close]
            .iter()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-' | b' ' | b'.'))
    };
    let stand_in = match value {
        [b'<', .., b'>'] | [b'[', .., b']'] => letters(1, 1),
        [b'$', b'{', .., b'}'] => letters(2, 1),
        [b'{', b'{', .., b'}', b'}'] => letters(2, 2),
        _ => false,
    };
    let mask = value.iter().all(|b| b"*.-_ \xe2\x80\xa2".contains(b))
        || (value.len() > 2 && value.iter().all(|b| matches!(b, b'x' | b'X')));
    let nothing = ["null", "none", "nil", "undefined", "true", "false"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word.as_bytes()));
    key.sure && !(mask || nothing || stand_in || value.starts_with(MARKER.as_bytes()) || is_rule(value))
}

/// A word that is none about a password: `password: hunterabc`.
pub(super) fn is_chosen_word(value: &[u8]) -> bool {
    (6..=64).contains(&value.len())
        && value.iter().all(|b| b.is_ascii_alphabetic() || *b == b'-')
        && !is_known_word(value)
        && std::str::from_utf8(value).is_ok_and(|word| !RULE_WORDS.contains(word.to_ascii_lowercase().as_str()))
}

/// A sentence of a validation: "must be at least 8 characters", "This field may not be blank."
fn is_rule(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(&value[..value.len().min(256)]) else {
        return false;
    };
    let words = text.split([' ', ',', '.', '!', ':']).filter(|word| !word.is_empty());
    let (all, rules) = words.fold((0, 0), |(all, rules), word| {
        (all + 1, rules + usize::from(RULE_WORDS.contains(word.to_lowercase().as_str())))
    });
    all > 1 && (rules >= 2 || (rules == 1 && text.ends_with('.')))
}

/// What is told in a text: the name is used for nothing but a secret and the value is neither a word about it nor code.
fn is_told_in_text(key: Key, form: Form, value: &[u8], shape: &Shape) -> bool {
    let mixed = shape.letters() > 0 && shape.digits > 0;
    // `api_key=api_key`: an argument that is called as it is
    let argument = value.contains(&b'_') && value.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_');
    let open = is_pointer(value) || is_path(value) || is_public_key(value) || is_foreign(value);
    key.sure
        && value.len() >= 6
        && !argument
        && !open
        && !shape.number()
        && match (form, key.strength) {
            (Form::Loose, _) => false,
            (_, Strength::Session) => mixed && !is_open(value) && !value.starts_with(b"S-1-"),
            (Form::Line, _) => mixed && !is_open(value) && !value.contains(&b'.'),
            (Form::Quoted | Form::Tight, _) => true,
        }
}

/// What belongs to something else: an object's dump, an address, a list.
fn is_foreign(value: &[u8]) -> bool {
    value
        .iter()
        .any(|b| matches!(b, b'@' | b'{' | b'}' | b'(' | b')' | b'[' | b']' | b':' | b'|' | b' ' | b'=' | b',' | b'$'))
}

/// No more of a value is looked at.
const LOOK: usize = 128;

/// The judgement.
pub(super) fn is_secret(key: Key, form: Form, value: &[u8]) -> bool {
    let value = value.trim_ascii();
    // `key=key=…`: another pair, which is judged in its turn
    let pair = value.iter().take(24).position(|b| *b == b'=').is_some_and(|at| at + 3 < value.len());
    if pair && matches!(key.strength, Strength::Weak | Strength::Bare) {
        return false;
    }
    if is_placeholder(value) || (key.counts && is_count(value)) {
        return false;
    }
    if form == Form::Quoted && value.contains(&b' ') {
        return is_phrase(key, value);
    }
    if form != Form::Quoted && is_reference(value, key.strength == Strength::Any) {
        return false;
    }
    // no form that ids or paths have is longer, and a hostile value is judged often
    let value = &value[..value.len().min(LOOK)];
    let shape = Shape::of(value);
    if is_told_in_text(key, form, value, &shape) {
        return true;
    }
    match key.strength {
        Strength::Any => any(form, value, &shape),
        Strength::Named => named(form, value, &shape),
        Strength::Bare => bare(form, value, &shape),
        Strength::Session => session(value, &shape),
        Strength::Weak => weak(form, value, &shape, !key.counts),
        Strength::Cookie => shape.looked >= 8 && (shape.machine_made() || shape.random()),
        Strength::Card => super::issued::is_card_number(value),
        Strength::Header => shape.machine_made() && !is_pointer(value),
    }
}

fn any(form: Form, value: &[u8], shape: &Shape) -> bool {
    match form {
        Form::Quoted => true,
        Form::Tight | Form::Line => !(is_path(value) && shape.strangeness() < 35),
        // amid prose a plain word goes on with the sentence
        Form::Loose => value.len() >= 4 && !plain_word(value) && !shape.number() && !is_path(value),
    }
}

fn named(form: Form, value: &[u8], shape: &Shape) -> bool {
    if value.len() < 6 || is_pointer(value) || (shape.number() && value.len() < 20) || is_public_key(value) {
        return false;
    }
    if is_uuid(value) {
        return true;
    }
    let wordy = shape.wordy() && shape.strangeness() < 35;
    let telling = !wordy && !is_path(value);
    match form {
        Form::Quoted | Form::Tight => telling || (value.len() >= 24 && !is_path(value) && !value.contains(&b'.')),
        Form::Line => telling && (shape.machine_made() || shape.all_hex()),
        Form::Loose => telling && shape.machine_made() && value.len() >= 12,
    }
}

fn bare(form: Form, value: &[u8], shape: &Shape) -> bool {
    if is_pointer(value) || is_path(value) || is_public_key(value) || value.contains(&b'@') {
        return false;
    }
    let hex = shape.all_hex() && value.len() >= 24;
    match form {
        Form::Quoted | Form::Tight => is_uuid(value) || hex || shape.machine_made(),
        Form::Line => hex || (value.len() >= 12 && !is_uuid(value) && shape.machine_made()),
        Form::Loose => value.len() >= 16 && !is_open(value) && (hex || shape.random()),
    }
}

fn session(value: &[u8], shape: &Shape) -> bool {
    let mixed = shape.letters() >= 4 && shape.digits > 0;
    value.len() >= 16
        && !is_open(value)
        && !is_public_key(value)
        && !value.starts_with(b"S-1-")
        && ((mixed && shape.strangeness() >= 30) || shape.strangeness() >= 50)
}

fn weak(form: Form, value: &[u8], shape: &Shape, digests: bool) -> bool {
    let hex =
        digests && shape.all_hex() && matches!(value.len(), 32 | 40 | 64) && matches!(form, Form::Quoted | Form::Tight);
    (hex || (shape.random() && !shape.all_hex()))
        && !is_open(value)
        && !is_path(value)
        && !value.iter().any(|b| matches!(b, b':' | b'@'))
        && !is_public_key(value)
}

/// Several words in quotes: a passphrase if the name says so, and no sentence about one.
fn is_phrase(key: Key, value: &[u8]) -> bool {
    if value.len() > 256 || !matches!(key.strength, Strength::Any | Strength::Named) {
        return false;
    }
    let Ok(text) = std::str::from_utf8(value) else {
        return true;
    };
    let sentence = text.split([' ', ',', '.', '!', ':']).any(|word| RULE_WORDS.contains(word.to_lowercase().as_str()));
    let foreign = text.chars().filter(|c| !c.is_ascii()).count() * 3 > text.chars().count();
    !sentence && !foreign && key.strength == Strength::Any
}

/// Nothing, a mask, a variable, a type: what stands where a secret would.
fn is_placeholder(value: &[u8]) -> bool {
    let Some((&first, &last)) = value.first().zip(value.last()) else {
        return true;
    };
    let core = value[..value.len().min(64)]
        .iter()
        .filter(|b| b.is_ascii_alphanumeric())
        .fold(0u128, |seen, b| seen | 1 << b)
        .count_ones();
    core <= 1
        || (core <= 2 && value.len() > 3 && value.iter().take(16).filter(|b| **b == b'*').count() >= 3)
        || value.starts_with(b"[redacted")
        || (first == b'<' && last == b'>')
        || (first == b'[' && last == b']' && !value.iter().take(32).any(u8::is_ascii_digit))
        || value.starts_with(b"${")
        || value.starts_with(b"{{")
        || value.starts_with(b"$(")
        || value.starts_with(b"%(")
        || (first == b'{' && last == b'}')
        || is_known_word(value)
}

fn is_known_word(value: &[u8]) -> bool {
    if value.len() > 16 {
        return false;
    }
    let mut lower = [0; 16];
    lower[..value.len()].copy_from_slice(value);
    lower.make_ascii_lowercase();
    let word = lower[..value.len()].strip_suffix(b".").unwrap_or(&lower[..value.len()]);
    std::str::from_utf8(word).is_ok_and(|word| WORDS.contains(word))
}

/// A short number where numbers are counted.
fn is_count(value: &[u8]) -> bool {
    value.len() < 20 && value.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'-' | b'+' | b'%'))
}

/// Code or a template that stands for a value: `$PASSWORD`, `config.password`, `getToken()`, `env[`.
fn is_reference(value: &[u8], chosen: bool) -> bool {
    let (Some(first), Some(last)) = (value.first(), value.last()) else {
        return false;
    };
    let body = &value[1..value.len().min(64)];
    let name = |bytes: &[u8]| bytes.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.' | b'-'));
    let dotted = value.len() <= 64 && value.contains(&b'.') && name(value) && Shape::of(value).strangeness() < 35;
    (matches!(first, b'$' | b'%' | b'@' | b':' | b'&' | b'#')
        && !body.is_empty()
        && name(body.strip_suffix(b"%").unwrap_or(body)))
        || matches!(last, b'(' | b'[' | b'{')
        || value.iter().take(64).position(|b| matches!(b, b'(' | b'{')).is_some_and(|open| {
            // people put brackets into passwords; a call or a dump closes them or goes on after a space
            open > 0 && name(&value[..open]) && (!chosen || matches!(last, b')' | b'}'))
        })
        || dotted
}

/// A word as people write it: letters, perhaps with hyphens; or any word of a language that is not English.
fn plain_word(value: &[u8]) -> bool {
    value.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'\'' | b'.' | b'/' | b':') || !b.is_ascii())
}

/// A path or a URL: the place of a secret, not the secret.
fn is_path(value: &[u8]) -> bool {
    let slashes = value.iter().take(64).filter(|b| matches!(b, b'/' | b'\\')).count();
    let rooted = matches!(value, [b'/', ..] | [b'~', b'/', ..] | [b'.', b'/', ..] | [_, b':', b'\\', ..]);
    let natural = slashes > usize::from(!rooted) && Shape::of(value).strangeness() < 35;
    (natural && (rooted || slashes >= 2)) || value.windows(3).take(16).any(|w| w == b"://")
}

/// Public keys and certificates are published on purpose.
fn is_public_key(value: &[u8]) -> bool {
    let head = &value[..value.len().min(40)];
    value.starts_with(b"ssh-")
        || value.starts_with(b"ecdsa-")
        || value.starts_with(b"AAAAB3NzaC1")
        || value.starts_with(b"pk_")
        || (value.starts_with(b"-----BEGIN") && !head.windows(7).any(|w| w == b"PRIVATE"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::keys::classify;

    fn judge(name: &str, form: Form, value: &str) -> bool {
        is_secret(classify(name.as_bytes()).expect(name), form, value.as_bytes())
    }

    #[test]
    fn words_about_a_secret_are_none() {
        for (name, form, value) in [
            ("password", Form::Quoted, "must be at least 8 characters"),
            ("password", Form::Loose, "must"),
            ("token", Form::Loose, "unexpected"),
            ("secret", Form::Line, "none"),
            ("password", Form::Tight, "***"),
            ("password", Form::Tight, "$DB_PASSWORD"),
            ("password", Form::Tight, "config.password"),
            ("password", Form::Quoted, "<redacted>"),
            ("token", Form::Quoted, "identifier"),
            ("tokens", Form::Tight, "1234"),
            ("pass", Form::Tight, "120"),
            ("session", Form::Tight, "0x14ed93111f20027"),
            ("pwd", Form::Tight, "/home/deploy/releases"),
            ("password", Form::Tight, "[redacted:password]"),
        ] {
            assert!(!judge(name, form, value), "{name} {value}");
        }
    }

    #[test]
    fn chosen_and_made_secrets_are_known() {
        for (name, form, value) in [
            ("password", Form::Tight, "hunter2"),
            ("password", Form::Quoted, "correct horse battery staple"),
            ("password", Form::Loose, "hunter2"),
            ("password", Form::Line, "swordfish"),
            ("otp", Form::Tight, "482913"),
            ("api_key", Form::Quoted, "4f6d2a9c17e84b03"),
            ("access_token", Form::Tight, "550e8400-e29b-41d4-a716-446655440000"),
            ("token", Form::Tight, "a8f5f167f44f4964e6c998dee827110c"),
        ] {
            assert!(judge(name, form, value), "{name} {value}");
        }
    }
}
