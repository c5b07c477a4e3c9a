//! An XML document whose fields are read like those of a record: what is not there, empty or nil reads as empty.
//!
//! Document types are refused, so there are no entities besides the five of XML itself, and nothing is ever fetched. The
//! parser follows nesting without recursion; what would cost it more than linear time is counted before it begins.

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
    if text.matches("xmlns").take(MAX_NAMESPACES + 1).count() > MAX_NAMESPACES {
        return Err(Verdict::malformed(format!("payload: more than {MAX_NAMESPACES} namespace declarations")));
    }
    if attributes(text) > MAX_ATTRIBUTES {
        return Err(Verdict::malformed(format!("payload: more than {MAX_ATTRIBUTES} attributes")));
    }
    let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        Error::DtdDetected => Verdict::malformed("payload: a document type declaration (DOCTYPE) is not allowed"),
        error => Verdict::malformed(format!("payload: not XML: {error}")),
    })?;
    if depth(&document) > MAX_DEPTH {
        return Err(Verdict::malformed(format!("payload: elements nested deeper than {MAX_DEPTH}")));
    }
    Ok(document)
}

/// At most so many attributes: each has a `=` before a quote, wherever else that may stand.
fn attributes(text: &str) -> usize {
    text.split('=').skip(1).filter(|rest| rest.trim_start().starts_with(['"', '\''])).count()
}

/// Parents come before their children, so one pass is enough.
fn depth(document: &Document<'_>) -> usize {
    let mut depths: Vec<usize> = Vec::new();
    for node in document.descendants() {
        let above = node.parent().and_then(|parent| depths.get(parent.id().get_usize()));
        depths.push(above.map_or(0, |depth| depth + usize::from(node.is_element())));
    }
    depths.into_iter().max().unwrap_or_default()
}

/// An element. Names are local: a prefix says nothing here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a, 'input>(Node<'a, 'input>);

impl<'a, 'input> Element<'a, 'input> {
    /// The document's element.
    pub(crate) fn root(document: &'a Document<'input>) -> Self {
        Self(document.root_element())
    }

    pub(crate) fn name(self) -> &'a str {
        self.0.tag_name().name()
    }

    /// Whether an element stands at a path, nil ones aside.
    pub(crate) fn has(self, path: &str) -> bool {
        !self.all(path).is_empty()
    }

    /// All elements at a dotted path: fields may be repeated. Nil elements are absent with all that they hold.
    pub(crate) fn all(self, path: &str) -> Vec<Self> {
        path.split('.').fold(vec![self], |elements, name| {
            let children = elements.into_iter().flat_map(|element| element.0.children());
            children.map(Self).filter(|child| child.0.is_element() && child.name() == name && !child.nil()).collect()
        })
    }

    /// The first text at a path that says something; outer spaces are layout.
    pub(crate) fn text(self, path: &str) -> String {
        self.first(path).unwrap_or_default()
    }

    fn first(self, path: &str) -> Option<String> {
        let (name, below) = path.split_once('.').map_or((path, ""), |(name, below)| (name, below));
        self.0
            .children()
            .map(Self)
            .filter(|child| child.0.is_element() && child.name() == name && !child.nil())
            .find_map(|child| match below {
                "" => Some(child.own_text()).filter(|text| !text.is_empty()),
                below => child.first(below),
            })
    }

    /// All texts at a path that say something.
    pub(crate) fn texts(self, path: &str) -> Vec<String> {
        self.all(path).into_iter().map(Self::own_text).filter(|text| !text.is_empty()).collect()
    }

    /// An attribute of the first element at a path.
    pub(crate) fn attribute(self, path: &str, name: &str) -> String {
        let value = self.all(path).first().and_then(|element| element.0.attribute(name));
        value.unwrap_or_default().trim().to_owned()
    }

    fn own_text(self) -> String {
        let mut parts = self.0.children().filter(Node::is_text).filter_map(|node| node.text());
        let first = parts.next().unwrap_or_default();
        match parts.next() {
            None => first.trim().to_owned(),
            Some(second) => [first, second].into_iter().chain(parts).collect::<String>().trim().to_owned(),
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
