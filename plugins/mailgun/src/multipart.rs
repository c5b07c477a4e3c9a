//! The form posts that came with attachments: Mailgun sent those as `multipart/form-data`.

/// Its fields in order; attachments left out. The media type's boundary does not reach a collector, but the body begins with
/// it.
pub(crate) fn fields(body: &[u8]) -> Vec<(String, String)> {
    let Some(line) = find(body, b"\n") else { return Vec::new() };
    let boundary = trim_end(&body[..line]);
    if !boundary.starts_with(b"--") || boundary.len() < 3 {
        return Vec::new();
    }
    let delimiter = [b"\n", boundary].concat();
    let mut rest = &body[line + 1..];
    let mut fields = Vec::new();
    while let Some(end) = find(rest, &delimiter) {
        fields.extend(field(trim_end(&rest[..end])));
        rest = &rest[end + delimiter.len()..];
        if rest.starts_with(b"--") {
            break;
        }
        let Some(line) = find(rest, b"\n") else { break };
        rest = &rest[line + 1..];
    }
    fields
}

/// One part: its headers, an empty line, its value.
fn field(part: &[u8]) -> Option<(String, String)> {
    let (head, value) = [b"\r\n\r\n".as_slice(), b"\n\n"].iter().find_map(|gap| {
        let at = find(part, gap)?;
        Some((&part[..at], &part[at + gap.len()..]))
    })?;
    let head = String::from_utf8_lossy(head);
    let disposition = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let mut parameters = disposition.split(';').skip(1).map(str::trim);
    if parameters.clone().any(|parameter| parameter.starts_with("filename")) {
        return None;
    }
    let name = parameters.find_map(|parameter| parameter.strip_prefix("name="))?.trim_matches('"');
    Some((name.to_owned(), String::from_utf8_lossy(value).into_owned()))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Without the line end before a delimiter, which belongs to the delimiter.
fn trim_end(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_attachments_are_not() {
        let body = b"--b1\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\nbounced\r\n--b1\r\n\
            Content-Disposition: form-data; name=\"a\"; filename=\"x.eml\"\r\nContent-Type: text/plain\r\n\r\nsecret\r\n--b1\r\n\
            content-disposition: form-data; name=\"error\"\r\n\r\ntwo\r\nlines\r\n--b1--\r\n";
        let expected = [("event", "bounced"), ("error", "two\r\nlines")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(fields(body), expected);
    }

    #[test]
    fn what_is_no_multipart_has_no_fields() {
        for body in [b"".as_slice(), b"event=delivered", b"--", b"--\n", b"--b\r\n", b"--b\r\nx", b"\n\n--b"] {
            assert_eq!(fields(body), [], "{body:?}");
        }
    }
}
