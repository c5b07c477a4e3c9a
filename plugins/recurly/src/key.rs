//! The key by which a notification that comes twice is stored once.
//!
//! Recurly's own id of a notification is the same on every attempt, but stands in a header, and XML has none. Without it
//! the key is what tells one notification from another: a JSON `id` is the resource, not the notification.

use sha2::{Digest, Sha256};
use system_log_plugin::Record;

/// Stands between the parts of a key; no part has it.
const SEPARATOR: &str = "\u{1f}";
/// Half a SHA-256 is enough to tell notifications apart.
const KEY_BYTES: usize = 16;

/// Recurly's id of the notification, when the header came with it.
pub(crate) fn notification_id(record: &Record) -> Option<&str> {
    record.header("recurly-notification-id").map(str::trim).filter(|id| !id.is_empty())
}

/// The key of a notification with an id of its own.
pub(crate) fn of_notification(id: &str) -> String {
    format!("recurly:n:{id}")
}

/// The key of a JSON notification: all that is signed.
pub(crate) fn of_json(parts: &[&str]) -> String {
    format!("recurly:j:{}", hash(&parts.join(SEPARATOR)))
}

/// The key of a payment: its status is part of it, because a transaction may succeed and fail later.
pub(crate) fn of_payment(root: &str, id: &str, status: &str, date: &str) -> String {
    format!("recurly:x:{}", hash(&[root, id, status, date].join(SEPARATOR)))
}

/// The key of an XML notification with no better one: the document, however it is indented.
pub(crate) fn of_document(text: &str) -> String {
    format!("recurly:x:{}", hash(&unindented(text)))
}

fn unindented(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim();
    while let Some(end) = rest.find('>') {
        let (head, tail) = rest.split_at(end + 1);
        out.push_str(head);
        let next = tail.trim_start();
        rest = if next.starts_with('<') { next } else { tail };
    }
    out + rest
}

fn hash(text: &str) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    Sha256::digest(text).iter().take(KEY_BYTES).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indentation_makes_no_other_document() {
        let text = "<a>\n  <b> x  y </b>\r\n\t<c/>\n</a>\n";
        assert_eq!(unindented(text), "<a><b> x  y </b><c/></a>");
        assert_eq!(of_document(text), of_document("<a><b> x  y </b><c/></a>"));
        assert_ne!(of_document(text), of_document("<a><b>x y</b><c/></a>"), "text is no layout");
        for odd in ["", ">", "> ", "> <", "<a> > <b", "é>é"] {
            assert!(unindented(odd).len() <= odd.len(), "{odd}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(of_json(&["ab", "c"]), of_json(&["a", "bc"]));
        assert_ne!(of_payment("r", "1", "success", "d"), of_payment("r", "1", "declined", "d"));
    }
}
