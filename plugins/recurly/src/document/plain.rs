//! A document as Recurly writes it, in one pass: elements with a few attributes, which hold elements or one plain text.
//!
//! What is anything else here — references, comments, sections, prefixes, odd names, spaces where nobody puts them, let alone
//! what is not well formed — is not read at all. So nothing that XML forbids is accepted, and no rule of XML beyond this shape is
//! known here.

use std::borrow::Cow;

use super::tree::{MAX_ATTRIBUTES, MAX_NAMESPACES};
use super::{Builder, Fields, is_nil};

/// Those of an element; Recurly writes two at most.
const MAX_OF_AN_ELEMENT: usize = 4;

/// The fields of a document in that shape.
pub(super) fn read(text: &str) -> Option<Fields<'_>> {
    let mut rest = after_declaration(text)?;
    let mut fields = Builder::default();
    let mut names = Vec::new();
    let mut count = 0;
    loop {
        let tag = rest.strip_prefix('<')?;
        let mut has_ended = false;
        if let Some(end) = tag.strip_prefix('/') {
            rest = end.strip_prefix(names.pop()?)?.strip_prefix('>')?;
            has_ended = true;
        } else {
            let (name, after) = name(tag)?;
            let (nil, code, after) = attributes(after, &mut count)?;
            if !fields.begin(Cow::Borrowed(name), "".into(), nil, Cow::Borrowed(code)) {
                return None;
            }
            if let Some(after) = after.strip_prefix("/>") {
                rest = after;
                has_ended = true;
            } else {
                rest = after.strip_prefix('>')?;
                names.push(name);
            }
        }
        if has_ended && fields.end() {
            // What the other parser may find too much is left to it.
            let is_bounded = count < MAX_NAMESPACES / 2 || (count < MAX_ATTRIBUTES / 2 && !text.contains("xmlns"));
            return (is_bounded && rest.bytes().all(is_space)).then(|| fields.finish());
        }
        let (between, next) = rest.split_at(rest.bytes().position(|byte| byte == b'<')?);
        if !between.bytes().all(is_space) {
            // At the end of an element, so that it has one.
            if !next.starts_with("</") || !is_plain(between) {
                return None;
            }
            fields.text(between.trim());
        }
        rest = next;
    }
}

/// What follows the declaration, if there is one, and the spaces after it.
fn after_declaration(text: &str) -> Option<&str> {
    let Some(rest) = text.strip_prefix("<?xml") else { return Some(text) };
    let rest = rest.strip_prefix(" version=\"1.0\"")?;
    let rest = match rest.strip_prefix(" encoding=\"") {
        Some(rest) => name(rest)?.1.strip_prefix('"')?,
        None => rest,
    };
    rest.strip_prefix("?>").map(|rest| rest.trim_start_matches([' ', '\t', '\n', '\r']))
}

/// A name of the usual letters, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let end = text.bytes().position(|byte| !is_part(byte))?;
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_').then(|| text.split_at(end))
}

/// Whether an element is nil, its code, and what follows its attributes.
fn attributes<'t>(text: &'t str, all: &mut usize) -> Option<(bool, &'t str, &'t str)> {
    let (mut nil, mut code, mut rest) = (false, "", text);
    let mut known = [""; MAX_OF_AN_ELEMENT];
    let mut count = 0;
    while let Some(after) = rest.strip_prefix(' ') {
        if after.starts_with("/>") {
            return Some((nil, code, after));
        }
        let (name, after) = name(after)?;
        let (value, after) = after.strip_prefix("=\"")?.split_once('"')?;
        if known.contains(&name) || name == "xmlns" || !is_plain(value) {
            return None;
        }
        *known.get_mut(count)? = name;
        count += 1;
        *all += 1;
        match name {
            "nil" => nil = is_nil(value),
            "code" => code = value.trim(),
            _ => {}
        }
        rest = after;
    }
    Some((nil, code, rest))
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether each character stands for itself: no reference, no end of a section, nothing that XML forbids or reads as another
/// one, and nothing that looks like an attribute. Of U+FFFE and U+FFFF, which it forbids, the second byte is 0xbf.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'&' | b'<' | b'=' | b'>' | 0xbf))
}
