//! The address of a mailbox as mail headers write it.

/// The address of the first mailbox of a list: `"Doe, Jane" <jane@example.org>, bob@example.org` → `jane@example.org`.
/// A comma, an angle bracket or a parenthesis within quotes is part of a name.
pub(crate) fn address(list: &str) -> String {
    let (mut quoted, mut escaped, mut comment) = (false, false, 0_u32);
    let mut outside = String::new();
    let mut within: Option<String> = None;
    for c in list.chars() {
        let literal = escaped;
        escaped = !literal && c == '\\' && (quoted || comment > 0);
        match c {
            '"' if !literal && comment == 0 => quoted = !quoted,
            '(' if !literal && !quoted => comment += 1,
            ')' if !literal && !quoted && comment > 0 => {
                comment -= 1;
                continue;
            }
            '<' if !quoted && comment == 0 => {
                within = Some(String::new());
                continue;
            }
            '>' if !quoted && comment == 0 && within.is_some() => break,
            ',' | ';' if !quoted && comment == 0 && within.is_none() => break,
            // `Team: a@example.org, b@example.org;`: the name of a group, and no address within brackets.
            ':' if !quoted && comment == 0 && within.is_none() && !outside.contains('[') => {
                outside.clear();
                continue;
            }
            _ => {}
        }
        if comment == 0 {
            within.as_mut().unwrap_or(&mut outside).push(c);
        }
    }
    within.unwrap_or(outside).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (list, expected) in [
            ("r@example.org", "r@example.org"),
            (" r@example.org ", "r@example.org"),
            ("Recipient Name <recipient@example.org>", "recipient@example.org"),
            (r#""Doe, Jane" <jane@example.org>, bob@example.org"#, "jane@example.org"),
            (r#""a \" <x@y>, b" <c@example.org>"#, "c@example.org"),
            ("a@example.org, Bob <b@example.org>", "a@example.org"),
            ("a@example.org (Ann, at work)", "a@example.org"),
            (r#""john doe"@example.org"#, r#""john doe"@example.org"#),
            ("<a@example.org", "a@example.org"),
            ("undisclosed-recipients:;", ""),
            ("Team: a@example.org, b@example.org;", "a@example.org"),
            ("a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"),
            ("δοκιμή@παράδειγμα.ελ", "δοκιμή@παράδειγμα.ελ"),
            ("", ""),
        ] {
            assert_eq!(address(list), expected, "{list}");
        }
    }
}
