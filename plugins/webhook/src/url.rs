//! What of a URL a row may show.

/// For the message: no query, no fragment, no userinfo.
pub(crate) fn shown(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (scheme, authority, path) = parts(&url[..end]);
    format!("{scheme}{authority}{path}")
}

/// The host, without port and userinfo.
pub(crate) fn host(url: &str) -> &str {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (_, host, _) = parts(&url[..end]);
    if let Some(end) = host.strip_prefix('[').and_then(|_| host.find(']')) {
        return &host[..=end];
    }
    host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(host, _)| host)
}

/// Scheme with its slashes, authority without userinfo, and the rest. A URL may lack its scheme, its userinfo is removed all
/// the same.
fn parts(url: &str) -> (&str, &str, &str) {
    let start = match url.find("//") {
        Some(0) => 2,
        Some(at) if url[..at].ends_with(':') && !url[..at].contains('/') => at + 2,
        _ => 0,
    };
    let (scheme, rest) = url.split_at(start);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (scheme, authority.rsplit_once('@').map_or(authority, |(_, host)| host), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_shows_no_query_and_no_userinfo() {
        for (url, expected) in [
            ("https://u:p@h.example:8443/a/b?token=x#f", "https://h.example:8443/a/b"),
            ("https://h.example?x=1", "https://h.example"),
            ("https://h.example/a@b", "https://h.example/a@b"),
            ("https://h.example?to=a@b", "https://h.example"),
            ("//u:p@h.example/a", "//h.example/a"),
            ("u:p@h.example/a", "h.example/a"),
            ("u:p@h.example", "h.example"),
            ("u@h.example/a//b", "h.example/a//b"),
            ("not a url", "not a url"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn hosts() {
        for (url, expected) in [
            ("https://u:p@h.example:8443/a", "h.example"),
            ("http://[2001:db8::1]:80/", "[2001:db8::1]"),
            ("https://bücher.example", "bücher.example"),
            ("https://h.example?x=//y", "h.example"),
            ("h.example:80/a", "h.example"),
            ("https://h.example", "h.example"),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
