//! What of days is on disk: `days/<day>/store` and `index` while a day is written, `days/<day>/sealed-<m>-<n>` once it is closed.
//!
//! A closed day consists of parts. Each is named after the span of numbers it covers: what is folded in gets the next number,
//! and a part that was written from others covers their numbers. So a part whose span lies in that of another is an old one,
//! and whatever a crash left half done is told apart by its name; no list of parts has to agree with the directory.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use system_log_model::Timestamp;
use system_log_model::clock::Day;

use super::Base;
use crate::failpoint::{self, Failpoint};
use crate::files;

const SEALED: &str = "sealed-";

/// The days that have a directory, ascending.
pub(crate) fn list(root: &Path) -> io::Result<Vec<Day>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let midnight = format!("{name}T00:00:00Z");
        if let Some(at) = Timestamp::parse(&midnight) {
            days.push(at.day());
        }
    }
    days.sort_unstable();
    Ok(days)
}

/// Finishes removals that were cut off.
pub(crate) fn finish_removals(directory: &Path) -> io::Result<()> {
    let root = directory.join("days");
    if !root.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "removed") {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}

/// The name of a part of a closed day: the span of numbers it covers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartName {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SEALED}{}-{}", self.first, self.last)
    }
}

impl PartName {
    /// The part that takes the place of all of `parts` from one on, and of what is new; of all that are new when there is
    /// none from there on.
    pub(crate) fn instead_of(parts: &[Self], from: usize) -> Self {
        let next = parts.last().map_or(1, |part| part.last.saturating_add(1));
        Self { first: parts.get(from).map_or(next, |part| part.first), last: next }
    }

    fn parse(name: &str) -> Option<Self> {
        let (first, last) = name.strip_prefix(SEALED)?.split_once('-')?;
        Some(Self { first: first.parse().ok()?, last: last.parse().ok()? })
    }

    const fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Its directory.
    pub(crate) fn path(self, day: &Path) -> PathBuf {
        day.join(self.to_string())
    }

    /// Where it is written before it has its name.
    pub(crate) fn unfinished(self, day: &Path) -> PathBuf {
        day.join(format!("{self}.new"))
    }
}

/// What a day's directory holds.
pub(crate) fn base(day: &Path) -> io::Result<Base> {
    let parts = parts(day)?;
    if !parts.is_empty() {
        return Ok(Base::Sealed(parts.into()));
    }
    let is_live = day.join("store").is_dir();
    Ok(if is_live { Base::Live } else { Base::Nothing })
}

/// The parts that count, ascending.
fn parts(day: &Path) -> io::Result<Vec<PartName>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(day)? {
        let name = entry?.file_name();
        found.extend(name.to_str().and_then(PartName::parse));
    }
    let all = found.clone();
    found.retain(|part| !all.iter().any(|other| other != part && other.covers(*part)));
    found.sort_unstable_by_key(|part| part.first);
    Ok(found)
}

/// Gives a finished part its name, which then lasts.
pub(crate) fn finish(day: &Path, part: PartName) -> io::Result<()> {
    files::sync_directory(&part.unfinished(day))?;
    failpoint::hit(Failpoint::DayName);
    fs::rename(part.unfinished(day), part.path(day))?;
    failpoint::hit(Failpoint::DayNamed);
    files::sync_directory(day)
}

/// Removes what a closed day has no more use for: its live form, older parts, unfinished ones.
pub(crate) fn tidy(day: &Path, parts: &[PartName]) -> io::Result<()> {
    let keep: Vec<PathBuf> = parts.iter().map(|part| part.path(day)).collect();
    for entry in fs::read_dir(day)? {
        let path = entry?.path();
        if !keep.contains(&path) {
            failpoint::hit(Failpoint::DayTidy);
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_counts_unless_another_covers_it() {
        let day = tempfile::tempdir().unwrap();
        for name in
            ["sealed-1-4", "sealed-2-2", "sealed-4-4", "sealed-5-5", "sealed-6-7", "sealed-7-7", "sealed-8-8.new"]
        {
            fs::create_dir(day.path().join(name)).unwrap();
        }
        let Base::Sealed(parts) = base(day.path()).unwrap() else { panic!("it is closed") };
        let names: Vec<String> = parts.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["sealed-1-4", "sealed-5-5", "sealed-6-7"]);
        tidy(day.path(), &parts).unwrap();
        assert_eq!(fs::read_dir(day.path()).unwrap().count(), 3);
        assert_eq!(PartName::instead_of(&parts, 3), PartName { first: 8, last: 8 });
        assert_eq!(PartName::instead_of(&parts, 1), PartName { first: 5, last: 8 });
        assert_eq!(PartName::instead_of(&[], 0), PartName { first: 1, last: 1 });
    }
}
