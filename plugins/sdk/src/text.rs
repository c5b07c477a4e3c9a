//! Texts as providers write them.

/// White space, line breaks included, collapsed to single spaces; none at the ends.
#[must_use]
pub fn collapse(text: &str) -> String {
    let mut one_line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !one_line.is_empty() {
            one_line.push(' ');
        }
        one_line.push_str(word);
    }
    one_line
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

/// The number a text begins with: `503 Service Unavailable` → `503`, `-1.5` → `-1.5`.
#[must_use]
pub fn leading_number(text: &str) -> Option<&str> {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || (*i == 0 && *c == '-')))
        .map_or(text.len(), |(i, _)| i);
    let number = text[..end].trim_end_matches('.');
    number.bytes().any(|b| b.is_ascii_digit()).then_some(number)
}

/// The address of `Name <address>`, or the text itself when it is one.
#[must_use]
pub fn address(text: &str) -> &str {
    let text = text.trim();
    match (text.rfind('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => text[open + 1..close].trim(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!(collapse(" 550  5.1.1\r\n no such\tuser "), "550 5.1.1 no such user");
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(leading_number("503 Service"), Some("503"));
        assert_eq!(leading_number("-"), None);
        assert_eq!(address("Recipient Name <r@example.org>"), "r@example.org");
        assert_eq!(address("r@example.org"), "r@example.org");
    }
}
