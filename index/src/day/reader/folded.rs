//! A text column of one chunk after folding: the texts behind each other, so that a needle is looked for once in all of them.

use std::ops::Range;

use memchr::memmem::Finder;
use system_log_model::text::fold;

use crate::chunk::Strings;

/// See the file's first line.
pub(super) struct FoldedColumn {
    all: String,
    /// Where each text ends.
    ends: Vec<usize>,
    /// Needles that were looked for, each with the rows that have it.
    known: Vec<(Box<[u8]>, Vec<bool>)>,
}

impl FoldedColumn {
    /// Folds some rows.
    pub(super) fn of(strings: &Strings, rows: Range<usize>) -> Self {
        let joined = strings.joined(rows.clone());
        if joined.is_ascii() {
            return Self { all: fold(joined).into_owned(), ends: strings.ends(rows).collect(), known: Vec::new() };
        }
        // Folding changes lengths.
        let mut all = String::with_capacity(joined.len());
        let mut ends = Vec::with_capacity(rows.len());
        for row in rows {
            all.push_str(&fold(strings.get(row).unwrap_or_default()));
            ends.push(all.len());
        }
        Self { all, ends, known: Vec::new() }
    }

    /// A row's text.
    pub(super) fn get(&self, row: usize) -> &str {
        let begin = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let end = self.ends.get(row).copied().unwrap_or(begin);
        self.all.get(begin..end).unwrap_or_default()
    }

    /// Which rows contain a needle.
    pub(super) fn rows_with(&mut self, needle: &Finder<'_>) -> &[bool] {
        let at = match self.known.iter().position(|(known, _)| **known == *needle.needle()) {
            Some(at) => at,
            None => {
                let rows = self.look_for(needle);
                self.known.push((needle.needle().into(), rows));
                self.known.len() - 1
            }
        };
        &self.known[at].1
    }

    fn look_for(&self, needle: &Finder<'_>) -> Vec<bool> {
        let mut rows = vec![false; self.ends.len()];
        let (mut from, mut row) = (0, 0);
        while let Some(found) = self.all.as_bytes().get(from..).and_then(|rest| needle.find(rest)) {
            let begin = from + found;
            row += self.ends[row..].partition_point(|end| *end <= begin);
            let Some(end) = self.ends.get(row).copied() else { break };
            // What reaches over the end is of two texts.
            if begin + needle.needle().len() <= end {
                rows[row] = true;
                from = end;
            } else {
                from = begin + 1;
            }
        }
        rows
    }
}
