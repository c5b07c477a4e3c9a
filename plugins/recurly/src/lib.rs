//! The Recurly collector: what became of a customer's payment or subscription.
//!
//! Recurly sends one of two formats, as the endpoint was set up: XML, whose root is the type and which carries the resource
//! ([`xml`]), or JSON, which names a resource and no more ([`json`]). The body tells which; a media type may be wrong.

mod config;
mod document;
mod encoding;
mod json;
mod key;
mod row;
mod types;
mod xml;

use system_log_plugin::{Call, Outcome, Record, Verdict, export_collector, test_cases};

use crate::config::Config;

/// One payload.
#[must_use]
pub fn collect(call: &Call, record: &Record) -> Outcome {
    let config = Config::of(call);
    Outcome::One(match format(record) {
        Format::Empty => Verdict::malformed("payload: empty"),
        Format::Json => json::read(record, config),
        Format::Xml => xml::read(record, config),
    })
}

enum Format {
    Empty,
    Json,
    Xml,
}

/// By the first character that says something; where it is none of either format, by the media type.
fn format(record: &Record) -> Format {
    let body = record.payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&record.payload).trim_ascii_start();
    match body {
        [] => Format::Empty,
        [b'{' | b'[', ..] => Format::Json,
        // UTF-16 too, with and without its mark.
        [b'<', ..] | [0, b'<', ..] | [0xff, 0xfe, b'<', 0, ..] | [0xfe, 0xff, 0, b'<', ..] => Format::Xml,
        _ if record.content_type.contains("xml") => Format::Xml,
        _ => Format::Json,
    }
}

export_collector!(collect);
test_cases!(collect, "recurly");

#[cfg(test)]
mod tests;
