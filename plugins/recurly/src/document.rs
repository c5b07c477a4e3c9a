//! An XML document whose fields are read like those of a record: what is not there, empty or nil reads as empty.
//!
//! Document types are refused, so there are no entities besides the five of XML itself, and nothing is ever fetched. The
//! parser follows nesting without recursion; what would cost it more than linear time is counted before it begins.

use std::borrow::Cow;

use roxmltree::{Document, Error, Node, ParsingOptions};
use system_log_plugin::Verdict;

/// Recurly nests five levels.
const MAX_DEPTH: usize = 64;
/// Recurly declares none. The parser looks through all of them for each element.
const MAX_NAMESPACES: usize = 64;
/// Recurly writes two for an element at most. The parser compares those of an element with each other.
const MAX_ATTRIBUTES: usize = 4_096;

/// Parses a document that is well formed, and bounded.
///
/// # Errors
/// A rejection that says which rule is broken, and where.
pub(crate) fn parse(text: &str) -> Result<Document<'_>, Verdict> {
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

/// The elements of a document by their paths below the root, nil ones left out with all that they hold. Names are local: a
/// prefix says nothing here.
#[derive(Debug)]
pub(crate) struct Fields<'a, 'input> {
    name: &'a str,
    /// In the order of the document, each with the next one of its slot.
    elements: Vec<(Element<'a, 'input>, usize)>,
    /// The first element of each slot: a notification is asked for dozens of paths.
    slots: [usize; SLOTS],
}

/// Recurly's notifications have about forty elements.
const SLOTS: usize = 256;
/// No element.
const NONE: usize = usize::MAX;

/// Where elements of a path are found. Few bytes tell one path from most others.
fn slot(path: &[u8]) -> usize {
    let at = |place: usize| path.get(place).map_or(0, |byte| usize::from(*byte));
    let (length, last) = (path.len(), path.len().saturating_sub(1));
    (length * 37 + at(last) * 11 + at(length / 2) * 23 + at(length * 3 / 4) * 71) % SLOTS
}

/// What is known of a node while its children are looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Above {
    depth: usize,
    /// The length of its path.
    path: usize,
    absent: bool,
}

impl<'a, 'input> Fields<'a, 'input> {
    /// Those of a document that is not nested too deep.
    ///
    /// # Errors
    /// The rejection of one that is.
    pub(crate) fn of(document: &'a Document<'input>) -> Result<Self, Verdict> {
        let name = document.root_element().tag_name().name();
        let mut all = Self { name, elements: Vec::new(), slots: [NONE; SLOTS] };
        let mut nodes: Vec<Above> = Vec::new();
        // That of the last element; what is above the next one is a part of it.
        let mut path: Vec<u8> = Vec::new();
        // Parents come before their children, so one pass is enough.
        for node in document.descendants() {
            let parent = node.parent().and_then(|parent| nodes.get(parent.id().get_usize())).copied();
            let mut here = parent.unwrap_or_default();
            if node.is_element() {
                let element = Element(node);
                here.depth += 1;
                here.absent = here.absent || element.nil();
                if here.depth > MAX_DEPTH {
                    return Err(Verdict::malformed(format!("payload: elements nested deeper than {MAX_DEPTH}")));
                }
                if here.depth > 1 {
                    path.truncate(here.path);
                    if here.depth > 2 {
                        path.push(b'.');
                    }
                    path.extend_from_slice(element.name().as_bytes());
                    here.path = path.len();
                    if !here.absent {
                        all.elements.push((element, slot(&path)));
                    }
                }
            }
            nodes.push(here);
        }
        // From the last one on, so that those of a slot follow each other as in the document.
        for (at, (_, next)) in all.elements.iter_mut().enumerate().rev() {
            let slot = std::mem::replace(next, all.slots[*next]);
            all.slots[slot] = at;
        }
        Ok(all)
    }

    /// The name of the document's element.
    pub(crate) const fn name(&self) -> &'a str {
        self.name
    }

    /// All elements at a dotted path: fields may be repeated.
    pub(crate) fn all(&self, path: &str) -> impl Iterator<Item = Element<'a, 'input>> {
        let mut at = self.slots[slot(path.as_bytes())];
        let of_slot = std::iter::from_fn(move || {
            let (element, next) = self.elements.get(at)?;
            at = *next;
            Some(*element)
        });
        of_slot.filter(move |element| element.is_at(path))
    }

    /// Whether an element stands at a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.all(path).next().is_some()
    }

    /// The first text at a path that says something; outer spaces are layout.
    pub(crate) fn text(&self, path: &str) -> Cow<'a, str> {
        self.all(path).map(Element::own_text).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// All texts at a path that say something.
    pub(crate) fn texts(&self, path: &str) -> Vec<Cow<'a, str>> {
        self.all(path).map(Element::own_text).filter(|text| !text.is_empty()).collect()
    }

    /// An attribute of the first element at a path.
    pub(crate) fn attribute(&self, path: &str, name: &str) -> &'a str {
        let value = self.all(path).next().and_then(|element| element.0.attribute(name));
        value.unwrap_or_default().trim()
    }
}

/// An element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a, 'input>(Node<'a, 'input>);

impl<'a> Element<'a, '_> {
    fn name(self) -> &'a str {
        self.0.tag_name().name()
    }

    /// Whether its names and those above it, the root's aside, are that path.
    fn is_at(self, path: &str) -> bool {
        let (mut node, mut rest) = (self.0, path);
        loop {
            let Some(above) = rest.strip_suffix(node.tag_name().name()) else { return false };
            let Some(parent) = node.parent().filter(Node::is_element) else { return false };
            match above.strip_suffix('.') {
                // The root's name is in no path.
                None => return above.is_empty() && parent.parent().is_some_and(|document| document.is_root()),
                Some(above) => (node, rest) = (parent, above),
            }
        }
    }

    /// The text of the first child of that name that says something.
    pub(crate) fn text(self, name: &str) -> Cow<'a, str> {
        let children = self.0.children().map(Element);
        let named = children.filter(|child| child.0.is_element() && child.name() == name && !child.nil());
        named.map(Element::own_text).find(|text| !text.is_empty()).unwrap_or_default()
    }

    fn own_text(self) -> Cow<'a, str> {
        let mut parts = self.0.children().filter(Node::is_text).filter_map(|node| node.text());
        let first = parts.next().unwrap_or_default();
        match parts.next() {
            None => first.trim().into(),
            Some(second) => Cow::Owned([first, second].into_iter().chain(parts).collect::<String>().trim().to_owned()),
        }
    }

    /// `nil="true"`, also spelled `nil="nil"` or with a prefix. It wins over text: real notifications have both.
    fn nil(self) -> bool {
        let nil = self.0.attributes().find(|attribute| attribute.name() == "nil");
        nil.is_some_and(|nil| !["false", "0"].contains(&nil.value().trim().to_ascii_lowercase().as_str()))
    }
}

#[cfg(test)]
mod tests;
