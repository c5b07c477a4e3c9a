//! How text is folded and split: one rule for the index, for *contains*, for sorting and for e-mail addresses.

use std::borrow::Cow;

/// Each character's Unicode lower case, no normalisation, no locale. `İ` becomes `i` and a combining dot.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    // Not str::to_lowercase: that one looks at a character's neighbours (final sigma), so that a needle would fold
    // differently from the text it was cut from.
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}

/// Runs of letters and digits of an already folded text, in order. `_`, `-` and all else separate.
pub fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The longest beginning of at most `max` bytes that ends at a character.
#[must_use]
pub fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

/// Control characters removed, newline and tab kept, and the text cut to `max` bytes: what every stored text undergoes.
/// Outer spaces stay.
#[must_use]
pub fn tidy(text: String, max: usize) -> String {
    let keep = |c: char| !c.is_control() || c == '\n' || c == '\t';
    let mut text = if text.chars().all(keep) { text } else { text.chars().filter(|c| keep(*c)).collect() };
    let end = cut(&text, max).len();
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_per_character() {
        assert_eq!(fold("Connection REFUSED"), "connection refused");
        assert_eq!(fold("ΣΑΣ"), "σας".replace('ς', "σ"), "no final sigma");
        assert_eq!(fold("İ"), "i\u{307}");
        assert_eq!(fold("Straße"), "straße");
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let split = |t| words(t).collect::<Vec<_>>();
        assert_eq!(split("webhook_failed: 503, größe-α"), ["webhook", "failed", "503", "größe", "α"]);
        assert_eq!(split("__"), Vec::<&str>::new());
    }

    #[test]
    fn cutting_respects_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(tidy(" a\u{0}b\r\n\tc ".into(), 100), " ab\n\tc ");
    }
}
