//! A notification's elements by their paths, read like the fields of a record: what is not there, empty or nil reads as empty.
//!
//! A document in the plain shape that Recurly writes is read in one pass ([`plain`]); every other one by a parser of all of
//! XML ([`tree`]), which also says what is wrong. Both tell the same of a document that both can read.

mod plain;
mod tree;

use std::borrow::Cow;
use std::mem;

use system_log_plugin::{Verdict, mix};

/// Recurly nests five levels.
const MAX_DEPTH: usize = 64;

/// Reads a document that is well formed, and bounded.
///
/// # Errors
/// A rejection that says which rule is broken, and where.
pub(crate) fn read(text: &str) -> Result<Fields<'_>, Verdict> {
    plain::read(text).map_or_else(|| tree::read(text), Ok)
}

/// The elements of a document by their paths below the root, nil ones left out with all that they hold. Names are local: a
/// prefix says nothing here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fields<'t> {
    name: Cow<'t, str>,
    /// In the order of the document.
    elements: Vec<Element<'t>>,
    /// The first element of each slot: a notification is asked for dozens of paths.
    slots: [usize; SLOTS],
}

/// An element.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Element<'t> {
    name: Cow<'t, str>,
    /// Its own, without that of the elements in it; outer spaces are layout.
    text: Cow<'t, str>,
    /// The only attribute that a collector reads, besides `nil`.
    code: Cow<'t, str>,
    /// `NONE` below the root.
    parent: usize,
    /// The next one of the same slot.
    next: usize,
}

/// Recurly's notifications have about forty elements.
const SLOTS: usize = 256;
/// No element.
const NONE: usize = usize::MAX;

/// Where elements of a path are found.
fn slot(path: &[u8]) -> usize {
    mix(path) % SLOTS
}

impl<'t> Fields<'t> {
    /// The name of the document's element.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// All elements at a dotted path, with their places: fields may be repeated.
    fn at(&self, path: &str) -> impl Iterator<Item = (usize, &Element<'t>)> {
        let mut at = self.slots[slot(path.as_bytes())];
        let of_slot = std::iter::from_fn(move || {
            let here = at;
            let element = self.elements.get(here)?;
            at = element.next;
            Some((here, element))
        });
        of_slot.filter(move |(_, element)| self.is_at(element, path))
    }

    /// Whether an element's name and those above it, the root's aside, are that path.
    fn is_at(&self, element: &Element<'_>, path: &str) -> bool {
        let (mut element, mut rest) = (element, path);
        loop {
            let Some(above) = rest.strip_suffix(element.name.as_ref()) else { return false };
            match (self.elements.get(element.parent), above.strip_suffix('.')) {
                (None, None) => return above.is_empty(),
                (Some(parent), Some(above)) => (element, rest) = (parent, above),
                _ => return false,
            }
        }
    }

    /// Whether an element stands at a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.at(path).next().is_some()
    }

    /// The first text at a path that says something.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.texts(path).next().unwrap_or_default()
    }

    /// All texts at a path that say something.
    pub(crate) fn texts(&self, path: &str) -> impl Iterator<Item = &str> {
        self.at(path).map(|(_, element)| element.text.as_ref()).filter(|text| !text.is_empty())
    }

    /// The attribute `code` of the first element at a path.
    pub(crate) fn code(&self, path: &str) -> &str {
        self.at(path).next().map_or("", |(_, element)| &element.code)
    }

    /// For each element at a path the first text of its children of some names that says something.
    pub(crate) fn each<'s, const N: usize>(
        &'s self,
        path: &str,
        names: [&str; N],
    ) -> impl Iterator<Item = [&'s str; N]> {
        self.at(path).map(move |(at, _)| {
            names.map(|name| {
                let children = self.elements[at..].iter().filter(|child| child.parent == at && child.name == name);
                children.map(|child| child.text.as_ref()).find(|text| !text.is_empty()).unwrap_or_default()
            })
        })
    }
}

/// Makes fields of elements that begin and end in the order of the document.
#[derive(Debug, Default)]
struct Builder<'t> {
    name: Cow<'t, str>,
    elements: Vec<Element<'t>>,
    /// Of each element.
    slots: Vec<usize>,
    open: Vec<Open>,
    /// Path of the element begun last; [`Open::path`] says how much of it is that of one above.
    path: Vec<u8>,
}

/// An element that has begun.
#[derive(Debug, Clone, Copy)]
struct Open {
    element: usize,
    path: usize,
    absent: bool,
}

impl<'t> Builder<'t> {
    /// Begins an element; `false` when that is nested too deep.
    fn begin(&mut self, name: Cow<'t, str>, text: Cow<'t, str>, nil: bool, code: Cow<'t, str>) -> bool {
        let Some(parent) = self.open.last() else {
            self.open.push(Open { element: NONE, path: 0, absent: nil });
            self.name = name;
            return true;
        };
        self.path.truncate(parent.path);
        if self.open.len() > 1 {
            self.path.push(b'.');
        }
        self.path.extend_from_slice(name.as_bytes());
        // A name that looks like a path is nobody's field.
        let absent = parent.absent || nil || name.contains('.');
        let mut here = Open { element: NONE, path: self.path.len(), absent };
        if !here.absent {
            here.element = self.elements.len();
            self.elements.push(Element { name, text, code, parent: parent.element, next: NONE });
            self.slots.push(slot(&self.path));
        }
        self.open.push(here);
        self.open.len() <= MAX_DEPTH
    }

    /// Gives the element that began last its text.
    fn text(&mut self, text: &'t str) {
        if let Some(open) = self.open.last()
            && let Some(element) = self.elements.get_mut(open.element)
        {
            element.text = Cow::Borrowed(text);
        }
    }

    /// Ends the element that began last; `true` for the document's.
    fn end(&mut self) -> bool {
        self.open.pop();
        self.open.is_empty()
    }

    fn finish(mut self) -> Fields<'t> {
        let mut slots = [NONE; SLOTS];
        // From the last one on, so that those of a slot follow each other as in the document.
        for (at, (element, slot)) in self.elements.iter_mut().zip(&self.slots).enumerate().rev() {
            element.next = mem::replace(&mut slots[*slot], at);
        }
        Fields { name: self.name, elements: self.elements, slots }
    }
}

/// `nil="true"`, also spelled `nil="nil"` or with a prefix. It wins over text: real notifications have both.
fn is_nil(value: &str) -> bool {
    !["false", "0"].iter().any(|no| value.trim().eq_ignore_ascii_case(no))
}

#[cfg(test)]
mod tests;
