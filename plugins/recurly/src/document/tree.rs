//! Any document, by a parser of all of XML. Document types are refused, so there are no entities besides the five of XML
//! itself, and nothing is ever fetched. The parser follows nesting without recursion; what would cost it more than linear
//! time is counted before it begins.

use std::borrow::Cow;

use roxmltree::{Document, Error, Node, ParsingOptions};
use system_log_plugin::Verdict;

use super::{Builder, Fields, MAX_DEPTH, is_nil};

/// U+FFFD.
const REPLACEMENT: char = '\u{fffd}';
/// Recurly declares none. The parser looks through all of them for each element.
pub(super) const MAX_NAMESPACES: usize = 64;
/// Recurly writes two for an element at most. The parser compares those of an element with each other.
pub(super) const MAX_ATTRIBUTES: usize = 4_096;

pub(super) fn read(text: &str) -> Result<Fields<'_>, Verdict> {
    let document = parse(text)?;
    let mut fields = Builder::default();
    // The parser writes this in the place of what a reference cannot mean.
    let may_say_so =
        text.contains(REPLACEMENT) || ["&#xfffd;", "&#xFFFD;", "&#65533;"].iter().any(|known| text.contains(known));
    // Elements above and including each node, by its id: parents come before their children.
    let mut depths: Vec<usize> = Vec::new();
    for node in document.descendants() {
        let above = node.parent().and_then(|parent| depths.get(parent.id().get_usize())).copied().unwrap_or_default();
        depths.push(above + usize::from(node.is_element()));
        if !node.is_element() {
            continue;
        }
        while fields.open.len() > above {
            fields.end();
        }
        let owned = |text: &str| -> Cow<'_, str> { Cow::Owned(text.to_owned()) };
        let code = owned(node.attribute("code").unwrap_or_default().trim());
        let mut texts = node.children().filter(Node::is_text).filter_map(|node| node.text());
        let text = match (texts.next(), texts.next()) {
            (Some(first), Some(second)) => {
                Cow::Owned([first, second].into_iter().chain(texts).collect::<String>().trim().to_owned())
            }
            (only, _) => owned(only.unwrap_or_default().trim()),
        };
        if text.contains(REPLACEMENT) && !may_say_so {
            return Err(Verdict::malformed("payload: not XML: a reference to a character that does not exist"));
        }
        if !fields.begin(owned(node.tag_name().name()), text, nil(node), code) {
            return Err(Verdict::malformed(format!("payload: elements nested deeper than {MAX_DEPTH}")));
        }
    }
    Ok(fields.finish())
}

fn parse(text: &str) -> Result<Document<'_>, Verdict> {
    let attributes = attributes(text);
    // A declaration is an attribute too: mostly there are too few to count them.
    if attributes > MAX_NAMESPACES && text.matches("xmlns").take(MAX_NAMESPACES + 1).count() > MAX_NAMESPACES {
        return Err(Verdict::malformed(format!("payload: more than {MAX_NAMESPACES} namespace declarations")));
    }
    if attributes > MAX_ATTRIBUTES {
        return Err(Verdict::malformed(format!("payload: more than {MAX_ATTRIBUTES} attributes")));
    }
    let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        Error::DtdDetected => Verdict::malformed("payload: a document type declaration (DOCTYPE) is not allowed"),
        error => Verdict::malformed(format!("payload: not XML: {error}")),
    })
}

/// At most so many attributes: each has a `=` before a quote, wherever else that may stand.
fn attributes(text: &str) -> usize {
    text.split('=').skip(1).filter(|rest| rest.trim_start().starts_with(['"', '\''])).count()
}

fn nil(element: Node<'_, '_>) -> bool {
    element.attributes().find(|attribute| attribute.name() == "nil").is_some_and(|nil| is_nil(nil.value()))
}
